"""Revisions: the names of versions of a source.

``<pointer>@<algorithm>:<hash>`` for a branch, tag or other name, ``<algorithm>:<hash>`` for a bare commit.
The pointer is the short name of a branch or tag; with ``ref.name`` it is the full reference. (Flux
documentation, GitRepository, "Artifact" and "Name example".)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

COMMIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""The whole id of a commit: SHA-1 or SHA-256."""

_SHA1, _SHA256 = 40, 64


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision in its parts; ``pointer`` is empty for a bare commit."""

    pointer: str
    algorithm: str
    hash: str

    @classmethod
    def parse(cls, text: str) -> Revision:
        """Parse a revision. A text without a colon counts as a hash alone (Flux before 2.0).

        >>> Revision.parse("main@sha1:5394cb7f").pointer
        'main'
        """
        pointer, _, digest = text.rpartition("@")
        algorithm, _, hash_ = digest.rpartition(":")
        return cls(pointer, algorithm or _algorithm(hash_), hash_)

    @property
    def digest(self) -> str:
        """The part without the pointer: ``sha1:<hash>``."""
        return f"{self.algorithm}:{self.hash}"

    def __str__(self) -> str:
        return f"{self.pointer}@{self.digest}" if self.pointer else self.digest


def _algorithm(hash_: str) -> str:
    return {_SHA1: "sha1", _SHA256: "sha256"}.get(len(hash_), "<unknown>")
