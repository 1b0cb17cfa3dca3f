#!/usr/bin/env python3
"""Nothing in src/ may call what waits for a server or a name within libpq; link.cpp may ask a server to stop, on a thread of its own."""

import re
import sys

from sources import code_only, cpp_files, finish, root_argument

WAITS = re.compile(
    r"\bPQ(?:exec|execParams|execPrepared|prepare|describePrepared|describePortal|reset|ping|pingParams|connectdb|"
    r"connectdbParams|setdb|setdbLogin|encryptPasswordConn|fn)\s*\("
)
STOPS = re.compile(r"\bPQ(?:cancel|requestCancel)\s*\(")
MAY_STOP = "src/storage/postgres/link.cpp"


def main():
    problems = []
    for path, name in cpp_files(root_argument(), ("src",)):
        for number, line in enumerate(code_only(path.read_text(encoding="utf-8")).splitlines(), 1):
            call = WAITS.search(line) or (name != MAY_STOP and STOPS.search(line))
            if call:
                problems.append(f"{name}:{number}: {call[0]}..) waits; begin it, and wait on the executor")
    return finish(problems, "calls of libpq that block")


if __name__ == "__main__":
    sys.exit(main())
