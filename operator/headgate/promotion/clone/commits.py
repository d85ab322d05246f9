"""A commit as a value, and its form in Git's output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["FORMAT", "Commit", "parse_commits"]

FORMAT = "tformat:%H%x00%P%x00%T%x00%ae%x00%ce%x00%ct%x00%B"
"""For ``git log -z``: fields and commits end with NUL, which no field contains."""
_FIELDS = 7
_LATEST = 253_402_300_799
"""The end of the year 9999, in seconds since 1970: Git stores later times, Python has none."""

_TRAILER = re.compile(r"^([A-Za-z0-9][A-Za-z0-9-]*):[ \t]*(.*)$")
_EMAIL = re.compile(r"<([^<>\s]+)>")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. Addresses and texts are what their author wrote: untrusted."""

    id: str
    parents: tuple[str, ...]
    tree: str
    author_email: str
    committer_email: str
    committed_at: datetime
    message: str

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        """The trailers (``Key: value`` lines of the last paragraph), in order; continued lines are not joined."""
        paragraphs = re.split(r"\n[ \t]*\n", self.message.replace("\r\n", "\n").strip())
        if len(paragraphs) < 2:
            return ()
        found = [_TRAILER.match(line) for line in paragraphs[-1].split("\n")]
        return tuple((match[1], match[2].strip()) for match in found if match)

    @property
    def contributor_emails(self) -> frozenset[str]:
        """Addresses of the author, the co-authors and the committer, in lower case."""
        together = [_EMAIL.search(value) for key, value in self.trailers if key.lower() == "co-authored-by"]
        others = {match[1].lower() for match in together if match}
        return frozenset({self.author_email.lower(), self.committer_email.lower(), *others} - {""})


def parse_commits(output: bytes) -> Iterator[Commit]:
    """Yield the commits of ``git log -z --format=FORMAT``."""
    fields = output.decode("utf-8", "replace").split("\0")
    for at in range(0, len(fields) - _FIELDS + 1, _FIELDS):
        identity, parents, tree, author, committer, committed, message = fields[at : at + _FIELDS]
        yield Commit(identity, tuple(parents.split()), tree, author, committer, _time(committed), message)


def _time(seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(min(max(0, int(seconds)), _LATEST), UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
