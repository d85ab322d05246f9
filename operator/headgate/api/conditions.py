"""Edits the list of conditions in a status. Pure: each function returns a new list.

The rules are those of Flux's runtime: the transition time changes with status, reason or message (so that the age of
Ready is that of the newest revision), the observed generation is that of the reconciled spec, and the most important
conditions come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from headgate.api.meta import timestamp
from headgate.api.reasons import READY, RECONCILING, STALLED
from headgate.objects import Obj

MESSAGE_LIMIT = 20_000
"""Limit in characters for a message; the CRDs allow 32,768."""

_CUT = " ... ({left} more characters)"
_FIRST = {STALLED: 0, RECONCILING: 1, READY: 2}


def with_condition(
    conditions: Iterable[Obj],
    type: str,
    status: str,
    reason: str,
    message: str,
    generation: int,
    now: datetime | None = None,
) -> list[Obj]:
    """The conditions with one of them set.

    ``status`` is ``True``, ``False`` or ``Unknown``; ``generation`` that of the object. :func:`cut_message` shortens
    the message.
    """
    new = {
        "lastTransitionTime": timestamp(now),
        "message": cut_message(message),
        "observedGeneration": generation,
        "reason": reason,
        "status": status,
        "type": type,
    }
    old = get(conditions := list(conditions), type)
    if old is not None and all(old.get(k) == new[k] for k in ("status", "reason", "message")):
        new["lastTransitionTime"] = old.get("lastTransitionTime") or new["lastTransitionTime"]
    return sorted([*without(conditions, type), new], key=_position)


def without(conditions: Iterable[Obj], *types: str) -> list[Obj]:
    """The conditions except those of the given types."""
    return [c for c in conditions if c.get("type") not in types]


def get(conditions: Iterable[Obj], type: str) -> Obj | None:
    """The condition of that type, None when it is not set."""
    return next((c for c in conditions if c.get("type") == type), None)


def of(obj: Obj) -> Sequence[Obj]:
    """The conditions of a raw object; empty when it has none."""
    return (obj.get("status") or {}).get("conditions") or ()


def is_true(conditions: Iterable[Obj], type: str) -> bool:
    """Whether the condition is set and True."""
    found = get(conditions, type)
    return found is not None and found.get("status") == "True"


def cut_message(message: str, limit: int = MESSAGE_LIMIT) -> str:
    """The message in a form that the API server accepts: encodable text of at most ``limit`` characters.

    A longer one is cut, followed by the number of omitted characters.
    """
    if not message.isascii():
        # Names of files in messages may not be valid UTF-8.
        message = message.encode("utf-8", "replace").decode()
    if len(message) <= limit:
        return message
    kept = limit
    for _ in range(3):  # The number of omitted characters is part of the length.
        kept = limit - len(_CUT.format(left=len(message) - kept))
    return message[:kept] + _CUT.format(left=len(message) - kept)


def _position(condition: Obj) -> tuple[int, int, str]:
    first = _FIRST.get(condition["type"])
    if first is not None:
        return (first, 0, "")
    return (len(_FIRST), -int(condition.get("observedGeneration") or 0), str(condition["type"]))
