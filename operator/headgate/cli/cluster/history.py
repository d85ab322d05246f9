"""The user's clone, as far as it knows the history of the revisions on the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from headgate.promotion.clone import Clone

__all__ = ["Wanted", "clone_option", "wanted"]

_COMMIT = re.compile(r"[0-9a-f]{7,64}")

clone_option = click.option(
    "--repository",
    type=click.Path(file_okay=False, path_type=Path),
    help="The clone that knows the history; default: the one that holds the working directory, if there is one.",
)


@dataclass(slots=True)
class Wanted:
    """A commit, and which revisions are or contain it."""

    commit: str
    """Its id, possibly abbreviated; empty if the revision does not name a commit."""
    revision: str
    """As a source writes it, if it was given so."""
    clone: Clone | None
    unknown: set[str] = field(default_factory=set)
    """Commits on the cluster that the clone does not have."""
    _known: dict[str, bool] = field(default_factory=dict)

    def matches(self, revision: str) -> bool:
        """Return whether a revision on the cluster is the wanted one, or is known to contain it."""
        known = self._known.get(revision)
        if known is None:
            known = self._known[revision] = self._matches(revision)
        return known

    def _matches(self, revision: str) -> bool:
        from headgate.api.running import commit_of

        if self.revision and revision == self.revision:
            return True
        commit = commit_of(revision)
        if not self.commit or not commit:
            return False
        if commit.startswith(self.commit):
            return True
        return self.clone is not None and self._contains(self.clone, commit)

    def _contains(self, clone: Clone, commit: str) -> bool:
        from headgate.promotion.errors import CloneError

        try:
            return clone.is_ancestor(self.commit, clone.resolve(commit))
        except CloneError:
            self.unknown.add(commit)
            return False

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be decided."""
        if self.clone is None:
            return ("outside a clone, only the very commit counts, not later ones that contain it",)
        return tuple(
            f"the clone does not have {each[:12]} with its history: run 'git fetch'"
            for each in sorted(self.unknown)
        )


@contextmanager
def wanted(given: str, repository: Path | None) -> Iterator[Wanted]:
    """Find the commit that somebody means: a revision of the clone, an id, or ``branch@sha1:id``.

    Raises :class:`click.BadParameter` if it is neither, or if a clone that was named cannot be read.
    """
    from headgate.api.running import commit_of
    from headgate.promotion.clone import Clone
    from headgate.promotion.errors import CloneError

    clone: Clone | None = None
    try:
        clone = Clone.open(repository or Path("."))
    except CloneError as error:
        if repository is not None:
            raise click.BadParameter(str(error), param_hint="--repository") from None
    try:
        written = given if ":" in given else ""
        commit = commit_of(given) if written else given.lower()
        if clone is not None:
            try:
                commit = clone.resolve(commit if written else given)
            except CloneError:
                # A clone that does not have the commit says nothing about its history.
                clone.close()
                clone = None
        if not _COMMIT.fullmatch(commit):
            if not written:
                raise click.BadParameter(
                    f"{given!r} is neither a revision of this clone nor a commit id of at least 7 digits",
                    param_hint="revision",
                )
            commit = ""
        yield Wanted(commit, written, clone)
    finally:
        if clone is not None:
            clone.close()
