"""The label selectors of Kubernetes (``app=web,tier in (a, b),!old``), in specs, options and kustomization files.

Grammar: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from headgate.caching import cached_if_short

_TOKEN = re.compile(r"[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^=!(),<> \t\r\n]+))")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?\Z")
_DNS = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\Z")
_WHOLE_NUMBER = re.compile(r"[-+]?[0-9]{1,18}\Z")


class SelectorInvalid(ValueError):
    """The text is not a label selector."""


class Requirement(NamedTuple):
    """One requirement; ``operator`` is one of exists, absent, in, notin, >, <."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether the labels meet the requirement."""
        value = labels.get(self.key)
        if self.operator == "absent":
            return value is None
        if self.operator == "notin":
            return value is None or value not in self.values
        if value is None:
            return False
        if self.operator == "exists":
            return True
        if self.operator == "in":
            return value in self.values
        if not _WHOLE_NUMBER.match(value):
            return False
        (bound,) = self.values
        return int(value) > int(bound) if self.operator == ">" else int(value) < int(bound)


@cached_if_short(1024)
def parse_selector(text: str) -> tuple[Requirement, ...]:
    """Return the requirements, all of which must be met; none for the empty text. Raises SelectorInvalid."""
    return tuple(_Parser(text).requirements())


def matches(text: str, labels: Mapping[str, str]) -> bool:
    """Return whether labels match a selector; raises SelectorInvalid."""
    return all(requirement.matches(labels) for requirement in parse_selector(text))


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, bool]] = []  # text, whether it is a word
        position, end = 0, len(text.rstrip(" \t\r\n"))
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._error("has an unexpected character")
            self._tokens.append((match.group(1) or match.group(2), match.group(1) is None))
            position = match.end()
        self._next = 0

    def _error(self, what: str) -> SelectorInvalid:
        return SelectorInvalid(f"the label selector {self._text!r} {what}")

    def _peek(self) -> tuple[str, bool]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("", False)

    def _take(self) -> tuple[str, bool]:
        token = self._peek()
        self._next += 1
        return token

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while self._next < len(self._tokens):
            if found:
                comma, _ = self._take()
                if comma != ",":
                    raise self._error(f"has {comma!r} where a comma is needed")
                if self._next >= len(self._tokens):
                    raise self._error("ends with a comma")
            found.append(self._requirement())
        return found

    def _requirement(self) -> Requirement:
        negated = self._peek() == ("!", False)
        if negated:
            self._take()
        key, is_word = self._take()
        if not is_word:
            raise self._error(f"has {key!r} where a key is needed")
        self._check_key(key)
        if self._peek()[0] in ("", ","):
            return Requirement(key, "absent" if negated else "exists")
        operator, _ = self._take()
        if operator in ("in", "notin"):
            return Requirement(key, operator, self._values(key))
        if operator in ("=", "=="):
            return Requirement(key, "in", self._value(key))
        if operator == "!=":
            return Requirement(key, "notin", self._value(key))
        if operator in (">", "<"):
            values = self._value(key)
            if not all(_WHOLE_NUMBER.match(value) for value in values):
                raise self._error(f"compares {key!r} with something that is not a whole number")
            return Requirement(key, operator, values)
        raise self._error(f"has {operator!r} where an operator is needed")

    def _value(self, key: str) -> frozenset[str]:
        if self._peek()[0] in ("", ","):
            return frozenset({""})
        value, is_word = self._take()
        if not is_word:
            raise self._error(f"has {value!r} where a value is needed")
        return frozenset({self._checked_value(key, value)})

    def _values(self, key: str) -> frozenset[str]:
        if self._take()[0] != "(":
            raise self._error("has no list in parentheses after 'in' or 'notin'")
        values: set[str] = set()
        expect_value = True
        while True:
            token, is_word = self._take()
            if is_word and expect_value:
                values.add(self._checked_value(key, token))
                expect_value = False
            elif token in (",", ")") and not is_word:
                if expect_value:
                    values.add("")
                if token == ")":  # noqa: S105 - no secret
                    return frozenset(values)
                expect_value = True
            else:
                raise self._error("has a list of values that is not closed or not separated by commas")

    def _check_key(self, key: str) -> None:
        prefix, slash, name = key.rpartition("/")
        if slash and not (_DNS.match(prefix) and len(prefix) <= 253):
            raise self._error(f"has the invalid key {key!r}")
        if not _NAME.match(name) or len(name) > 63:
            raise self._error(f"has the invalid key {key!r}")

    def _checked_value(self, key: str, value: str) -> str:
        if value and (len(value) > 63 or not _NAME.match(value)):
            raise self._error(f"has the invalid value {value!r} for key {key!r}")
        return value
