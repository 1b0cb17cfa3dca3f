#!/usr/bin/env python3
"""Every type, function and constant that a public header declares has `///`: above it, on its line, or above the group of
lines that it stands in. Data members, enumerators, friends and what is defaulted or deleted need none. Takes the tree to
check (default: this one)."""

import re
import sys

from sources import code_only, cpp_files, finish, root_argument

TOKEN = re.compile(r"[A-Za-z_]\w*|::|->|\S")
SKIPPED_STARTS = ("friend", "static_assert", "extern")


class Header:
    """Reads declarations; `problems` are those without a contract."""

    def __init__(self, text):
        self.lines = text.splitlines()
        code = [("" if line.lstrip().startswith("#") else line) for line in code_only(text).splitlines()]
        self.tokens = [(token, number) for number, line in enumerate(code) for token in TOKEN.findall(line)]
        self.at = 0
        self.problems = []

    def scope(self, is_class, is_public):
        """Declarations up to the closing brace."""
        statement, start = [], 0
        while self.at < len(self.tokens):
            token, line = self.tokens[self.at]
            self.at += 1
            start = start if statement else line
            if token == "}":
                return
            if token == ":" and statement in (["public"], ["private"], ["protected"]):
                is_public, statement = statement == ["public"], []
            elif token == ";":
                self.declared(statement, start, line, is_class, is_public)
                statement = []
            elif token == "{":
                if self.body(statement, start, line, is_class, is_public):
                    statement = []
            elif token == "(":
                statement += ["(", *self.skip("(", ")"), ")"]
            else:
                statement.append(token)

    def body(self, statement, start, line, is_class, is_public):
        """What an opening brace begins; true if the declaration ends with it."""
        head = self.without_template(statement)
        if "namespace" in head:
            self.scope(False, is_public and "detail" not in head)
            return True
        if head[:1] in (["class"], ["struct"], ["union"], ["enum"]) and "(" not in head:
            self.declared(statement, start, line, is_class, is_public)
            if head[0] == "enum":
                self.skip("{", "}")
            else:
                self.scope(True, is_public and head[0] != "class")
            self.skip_to_semicolon()
            return True
        self.skip("{", "}")
        following = self.tokens[self.at][0] if self.at < len(self.tokens) else ""
        if following in (";", ",", "{"):  # An initialiser.
            return False
        self.declared(statement, start, line, is_class, is_public)
        return True

    def declared(self, statement, start, end, is_class, is_public):
        head = self.without_template(statement)
        if not is_public or not head or head[0] in SKIPPED_STARTS or head[-2:] in (["=", "default"], ["=", "delete"]):
            return
        is_type = head[0] in ("class", "struct", "union", "enum")
        if is_type and self.tokens[self.at - 1][0] == ";":
            return  # A forward declaration.
        if "~" in head or "operator" in head or self.is_defined_outside(head) or self.is_copy_or_move(head):
            return
        if is_class and not is_type and "(" not in head:
            return  # A data member or an alias.
        if not self.has_contract(start, end):
            self.problems.append((start + 1, self.lines[start].strip()))

    @staticmethod
    def is_defined_outside(head):
        """`Row HistoryReader<Row>::next(`: the class has its contract."""
        return "(" in head and head[max(head.index("(") - 2, 0)] == "::"

    @staticmethod
    def is_copy_or_move(head):
        """`X(X&&)`, `X(const X&)`."""
        return re.match(r"(\w+) \( (const )?\1 &", " ".join(head)) is not None

    def has_contract(self, start, end):
        if any("///<" in line for line in self.lines[start : end + 1]):
            return True
        for line in reversed(self.lines[:start]):
            text = line.strip()
            if text.startswith("///"):
                return True
            if not text or text.endswith(":") or re.search(r"^(class|struct|namespace)\b.*\{$", text):
                return False
        return False

    @staticmethod
    def without_template(statement):
        """Without `template <...>` and attributes in front."""
        tokens = list(statement)
        while tokens and tokens[0] in ("template", "["):
            opener, closer = ("<", ">") if tokens[0] == "template" else ("[", "]")
            depth, at = 0, 0
            for at, token in enumerate(tokens):
                depth += (token == opener) - (token == closer)
                if depth == 0 and token == closer:
                    break
            tokens = tokens[at + 1 :]
        return tokens

    def skip(self, opener, closer):
        depth, inside = 1, []
        while self.at < len(self.tokens) and depth > 0:
            token, _ = self.tokens[self.at]
            depth += (token == opener) - (token == closer)
            self.at += 1
            inside.append(token)
        return inside[:-1]

    def skip_to_semicolon(self):
        while self.at < len(self.tokens) and self.tokens[self.at][0] != ";":
            self.at += 1
        self.at += 1


def main():
    problems = []
    for path, name in cpp_files(root_argument(), ("include",)):
        header = Header(path.read_text(encoding="utf-8"))
        header.scope(False, True)
        problems += [f"{name}:{line}: no `///`: {text}" for line, text in header.problems]
    return finish(problems, "public declarations without a contract")


if __name__ == "__main__":
    sys.exit(main())
