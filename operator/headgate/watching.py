"""Keeps Kopf's watches open, whatever the API server answers.

Kopf begins and ends watches as definitions come and go, and ends the whole operator when one watch fails: when a
definition is deleted, when one API server of several does not serve a new one yet, when a right is missing, or when a
watch reports any error but 410. It says nothing of objects that were deleted while no watch was open. So
:class:`Watches` takes two things over:

- which kinds Kopf watches: always the given ones, whether the cluster serves them or not (``insights``, an argument of
  ``kopf.operator``). Kopf itself watches no definitions, and cannot miss that one has come back.
- one round of a watch, which is a list and the events after it (Kopf's ``continuous_watch``, a private function). A
  failed round is logged, and the next one follows after a back-off. An object that the next list does not have is
  reported as deleted. A kind that is not served has no objects.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import kopf
from kopf._cogs.clients import watching as kopf_watching
from kopf._cogs.structs.references import Insights

from headgate.backoff import Doubling
from headgate.objects import Obj

PAUSES = Doubling(0.5, 15.0, jitter=0.3)
"""The back-off after failed rounds."""
REPEATS = (1.0, 2.0, 4.0, 8.0)
"""Seconds after which Kopf repeats a request that fails, before the round has failed."""
SETTLED = 10.0
"""Seconds after a list for which a watch must stay open: then a failure counts as the first."""
ABSENT = 3
"""Answers in a row that the kind is not served, until its objects count as gone: one API server of several may be late
to serve a definition."""
WAITED_FOR = 3
"""Failed rounds at the start until the other kinds no longer wait for this one."""

_NOT_FOUND, _FORBIDDEN, _GONE = 404, 403, 410
_NOT_SERVED = "not served"

Event = Any
"""What a round yields: Kopf's mark for the end of the list, or an event with ``type`` (None for a listed object) and
``object``."""
Round = Callable[..., AsyncGenerator[Event, None]]
"""Kopf's ``continuous_watch``, or what replaces it."""

_log = logging.getLogger("headgate.watching")


@dataclass(frozen=True, slots=True)
class Watched:
    """A kind that is watched; ``expected``: an installation without it is a mistake."""

    group: str
    version: str
    plural: str
    kind: str
    expected: bool = False

    @property
    def resource(self) -> kopf.Resource:
        """The same for Kopf."""
        return kopf.Resource(self.group, self.version, self.plural, kind=self.kind, namespaced=True)

    def __str__(self) -> str:
        return f"{self.plural}.{self.version}.{self.group}"


@dataclass(slots=True)
class _State:
    """What the rounds of one watch have in common."""

    watched: Watched
    known: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Namespace and name of each object that has been reported and not been deleted, by its uid."""
    failures: int = 0
    absent: int = 0
    listed_at: float | None = None
    told: str = ""
    """The kind of failure that the log has; empty while the watch is open."""
    unlisted: bool = False
    """Whether the last round failed before the end of its list."""
    was_served: bool = False


class Watches:
    """The watches of some kinds, for one run of ``kopf.operator``."""

    def __init__(self, kinds: Collection[Watched]) -> None:
        self.insights = Insights()
        """For the argument of the same name."""
        self._kinds = {kind.resource: kind for kind in kinds}
        self._states: dict[tuple[kopf.Resource, str | None], _State] = {}
        self._kopf = cast(Round, kopf_watching.continuous_watch)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Run ``kopf.operator`` inside: its watches are kept open."""
        beginning = asyncio.create_task(self._begin(), name="watches of all kinds")
        kopf_watching.continuous_watch, before = self.round, kopf_watching.continuous_watch
        try:
            yield
        finally:
            kopf_watching.continuous_watch = before
            beginning.cancel()

    async def _begin(self) -> None:
        """Add the kinds that Kopf has not found on the cluster, once it has searched."""
        await self.insights.ready_resources.wait()
        async with self.insights.revised:
            self.insights.indexed_resources.update(self._kinds)
            self.insights.watched_resources.update(self._kinds)
            self.insights.revised.notify_all()

    async def round(
        self,
        *,
        settings: kopf.OperatorSettings,
        resource: kopf.Resource,
        namespace: str | None,
        operator_pause_waiter: asyncio.Future[Any],
    ) -> AsyncGenerator[Event, None]:
        """One round; Kopf begins the next one when it ends. Raises :class:`kopf.LoginError` only."""
        key = resource, namespace
        if key not in self._states:
            self._states[key] = _State(self._kinds.get(resource) or _unknown(resource))
        state, found = self._states[key], dict[str, tuple[str, str]]()
        state.listed_at = None
        failure: Exception | None = None
        stream = self._kopf(
            settings=replace(settings, networking=replace(settings.networking, error_backoffs=REPEATS)),
            resource=resource,
            namespace=namespace,
            operator_pause_waiter=operator_pause_waiter,
        )
        try:
            async with aclosing(stream) as events:
                async for event in events:
                    if event is kopf_watching.Bookmark.LISTED:
                        for gone in _deleted(state, found):
                            yield gone
                        _listed(state)
                    else:
                        _note(state, found, event)
                    yield event
        except kopf.LoginError:
            raise
        except Exception as error:
            failure = error
        # After a part of a list, both its objects and those of the list before may exist.
        state.known.update(found)
        _settle(state)
        if state.listed_at is not None and (failure is None or _status(failure) == _GONE):
            return
        pause = _failed(state, failure)
        if state.absent >= ABSENT or (state.absent and not state.known):
            for gone in _deleted(state, {}):
                yield gone
        if state.absent or _status(failure) == _FORBIDDEN or (failure and state.failures >= WAITED_FOR):
            # At the start, nothing is reconciled before all kinds are listed.
            yield kopf_watching.Bookmark.LISTED
        await asyncio.sleep(pause)


def _note(state: _State, found: dict[str, tuple[str, str]], event: Event) -> None:
    """Record the object of an event. Until the end of the list, ``found`` has its objects."""
    meta = event["object"].get("metadata") or {}
    uid = meta.get("uid")
    if event["type"] == "BOOKMARK" or uid is None:
        return
    if event["type"] == "DELETED":
        state.known.pop(uid, None)
        return
    into = found if state.listed_at is None else state.known
    into[uid] = meta.get("namespace", ""), meta["name"]


def _deleted(state: _State, found: dict[str, tuple[str, str]]) -> Iterable[Event]:
    """The deletions of the objects that only ``known`` has; afterwards ``found`` is known."""
    before, state.known = state.known, dict(found)
    found.clear()
    return _deletions(state.watched, ((uid, *name) for uid, name in before.items() if uid not in state.known))


def _deletions(watched: Watched, objects: Iterable[tuple[str, str, str]]) -> Iterator[Event]:
    for uid, namespace, name in objects:
        obj: Obj = {
            "apiVersion": f"{watched.group}/{watched.version}",
            "kind": watched.kind,
            "metadata": {"namespace": namespace, "name": name, "uid": uid},
        }
        yield {"type": "DELETED", "object": obj}


def _listed(state: _State) -> None:
    # A list says nothing about a failure of the watch that follows it, except that the kind is served.
    if state.told and (state.unlisted or state.told == _NOT_SERVED):
        _log.info("%s is watched now", state.watched)
        state.told = ""
    state.listed_at, state.absent, state.unlisted, state.was_served = time.monotonic(), 0, False, True


def _settle(state: _State) -> None:
    if state.listed_at is not None and time.monotonic() - state.listed_at >= SETTLED:
        state.failures, state.told = 0, ""


def _failed(state: _State, failure: Exception | None) -> float:
    """Count and log a failed round; returns the seconds until the next one. None: there was no answer."""
    status = _status(failure)
    state.unlisted = state.listed_at is None
    state.failures += 1
    state.absent = state.absent + 1 if status == _NOT_FOUND else 0
    pause = PAUSES.after(state.failures)
    level = logging.WARNING
    if status == _NOT_FOUND:
        kind = _NOT_SERVED
        if state.was_served:
            text = f"the cluster no longer serves {state.watched}: its objects soon count as gone"
        else:
            text = f"the cluster does not serve {state.watched}"
            level = logging.WARNING if state.watched.expected else logging.INFO
        text += "; the watch begins as soon as it does"
    else:
        kind = str(status or type(failure))
        why = _reason(failure)
        text = (
            f"the watch of {state.watched} failed: {why}; its objects count as unchanged until it is open again, "
            f"next attempt in {pause:.1f}s"
        )
    _log.log(level if kind != state.told else logging.DEBUG, "%s", text)
    state.told = kind
    return pause


def _status(failure: Exception | None) -> int:
    status = getattr(failure, "status", None)
    return status if isinstance(status, int) else 0


def _reason(failure: Exception | None) -> str:
    if failure is None:
        return "no answer"
    said = str(failure.args[0]) if failure.args else ""
    return said or (f"HTTP status {_status(failure)}" if _status(failure) else type(failure).__name__)


def _unknown(resource: kopf.Resource) -> Watched:
    return Watched(resource.group, resource.version, resource.plural, resource.kind or resource.plural)
