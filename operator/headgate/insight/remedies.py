"""What to do about a root cause.

The rows of ``remedies.json`` are those of docs/guide/troubleshooting.md (``make remedies`` writes the file, and a test
compares them), so that the guide and the commands say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import orjson

from headgate.insight.values import Ref, State, Verdict
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION

__all__ = [
    "FOR_CYCLE",
    "FOR_UNKNOWN",
    "Row",
    "explained",
    "for_missing",
    "for_object",
    "for_pod",
    "meaning",
    "rows",
]

FOR_CYCLE = "remove one of these entries of dependsOn or include"
FOR_UNKNOWN = "repeat the command with an account that may read it, or with --all-namespaces"
_FOR_HELD = "remove the annotation that holds the revision, or wait for its window"
_FALLBACK = "read the message of the condition, and the log of the operator"
POD = "Pod"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the guide."""

    kind: str
    """Kustomization, GitRepository or Pod."""
    reasons: tuple[str, ...]
    """Empty if the row is about a message only."""
    parts: tuple[str, ...]
    """Texts that the message must have, in this order."""
    means: str
    do: str
    """Empty if there is nothing to do."""

    def matches(self, reason: str, message: str) -> bool:
        """Whether the row is about a condition with this reason and message."""
        if self.reasons and reason not in self.reasons:
            return False
        at = 0
        for part in self.parts:
            found = message.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return True


@cache
def rows() -> tuple[Row, ...]:
    """All rows, those about a message first."""
    content = orjson.loads(files("headgate.insight").joinpath("remedies.json").read_bytes())
    found = [
        Row(each["kind"], tuple(each["reasons"]), tuple(each["parts"]), each["means"], each["do"])
        for each in content["rows"]
    ]
    return tuple(sorted(found, key=lambda row: not row.parts))


@cache
def explained() -> frozenset[str]:
    """The reasons that the guide explains."""
    return frozenset(reason for row in rows() for reason in row.reasons)


def meaning(kind: str, reason: str, message: str = "") -> str:
    """What a reason of a Kustomization or source means; empty if the guide does not have it."""
    kind = KUSTOMIZATION if kind == KUSTOMIZATION else GIT_REPOSITORY
    return next((row.means for row in rows() if row.kind == kind and row.matches(reason, message)), "")


def for_object(own: Verdict) -> str:
    """What to do about a source or Kustomization that is a root cause; empty if waiting is enough."""
    ref = own.ref
    if own.state is State.SUSPENDED:
        why = f" (suspended because: {own.note})" if own.note else ""
        return f"resume {ref}: set its spec.suspend to false{why}"
    if own.state is State.HELD:
        return _find(GIT_REPOSITORY, own.reason, own.message) or _FOR_HELD
    kind = KUSTOMIZATION if ref.kind == KUSTOMIZATION else GIT_REPOSITORY
    found = _find(kind, own.reason, own.message)
    if own.state is State.PROGRESSING:
        return found or "wait; if nothing changes, check that the operator runs"
    return found or _FALLBACK


def for_pod(reason: str, message: str = "") -> str:
    """What to do about a pod with this reason; empty if the guide does not have it."""
    return _find(POD, reason, message)


def for_missing(ref: Ref, referrer: Ref | None, field: str) -> str:
    """What to do about an object that is referred to and does not exist."""
    return f"create {ref}" + (f", or correct {field} of {referrer}" if referrer and field else "")


@lru_cache(maxsize=512)
def _find(kind: str, reason: str, message: str) -> str:
    candidates: Sequence[Row] = rows()
    return next(
        (row.do for row in candidates if row.do and row.kind == kind and row.matches(reason, message)), ""
    )
