#!/usr/bin/env bash
# From nothing to answers: installs what is needed, builds marketdb, and shows it.
#   scripts/quickstart.sh             a simulated market, in a database of its own
#   scripts/quickstart.sh FILE...     your market-data files, into ./marketdb.db
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/quickstart

mkdir -p "$root/build"
"$root/scripts/install_deps.sh" build
installed=$SECONDS

# -O2, because CMake's own -O3 takes a fifth longer to compile.
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" -DMARKETDB_UNITY=all \
    -DMARKETDB_BUILD_TESTS=OFF -DMARKETDB_BUILD_EXAMPLES=OFF >"$build.log" 2>&1 || { cat "$build.log" && exit 1; }
cmake --build "$build" --target marketdb_cli
marketdb=$build/bin/marketdb

imported=0
if [[ $# -eq 0 ]]; then
    "$marketdb" demo
else
    "$marketdb" --db sqlite:marketdb.db import "$@" || imported=$?
    for dataset in book-tickers trades funding-rates balances; do
        if [[ $("$marketdb" --db sqlite:marketdb.db latest "$dataset" --json 2>/dev/null) == *"{"* ]]; then
            echo && echo "latest $dataset"
            "$marketdb" --db sqlite:marketdb.db latest "$dataset"
        fi
    done
    echo
    "$marketdb" --db sqlite:marketdb.db stats
fi

echo
echo "packages: $installed s; build and run: $((SECONDS - installed)) s"
echo "the program: $marketdb"
exit "$imported"
