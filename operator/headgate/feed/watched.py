"""The health of applied objects, as the operator's watches show them, for Kustomizations that wait for none.

Only for those that apply with the operator's own rights: what a service account may see, the watches do not say. The
same rules judge as in a health check.
"""

from __future__ import annotations

from collections.abc import Callable

from headgate.api import ObjectKey
from headgate.feed.memory import Memory
from headgate.health import compute
from headgate.kube import ObjectRef
from headgate.reconcile.target.live import LiveObjects

__all__ = ["WatchedHealth"]

AT_ONCE = 200
"""Objects that are judged between two turns of the event loop."""
_OUTSPOKEN = frozenset(("", "apps", "batch", "policy"))
"""API groups whose rules make their own messages; those of others may quote what the object was given."""


class WatchedHealth:
    """Notes which objects have changed, and judges them a few at a time."""

    def __init__(self, live: LiveObjects, memory: Memory, is_limited: Callable[[ObjectKey], bool]) -> None:
        """``is_limited``: whether the Kustomization acts as an account that may see less than the operator."""
        self._live, self._memory, self._is_limited = live, memory, is_limited
        self._changed: dict[tuple[ObjectKey, ObjectRef], None] = {}

    def seen(self, key: ObjectKey, ref: ObjectRef) -> None:
        """Note that an object has changed."""
        self._changed[key, ref] = None

    def judge(self) -> bool:
        """Judge some of the objects that have changed; whether others are left."""
        found: dict[ObjectKey, dict[ObjectRef, tuple[str, str] | None]] = {}
        for key, ref in list(self._changed)[:AT_ONCE]:
            del self._changed[key, ref]
            found.setdefault(key, {})[ref] = self._health(key, ref)
        for key, health in found.items():
            if not self._is_limited(key):
                self._memory.saw(key, health)
        return bool(self._changed)

    def _health(self, key: ObjectKey, ref: ObjectRef) -> tuple[str, str] | None:
        obj = self._live.state(ref)
        if obj is None or obj["metadata"]["uid"] != self._live.uid(key, ref):
            return None
        health = compute(obj)
        return health.status.value, health.message[:500] if ref.group in _OUTSPOKEN else ""
