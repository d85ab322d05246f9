"""What the history says of a candidate: which commits it would promote, and whether a rollback marked one as bad."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from headgate.api.revision import COMMIT_ID
from headgate.git.refs.reference import HEADS
from headgate.promotion.clone import Clone
from headgate.promotion.errors import CloneError
from headgate.promotion.guards import Bad
from headgate.promotion.plans.trailers import (
    ENVIRONMENT,
    ROLLBACK_OF,
    ROLLBACK_TO,
    reverted_commits,
    trailers_of,
)

__all__ = ["BadMark", "bad_commits", "known_commit", "marks", "name_of"]

MAX_RANGE = 2000
"""Commits of a bad promotion that reverts of single commits may undo one by one."""
PLAIN = ("--no-show-signature", "--no-notes", "--no-mailmap", "--encoding=UTF-8")
"""Options of ``git log`` that keep the user's settings out of its output."""
MAX_COMMITS = 100_000
"""Commits whose messages are read after a bad one."""


@dataclass(frozen=True, slots=True)
class BadMark:
    """A rollback's commit: it marks another one as bad."""

    commit: str
    """Of the rollback."""
    bad: str
    good: str
    """The commit whose tree the rollback brought back; empty if the mark does not say."""
    environment: str = ""
    """What was rolled back; empty if the mark does not say."""


def marks(clone: Clone, branches: Iterable[str]) -> list[BadMark]:
    """Return all rollbacks in the histories of all tags and of these branches, the newest first."""
    wanted = [HEADS + each for each in branches if HEADS + each in clone.refs().ids]
    found = []
    for commit, text in _messages(clone, f"--grep=^{ROLLBACK_OF}: ", "--tags", *wanted):
        trailers = trailers_of(text)
        bad, good = trailers.get(ROLLBACK_OF, ""), trailers.get(ROLLBACK_TO, "")
        # Whoever forges a mark can only prevent a promotion.
        if known_commit(clone, bad):
            good = good if known_commit(clone, good) else ""
            found.append(BadMark(commit, bad, good, trailers.get(ENVIRONMENT, "")))
    return found


def bad_commits(clone: Clone, candidate: str, found: Iterable[BadMark]) -> tuple[Bad, ...]:
    """Return the bad commits that a candidate contains, and whether it also contains their reverts.

    A bad commit counts as reverted if a later commit reverts it, or all commits that its promotion brought, or is the
    rollback itself; and if no still later commit reverts this revert.
    """
    result = {}
    for mark in found:
        if mark.bad in result or not clone.is_ancestor(mark.bad, candidate):
            continue
        undone = _undone(clone, mark, candidate)
        is_reverted = mark.bad in undone
        if not is_reverted and mark.good:
            brought = _commits(
                clone, "--no-merges", f"--max-count={MAX_RANGE + 1}", mark.bad, f"^{mark.good}"
            )
            is_reverted = 0 < len(brought) <= MAX_RANGE and undone.issuperset(brought)
        result[mark.bad] = Bad(mark.bad, name_of(clone, mark.commit), is_reverted)
    return tuple(result.values())


def _undone(clone: Clone, mark: BadMark, candidate: str) -> set[str]:
    """The commits that the candidate's history reverts after the bad one."""
    undone: set[str] = set()
    short: set[str] = set()
    # From the newest on: a revert that was itself reverted later has no effect.
    for commit, text in _messages(clone, "--topo-order", candidate, f"^{mark.bad}"):
        if commit in undone or any(commit.startswith(each) for each in short):
            continue
        if commit == mark.commit:
            undone.add(mark.bad)
        for each in reverted_commits(text):
            if len(each) in (40, 64):
                undone.add(each)
            else:
                short.add(each)
    for each in short:
        parsed = clone.git.local("rev-parse", "--verify", "--quiet", "--end-of-options", f"{each}^{{commit}}")
        if parsed.status == 0:
            undone.add(parsed.output.decode().strip())
    return undone


def _messages(clone: Clone, *arguments: str) -> Iterator[tuple[str, str]]:
    """Commits and their messages."""
    options = ["--format=%H%n%B%x00", f"--max-count={MAX_COMMITS + 1}", *PLAIN]
    entries = clone.git.read("log", *options, *arguments, "--").split(b"\0")
    if len(entries) > MAX_COMMITS + 1:
        raise CloneError(f"more than {MAX_COMMITS} commits would have to be read")
    for entry in entries:
        commit, _, text = entry.decode("utf-8", "replace").lstrip("\n").partition("\n")
        if commit:
            yield commit, text


def _commits(clone: Clone, *arguments: str) -> list[str]:
    return clone.git.read("rev-list", *arguments, "--").decode().split()


def known_commit(clone: Clone, commit: str) -> bool:
    """Whether a text is the id of a commit that the remote has."""
    is_id = COMMIT_ID.fullmatch(commit) is not None
    return is_id and clone.git.local("cat-file", "-e", f"{commit}^{{commit}}").status == 0


def name_of(clone: Clone, commit: str) -> str:
    """Return a version that names the commit of a rollback, or its id."""
    for name in clone.refs().ids:
        if name.startswith("refs/tags/") and clone.refs().commit(name) == commit:
            return name.removeprefix("refs/tags/")
    return commit[:12]
