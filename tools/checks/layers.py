#!/usr/bin/env python3
"""Arrows point down only: which folder may include what. Takes the tree to check (default: this one)."""

import re
import sys

from sources import cpp_files, finish, root_argument

# What src/manager stands behind, and what those above it do.
MANAGER = ("marketdb/database_manager.hpp", "marketdb/coverage.hpp", "marketdb/removal.hpp", "marketdb/status.hpp")
ABOVE = ("marketdb/transfer.hpp", "marketdb/symbols.hpp", "marketdb/bars.hpp", "marketdb/funding.hpp", "marketdb/alignment.hpp",
         "marketdb/spreads.hpp", "marketdb/marketdb.hpp")
# Folder: what of src/ it may include, beside its own files. The longest folder that fits a file counts.
LAYERS = {
    "src/core": (),
    "src/storage": ("core/",),
    "src/storage/sqlite": ("core/", "storage/"),
    "src/storage/postgres": ("core/", "storage/"),
    "src/cache": ("core/", "storage/table.hpp"),
    "src/io": ("core/", "storage/table.hpp", "storage/sequence.hpp"),
    "src/manager": ("core/", "storage/", "cache/", "io/"),
    "src/transfer": ("core/", "storage/table.hpp", "storage/sequence.hpp", "io/"),
    "src/analysis": ("core/", "manager/interval_summaries.hpp"),
    "apps/cli": (),
    "examples": (),
    "bench": ("analysis/asof_merge.hpp", "analysis/bar_builder.hpp"),
}
# Library header: the folders that may include it (tests may include anything).
ONLY_IN = {
    "sqlite3.h": ("src/storage/sqlite/", "bench/"),
    "libpq-fe.h": ("src/storage/postgres/", "bench/"),
    "archive.h": ("src/io/", "src/transfer/", "bench/"),
    "archive_entry.h": ("src/io/", "src/transfer/", "bench/"),
    "yaml-cpp/": ("src/core/", "src/manager/"),
    "CLI/": ("apps/",),
    "spdlog/": ("apps/",),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(name):
    fitting = [layer for layer in LAYERS if name.startswith(layer + "/")]
    return max(fitting, key=len, default=None)


def is_own(layer, target):
    """A file of the layer itself; below src/ the path begins there, elsewhere in the folder."""
    if not layer.startswith("src/"):
        return not re.match(r"(core|storage|cache|io|manager|transfer|analysis)/", target)
    return re.fullmatch(re.escape(layer[4:]) + r"/[^/]+", target) is not None


def problem_with(name, bracket, target):
    """Why the file may not include the target; None if it may."""
    for header, folders in ONLY_IN.items():
        if target.startswith(header) and not name.startswith(folders):
            return f"only {', '.join(folders)} may include <{target}>"
    if name.startswith("include/"):
        is_fine = bracket == "<" and not re.match(r"(core|storage|cache|io|manager|transfer|analysis)/", target)
        return None if is_fine else "a public header includes <marketdb/...> and libraries only"
    layer = layer_of(name)
    if layer is None:
        return f"no rule for this folder: {name}"
    if layer in ("src/core", "src/storage", "src/storage/sqlite", "src/storage/postgres", "src/cache", "src/io") and target in MANAGER + ABOVE:
        return f"<{target}> belongs to a layer above {layer}"
    if layer == "src/manager" and target in ABOVE:
        return f"<{target}> belongs to a layer above {layer}"
    if bracket == "<" or is_own(layer, target) or target.startswith(LAYERS[layer] or ("\0",)):
        return None
    return f"{layer} may not include it"


def main():
    root = root_argument()
    problems = []
    for path, name in cpp_files(root, ("include", "src", "apps", "examples", "bench")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            include = INCLUDE.match(line)
            reason = include and problem_with(name, include[1], include[2])
            if reason:
                problems.append(f"{name}:{number}: {line.strip()}: {reason}")
    return finish(problems, "includes against the layers")


if __name__ == "__main__":
    sys.exit(main())
