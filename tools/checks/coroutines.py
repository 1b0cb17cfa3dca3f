#!/usr/bin/env python3
"""GCC 12 destroys some temporaries of a `co_await` expression twice (a double free). A full expression with `co_await`
must therefore hold no `{...}`, no lambda and no `?:`; name a local first and std::move it. In tests and examples
`f({.name = value})` is allowed: the library's options are trivially copyable. Takes the tree to check (default: this one)."""

import re
import sys

from sources import code_only, cpp_files, finish, root_argument

ATTRIBUTE = re.compile(r"\[\[[\w:, ]+\]\]")
TOKEN = re.compile(r"[A-Za-z_]\w*|[0-9][\w.']*|::|->|&&|\"\"|[^\s]")
CONTROL = {"if", "while", "for", "switch", "catch"}
TYPE_WORDS = {"class", "struct", "union", "enum", "namespace", "extern"}
BEFORE_BLOCK = {")", "{", "}", ";", ":", "else", "do", "try", "const", "noexcept", "override", "final", "mutable", "]"}
CLOSER = {"(": ")", "[": "]", "{": "}"}


def tokens_of(text):
    """(token, line) of the code, without preprocessor lines."""
    result = []
    continued = False
    for number, line in enumerate(code_only(text).splitlines(), 1):
        if continued or line.lstrip().startswith("#"):
            continued = line.endswith("\\")
            continue
        result += [(token, number) for token in TOKEN.findall(ATTRIBUTE.sub("", line))]
    return result


def is_subscript(statement):
    """Whether a `[` after these tokens indexes or binds, and does not begin a lambda."""
    if not statement:
        return False
    last = statement[-1]
    if last == "auto" or (last in ("&", "&&") and len(statement) > 1 and statement[-2] == "auto"):
        return True
    if last in ("return", "co_return", "co_await", "co_yield"):
        return False
    return re.match(r"\w", last) is not None or last in (")", "]", '""')


def has_trailing_return(statement):
    """Whether the statement ends in `-> type`, so that a block follows."""
    for token in reversed(statement):
        if token == "->":
            return True
        if not re.fullmatch(r"\w+|::|[<>,*&]|&&", token):
            return False
    return False


class Checker:
    """Walks the brackets; a block's statements are each checked on their own."""

    def __init__(self, tokens, allow_options):
        self.tokens = tokens
        self.at = 0
        self.allow_options = allow_options
        self.problems = []  # (line, reason)

    def check(self, statement, faults, line):
        if "co_await" in statement:
            self.problems += [(line, fault) for fault in sorted(set(faults))]

    def begins_block(self, statement, in_init):
        """Whether a `{` after these tokens begins a block and not an initialiser."""
        if in_init:  # Only a lambda's body.
            is_after_head = statement[-1:] in (["<lambda>"], [")"], ["mutable"], ["noexcept"])
            return "<lambda>" in statement and (is_after_head or has_trailing_return(statement))
        if not statement:
            return True
        head = [token for token in statement if not token.startswith("<lambda")]
        if head and (head[0] in TYPE_WORDS or (head[0] == "template" and TYPE_WORDS & set(head))) and "=" not in head:
            return "(" not in head or statement[-1] == ")"
        if statement[-1] in BEFORE_BLOCK or statement[-1] == "<lambda>":
            return True
        return has_trailing_return(statement)

    def block(self, closer):
        """The statements up to the closing bracket (None: the end of the file)."""
        statement, faults, line = [], [], 0
        while self.at < len(self.tokens):
            token, number = self.tokens[self.at]
            line = line if statement else number
            self.at += 1
            if token == closer:
                break
            if token == ";":
                self.check(statement, faults, line)
                statement, faults = [], []
            elif token == ":" and closer == ")" and "?" not in statement:
                self.check(statement, faults, line)  # Of a range-for.
                statement, faults = [], []
            elif self.open(token, statement, faults, in_init=False):
                if "<lambda>" not in statement and statement[-1] == "<block>" and not self.is_in_expression(statement):
                    self.check(statement, faults, line)
                    statement, faults = [], []
            else:
                self.plain(token, statement, faults)
        self.check(statement, faults, line)

    @staticmethod
    def is_in_expression(statement):
        return "=" in statement and "operator" not in statement

    def plain(self, token, statement, faults):
        statement.append(token)
        if token == "?":
            faults.append("`?:`")

    def open(self, token, statement, faults, in_init):
        """Handles an opening bracket and all in it; false if the token is none."""
        if token not in CLOSER:
            return False
        if token == "{" and self.begins_block(statement, in_init):
            self.block("}")
            statement.append("<block>")
        elif token == "{":
            if not (self.allow_options and self.next_is_designator()):
                faults.append("`{...}`")
            self.nested("}", statement, faults, in_init=True)
            statement.append("}")
        elif token == "(" and not in_init and self.is_control(statement):
            self.block(")")
            statement.append(")")
        elif token == "[" and not is_subscript(statement):
            faults.append("a lambda")
            self.skip("]")
            statement.append("<lambda>")
        else:
            statement.append(token)
            self.nested(CLOSER[token], statement, faults, in_init=True)
            statement.append(CLOSER[token])
        return True

    @staticmethod
    def is_control(statement):
        return statement[-1:] and (statement[-1] in CONTROL or statement[-2:] == ["if", "constexpr"])

    def next_is_designator(self):
        return self.at < len(self.tokens) and self.tokens[self.at][0] in (".", "}")

    def nested(self, closer, statement, faults, in_init):
        """An expression in brackets: part of the statement around it."""
        start = len(statement)
        while self.at < len(self.tokens):
            token, _ = self.tokens[self.at]
            self.at += 1
            if token == closer:
                return
            inner = statement[start:]
            if token in CLOSER:
                self.open(token, inner, faults, in_init)
                statement[start:] = inner
            else:
                self.plain(token, statement, faults)
            if token == ",":
                start = len(statement)

    def skip(self, closer):
        """Past a lambda's captures; what they do before the lambda exists matters to nobody."""
        depth = 1
        while self.at < len(self.tokens) and depth > 0:
            token, _ = self.tokens[self.at]
            depth += (token == "[") - (token == closer)
            self.at += 1


def main():
    problems = []
    for path, name in cpp_files(root_argument()):
        checker = Checker(tokens_of(path.read_text(encoding="utf-8")), name.startswith(("tests/", "examples/")))
        checker.block(None)
        problems += [f"{name}:{line}: {reason} in an expression with co_await" for line, reason in checker.problems]
    return finish(problems, "expressions that GCC 12 compiles wrongly")


if __name__ == "__main__":
    sys.exit(main())
