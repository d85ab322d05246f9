"""Posts events to a notification controller (``--events-addr``), in Flux's format.

The body is Flux's ``Event`` (``event.toolkit.fluxcd.io``): the object, severity, reason, message, metadata. Delivery is
retried after connection errors and 5xx; 429 means that the receiver already has the event.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping

import aiohttp

from headgate.api.meta import timestamp
from headgate.backoff import Doubling
from headgate.fairness.backlog import Backlog
from headgate.kube.resolver import PooledResolver
from headgate.names import EVENT_GROUP
from headgate.objects import Obj

_log = logging.getLogger("headgate.notify")

"""Annotations of the object with this prefix are included."""
TIMEOUT = 5.0
"""The timeout of one delivery, in seconds."""
TRIES = 4
PAUSES = Doubling(1.0, TIMEOUT)
"""The delays between attempts."""


class Notifier:
    """Takes events and posts them in the background, in order within each namespace."""

    def __init__(self, address: str, on_dropped: Callable[[str], None] = lambda _: None) -> None:
        """``address`` in Flux's form: a URL, or ``host`` or ``host:port`` for plain HTTP.

        ``on_dropped`` is called with the reason for an event's loss: ``backlog`` or ``refused``.
        """
        self._url = address if "://" in address else f"http://{address}"
        self._on_dropped = on_dropped
        self._backlog: Backlog[Obj] = Backlog(on_dropped=lambda: on_dropped("backlog"))

    def post(self, body: Obj) -> None:
        """Queue the body of an event; never blocks."""
        size = len(body["message"]) + sum(len(k) + len(v) for k, v in body["metadata"].items())
        self._backlog.put(body["involvedObject"]["namespace"], body, size + 1024)

    async def run(self) -> None:
        """Post until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=PooledResolver()), timeout=timeout
        ) as session:
            while True:
                await self._deliver(session, await self._backlog.take())

    async def _deliver(self, session: aiohttp.ClientSession, body: Obj) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                async with session.post(self._url, json=body) as answer:
                    if answer.status < 500:
                        if answer.status >= 400 and answer.status != 429:
                            _log.warning("event refused by %s: HTTP %d", self._url, answer.status)
                            self._on_dropped("refused")
                        return
                    problem = f"HTTP {answer.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = str(error) or type(error).__name__
            if attempt < TRIES:
                await asyncio.sleep(PAUSES.after(attempt))
        _log.warning("event not delivered to %s after %d tries: %s", self._url, TRIES, problem)
        self._on_dropped("refused")


def involved_object(about: Obj) -> Obj:
    """The reference of an event to the object that it is about."""
    meta = about["metadata"]
    return {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "name": meta["name"],
        "namespace": meta.get("namespace", ""),
        "uid": meta.get("uid", ""),
        "resourceVersion": meta.get("resourceVersion", ""),
    }


def notification(
    about: Obj, component: str, is_error: bool, reason: str, message: str, annotations: Mapping[str, str]
) -> Obj:
    """The body of one event. notification-controller sets the status of a commit by its severity."""
    return {
        "involvedObject": involved_object(about),
        "severity": "error" if is_error else "info",
        "timestamp": timestamp(),
        "message": message,
        "reason": reason,
        "metadata": {**annotations, **own_annotations(about)},
        "reportingController": component,
        "reportingInstance": socket.gethostname(),
    }


def own_annotations(about: Obj) -> dict[str, str]:
    """The annotations that a user put on the object to include in all its events."""
    annotations = about["metadata"].get("annotations") or {}
    return {k: v for k, v in annotations.items() if k.startswith(f"{EVENT_GROUP}/")}
