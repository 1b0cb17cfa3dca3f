#!/usr/bin/env bash
# Runs a program in an empty folder that goes away afterwards.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$@"
