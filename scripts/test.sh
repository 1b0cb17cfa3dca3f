#!/usr/bin/env bash
# Installs what the tests need, builds, runs the tests, and prints a total as its last line.
# What failed is said once more before it, with what it printed.
#   scripts/test.sh          all tests but those labelled `long`, with ASan and UBSan, and the lines that they run
#   scripts/test.sh --all    these, `long`, TSan, the release build (on hypertables too, where TimescaleDB is installed), and
#                            clang-tidy on every file
set -euo pipefail
cd "$(dirname "$0")/.."

everything=0
case ${1:-} in
    --all) everything=1 ;;
    "") ;;
    *) echo "test.sh: unknown argument '$1'; there is --all" >&2 && exit 2 ;;
esac

passed=0 failed=0 skipped=0 problems=()

total() {
    local status=$?
    [[ ! -s build/failures.txt ]] || { echo "== what failed" && cat build/failures.txt; }
    for problem in "${problems[@]}"; do
        echo "test.sh: $problem" >&2
        status=1
    done
    if [[ $((passed + failed)) -eq 0 ]]; then
        echo "test.sh: no test ran" >&2
        status=1
    fi
    [[ $failed -eq 0 ]] || status=1
    echo "$passed passed, $failed failed, $skipped skipped"
    exit "$status"
}
trap total EXIT

# build PRESET [arguments of the build]
build() {
    echo "== build: $* (${SECONDS} s)"
    cmake --preset "$1" >"build/$1.log" 2>&1 || { cat "build/$1.log" && return 1; }
    cmake --build --preset "$@"
}

# run_tests PRESET [ctest arguments]
run_tests() {
    local preset=$1 binaries=build/${1%-long} report status=0 counts
    shift
    report=$PWD/build/$preset.xml
    echo "== tests: $preset $* (${SECONDS} s)"
    rm -rf "$report" "$binaries/reports"
    ctest --preset "$preset" --output-junit "$report" "$@" </dev/null || status=$?
    [[ -s $report ]] || { problems+=("$preset: ctest gave no report") && return; }
    counts=$(scripts/count_tests.py "$report" "$binaries/reports" build/failures.txt)
    read -ra counts <<<"$counts"
    echo "$preset: ${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped"
    passed=$((passed + counts[0])) failed=$((failed + counts[1])) skipped=$((skipped + counts[2]))
    if [[ $status -ne 0 && ${counts[1]} -eq 0 ]]; then
        problems+=("$preset: ctest failed with $status")
    fi
}

coverage() {
    echo "== line coverage of src/ and include/ (${SECONDS} s)"
    gcovr --root . --filter src/ --filter include/ --object-directory build/asan --gcov-ignore-parse-errors \
        -j "$(nproc)" --fail-under-line 95 build/asan >build/coverage.txt || problems+=("line coverage is under 95 %")
    cat build/coverage.txt
}

mkdir -p build
rm -f build/failures.txt
scripts/install_deps.sh build test
if command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi

build asan
find build/asan -name '*.gcda' -delete
run_tests asan
coverage

if [[ $everything -eq 1 ]]; then
    scripts/install_deps.sh check
    build tsan --target threads
    run_tests tsan
    build release
    run_tests release
    run_tests release-long
    if compgen -G '/usr/lib/postgresql/*/lib/timescaledb.so' >/dev/null; then
        # KeepingMonths is about partitions of a month.
        MARKETDB_TEST_HYPERTABLES=1 run_tests release -R PostgresLean -E KeepingMonths
    else
        echo "== no contract suite on hypertables: TimescaleDB is not installed here"
    fi
    tools/check.sh --all || problems+=("tools/check.sh found something")
fi
