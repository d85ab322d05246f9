"""Encrypted comments of a YAML text: their positions, and the collections to which they may belong.

SOPS encrypts each with the keys that lead to its collection, which its position does not determine: it may be before
the first entry of a collection, between two entries, or after the last. So the walk tries likely collections first,
then all, up to a limit.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence

from headgate.documents.yaml.nodes import Node, NodeKind
from headgate.postbuild.sops.errors import NotSops

__all__ = ["COMMENT", "Collections"]

COMMENT = re.compile(r"(?<=#)ENC\[AES256_GCM,data:[^\n,]*,iv:[^\n,]*,tag:[^\n,]*,type:comment\]")
_MOST_TRIES = 100_000
"""Limit for the attempts per text; a real text needs a few for each comment."""

_NEAR, _NEAR_BELOW = 100, 3
"""Numbers of collections that begin before a comment, and after it, to try first."""

Path = tuple[str, ...]
_Span = tuple[int, int, Path]


class Collections:
    """The mappings and lists of a text's documents, by position."""

    def __init__(self, roots: Sequence[Node]) -> None:
        self._spans: list[_Span] = []
        for root in roots:
            self._add(root, ())
        self._spans.sort(key=lambda span: (span[0], -span[1]))
        self._starts = [start for start, _, _ in self._spans]
        self._all = list(dict.fromkeys(path for _, _, path in self._spans))
        self._tries = 0

    def _add(self, node: Node, path: Path) -> int:
        """Add the collection and those in it; returns the position of its end."""
        if node.kind is NodeKind.SCALAR:
            return node.end
        at = len(self._spans)
        self._spans.append((node.start, node.start, path))
        end = node.start
        if node.kind is NodeKind.MAPPING:
            for key, item in node.pairs:
                end = max(end, key.end, self._add(item, (*path, key.value)))
        else:
            for item in node.content:
                end = max(end, self._add(item, path))
        self._spans[at] = (node.start, end, path)
        return end

    def around(self, position: int) -> Iterator[Path]:
        """Yield the paths to try for a comment at a position; raises :class:`NotSops` above the limit."""
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
            raise NotSops("has too many encrypted comments in unexpected places")
        return path
