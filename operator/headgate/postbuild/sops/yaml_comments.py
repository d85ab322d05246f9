"""Encrypted comments of a YAML text: where they are, and which collections they may be bound to.

Each is encrypted with the keys that lead to the collection it is in, which its position alone does not tell: it may
stand before a collection's first entry, between two, or behind the last. So the likely ones are tried first, and
then all, but not without end.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence

from headgate.documents.yaml.nodes import Kind, Node
from headgate.postbuild.sops.errors import NotSops

__all__ = ["COMMENT", "Collections"]

COMMENT = re.compile(r"(?<=#)ENC\[AES256_GCM,data:[^\n,]*,iv:[^\n,]*,tag:[^\n,]*,type:comment\]")
_MOST_TRIES = 100_000
"""Per text; a real one needs a few for each comment."""

_NEAR, _NEAR_BELOW = 100, 3
"""Collections that begin before a comment, or behind it, and are tried first."""

Path = tuple[str, ...]
_Span = tuple[int, int, Path]


class Collections:
    """The mappings and lists of a text's documents, by where they stand."""

    def __init__(self, roots: Sequence[Node]) -> None:
        self._spans: list[_Span] = []
        for root in roots:
            self._add(root, ())
        self._spans.sort(key=lambda span: (span[0], -span[1]))
        self._starts = [start for start, _, _ in self._spans]
        self._all = list(dict.fromkeys(path for _, _, path in self._spans))
        self._tries = 0

    def _add(self, node: Node, path: Path) -> int:
        """Note the collection and those in it; returns where it ends."""
        if node.kind is Kind.SCALAR:
            return node.end
        at = len(self._spans)
        self._spans.append((node.start, node.start, path))
        end = node.start
        if node.kind is Kind.MAPPING:
            for key, item in node.pairs:
                end = max(end, key.end, self._add(item, (*path, key.value)))
        else:
            for item in node.content:
                end = max(end, self._add(item, path))
        self._spans[at] = (node.start, end, path)
        return end

    def around(self, position: int) -> Iterator[Path]:
        """Give the paths to try for a comment at a position; raises :class:`NotSops` when there is no end of it."""
        after = bisect.bisect_right(self._starts, position)
        near = [
            *reversed(self._spans[max(0, after - _NEAR) : after]),
            *self._spans[after : after + _NEAR_BELOW],
        ]
        inside = [path for start, end, path in near if start <= position <= end]
        for path in dict.fromkeys([*inside, *(path for _, _, path in near)]):
            yield self._counted(path)
        for path in self._all:
            yield self._counted(path)

    def _counted(self, path: Path) -> Path:
        self._tries += 1
        if self._tries > _MOST_TRIES:
            raise NotSops("has too many encrypted comments that belong nowhere")
        return path
