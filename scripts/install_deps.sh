#!/usr/bin/env bash
# Installs the packages that marketdb needs on Debian 12 and 13 and Ubuntu 24.04 (root or sudo).
#   scripts/install_deps.sh [build] [test] [check] [bench]     default: build
set -euo pipefail

declare -A packages=(
    [build]="g++ cmake ninja-build pkg-config libsqlite3-dev libfmt-dev libyaml-cpp-dev libarchive-dev zlib1g-dev
             libssl-dev libpq-dev libcli11-dev libspdlog-dev"
    [test]="git python3 libgtest-dev libgmock-dev nlohmann-json3-dev gcovr gzip xz-utils zip zstd
            postgresql postgresql-client pgbouncer openssl python3-asyncpg
            python3-prometheus-client"
    [check]="git python3 shellcheck libbenchmark-dev libpqxx-dev libgtest-dev libgmock-dev nlohmann-json3-dev"
    [bench]="libbenchmark-dev postgresql postgresql-client python3-asyncpg libpqxx-dev"
)

# shellcheck source=/dev/null
. /etc/os-release
# Debian 12's own Boost is 1.74; marketdb needs 1.81.
if [[ ${ID:-} == debian && ${VERSION_ID:-} == 12 ]]; then
    packages[build]+=" libboost1.81-dev"
else
    packages[build]+=" libboost-dev"
fi
# Only these versions judge, and Debian 13 has neither: tools/check.sh says so there.
if [[ ${ID:-} != debian || ${VERSION_ID:-} == 12 ]]; then
    packages[check]+=" clang-format-16 clang-tidy-16"
fi

is_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

missing=()
for role in "${@:-build}"; do
    if [[ -z ${packages[$role]:-} ]]; then
        echo "install_deps.sh: no role '$role'; there are: ${!packages[*]}" >&2
        exit 2
    fi
    for package in ${packages[$role]}; do
        is_installed "$package" || missing+=("$package")
    done
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "install_deps.sh: no apt-get here; docs/dependencies.md lists what to install" >&2
    exit 1
fi
as_root=()
if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "install_deps.sh: run this as root (there is no sudo): apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "installing: ${missing[*]}"
"${as_root[@]}" apt-get update -q </dev/null
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null
