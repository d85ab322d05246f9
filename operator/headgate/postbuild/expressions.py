"""Parses text with ``${...}`` expressions into literal text and :class:`Expansion` nodes.

The language is that of Flux's ``envsubst``, which is similar to a shell's but not the same. The differences from a
shell, on which existing manifests rely:

- ``$name`` without braces is plain text, and ``$$`` is one ``$`` anywhere outside an expression;
- ``${name-default}``, ``${name+...}`` and ``${name?...}`` without a colon are errors;
- ``:=``, ``:-``, ``=``, ``:+`` and ``:?`` all mean "this text, if the variable is empty or not set";
- a pattern of ``${name/pattern/replacement}`` extends to the next slash, including closing braces;
- ``\\/``, ``\\\\`` and ``$$`` are escapes in patterns and replacements, and nowhere else.

Source of the rules: the documentation and the observed behavior of ``github.com/fluxcd/pkg/envsubst``.
"""

from __future__ import annotations

from dataclasses import dataclass

from headgate.postbuild.errors import ExpressionMalformed

__all__ = ["MAX_DEPTH", "Expansion", "Node", "parse"]

MAX_DEPTH = 100
"""Maximum depth of nested expressions."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """``${name<operator><arguments>}``; each argument is one text or one nested expansion."""

    name: str
    operator: str = ""
    """``""``, ``#`` (length, without arguments), or one of the operators of :mod:`.functions`."""
    arguments: tuple[Node, ...] = ()


Node = str | Expansion

_DEFAULTS = "=-?+"


def parse(text: str) -> list[Node]:
    """Return literal texts and expansions in order; raises :class:`ExpressionMalformed`."""
    nodes: list[Node] = []
    literal: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        literal.append(text[at:dollar])
        follower = text[dollar + 1 : dollar + 2]
        if follower == "{":
            if joined := "".join(literal):
                nodes.append(joined)
            literal.clear()
            parser = _Parser(text, dollar + 2)
            nodes.append(parser.expansion())
            at = parser.at
        else:
            literal.append("$")
            at = dollar + (2 if follower == "$" else 1)
    if joined := "".join(literal) + text[at:]:
        nodes.append(joined)
    return nodes


class _Parser:
    """Reads one expression; ``at`` is the position of the next character to read."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self.at = at
        self._depth = 0

    def expansion(self) -> Expansion:
        """Read the rest of an expression after ``${``, including the closing brace."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionMalformed(f"expressions are nested more than {MAX_DEPTH} levels deep")
        if self._peek() == "#":
            self.at += 1
            name = self._name()
            self._close(name)
            node = Expansion(name, "#")
        else:
            name = self._name()
            node = self._operation(name)
        self._depth -= 1
        return node

    def _operation(self, name: str) -> Expansion:
        first = self._peek()
        second = self._peek(1)
        if first == "=":
            return self._default(name, "=")
        if first == ":":
            return self._default(name, ":" + second) if second and second in _DEFAULTS else self._slice(name)
        if first and first in ",^":
            operator = self._operator(second if second and second in ",^" else "")
            self._close(name)
            return Expansion(name, operator)
        if first == "/":
            return self._replacement(name, self._operator(second if second and second in "/#%" else ""))
        if first and first in "#%":
            operator = self._operator(second if second == first else "")
            pattern = self._argument(name, "}")
            self._close(name)
            return Expansion(name, operator, (pattern,))
        if first and first in "-+?":
            raise _bad(name, f"Flux does not support ${{name{first}...}}; write ${{name:{first}...}}")
        self._close(name)
        return Expansion(name)

    def _default(self, name: str, operator: str) -> Expansion:
        self.at += len(operator)
        parts: list[Node] = []
        while self._peek() != "}":
            parts.append(self._argument(name, "}"))
        self.at += 1
        return Expansion(name, operator, tuple(parts))

    def _slice(self, name: str) -> Expansion:
        if not self._peek(1).isascii():
            raise _bad(name, "the position of a substring must be a number")
        self.at += 1
        position = self._argument(name, ":}")
        if self._peek() == "}":
            self.at += 1
            return Expansion(name, ":", (position,))
        if self._peek() != ":":
            raise _bad(name, "':' or '}' must follow the position of a substring")
        while self._peek() == ":":
            self.at += 1
        length = self._argument(name, "}")
        self._close(name)
        return Expansion(name, ":", (position, length))

    def _replacement(self, name: str, operator: str) -> Expansion:
        pattern = self._argument(name, "/", escapes=True)
        if self._peek() != "/":
            raise _bad(name, "a second '/' must follow the pattern")
        while self._peek() == "/":
            self.at += 1
        if self._peek() == "}":
            self.at += 1
            return Expansion(name, operator, (pattern,))
        replacement = self._argument(name, "}", escapes=True)
        self._close(name)
        return Expansion(name, operator, (pattern, replacement))

    def _argument(self, name: str, stops: str, *, escapes: bool = False) -> Node:
        """Read a nested expression, or text up to one of ``stops``, the next expression or the end."""
        text, start = self._text, self.at
        if text.startswith("${", start):
            self.at += 2
            return self.expansion()
        parts: list[str] = []
        at = start
        while at < len(text) and text[at] not in stops:
            pair = text[at : at + 2]
            if pair == "${":
                break
            if escapes and pair in ("$$", "\\/", "\\\\"):
                parts.append(text[start:at])
                start = at + 1
                at += 2
            else:
                at += 1
        parts.append(text[start:at])
        if at == self.at:
            raise _bad(name, "it ends too early" if at == len(text) else f"text is needed, not {text[at]!r}")
        self.at = at
        return "".join(parts)

    def _operator(self, second: str) -> str:
        operator = self._peek() + second
        self.at += len(operator)
        return operator

    def _name(self) -> str:
        start = self.at
        while (char := self._peek()) and (char.isalpha() or char.isdecimal() or char == "_"):
            self.at += 1
        if start == self.at:
            raise ExpressionMalformed(
                "'${' must be followed by the name of a variable; write '$${' for the text '${'"
            )
        return self._text[start : self.at]

    def _close(self, name: str) -> None:
        if self._peek() != "}":
            raise _bad(name, "it has no closing brace '}'")
        self.at += 1

    def _peek(self, ahead: int = 0) -> str:
        return self._text[self.at + ahead : self.at + ahead + 1]


def _bad(name: str, problem: str) -> ExpressionMalformed:
    return ExpressionMalformed(f"bad substitution of variable {name!r}: {problem}", variable=name)
