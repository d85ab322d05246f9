"""Kopf: turns watch events into keys of the work queues; nothing else.

Only low-level handlers (``on.event``, ``index``) are used. They keep no state on the objects: no annotation, no
finalizer of Kopf's, no limit on the size of a spec. An index handler receives every object before any event handler
runs, so the operator's view of the cluster is complete before its first decision.

All handlers are coroutines, which Kopf runs on the event loop; it would run a plain function in a thread, concurrently
with the loop that reads the same data. If a handler fails to pass on an event, it logs the error and retries until it
succeeds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import kopf

from headgate.backoff import Backoff
from headgate.kube import Client
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION, KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.objects import Obj
from headgate.reconcile.core.controller import RETRIES
from headgate.watching import Watched

SOURCES = (
    Watched(SOURCE_GROUP, "v1", "gitrepositories", GIT_REPOSITORY, expected=True),
    Watched(SOURCE_GROUP, "v1", "ocirepositories", "OCIRepository"),
    Watched(SOURCE_GROUP, "v1", "buckets", "Bucket"),
    Watched(SOURCE_GROUP, "v1", "externalartifacts", "ExternalArtifact"),
)
KINDS = (Watched(KUSTOMIZE_GROUP, "v1", "kustomizations", KUSTOMIZATION, expected=True), *SOURCES)
"""What the handlers here are for."""

SERVER_TIMEOUT = 300
"""Seconds after which the API server ends a watch; a silent watch is then renewed."""

_Subject = tuple[str, str, str, str]
"""The type of the event, and the kind, namespace and name of its object."""

_log = logging.getLogger("headgate.handlers")


class Sink(Protocol):
    """The receiver of events: the operator. All methods return at once."""

    def seen_kustomization(self, obj: Obj) -> None:
        """Receive a listed or watched object, before any event about it."""

    def seen_source(self, obj: Obj) -> None:
        """The same for a source."""

    def kustomization_event(self, obj: Obj, *, deleted: bool) -> None:
        """The Kustomization has changed and may need a reconcile."""

    def source_event(self, obj: Obj, *, deleted: bool) -> None:
        """The source has changed; it or its users may need a reconcile."""


class Deliveries:
    """Passes events on. Logs failures and retries them, unless a newer event about the object has arrived."""

    def __init__(self) -> None:
        self._backoff: Backoff[_Subject] = Backoff(RETRIES)
        self._repeats: dict[_Subject, asyncio.TimerHandle] = {}

    def deliver(self, what: str, obj: Obj, act: Callable[[], None]) -> None:
        """Call ``act``, which passes on an event of type ``what`` about an object; raises nothing."""
        meta = obj["metadata"]
        self._try((what, str(obj.get("kind")), meta.get("namespace", ""), meta["name"]), act)

    def _try(self, subject: _Subject, act: Callable[[], None]) -> None:
        repeat = self._repeats.pop(subject, None)
        if repeat is not None:
            repeat.cancel()
        try:
            act()
        except Exception as error:
            pause = self._backoff.next(subject)
            _log.exception("%s failed, next attempt in %.1fs: %s", " ".join(subject), pause, error)
            self._repeats[subject] = asyncio.get_running_loop().call_later(pause, self._try, subject, act)
        else:
            self._backoff.reset(subject)


def registry(
    sink: Sink, client: Client, selects: Callable[[Obj], bool], stopping: Callable[[], Awaitable[None]]
) -> kopf.OperatorRegistry:
    """Return the handlers, bound to ``sink``; Kopf's own requests use the cluster and user of ``client``.

    The handlers ignore Kustomizations and GitRepositories that ``selects`` refuses. Other controllers reconcile sources
    of other kinds, so the handlers accept all of those. ``stopping`` is awaited when a signal ends the watches.
    """
    handlers, deliveries = kopf.OperatorRegistry(), Deliveries()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        found = await client.login()
        return kopf.ConnectionInfo(
            server=found.server,
            ca_path=found.ca_file,
            insecure=found.insecure,
            token=found.token,
            username=found.username,
            password=found.password,
            certificate_path=found.certificate_file,
            private_key_path=found.key_file,
            proxy_url=found.proxy,
        )

    @kopf.index(KUSTOMIZE_GROUP, "v1", "kustomizations", registry=handlers, id="kustomizations")
    async def index_kustomization(body: kopf.Body, **_: Any) -> None:
        obj = _raw(body)
        if selects(obj):
            deliveries.deliver("seen", obj, lambda: sink.seen_kustomization(obj))

    @kopf.on.event(KUSTOMIZE_GROUP, "v1", "kustomizations", registry=handlers, id="kustomization")
    async def on_kustomization(event: Any, **_: Any) -> None:
        obj = event["object"]
        deleted = event["type"] == "DELETED" or not selects(obj)
        deliveries.deliver("event", obj, lambda: sink.kustomization_event(obj, deleted=deleted))

    @kopf.on.cleanup(registry=handlers)
    async def stop(**_: Any) -> None:
        # Kopf waits 5 seconds for every task that started after it: end those that are not its own here.
        await stopping()

    for source in SOURCES:

        @kopf.index(source.group, source.version, source.plural, registry=handlers, id=source.plural)
        async def index_source(body: kopf.Body, **_: Any) -> None:
            obj = _raw(body)
            if obj.get("kind") != GIT_REPOSITORY or selects(obj):
                deliveries.deliver("seen", obj, lambda: sink.seen_source(obj))

        @kopf.on.event(
            source.group, source.version, source.plural, registry=handlers, id=f"{source.plural}-event"
        )
        async def on_source(event: Any, **_: Any) -> None:
            obj = event["object"]
            left = obj.get("kind") == GIT_REPOSITORY and not selects(obj)
            deleted = event["type"] == "DELETED" or left
            deliveries.deliver("event", obj, lambda: sink.source_event(obj, deleted=deleted))

    return handlers


def settings() -> kopf.OperatorSettings:
    """Return Kopf's settings: only watch."""
    out = kopf.OperatorSettings()
    out.posting.enabled = False
    out.scanning.disabled = True  # `Watches` says which kinds there are
    out.peering.standalone = True
    out.watching.server_timeout = SERVER_TIMEOUT
    out.watching.client_timeout = SERVER_TIMEOUT + 30
    out.watching.connect_timeout = 30.0
    out.networking.request_timeout = 60.0
    out.process.ultimate_exiting_timeout = 30.0
    for name in ("kopf.objects", "kopf.activities.authentication", "kopf._core.reactor.running"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Kopf warns of kinds that it does not find at the start; `Watches` says more.
    logging.getLogger("kopf._core.reactor.observation").setLevel(logging.ERROR)
    return out


def _raw(body: kopf.Body) -> Obj:
    # Kopf's Body is a live view of the object that it wraps; the plain object outlives the event.
    return dict(body)
