#!/usr/bin/env python3
"""Every test that docs/parity.md names exists. Takes the tree to check (default: this one)."""

import re
import sys

from sources import finish, root_argument

TEST = re.compile(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE)


def main():
    root = root_argument()
    known = {
        f"{suite}.{name}"
        for path in (root / "tests").rglob("*.cpp")
        for suite, name in TEST.findall(path.read_text(encoding="utf-8"))
    }
    problems = []
    page = root / "docs" / "parity.md"
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if len(cells) < 3 or cells[2] in ("test", "---") or cells[2].startswith("missing"):
            continue
        for named in re.split(r"[,;]\s*", cells[2]):
            if named not in known:
                problems.append(f"docs/parity.md:{number}: no test is named `{named}`")
    return finish(problems, "tests that docs/parity.md names")


if __name__ == "__main__":
    sys.exit(main())
