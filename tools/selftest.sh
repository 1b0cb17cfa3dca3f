#!/usr/bin/env bash
# Shows that each check of tools/checks finds what it is for, and nothing in good code.
set -euo pipefail
checks=$(cd "$(dirname "$0")/checks" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# expect bad|good CHECK FILE: runs the check on a tree that holds only FILE, with the text on standard input.
expect() {
    local wanted=$1 check=$2 file=$3 result=good
    rm -rf "$folder/tree"
    mkdir -p "$folder/tree/$(dirname "$file")"
    cat >"$folder/tree/$file"
    "$checks/$check.py" "$folder/tree" >"$folder/output" 2>&1 || result=bad
    if [[ $result != "$wanted" ]]; then
        failed=1
        echo "self-test: $check: '$result' where '$wanted' was expected, for $file:"
        cat "$folder/tree/$file" "$folder/output"
    fi
}

# coroutine bad|good CODE: the coroutine check on the body of a function.
coroutine() { expect "$1" coroutines "${3:-src/core/sample.cpp}" <<<"awaitable<void> sample() { $2 }"; }

expect bad layers src/core/sample.cpp <<<'#include "storage/table.hpp"'
expect bad layers src/core/sample.cpp <<<'#include <marketdb/database_manager.hpp>'
expect bad layers src/storage/sample.cpp <<<'#include "storage/sqlite/statement.hpp"'
expect bad layers src/manager/sample.cpp <<<'#include <sqlite3.h>'
expect bad layers src/transfer/sample.cpp <<<'#include "manager/impl.hpp"'
expect bad layers apps/cli/sample.cpp <<<'#include "core/text.hpp"'
expect bad layers include/marketdb/sample.hpp <<<'#include "core/text.hpp"'
expect good layers src/storage/sqlite/sample.cpp <<<$'#include <sqlite3.h>\n#include "storage/table.hpp"\n#include "storage/sqlite/statement.hpp"'
expect good layers apps/cli/sample.cpp <<<$'#include <marketdb/marketdb.hpp>\n#include "options.hpp"'

expect bad headers include/marketdb/sample.hpp <<<'int bare();'
expect bad headers include/marketdb/sample.hpp <<<$'/// Said.\nclass Sample {\n public:\n    int bare();\n};'
expect good headers include/marketdb/sample.hpp <<<$'/// Said.\nclass Sample {\n public:\n    /// Said.\n    int said();\n\n private:\n    int bare();\n};'

expect bad words src/core/sample.cpp <<<"// TO""DO: the rest"
expect bad words docs/sample.md <<<"cd /ho""me/somebody/marketdb"
expect bad words src/core/sample.cpp < <(yes '// A line.' | head -501)
expect good words docs/sample.md <<<'What is done is done; see https://example.org/home/page.'

expect bad parity docs/parity.md <<<'| old | new | Suite.Nowhere |'
expect good parity docs/parity.md <<<'| old | new | missing |'

expect bad blocking src/storage/postgres/sample.cpp <<<'Result answer(PQexec(link, "SELECT 1"));'
expect bad blocking src/storage/postgres/sample.cpp <<<'PQcancel(stop, words, 256);'
expect good blocking src/storage/postgres/link.cpp <<<'PQcancel(stop, words, 256);  // not PQexec(link, "SELECT 1")'

coroutine bad 'co_await f(Options{name});'
coroutine bad 'co_await f({1, 2});'
coroutine bad 'co_await f([name] { return name; });'
coroutine bad 'co_await co_spawn(executor, [name]() -> awaitable<int> { co_return 1; }, use_awaitable);'
coroutine bad 'co_await (fast ? f() : g());'
coroutine bad 'Pair pair{co_await f(), co_await g()};'
coroutine bad 'if (co_await f(Options{name})) g();'
coroutine bad 'for (auto& row : co_await f(Options{name})) g(row);'
coroutine bad 'auto task = [name]() -> awaitable<void> { co_await f(Options{name}); };'
coroutine bad 'co_await f({.name = name});'
coroutine good 'co_await f({.name = name});' examples/sample.cpp
coroutine good 'Options options{name}; co_await f(std::move(options)); auto row = co_await g(rows[0]);'
coroutine good 'auto task = [name]() -> awaitable<void> { co_await f(name); }; auto [a, b] = co_await task();'
coroutine good 'if (co_await f()) { Options options{name}; } g(fast ? 1 : 2);'

exit "$failed"
