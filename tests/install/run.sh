#!/usr/bin/env bash
# Installs a build into a folder that goes away, and builds a program with it: by find_package, and by pkg-config.
#   run.sh BUILD_FOLDER [compiler flags of that build]
set -euo pipefail
source=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cmake --install "$1" --prefix "$folder/prefix" >"$folder/install.log"
shift
cmake -S "$source" -B "$folder/build" -G Ninja -DCMAKE_PREFIX_PATH="$folder/prefix" -DCMAKE_CXX_FLAGS="$*"
cmake --build "$folder/build"
"$folder/build/consumer" | grep -x MEXC_SPOT

PKG_CONFIG_PATH=$(dirname "$(find "$folder/prefix" -name marketdb.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046,SC2068 # Each flag is a word of its own.
c++ -std=c++20 $@ "$source/consumer.cpp" -o "$folder/consumer" $(pkg-config --cflags --libs marketdb)
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH") "$folder/consumer" | grep -x MEXC_SPOT
