#!/usr/bin/env bash
# The one rule book: what must hold for every file. The git hook, CI and people run this.
#   tools/check.sh          everything; clang-tidy on the sources that the last 12 commits (or nobody yet) changed, without
#                           tests, which are half of them, and without its analyzer, which takes half of the time
#   tools/check.sh --all    everything; clang-tidy on every source
#   tools/check.sh --quick  without clang-tidy and without compiling headers
#   tools/check.sh --fix    formats the sources, then checks as --quick
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-}
passed=0 failed=0 skipped=0

check() {
    local name=$1 status=0
    shift
    echo "== $name"
    "$@" || status=$?
    case $status in
        0) passed=$((passed + 1)) ;;
        77) skipped=$((skipped + 1)) ;;
        *) failed=$((failed + 1)) && echo "$name: failed" >&2 ;;
    esac
}

skip() {
    echo "skipped: $1"
    return 77
}

cpp_files() { git ls-files -co --exclude-standard -- '*.cpp' '*.hpp' | xargs -r ls -d 2>/dev/null || true; }

# Another version formats differently, so only this one judges.
formatting() {
    command -v clang-format-16 >/dev/null || skip "clang-format-16 is not here (Debian 12 and Ubuntu 24.04 have it)" || return
    local unformatted
    unformatted=$(cpp_files | xargs -r clang-format-16 --dry-run 2>&1 | sed -n 's/:[0-9]*:[0-9]*: warning: .*//p' | sort | uniq -c)
    [[ -z $unformatted ]] || { echo "$unformatted" && echo "(places, file) tools/check.sh --fix formats them" && return 1; }
}

header_compiles() { "${CXX:-g++}" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I include -include "$1" -x c++ /dev/null; }
export -f header_compiles

headers_compile() { (cd include && ls marketdb/*.hpp) | xargs -P "$(nproc)" -I{} bash -c 'header_compiles {}'; }

# Sources that clang-tidy reads: .cpp changed in the last 12 commits or not committed, but tests, or all. One takes 9 to 16 s of
# processor time (2026-11-27, two cores).
sources_to_read() {
    local base
    base=$(git rev-parse -q --verify HEAD~12 || git hash-object -t tree /dev/null)
    if [[ $mode == --all ]]; then
        cpp_files
    else
        { git diff --name-only "$base" && git ls-files -o --exclude-standard; } | sort -u | grep -v '^tests/'
    fi | grep '\.cpp$' | grep -v '^tests/install/' | xargs -r ls -d 2>/dev/null || true
}

tidy() {
    command -v clang-tidy-16 >/dev/null || skip "clang-tidy-16 is not here (Debian 12 and Ubuntu 24.04 have it)" || return
    cmake -S . -B build/tidy -G Ninja -DCMAKE_BUILD_TYPE=Debug -DMARKETDB_BUILD_BENCH=ON >build/tidy.log || {
        cat build/tidy.log
        return 1
    }
    # The analyzer's deep mode takes 41 s of processor time for one source (src/manager/history.cpp), its shallow one 11 s
    # (2026-11-27, two cores).
    local checks=(--checks=-clang-analyzer-*)
    [[ $mode != --all ]] || checks=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=mode=shallow)
    sources_to_read | xargs -r -P "$(nproc)" -n 1 clang-tidy-16 -p build/tidy --quiet "${checks[@]}" >build/tidy.out 2>build/tidy.err || {
        grep -hE 'error:|Assertion|Stack dump' build/tidy.out build/tidy.err
        return 1
    }
    # What the analyzer believes to see inside Asio's own headers (coroutines confuse it) is nobody's to mend here.
    ! grep -E -A 3 "^$PWD/[^:]+:[0-9]+:[0-9]+: warning:" build/tidy.out
}

scripts() {
    command -v shellcheck >/dev/null || skip "shellcheck is not here" || return
    git ls-files -co --exclude-standard -- '*.sh' .ci/run tools/hooks | xargs -r shellcheck
}

mkdir -p build
if [[ $mode == --fix ]]; then
    cpp_files | xargs -r clang-format-16 -i
fi
check "the checks find what they are for" tools/selftest.sh
check "formatting" formatting
check "layers" tools/checks/layers.py
check "coroutines (GCC 12)" tools/checks/coroutines.py
check "calls of libpq that block" tools/checks/blocking.py
check "contracts in public headers" tools/checks/headers.py
check "unfinished words, machine paths, overlong sources" tools/checks/words.py
check "tests that the parity page names" tools/checks/parity.py
check "shell scripts" scripts
if [[ $mode != --quick && $mode != --fix ]]; then
    check "public headers compile alone" headers_compile
    check "clang-tidy" tidy
fi
echo "checks: $passed passed, $failed failed, $skipped skipped"
[[ $failed -eq 0 ]]
