#!/usr/bin/env python3
"""No unfinished work, no path of one machine and no overlong source in what is tracked. Takes the tree to check (default: this one)."""

import re
import subprocess
import sys

from sources import finish, root_argument

# Each is split so that this file does not find itself.
UNFINISHED = re.compile(r"(//|#) *XX" r"X\b|\b(TO" r"DO|FIX" r"ME|HA" r"CK|W" r"IP|for no" r"w|st" r"ubs?|not yet implem" r"ented)\b")
MACHINE = re.compile(r"(?<![\w.$}])/(wo" r"rk|ho" r"me|ro" r"ot|mn" r"t|sr" r"v|Us" r"ers)/\w")
MAX_LINES = {".cpp": 500, ".hpp": 700}
BINARY = (".gz", ".zip", ".zst", ".xz", ".png", ".db")


def tracked_files(root):
    """What git tracks or would add; every file where there is no git."""
    if (root / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True, check=True)
        return [root / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in root.rglob("*") if path.is_file()]


def main():
    root = root_argument()
    problems = []
    for path in tracked_files(root):
        if path.suffix in BINARY or not path.is_file():
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if len(lines) > MAX_LINES.get(path.suffix, len(lines)):
            problems.append(f"{path.relative_to(root)}: {len(lines)} lines; split it by job")
        for number, line in enumerate(lines, 1):
            found = UNFINISHED.search(line) or MACHINE.search(line)
            if found:
                problems.append(f"{path.relative_to(root)}:{number}: `{found[0]}`: {line.strip()[:100]}")
    return finish(problems, "unfinished words, machine paths, overlong sources")


if __name__ == "__main__":
    sys.exit(main())
