"""What the checks share: which files there are, and C++ text without comments and strings."""

import re
import sys
from pathlib import Path

FOLDERS = ("include", "src", "apps", "examples", "bench", "tests")


def cpp_files(root, folders=FOLDERS):
    """All C++ files below the folders, as (path, path from the root)."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.?pp")):
            yield path, path.relative_to(root).as_posix()


# Comments, raw strings, strings, characters; a digit separator (1'000) is none of them.
_BLANKED = re.compile(
    r"""(?P<line>//[^\n]*)
      | (?P<block>/\*.*?\*/)
      | (?P<raw>R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<char>(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+')""",
    re.S | re.X,
)


def _blank(match):
    keep = '""' if match["raw"] or match["string"] else "0" if match["char"] else " "
    return keep + "\n" * match[0].count("\n")


def code_only(text):
    """The text with comments gone and literals emptied; lines keep their numbers."""
    return _BLANKED.sub(_blank, text)


def finish(problems, what):
    """Prints the problems; the exit status says whether there were any."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"{what}: {len(problems)} found", file=sys.stderr)
    return 1 if problems else 0


def root_argument():
    """The tree to check: the first argument, else the one that this file lies in."""
    return Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
