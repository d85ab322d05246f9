"""Posts events to a notification controller (``--events-addr``), in Flux's format.

The body is Flux's ``Event`` (``event.toolkit.fluxcd.io``): who it is about, severity, reason, message, metadata.
Delivery is tried again on connection errors and 5xx; 429 means that the receiver knows the event already.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp

Obj = dict[str, Any]

_log = logging.getLogger("headgate.notify")

EVENT_GROUP = "event.toolkit.fluxcd.io"
"""Annotations of the object with this prefix are sent along."""
TIMEOUT = 5.0
"""Seconds for one delivery."""
TRIES = 4
FIRST_PAUSE = 1.0
"""Seconds before the second try; each further pause is twice as long."""
BACKLOG = 1_000
"""How many events may wait to be posted before new ones are dropped."""


class Notifier:
    """Takes events and posts them in order, in the background."""

    def __init__(self, address: str) -> None:
        """``address`` as Flux takes it: a URL, or ``host`` or ``host:port`` for plain HTTP."""
        self._url = address if "://" in address else f"http://{address}"
        self._queue: asyncio.Queue[Obj] = asyncio.Queue(maxsize=BACKLOG)
        self._dropped = 0

    def post(self, body: Obj) -> None:
        """Queue the body of an event; never blocks."""
        try:
            self._queue.put_nowait(body)
        except asyncio.QueueFull:
            self._dropped += 1
            if self._dropped % 100 == 1:
                _log.warning("%d events dropped: %s takes them too slowly", self._dropped, self._url)

    async def run(self) -> None:
        """Post until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                await self._deliver(session, await self._queue.get())

    async def _deliver(self, session: aiohttp.ClientSession, body: Obj) -> None:
        pause = FIRST_PAUSE
        for attempt in range(1, TRIES + 1):
            try:
                async with session.post(self._url, json=body) as answer:
                    if answer.status < 500:
                        if answer.status >= 400 and answer.status != 429:
                            _log.warning("event refused by %s: HTTP %d", self._url, answer.status)
                        return
                    problem = f"HTTP {answer.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = str(error) or type(error).__name__
            if attempt < TRIES:
                await asyncio.sleep(pause)
                pause *= 2
        _log.warning("event not delivered to %s after %d tries: %s", self._url, TRIES, problem)


def notification(
    about: Obj, component: str, warning: bool, reason: str, message: str, annotations: Mapping[str, str]
) -> Obj:
    """The body of one event."""
    meta = about["metadata"]
    return {
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": meta["name"],
            "namespace": meta.get("namespace", ""),
            "uid": meta.get("uid", ""),
            "resourceVersion": meta.get("resourceVersion", ""),
        },
        "severity": "error" if warning else "info",
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "message": message,
        "reason": reason,
        "metadata": {**annotations, **own_annotations(about)},
        "reportingController": component,
        "reportingInstance": socket.gethostname(),
    }


def own_annotations(about: Obj) -> dict[str, str]:
    """What a user wrote on the object to be told with all its events."""
    annotations = about["metadata"].get("annotations") or {}
    return {k: v for k, v in annotations.items() if k.startswith(f"{EVENT_GROUP}/")}
