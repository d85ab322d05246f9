"""Refs of the remote: read, fetched, and changed only if they still are what the caller read.

    push(clone, [RefUpdate("refs/tags/1.4.0", tag)])                       # must not exist yet
    push(clone, [RefUpdate("refs/heads/production", new, expected=old)])   # must still be ``old``

All updates of one push happen, or none. The user's credentials count; no hook runs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.git.refs.reference import Refs
from headgate.git.remote.races import is_race
from headgate.promotion.clone.clone import Clone
from headgate.promotion.clone.command import REMOTE_TIMEOUT, last_line
from headgate.promotion.errors import CloneError, PushRefused

__all__ = ["RefUpdate", "fetch", "push", "remote_refs"]

MAX_REFS_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref of the remote and what it should be."""

    ref: str
    """The full name, such as ``refs/tags/1.4.0``."""
    new: str
    """An id of an object that the clone has; empty to delete the ref."""
    expected: str = ""
    """The id that the ref has now; empty if it must not exist."""
    rewrite: bool = False
    """Whether the ref may lose commits, as a branch that only this tool writes may."""


def push(clone: Clone, updates: Sequence[RefUpdate], *, options: Sequence[str] = ()) -> str:
    """Change these refs of the remote, all or none; return what the server had to say.

    ``options`` are push options, such as those by which GitLab opens a merge request. An existing ref only moves
    forward, except with ``rewrite``. A ref that already is ``new`` counts as done. Raises :class:`PushRefused`, with
    ``race`` if a ref is not what was expected.
    """
    wanted = list(updates)
    for each in wanted:
        if not each.ref.startswith("refs/"):
            raise CloneError(f"'{each.ref}' is not the full name of a ref")
        # A push with a lease would also rewrite.
        if each.expected and each.new and not each.rewrite and not clone.is_ancestor(each.expected, each.new):
            raise PushRefused(
                f"{_short(each.ref)} only moves forward, and {each.expected[:12]}, where it is, is not part of "
                f"{each.new[:12]}"
            )
    leases = [f"--force-with-lease={each.ref}:{each.expected}" for each in wanted]
    finished = clone.git.as_user(
        "push",
        "--porcelain",
        "--no-follow-tags",
        "--no-verify",
        *(["--atomic"] if len(wanted) > 1 else []),
        *leases,
        *(f"--push-option={option}" for option in options),
        "--end-of-options",
        clone.remote,
        *(f"{each.new}:{each.ref}" for each in wanted),
        timeout=REMOTE_TIMEOUT,
    )
    clone.refresh()
    if not finished.status:
        return _of_server(finished.messages)
    if _are_done(clone, wanted):
        return _of_server(finished.messages)
    report = finished.output.decode("utf-8", "replace")
    refused = [line for line in report.splitlines() if line.startswith("!")]
    names = ", ".join(_short(each.ref) for each in wanted)
    if any(is_race(line) for line in refused) or is_race(finished.messages):
        raise PushRefused(
            f"{names} changed on the remote since it was read, so nothing was pushed: run the command again",
            race=True,
        )
    reasons = [match[1] for line in refused if (match := re.search(r"\(([^()]+)\)\s*$", line))]
    said = _of_server(finished.messages)
    why = reasons[0] if reasons else last_line(finished.messages)
    raise PushRefused(f"the remote did not accept {names}: {why}" + (f" ({said})" if said else ""))


def remote_refs(clone: Clone, patterns: Sequence[str] = ()) -> Refs:
    """Return the refs that the remote has now, all or those of ``patterns`` (as of ``git ls-remote``).

    Raises :class:`CloneError` if the remote cannot be reached.
    """
    finished = clone.git.as_user(
        "ls-remote",
        "--quiet",
        "--end-of-options",
        clone.remote,
        *patterns,
        timeout=REMOTE_TIMEOUT,
        max_output=MAX_REFS_BYTES,
    )
    if finished.status:
        raise CloneError(f"the remote '{clone.remote}' cannot be read: {last_line(finished.messages)}")
    return Refs.parse(finished.output)


def fetch(clone: Clone, refspecs: Sequence[str]) -> None:
    """Fetch single refs, such as ``+refs/headgate/env/*:refs/headgate/env/*``, and nothing else.

    Raises :class:`CloneError` if the remote cannot be reached or has no such ref.
    """
    finished = clone.git.as_user(
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
        "--end-of-options",
        clone.remote,
        *refspecs,
        timeout=REMOTE_TIMEOUT,
    )
    clone.refresh()
    if finished.status:
        raise CloneError(
            f"the remote '{clone.remote}' cannot be fetched from: {last_line(finished.messages)}"
        )


def _are_done(clone: Clone, updates: Sequence[RefUpdate]) -> bool:
    """Whether the remote already has what a failed push wanted: an earlier run got that far."""
    try:
        refs = remote_refs(clone, [each.ref for each in updates])
    except CloneError:
        return False
    return all(refs.ids.get(each.ref, "") == each.new for each in updates)


def _of_server(messages: str) -> str:
    lines = [
        line.removeprefix("remote:").strip() for line in messages.splitlines() if line.startswith("remote:")
    ]
    return " ".join(line for line in lines if line)[:2000]


def _short(ref: str) -> str:
    return ref.removeprefix("refs/").removeprefix("heads/").removeprefix("tags/")
