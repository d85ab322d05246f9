"""Artifacts that cannot be deleted: reported in the status, in an event and in the log, and tried again."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast
from unittest.mock import create_autospec

import pytest

from headgate.api import ObjectKey, labels
from headgate.git.artifact.storage import ArtifactStorage
from headgate.git.cache.bare import Caches
from headgate.git.errors import StorageFailed
from headgate.kube import Client
from headgate.reconcile.core.controller import WAKE
from headgate.reconcile.core.store import Store
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.reporting.events import Event, EventRecorder
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.source.reconciler import SourceReconciler
from headgate.reconcile.source.requests import SourceRequests
from headgate.settings import SourceSettings

Obj = dict[str, Any]

KEY = ObjectKey("apps", "web")


class FakeClient:
    """Takes every patch."""

    def __init__(self) -> None:
        self.patches: list[Obj] = []

    async def patch(self, ref: object, body: Obj, **options: object) -> Obj:
        self.patches.append(body)
        return {"metadata": {"resourceVersion": "2"}}


class FakeEvents:
    """Keeps what is emitted."""

    def __init__(self) -> None:
        self.emitted: list[Event] = []

    def emit(self, event: Event) -> None:
        self.emitted.append(event)


class FullStorage(ArtifactStorage):
    """Deletes nothing while it is broken."""

    broken = True
    collected = 0

    def remove_all(self, namespace: str, name: str) -> bool:
        if self.broken:
            raise StorageFailed("garbage collection for deleted resource failed: no")
        return True

    def collect(self, current: str) -> list[str]:
        if self.broken:
            raise StorageFailed("garbage collection of artifacts failed: no")
        self.collected += 1
        return []


class Setting:
    def __init__(self, folder: Path) -> None:
        self.client, self.events, self.store = FakeClient(), FakeEvents(), Store()
        self.storage = FullStorage(folder, "localhost")
        self.settings = SourceSettings()
        self.reconciler = SourceReconciler(
            self.settings,
            cast(Client, self.client),
            self.store,
            SourceTrees(),
            SourceRequests(self.store),
            Caches(folder / "git"),
            self.storage,
            cast(EventRecorder, self.events),
            create_autospec(Wakeups, instance=True),
        )

    def session(self) -> StatusSession:
        obj = {**source(), "status": {"artifact": {"path": "x", "revision": "main@sha1:a", "digest": "d"}}}
        return StatusSession(cast(Client, self.client), obj, manager="m", on_written=lambda obj: None)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


def source(**meta: Any) -> Obj:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {
            "name": KEY.name,
            "namespace": KEY.namespace,
            "resourceVersion": "1",
            "generation": 1,
            "finalizers": [labels.FINALIZER],
            **meta,
        },
        "spec": {"url": "https://example.com/a", "interval": "1h"},
    }


async def test_a_deleted_source_says_why_it_stays_and_goes_later(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    setting.store.put_source(source(deletionTimestamp="2026-01-01T00:00:00Z"))
    waits = []
    with caplog.at_level(logging.ERROR):
        for _ in range(4):
            outcome = await setting.reconciler.reconcile(KEY, (WAKE,))
            assert outcome.failed
            waits.append(outcome.after or 0)
    assert waits[-1] > waits[0] > 0
    message = "garbage collection for deleted resource failed: no"
    conditions = {c["type"]: c for c in setting.client.patches[0]["status"]["conditions"]}
    assert {t: (c["status"], c["reason"], c["message"]) for t, c in conditions.items()} == {
        "StorageOperationFailed": ("True", "GarbageCollectionFailed", message),
        "Ready": ("False", "GarbageCollectionFailed", message),
    }
    event = setting.events.emitted[0]
    assert (event.type, event.reason, event.message) == ("Warning", "GarbageCollectionFailed", message)
    assert f"apps/web: {message}, next attempt in" in caplog.text
    setting.storage.broken = False
    outcome = await setting.reconciler.reconcile(KEY, (WAKE,))
    assert (outcome.after, outcome.failed) == (None, False)
    assert setting.client.patches[-1]["metadata"]["finalizers"] == []


async def test_old_artifacts_that_stay_are_reported_and_the_source_does_not_fail(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        await setting.reconciler._collect(setting.session(), KEY)
    (event,) = setting.events.emitted
    message = "garbage collection of artifacts failed: no"
    assert (event.type, event.reason, event.message) == ("Warning", "GarbageCollectionFailed", message)
    assert f"apps/web: {message}" in caplog.text
    assert setting.reconciler._uncollected == {KEY}
    setting.storage.broken = False
    await setting.reconciler._collect(setting.session(), KEY)
    assert (setting.reconciler._uncollected, setting.storage.collected) == (set(), 1)
