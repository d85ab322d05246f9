"""A working copy of one object's status, and the writes of it.

A reconcile edits the copy as it proceeds, and writes it at the end. Progress in between is written only if the work
takes long enough for users to notice (:data:`PROGRESS_DELAY`), so that a reconcile of fifty milliseconds costs one
write and not six. A write sends only the difference from the API server's last response, and nothing if there is none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from headgate.api import conditions as cond
from headgate.documents.copying import copied
from headgate.kube import Client, NotFound, ref_of
from headgate.objects import Obj

_log = logging.getLogger("headgate.status")

PROGRESS_DELAY = 0.4
"""Seconds after which unwritten progress is written."""
ROUTINE_DELAY = 5.0
"""The same for a routine check with everything in place, which is unimportant while the API server is busy."""


class StatusSession:
    """The status of ``obj`` during a reconcile.

    ``on_written`` is called with the object as the API server returned it after each write.
    """

    def __init__(self, client: Client, obj: Obj, *, manager: str, on_written: Callable[[Obj], None]) -> None:
        self.obj = obj
        self.status: Obj = _copied(obj.get("status") or {})
        self._known: Obj = _copied(self.status)
        self._client = client
        self._manager = manager
        self._on_written = on_written
        self._lock = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.wrote = False
        """Whether any write has been sent."""

    @property
    def generation(self) -> int:
        """The generation of the spec that the reconcile handles."""
        return int(self.obj["metadata"].get("generation", 0))

    def mark(self, type: str, status: str, reason: str, message: str) -> None:
        """Set a condition; its transition time changes only with its status."""
        self.status["conditions"] = cond.with_condition(
            self.status.get("conditions") or [], type, status, reason, message, self.generation
        )

    def unmark(self, *types: str) -> None:
        """Remove these conditions, if set."""
        kept = cond.without(self.status.get("conditions") or [], *types)
        if kept != (self.status.get("conditions") or []):
            self.status["conditions"] = kept

    def condition(self, type: str) -> Obj | None:
        """The condition of that type; None if it is not set."""
        return cond.get(self.status.get("conditions") or [], type)

    def is_true(self, type: str) -> bool:
        """Whether the condition is set and True."""
        found = self.condition(type)
        return found is not None and found["status"] == "True"

    def write_soon(self, within: float = PROGRESS_DELAY) -> None:
        """Write the edits unless another write comes within so many seconds."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + within:
                return
            self._timer.cancel()
        self._timer = loop.call_later(within, self._start_write)

    async def write(self) -> bool:
        """Write the edits now; False if the object no longer exists.

        Raises :class:`headgate.kube.ApiError`, but not for an object that is gone.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        async with self._lock:
            patch = _difference(self._known, self.status)
            if not patch:
                return True
            sent = _copied(self.status)
            # Before the response: an attempt that ends in the meantime must correct what is on its way.
            self.wrote = True
            try:
                obj = await self._client.patch(
                    ref_of(self.obj),
                    {"status": patch},
                    content_type="application/merge-patch+json",
                    subresource="status",
                    field_manager=self._manager,
                )
            except NotFound:
                return False
            self._known = sent
            self.obj = {
                **self.obj,
                "metadata": {**self.obj["metadata"], "resourceVersion": obj["metadata"]["resourceVersion"]},
            }
            self._on_written(obj)
            return True

    def revert(self) -> None:
        """Undo all edits that were not written."""
        self.abandon()
        self.status = _copied(self._known)

    def abandon(self) -> None:
        """Drop unwritten progress: the reconcile is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_write(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._write_progress())

    async def _write_progress(self) -> None:
        try:
            await self.write()
        except Exception as error:
            # The last write of the attempt meets the same error, and raises it.
            _log.warning("progress of %s not written: %s", ref_of(self.obj), error)


def _copied(status: Obj) -> Obj:
    """A copy for edits. It shares the inventory, which may be long: edits replace it as a whole."""
    return {name: value if name == "inventory" else copied(value) for name, value in status.items()}


def _difference(old: Obj, new: Obj) -> Obj:
    """A merge patch from ``old`` to ``new``, one level deep: a status field is replaced as a whole."""
    patch = {k: v for k, v in new.items() if old.get(k) != v or k not in old}
    patch |= {k: None for k in old if k not in new}
    return {k: _replacing(old.get(k), v) for k, v in patch.items()}


def _replacing(old: Any, new: Any) -> Any:
    """A merge patch value that leaves exactly ``new``: keys of ``old`` that are gone become null."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {k: None for k in old if k not in new} | {k: _replacing(old.get(k), v) for k, v in new.items()}
    return new
