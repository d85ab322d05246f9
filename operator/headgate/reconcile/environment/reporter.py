"""When a report is due: after each change, and every few minutes, so that the newest one is never old.

A report never delays a reconcile: it is composed and pushed in threads, with one push every ten seconds at most. A
failure is an event on the GitRepository and a metric; the next try follows after a back-off.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from headgate.api import ObjectKey, reasons
from headgate.api.report import EnvironmentReport
from headgate.backoff import Doubling
from headgate.fairness.pools import NETWORK, OWN, aside
from headgate.git.errors import GitError
from headgate.kube import METADATA_LIST, ApiError, Client, ObjectRef
from headgate.names import (
    GIT_REPOSITORY,
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE_CONTROLLER,
    SOURCE_VERSION,
)
from headgate.objects import Obj
from headgate.reconcile.core.store import SourceKey, Store, key_of
from headgate.reconcile.environment.secret import (
    Destination,
    ReportImpossible,
    destination,
    reported_source,
)
from headgate.reconcile.environment.writing import ReportWriter, observe
from headgate.reconcile.reporting.events import WARNING, Event, EventRecorder
from headgate.reconcile.reporting.unexpected import explained
from headgate.settings import ReportSettings

__all__ = ["EnvironmentReporter", "Pushed", "ReportMeasure"]

_log = logging.getLogger("headgate.report")

BATCH = 10.0
"""Seconds between two pushes."""
SETTLE = 1.0
"""Seconds after a change during which further ones join it."""
CONFIRM = 240.0
"""Seconds after which a report is pushed although nothing has changed: less than half of what makes it stale."""
PAUSES = Doubling(BATCH, 30.0, 0.1)
"""After failures: a server that is back gets a report before the last one is stale."""


class ReportMeasure(Protocol):
    """Receives what becomes of reports; the metrics implement it."""

    def reported(self, *, failed: bool) -> None:
        """A report was pushed, or could not be."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of the last report."""

    environment: str
    """Empty if the Secret was not read yet."""
    source: ObjectKey
    """The GitRepository whose remote has the report."""
    at: datetime | None
    """When the operator observed what it reported last."""
    problem: str
    """Why the last push failed; empty if it did not."""


class EnvironmentReporter:
    """The part of the program that reports. Used from the event loop."""

    def __init__(
        self,
        settings: ReportSettings,
        folder: Path,
        client: Client,
        store: Store,
        events: EventRecorder,
        measure: ReportMeasure,
        *,
        namespace: str | None,
        label_selector: str,
    ) -> None:
        """``folder`` is for a local repository; ``namespace`` and ``label_selector`` say what the operator watches."""
        self._settings, self._folder, self._client, self._store = settings, folder, client, store
        self._events, self._measure = events, measure
        self._namespace, self._selector = namespace, label_selector
        self._changed = asyncio.Event()
        self._writer: ReportWriter | None = None
        self._goal: tuple[tuple[Any, dict[str, bytes]], Destination] | None = None
        """What the destination was made from: the spec of the source and the data of the Secret; and itself."""
        self._last: tuple[EnvironmentReport, float] | None = None
        """What was observed at the last push, and when that was, on the monotonic clock."""
        self._complete = False
        self._pushed: datetime | None = None
        self._said = ""
        """The failure that was reported last."""
        store.subscribe(
            on_kustomization=lambda *_: self._changed.set(),
            on_source=lambda *_: self._changed.set(),
            on_source_dropped=lambda *_: self._changed.set(),
        )

    def standing(self) -> Pushed | None:
        """What became of the last report; None before the first try."""
        if self._goal is None and not self._said:
            return None
        try:
            source = reported_source(self._settings, self._store.sources(GIT_REPOSITORY))
        except ReportImpossible:
            return None
        environment = self._goal[1].environment if self._goal is not None else ""
        return Pushed(environment, key_of(source), self._pushed, self._said)

    async def run(self) -> None:
        """Report until cancelled; no failure ends it."""
        failures = 0
        while True:
            self._changed.clear()
            try:
                await self._report()
            except (GitError, ReportImpossible, ApiError, OSError, TimeoutError) as error:
                failures += 1
                self._failed(explained(error) if isinstance(error, ApiError | OSError) else str(error))
            except Exception as error:
                failures += 1
                _log.exception("no report: %s", error)
                self._failed(explained(error))
            else:
                failures, self._said = 0, ""
            await asyncio.sleep(PAUSES.after(failures) if failures else BATCH)
            if not failures:
                await self._change()

    async def _change(self) -> None:
        """Wait for a change, or until the last report has to be confirmed."""
        due = 0.0 if self._last is None else self._last[1] + CONFIRM - time.monotonic()
        try:
            await asyncio.wait_for(self._changed.wait(), max(0.0, due))
        except TimeoutError:
            return
        await asyncio.sleep(SETTLE)

    async def _report(self) -> None:
        if not self._complete:
            await self._wait_complete()
        source = reported_source(self._settings, self._store.sources(GIT_REPOSITORY))
        # Each time: a Secret that changes counts at once, and what a silent API server last said is not reported.
        goal = self._destination(source, await self._secret())
        report = await self._observed(goal, source)
        if self._is_known(report, goal):
            return
        await NETWORK.run(OWN, self._writer_for(goal).write, report)
        # As it was observed: digests differ from those that are written.
        self._last = report, time.monotonic()
        self._pushed = report.observed
        self._measure.reported(failed=False)
        _log.debug("reported %s to %s of %s", goal.environment, goal.ref, goal.url)

    def _destination(self, source: Obj, secret: dict[str, bytes]) -> Destination:
        """Where reports go: made again only for another spec or Secret: an RSA key takes half a second to read."""
        given = source.get("spec"), secret
        if self._goal is None or self._goal[0] != given:
            self._goal = given, destination(self._settings, source, secret)
        return self._goal[1]

    async def _observed(self, goal: Destination, source: Obj) -> EnvironmentReport:
        sources, kustomizations = self._store.sources(GIT_REPOSITORY), self._store.kustomizations()
        now, url = datetime.now(UTC), str(source["spec"]["url"])
        compose = partial(observe, goal.environment, url, sources, kustomizations, now)
        return await aside(OWN, len(kustomizations), compose)

    def _is_known(self, report: EnvironmentReport, goal: Destination) -> bool:
        """Whether the last push said the same, a short time ago, to the same place."""
        if self._last is None or self._writer is None or self._writer.goal != goal:
            return False
        last, at = self._last
        return report.says_the_same(last) and time.monotonic() - at < CONFIRM - SETTLE

    def _writer_for(self, goal: Destination) -> ReportWriter:
        writer = self._writer
        if writer is None or (writer.goal.url, writer.goal.ref) != (goal.url, goal.ref):
            writer = self._writer = ReportWriter(self._folder, goal)
        else:
            writer.renew(goal)
        return writer

    async def _secret(self) -> dict[str, bytes]:
        namespace, _, name = self._settings.secret.partition("/")
        secret = await self._client.get(ObjectRef("v1", "Secret", name, namespace))
        return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}

    async def _wait_complete(self) -> None:
        """Wait until the store has all that exists now: after the start, a part of it would look healthy."""
        missing = [
            *await self._missing(SOURCE_VERSION, GIT_REPOSITORY, self._has_source),
            *await self._missing(KUSTOMIZATION_VERSION, KUSTOMIZATION, self._has_kustomization),
        ]
        if missing:
            raise ReportImpossible(f"the watches have not delivered all objects yet, such as {missing[0]}")
        self._complete = True

    async def _missing(self, api_version: str, kind: str, has: Callable[[str, str], bool]) -> list[str]:
        missing: list[str] = []
        async for page in self._client.list_pages(
            api_version,
            kind,
            namespace=self._namespace,
            label_selector=self._selector or None,
            accept=f"{METADATA_LIST},application/json",
        ):
            for item in page["items"]:
                meta = item["metadata"]
                if not has(meta.get("namespace") or "", meta["name"]):
                    missing.append(f"{kind} '{meta.get('namespace')}/{meta['name']}'")
        return missing

    def _has_source(self, namespace: str, name: str) -> bool:
        return self._store.source(SourceKey(GIT_REPOSITORY, namespace, name)) is not None

    def _has_kustomization(self, namespace: str, name: str) -> bool:
        return self._store.kustomization(ObjectKey(namespace, name)) is not None

    def _failed(self, why: str) -> None:
        self._measure.reported(failed=True)
        _log.warning("no report of what this cluster runs: %s", why)
        if why == self._said:
            return
        self._said = why
        try:
            source = reported_source(self._settings, self._store.sources(GIT_REPOSITORY))
        except ReportImpossible:
            return
        message = f"the report of the environment cannot be pushed: {why}"
        self._events.emit(Event(source, SOURCE_CONTROLLER, WARNING, reasons.REPORT_FAILED, message))
