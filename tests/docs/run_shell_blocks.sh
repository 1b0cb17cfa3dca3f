#!/usr/bin/env bash
# Runs the ```sh blocks of a page, one after the other, in an empty folder, with `marketdb` in the PATH.
#   run_shell_blocks.sh PAGE FOLDER_OF_MARKETDB [LINE]
# LINE makes what the page takes for granted.
set -euo pipefail
page=$(realpath "$1")
PATH=$(realpath "$2"):$PATH
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset MARKETDB_URL MARKETDB_CONFIG
echo "${3:-:}" >"$folder/blocks.sh"
awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$page" >>"$folder/blocks.sh"
[[ $(wc -l <"$folder/blocks.sh") -gt 1 ]] || { echo "$page has no sh block" >&2 && exit 1; }
mkdir "$folder/here"
cd "$folder/here"
bash -euo pipefail -x "$folder/blocks.sh"
