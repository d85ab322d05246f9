"""References between things, in both directions. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

F = TypeVar("F", bound=Hashable)
T = TypeVar("T", bound=Hashable)


class Links(Generic[F, T]):
    """References from sources to targets; to list those of one takes time proportional to their number."""

    def __init__(self) -> None:
        self._to: dict[F, tuple[T, ...]] = {}
        self._from: dict[T, set[F]] = {}

    def put(self, source: F, targets: Iterable[T]) -> None:
        """Replace the references of ``source``."""
        self.drop(source)
        self._to[source] = wanted = tuple(dict.fromkeys(targets))
        for target in wanted:
            self._from.setdefault(target, set()).add(source)

    def drop(self, source: F) -> None:
        """Remove all references of ``source``."""
        for target in self._to.pop(source, ()):
            referring = self._from[target]
            referring.discard(source)
            if not referring:
                del self._from[target]

    def to(self, target: T) -> frozenset[F]:
        """All sources that refer to ``target``."""
        return frozenset(self._from.get(target, ()))

    def of(self, source: F) -> tuple[T, ...]:
        """The targets of ``source``, each once, in its order."""
        return self._to.get(source, ())
