"""Paths of fields in a difference, and the patterns of ``expect``. Pure.

A path is a sequence of steps: the key of a mapping, or an :class:`Element` of a list. As text, keys follow a dot or, if
they have other characters than a name, brackets, as in messages of an API server:
``spec.template.spec.containers[name=app].image``, ``metadata.labels[app.kubernetes.io/name]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = ["Element", "Path", "Pattern", "Step", "text_of"]


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a list, by the fields that identify it, or by its index."""

    keys: tuple[tuple[str, str], ...] = ()
    """Names and values of the identifying fields; of a scalar, one empty name and its value."""
    index: int = -1

    def __str__(self) -> str:
        if not self.keys:
            return str(self.index)
        return ",".join(f"{name}={value}" if name else value for name, value in self.keys)


Step = str | Element
Path = tuple[Step, ...]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def text_of(path: Iterable[Step]) -> str:
    """Return a path as text.

    >>> text_of(("metadata", "labels", "app.kubernetes.io/name"))
    'metadata.labels[app.kubernetes.io/name]'
    >>> text_of(("spec", "containers", Element((("name", "app"),)), "image"))
    'spec.containers[name=app].image'
    """
    parts: list[str] = []
    for step in path:
        if isinstance(step, str) and _NAME.fullmatch(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{step}]")
    return "".join(parts)


_LONGEST = 1000
"""Characters of a pattern."""
_MOST_STEPS = 64
_TOKEN = re.compile(r"\.?\[([^\[\]]*)\]|\.?((?:[^.\[\]\\]|\\.)+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of ``expect``: a kind, and a path below which everything may differ.

    ``Kind:field.path``, where ``*`` in a step matches any characters, a step ``*`` any key or element, ``**`` any
    number of steps, ``[]`` and ``[*]`` any element of a list, ``[name=app]`` one of them. The kind may have a ``*``.
    Without a path the pattern covers whole objects, also those that exist in one environment only.
    """

    kind: str
    steps: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read a pattern; raises :class:`ValueError` with what is wrong.

        >>> Pattern.parse("Deployment:spec.template.spec.containers[].resources").steps[-2:]
        ('[*]', 'resources')
        """
        kind, colon, path = text.partition(":")
        if not kind or kind.strip() != kind:
            raise ValueError(f"'{_shown(text)}' names no kind: write Kind:field.path")
        if len(text) > _LONGEST:
            raise ValueError(f"'{_shown(text)}' is longer than {_LONGEST} characters")
        if colon and not path:
            raise ValueError(f"'{_shown(text)}' names no field after the colon")
        return cls(kind, tuple(_steps(path, text)))

    def covers_object(self, kind: str) -> bool:
        """Whether it covers whole objects of a kind."""
        return fnmatchcase(kind, self.kind) and all(step == "**" for step in self.steps)

    def covers(self, kind: str, path: Sequence[Step]) -> bool:
        """Whether it covers a field: the pattern matches the path or the beginning of it."""
        return fnmatchcase(kind, self.kind) and self._matches(path)

    def _matches(self, path: Sequence[Step]) -> bool:
        # All positions of the pattern that the steps so far may have reached: time is pattern times path.
        reached = self._skipped({0})
        for step in path:
            if len(self.steps) in reached:
                return True
            reached = self._skipped(
                {at if self.steps[at] == "**" else at + 1 for at in reached if _matches(self.steps[at], step)}
            )
        return len(self.steps) in reached

    def _skipped(self, reached: set[int]) -> set[int]:
        """The positions, and those behind each ``**`` there, which may match nothing."""
        for at in sorted(reached):
            end = at
            while end < len(self.steps) and self.steps[end] == "**":
                end += 1
                reached.add(end)
        return reached


def _matches(pattern: str, step: Step) -> bool:
    if pattern in ("*", "**"):
        return True
    if pattern.startswith("[") and pattern.endswith("]"):
        return fnmatchcase(str(step), pattern[1:-1])
    return isinstance(step, str) and fnmatchcase(step, pattern)


def _steps(path: str, text: str) -> Iterator[str]:
    at, count = 0, 0
    while at < len(path):
        token = _TOKEN.match(path, at)
        if token is None or (at == 0 and token[0].startswith(".")):
            raise ValueError(f"'{_shown(text)}' is not a path of a field at '{_shown(path[at:])}'")
        at, count = token.end(), count + 1
        if count > _MOST_STEPS:
            raise ValueError(f"'{_shown(text)}' has more than {_MOST_STEPS} steps")
        if token[2] is None:
            yield f"[{token[1].strip() or '*'}]"
        else:
            yield re.sub(r"\\(.)", r"\1", token[2])
    if path.endswith("."):
        raise ValueError(f"'{_shown(text)}' ends with a dot")


def _shown(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"
