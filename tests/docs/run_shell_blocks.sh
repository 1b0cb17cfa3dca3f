#!/usr/bin/env bash
# Runs the ```sh blocks of a page, one after the other, in an empty folder, with `marketdb` in the PATH.
#   run_shell_blocks.sh PAGE FOLDER_OF_MARKETDB
set -euo pipefail
page=$(realpath "$1")
PATH=$(realpath "$2"):$PATH
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset MARKETDB_URL MARKETDB_CONFIG
awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$page" >"$folder/blocks.sh"
[[ -s $folder/blocks.sh ]] || { echo "$page has no sh block" >&2 && exit 1; }
mkdir "$folder/here"
cd "$folder/here"
bash -euo pipefail -x "$folder/blocks.sh"
