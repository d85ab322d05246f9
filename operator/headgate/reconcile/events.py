"""Kubernetes Events about the custom resources, written in the background.

Same shape as Flux's: core ``v1`` Events of the component ``kustomize-controller`` or ``source-controller`` with
the revision as an annotation, so that ``flux events`` and ``kubectl describe`` show them. Telling never holds
up or fails the work that is told of: events wait in a bounded queue for one writer, and when the API server
refuses one it is logged and dropped. A repeat raises the count of the event that is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from headgate.kube import ApiError, Client, ObjectRef
from headgate.reconcile.notify import Notifier, notification, own_annotations

Obj = dict[str, Any]

_log = logging.getLogger("headgate.events")

NORMAL = "Normal"
WARNING = "Warning"

MESSAGE_LIMIT = 1024 * 10
"""Characters of a message; change sets of hundreds of objects are cut there."""
REPEAT_WINDOW = 600.0
"""Seconds during which the same event counts as a repeat (as client-go's correlator)."""
REMEMBERED = 4096
"""How many recent events are remembered to recognise repeats."""
BACKLOG = 10_000
"""How many events may wait for the writer before new ones are dropped."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell of an object."""

    about: Obj
    """The raw object: kind, apiVersion and metadata are used."""
    component: str
    type: str
    reason: str
    message: str
    annotations: Mapping[str, str] = field(default_factory=dict)


class EventRecorder:
    """Takes events from the reconcilers and writes them in order."""

    def __init__(self, client: Client, notifier: Notifier | None = None) -> None:
        self._client, self._notifier = client, notifier
        self._queue: asyncio.Queue[Event] = asyncio.Queue(maxsize=BACKLOG)
        self._recent: OrderedDict[tuple[str, ...], tuple[str, int, float]] = OrderedDict()
        self._dropped = 0

    def emit(self, event: Event) -> None:
        """Queue the event; never blocks and never raises."""
        if self._notifier is not None:
            is_warning = event.type == WARNING
            self._notifier.post(
                notification(
                    event.about, event.component, is_warning, event.reason, event.message, event.annotations
                )
            )
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._dropped += 1
            if self._dropped % 100 == 1:
                _log.warning("%d events dropped: the API server takes them too slowly", self._dropped)

    async def run(self) -> None:
        """Write events until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._write(event)
            except ApiError as error:
                # A namespace that goes takes no more events, and nobody is left to read them.
                level = logging.DEBUG if _is_terminating(error) else logging.WARNING
                _log.log(level, "event %s about %s not written: %s", event.reason, _name(event.about), error)
            except (OSError, TimeoutError) as error:
                _log.warning("event %s about %s not written: %s", event.reason, _name(event.about), error)
            finally:
                self._queue.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait until all queued events are written, but not longer than that."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), seconds)

    async def _write(self, event: Event) -> None:
        meta = event.about["metadata"]
        key = (
            meta.get("uid", ""),
            event.component,
            event.type,
            event.reason,
            event.message,
            str(event.annotations),
        )
        now = time.monotonic()
        name, count, last = self._recent.pop(key, ("", 0, 0.0))
        namespace = meta.get("namespace") or "default"
        if name and now - last < REPEAT_WINDOW:
            count += 1
            try:
                await self._client.patch(
                    ObjectRef("v1", "Event", name, namespace),
                    {"count": count, "lastTimestamp": _timestamp()},
                    content_type="application/merge-patch+json",
                )
            except ApiError as error:
                if error.status != 404:
                    raise
                name = ""
        else:
            name = ""
        if not name:
            name, count = f"{meta['name'][:230]}.{time.time_ns():x}", 1
            await self._client.create(_as_object(event, name, namespace))
        self._recent[key] = (name, count, now)
        while len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)


def _as_object(event: Event, name: str, namespace: str) -> Obj:
    about, meta, now = event.about, event.about["metadata"], _timestamp()
    obj: Obj = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": meta["name"],
            "namespace": meta.get("namespace", ""),
            "uid": meta.get("uid", ""),
            "resourceVersion": meta.get("resourceVersion", ""),
        },
        "type": event.type,
        "reason": event.reason,
        "message": _cut(event.message),
        "source": {"component": event.component},
        "reportingComponent": event.component,
        "reportingInstance": "",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    annotations = {**event.annotations, **own_annotations(event.about)}
    if annotations:
        obj["metadata"]["annotations"] = annotations
    return obj


def _is_terminating(error: ApiError) -> bool:
    return any(cause.reason == "NamespaceTerminating" for cause in error.causes)


def _cut(message: str) -> str:
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 4] + " ..."


def _timestamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(obj: Obj) -> str:
    meta = obj["metadata"]
    return f"{obj.get('kind')}/{meta.get('namespace')}/{meta.get('name')}"
