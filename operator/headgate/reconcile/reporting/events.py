"""Kubernetes Events about the custom resources, written in the background.

Same shape as Flux's: core ``v1`` Events of the component ``kustomize-controller`` or ``source-controller`` with the
revision as an annotation, so that ``flux events`` and ``kubectl describe`` show them. An event never delays or fails
the work that it reports: events wait in a bounded queue for one writer, which logs and drops an event that the API
server refuses. A repetition raises the count of the existing event. As in Flux's controllers, whose events go through
client-go, an object may have 25 events at once and one more every five minutes.

A tenant chooses the objects, and so may choose the texts: all that is kept here has a size limit independent of them,
and a namespace cannot displace what another one has.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import orjson

from headgate.api.conditions import cut_message
from headgate.api.meta import timestamp
from headgate.fairness.backlog import Backlog, NamespaceCache
from headgate.kube import ApiError, Client, ObjectRef
from headgate.objects import Obj
from headgate.reconcile.reporting.notify import Notifier, involved_object, notification, own_annotations

_log = logging.getLogger("headgate.events")

NORMAL = "Normal"
WARNING = "Warning"

MESSAGE_LIMIT = 1024 * 10
"""The limit for characters of a message, which truncates change sets of hundreds of objects."""
REPEAT_WINDOW = 600.0
"""Seconds during which the same event counts as a repetition (as in client-go's correlator)."""
BURST, EVERY = 25, 300.0
"""Events of one object at once, and the seconds until it may have one more (client-go's spam filter)."""
REMEMBERED_OF_ONE, REMEMBERED = 512, 16_384
"""How many recent events, of one namespace and of all, are kept to recognize repetitions; and how many objects."""
LONGEST_NOTICE = 64 * 1024
"""The limit for characters of a message to a notification controller."""
ANNOTATIONS_LIMIT = 32 * 1024
"""The limit for characters of an event's annotations; further ones are omitted."""


@dataclass(frozen=True, slots=True)
class Event:
    """One report about an object."""

    about: Obj
    """The raw object; only its kind, apiVersion and metadata are used."""
    component: str
    type: str
    reason: str
    message: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    record: bool = True
    """Whether the event becomes an Event on the cluster."""
    notify: bool = True
    """Whether the event goes to a notification controller; false for what Flux calls traces."""
    is_advice: bool = False
    """A warning about an object that is reconciled all the same: no error to a notification controller, which reports
    a commit with an error as failed."""
    managed: ObjectRef | None = None
    """The managed object that it is about; None if it is about the object itself."""


class EventRecorder:
    """Takes events from the reconcilers and writes them, in order within each namespace."""

    def __init__(
        self,
        client: Client,
        notifier: Notifier | None = None,
        *,
        on_dropped: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_dropped`` is called with the reason for an event's loss: ``backlog``, ``rate`` or ``refused``."""
        self._client, self._notifier, self._on_dropped, self._clock = client, notifier, on_dropped, clock
        self._on_event: Callable[[Event], None] | None = None
        self._backlog: Backlog[Event] = Backlog(on_dropped=lambda: on_dropped("backlog"))
        self._recent: NamespaceCache[bytes, tuple[str, int, float]] = NamespaceCache(
            REMEMBERED_OF_ONE, REMEMBERED
        )
        self._allowed: NamespaceCache[bytes, tuple[float, float]] = NamespaceCache(
            REMEMBERED_OF_ONE, REMEMBERED
        )

    def subscribe(self, on_event: Callable[[Event], None]) -> None:
        """Call ``on_event`` with each event that is sent, as it is sent; it must not raise."""
        self._on_event = on_event

    def emit(self, event: Event) -> None:
        """Queue the event; never blocks and never raises."""
        about = _slim(event.about)
        annotations = _bounded({**event.annotations, **own_annotations(event.about)})
        namespace = _namespace(about)
        if self._notifier is not None and event.notify:
            is_error = event.type == WARNING and not event.is_advice
            message = cut_message(event.message, LONGEST_NOTICE)
            self._notifier.post(
                notification(about, event.component, is_error, event.reason, message, annotations)
            )
        if not event.record:
            return
        if not self._may_have(namespace, about, event.component):
            self._on_dropped("rate")
            return
        kept = replace(
            event, about=about, message=cut_message(event.message, MESSAGE_LIMIT), annotations=annotations
        )
        if self._on_event is not None:
            self._on_event(kept)
        size = len(kept.message) + sum(len(k) + len(v) for k, v in annotations.items())
        self._backlog.put(namespace, kept, size + 1024)

    async def run(self) -> None:
        """Write events until cancelled."""
        while True:
            event = await self._backlog.take()
            try:
                await self._write(event)
            except ApiError as error:
                # A namespace that is being deleted accepts no more events, and nobody is left to read them.
                level = logging.DEBUG if _is_terminating(error) else logging.WARNING
                _log.log(level, "event %s about %s not written: %s", event.reason, _name(event.about), error)
                self._on_dropped("refused")
            except (OSError, TimeoutError) as error:
                _log.warning("event %s about %s not written: %s", event.reason, _name(event.about), error)
                self._on_dropped("refused")
            except Exception:
                # An event that cannot be written must not delay all others.
                _log.exception("event %s about %s not written", event.reason, _name(event.about))
                self._on_dropped("refused")
            finally:
                self._backlog.done()

    async def drain(self, seconds: float) -> None:
        """Wait until all queued events are written, for at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._backlog.join(), seconds)

    def _may_have(self, namespace: str, about: Obj, component: str) -> bool:
        meta, now = about["metadata"], self._clock()
        key = _digest(component, about["kind"], about["apiVersion"], meta["name"], meta["uid"])
        left, at = self._allowed.pop(namespace, key) or (float(BURST), now)
        left = min(float(BURST), left + (now - at) / EVERY)
        may = left >= 1
        self._allowed.put(namespace, key, (left - 1 if may else left, now))
        return may

    async def _write(self, event: Event) -> None:
        meta, namespace = event.about["metadata"], _namespace(event.about)
        annotations = orjson.dumps(event.annotations, option=orjson.OPT_SORT_KEYS).decode()
        key = _digest(meta["uid"], event.component, event.type, event.reason, event.message, annotations)
        now = self._clock()
        name, count, last = self._recent.pop(namespace, key) or ("", 0, 0.0)
        if name and now - last < REPEAT_WINDOW:
            count += 1
            try:
                await self._client.patch(
                    ObjectRef("v1", "Event", name, namespace),
                    {"count": count, "lastTimestamp": timestamp()},
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
        self._recent.put(namespace, key, (name, count, now))


def _slim(about: Obj) -> Obj:
    """The identity of the object: the object itself may be as large as etcd allows."""
    meta = about["metadata"]
    return {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "metadata": {
            "name": meta["name"],
            "namespace": meta.get("namespace") or "",
            "uid": meta.get("uid") or "",
            "resourceVersion": meta.get("resourceVersion") or "",
        },
    }


def _bounded(annotations: Mapping[str, str]) -> dict[str, str]:
    left, kept = ANNOTATIONS_LIMIT, {}
    for name, value in annotations.items():
        left -= len(name) + len(value)
        if left < 0:
            break
        kept[name] = value
    return kept


def _digest(*parts: str) -> bytes:
    """A key of 16 bytes for texts of any length."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(text))
        digest.update(text)
    return digest.digest()


def _namespace(about: Obj) -> str:
    return about["metadata"].get("namespace") or "default"


def _as_object(event: Event, name: str, namespace: str) -> Obj:
    about, now = event.about, timestamp()
    obj: Obj = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": involved_object(about),
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "source": {"component": event.component},
        "reportingComponent": event.component,
        "reportingInstance": "",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    if event.annotations:
        obj["metadata"]["annotations"] = dict(event.annotations)
    return obj


def _is_terminating(error: ApiError) -> bool:
    return any(cause.reason == "NamespaceTerminating" for cause in error.causes)


def _name(obj: Obj) -> str:
    meta = obj["metadata"]
    return f"{obj.get('kind')}/{meta.get('namespace')}/{meta.get('name')}"
