"""Held revisions: they stay out, what runs stays available, and they come in as soon as they may. Real Git."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from unittest.mock import create_autospec

import pytest

from headgate.api import ObjectKey, conditions, labels, reasons
from headgate.git.artifact.storage import ArtifactStorage
from headgate.git.cache.bare import Caches
from headgate.kube import Client
from headgate.names import GIT_REPOSITORY
from headgate.reconcile.core.controller import WAKE, Outcome
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.reporting.events import NORMAL, WARNING, EventRecorder
from headgate.reconcile.source.held import HeldRevisions
from headgate.reconcile.source.reconciler import SourceReconciler
from headgate.reconcile.source.requests import SourceRequests
from headgate.settings import SourceSettings
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.unit.reconcile.test_source_garbage import FakeEvents

Obj = dict[str, Any]

MONDAY = datetime(2026, 11, 30, 12, tzinfo=UTC)
WEEKEND = "[{cron: 0 0 * * 6, window: 48h}]"
SATURDAY = datetime(2026, 12, 5, tzinfo=UTC)


class StatusClient:
    """An API server that keeps what is written to the status."""

    def __init__(self, store: Store) -> None:
        self._store, self._version = store, 1

    async def patch(self, ref: Any, body: Obj, **options: object) -> Obj:
        key = SourceKey(GIT_REPOSITORY, ref.namespace, ref.name)
        obj = self._store.source(key)
        assert obj is not None
        self._version += 1
        status = dict(obj.get("status") or {})
        for name, value in body["status"].items():
            status[name] = value
            if value is None:
                del status[name]
        meta = {**obj["metadata"], "resourceVersion": str(self._version)}
        written = {**obj, "metadata": meta, "status": status}
        self._store.put_source(written)
        return written


class World:
    """A Git server, GitRepositories in the store, and the reconciler, which may be started again."""

    def __init__(self, folder: Path, server: GitHttpServer, repository: Repository) -> None:
        self.folder, self.server, self.repository = folder, server, repository
        self.events, self.now = FakeEvents(), MONDAY
        self.store = Store()
        self._client = cast(Client, StatusClient(self.store))
        self.start()

    def start(self) -> None:
        """Start an operator that remembers only what is in the cluster and on disk."""
        self.trees = SourceTrees()
        self.wakeups = create_autospec(Wakeups, instance=True)
        self.reconciler = SourceReconciler(
            SourceSettings(jitter=0.0),
            self._client,
            self.store,
            self.trees,
            SourceRequests(self.store),
            Caches(self.folder / "git"),
            ArtifactStorage(self.folder, "localhost"),
            cast(EventRecorder, self.events),
            self.wakeups,
        )
        self.reconciler.held = HeldRevisions(self.store, self.reconciler._report, lambda: self.now)

    def source(self, name: str = "web", **spec: Any) -> None:
        meta = {
            "name": name,
            "namespace": "apps",
            "uid": name,
            "resourceVersion": "1",
            "generation": 1,
            "finalizers": [labels.FINALIZER],
        }
        spec = {"url": self.server.url(), "interval": "1h", "ref": {"branch": "main"}, **spec}
        kind, version = GIT_REPOSITORY, "source.toolkit.fluxcd.io/v1"
        self.store.put_source({"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec})

    def get(self, name: str = "web") -> Obj:
        obj = self.store.source(SourceKey(GIT_REPOSITORY, "apps", name))
        assert obj is not None
        return obj

    def annotate(self, name: str = "web", **annotations: str) -> None:
        """Replace its annotations."""
        obj = self.get(name)
        named = {f"promotion.headgate.dev/{each}": value for each, value in annotations.items()}
        self.store.put_source({**obj, "metadata": {**obj["metadata"], "annotations": named}})

    def change(self, name: str = "web", **spec: Any) -> None:
        obj = self.get(name)
        meta = {**obj["metadata"], "generation": obj["metadata"]["generation"] + 1}
        self.store.put_source({**obj, "metadata": meta, "spec": {**obj["spec"], **spec}})

    async def reconcile(self, name: str = "web") -> Outcome:
        key = ObjectKey("apps", name)
        self.reconciler._requests.request(key)
        return await self.reconciler.reconcile(key, (WAKE,))

    def condition(self, type: str, name: str = "web") -> Obj | None:
        return conditions.get(conditions.of(self.get(name)), type)

    def held(self, name: str = "web") -> str:
        """The message of the condition; empty if nothing is held."""
        found = self.condition(reasons.REVISION_HELD, name)
        return found["message"] if found is not None else ""

    def revision(self, name: str = "web") -> str:
        """The revision that is in; its artifact is stored and its tree can be read."""
        status = self.get(name).get("status") or {}
        if "artifact" not in status:
            return ""
        artifact = status["artifact"]
        assert (self.folder / artifact["path"]).is_file()
        assert self.trees.has(SourceKey(GIT_REPOSITORY, "apps", name), artifact["revision"])
        return str(artifact["revision"])

    def read(self, path: str, name: str = "web") -> bytes:
        tree = self.trees.current(SourceKey(GIT_REPOSITORY, "apps", name))
        assert tree is not None
        return tree.read(path)

    def told(self, reason: str = reasons.REVISION_HELD) -> list[tuple[str, str]]:
        """Type and message of the events with this reason."""
        return [(each.type, each.message) for each in self.events.emitted if each.reason == reason]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    served = tmp_path / "served"
    served.mkdir()
    repository = Repository(served)
    with GitHttpServer(served) as server:
        world = World(tmp_path / "data", server, repository)
        yield world
        world.trees.close()


async def running(world: World, **annotations: str) -> tuple[str, str]:
    """A source that runs its first commit while a second one is held; returns both revisions."""
    first = f"main@sha1:{world.repository.commit({'a.yaml': 'one'})}"
    world.source()
    await world.reconcile()
    assert world.revision() == first
    world.annotate(**annotations)
    second = f"main@sha1:{world.repository.commit({'a.yaml': 'two'})}"
    await world.reconcile()
    return first, second


async def test_a_held_revision_stays_out_and_ready_stays(world: World) -> None:
    first, second = await running(world, hold="incident 42")
    assert world.revision() == first
    assert world.read("a.yaml") == b"one"
    assert world.held() == f"revision '{second}' is on hold: incident 42; '{first}' stays"
    ready = world.condition(reasons.READY)
    assert ready is not None
    assert (ready["status"], ready["message"]) == ("True", f"stored artifact for revision '{first}'")
    assert {each["type"] for each in conditions.of(world.get())} == {
        reasons.READY,
        reasons.ARTIFACT_IN_STORAGE,
        reasons.REVISION_HELD,
    }
    assert len(world.reconciler.held) == 1
    assert world.told() == [(NORMAL, world.held())]
    # Nothing of it is fetched.
    cache = world.reconciler._caches.open("apps", "web", world.server.url())
    assert not cache.complete(second.rpartition(":")[2])


async def test_an_event_names_each_held_revision_and_reason_once(world: World) -> None:
    _, second = await running(world, hold="incident 42")
    for _ in range(3):
        await world.reconcile()
    world.start()
    await world.reconcile()
    assert len(world.told()) == 1
    third = f"main@sha1:{world.repository.commit({'a.yaml': 'three'})}"
    await world.reconcile()
    world.annotate(hold="incident 43")
    await world.reconcile()
    messages = [message for _, message in world.told()]
    assert [second in messages[0], third in messages[1], third in messages[2]] == [True] * 3
    assert "incident 43" in messages[2]


async def test_it_comes_in_when_the_hold_is_removed(world: World) -> None:
    _, second = await running(world, hold="incident 42")
    world.annotate()
    await world.reconcile()
    assert world.revision() == second
    assert world.read("a.yaml") == b"two"
    assert world.held() == ""
    assert len(world.reconciler.held) == 0
    assert len(world.told(reasons.NEW_ARTIFACT)) == 2


async def test_nothing_is_held_while_nothing_is_new(world: World) -> None:
    world.repository.commit({"a.yaml": "one"})
    world.source()
    await world.reconcile()
    world.annotate(hold="incident 42", windows=WEEKEND)
    await world.reconcile()
    assert world.held() == ""
    assert world.told() == []


async def test_a_reference_that_returns_to_what_runs_holds_nothing_any_more(world: World) -> None:
    first, _ = await running(world, hold="incident 42")
    world.repository.git("reset", "-q", "--hard", first.rpartition(":")[2])
    await world.reconcile()
    assert world.revision() == first
    assert world.held() == ""


async def test_a_reference_that_returns_behind_what_runs_is_held_too(world: World) -> None:
    old = world.repository.commit({"a.yaml": "zero"})
    first, _ = await running(world, hold="incident 42")
    world.repository.git("reset", "-q", "--hard", old)
    await world.reconcile()
    assert world.revision() == first
    assert f"revision 'main@sha1:{old}' is on hold" in world.held()


async def test_a_window_lets_it_in_when_it_opens(world: World) -> None:
    first, second = await running(world, windows=WEEKEND)
    assert world.revision() == first
    assert world.held() == (
        f"revision '{second}' is held until the next window opens at 2026-12-05T00:00:00Z; '{first}' stays"
    )
    world.now = SATURDAY - timedelta(minutes=10)
    outcome = await world.reconcile()
    assert outcome.after == pytest.approx(600, abs=1)
    assert len(world.told()) == 1
    world.now = SATURDAY
    outcome = await world.reconcile()
    assert outcome.after == pytest.approx(3600, abs=60)
    assert world.revision() == second
    assert world.held() == ""


async def test_a_source_without_an_interval_wakes_when_a_window_opens(world: World) -> None:
    world.repository.commit({"a.yaml": "one"})
    world.source(interval="0s")
    await world.reconcile()
    world.annotate(windows=WEEKEND)
    world.repository.commit({"a.yaml": "two"})
    outcome = await world.reconcile()
    assert outcome.after == pytest.approx((SATURDAY - MONDAY).total_seconds(), abs=1)


async def test_a_hold_keeps_the_first_revision_out(world: World) -> None:
    first = f"main@sha1:{world.repository.commit({'a.yaml': 'one'})}"
    world.source()
    world.annotate(hold="not yet")
    outcome = await world.reconcile()
    assert outcome.after == pytest.approx(3600)
    assert world.revision() == ""
    message = f"revision '{first}' is on hold: not yet; there is no artifact yet"
    ready = world.condition(reasons.READY)
    assert ready is not None
    assert (ready["status"], ready["reason"], ready["message"]) == ("Unknown", reasons.REVISION_HELD, message)
    assert world.told() == [(NORMAL, message)]
    world.annotate()
    await world.reconcile()
    assert world.revision() == first
    ready = world.condition(reasons.READY)
    assert ready is not None
    assert ready["status"] == "True"


async def test_windows_let_the_first_revision_in(world: World) -> None:
    first = f"main@sha1:{world.repository.commit({'a.yaml': 'one'})}"
    world.source()
    world.annotate(windows=WEEKEND)
    await world.reconcile()
    assert world.revision() == first


async def test_windows_hold_the_first_revision_of_a_source_whose_kustomizations_run(world: World) -> None:
    """A source that is deleted and created again does not get around its windows."""
    world.repository.commit({"a.yaml": "one"})
    world.source()
    world.annotate(windows=WEEKEND)
    meta = {"name": "apps", "namespace": "apps", "uid": "k", "resourceVersion": "1"}
    spec = {"sourceRef": {"kind": GIT_REPOSITORY, "name": "web"}}
    world.store.put_kustomization(
        {"metadata": meta, "spec": spec, "status": {"lastAppliedRevision": "main@sha1:0"}}
    )
    outcome = await world.reconcile()
    assert outcome.after == pytest.approx(3600)
    assert world.revision() == ""
    assert "until the next window opens" in world.held()


@pytest.mark.parametrize("windows", ["[", "[{cron: 0 9 * * *, window: 1h, timeZone: Mars}]"])
async def test_an_invalid_annotation_holds_and_is_reported_once(world: World, windows: str) -> None:
    first = f"main@sha1:{world.repository.commit({'a.yaml': 'one'})}"
    world.source()
    await world.reconcile()
    world.annotate(windows=windows)
    await world.reconcile()
    await world.reconcile()
    ((type, message),) = world.told(reasons.INVALID_ANNOTATION)
    assert type == WARNING
    assert message.startswith("every new revision is held because an annotation is invalid: ")
    assert f"metadata.annotations[{labels.WINDOWS}]" in message
    assert world.told() == []
    second = f"main@sha1:{world.repository.commit({'a.yaml': 'two'})}"
    await world.reconcile()
    assert world.revision() == first
    found = world.condition(reasons.REVISION_HELD)
    assert found is not None
    assert found["reason"] == reasons.INVALID_ANNOTATION
    world.annotate(windows="[{cron: '* * * * *', window: 1h}]")
    await world.reconcile()
    assert world.revision() == second


async def test_a_change_of_the_reference_is_held(world: World) -> None:
    first, _ = await running(world, hold="incident 42")
    world.repository.tag("1.0.0")
    world.change(ref={"semver": ">=1.0.0"})
    await world.reconcile()
    assert world.revision() == first
    assert "revision '1.0.0@sha1:" in world.held()
    assert world.get()["status"]["observedGeneration"] == 2


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("mirror", [False, True])
async def test_a_change_of_the_url_is_held(world: World, tmp_path: Path, restart: bool, mirror: bool) -> None:
    """What runs stays readable, whether the other repository has the commit or not."""
    first, second = await running(world, hold="incident 42")
    other = Repository(tmp_path / "served", "other")
    if mirror:
        shutil.copytree(world.repository.path, other.path, dirs_exist_ok=True)
    else:
        second = f"main@sha1:{other.commit({'a.yaml': 'other'})}"
    world.change(url=world.server.url("other.git"))
    for _ in range(2):
        await world.reconcile()
        if restart:
            world.trees.close()
            world.start()
            await world.reconcile()
        assert world.revision() == first
        assert world.read("a.yaml") == b"one"
        assert f"'{second}' is on hold" in world.held()
    world.annotate()
    await world.reconcile()
    assert world.revision() == second
    assert len(list((world.folder / "git" / "apps" / "web").iterdir())) == 1


@pytest.mark.parametrize("lost", ["nothing", "git", "artifacts", "everything"])
@pytest.mark.parametrize("annotations", [{"hold": "x"}, {"windows": WEEKEND}])
async def test_a_restart_keeps_what_runs(world: World, lost: str, annotations: dict[str, str]) -> None:
    first, second = await running(world, **annotations)
    digest = world.get()["status"]["artifact"]["digest"]
    world.trees.close()
    if lost in ("git", "everything"):
        shutil.rmtree(world.folder / "git")
    if lost in ("artifacts", "everything"):
        shutil.rmtree(world.folder / "gitrepository")
    world.start()
    await world.reconcile()
    assert world.revision() == first
    assert world.read("a.yaml") == b"one"
    assert world.get()["status"]["artifact"]["digest"] == digest
    assert f"'{second}'" in world.held()
    assert world.wakeups.source_available.called
    assert len(world.told()) == 1
    world.annotate()
    await world.reconcile()
    assert world.revision() == second


async def test_what_is_lost_everywhere_fails_and_lets_nothing_in(world: World) -> None:
    first, _ = await running(world, hold="x")
    world.repository.git("checkout", "-q", "--orphan", "fresh")
    other = world.repository.commit({"a.yaml": "other"})
    world.repository.git("branch", "-f", "main", "fresh")
    world.repository.git("reflog", "expire", "--expire=now", "--all")
    world.repository.git("gc", "-q", "--prune=now")
    shutil.rmtree(world.folder)
    world.trees.close()
    world.start()
    outcome = await world.reconcile()
    assert outcome.failed
    ready = world.condition(reasons.READY)
    assert ready is not None
    assert ready["status"] == "False"
    assert f"the artifact of '{first}' is lost and cannot be fetched again" in ready["message"]
    assert f"'main@sha1:{other}' is on hold" in world.held()
    assert world.get()["status"]["artifact"]["revision"] == first
    world.annotate()
    await world.reconcile()
    assert world.revision() == f"main@sha1:{other}"


async def test_other_files_of_the_same_revision_are_held(world: World) -> None:
    first = f"main@sha1:{world.repository.commit({'a.yaml': 'one', 'b.yaml': 'one'})}"
    world.source()
    await world.reconcile()
    world.annotate(hold="x")
    world.change(ignore="b.yaml")
    await world.reconcile()
    assert world.held() == f"a new artifact of '{first}' is on hold: x; the present one stays"
    assert world.read("b.yaml") == b"one"
    world.annotate()
    await world.reconcile()
    assert world.held() == ""
    assert "observedIgnore" in world.get()["status"]


@pytest.mark.parametrize("restart", [False, True])
async def test_what_a_held_source_includes_may_move_on(world: World, tmp_path: Path, restart: bool) -> None:
    library = Repository(tmp_path / "served", "library")
    library.commit({"lib.yaml": "one"})
    world.repository.commit({"a.yaml": "one"})
    world.source("library", url=world.server.url("library.git"))
    world.source(include=[{"repository": {"name": "library"}, "toPath": "lib"}])
    await world.reconcile("library")
    await world.reconcile()
    first = world.revision()
    world.annotate(hold="x")
    library.commit({"lib.yaml": "two"})
    await world.reconcile("library")
    await world.reconcile()
    if restart:
        world.trees.close()
        world.start()
        await world.reconcile("library")
        await world.reconcile()
    assert world.revision() == first
    assert world.read("lib/lib.yaml") == b"one"
    assert world.held().startswith("a new artifact of ")
    world.annotate()
    await world.reconcile()
    assert world.read("lib/lib.yaml") == b"two"


async def test_a_source_that_includes_a_held_one_keeps_its_files(world: World, tmp_path: Path) -> None:
    library = Repository(tmp_path / "served", "library")
    library.commit({"lib.yaml": "one"})
    world.repository.commit({"a.yaml": "one"})
    world.source("library", url=world.server.url("library.git"))
    world.source(include=[{"repository": {"name": "library"}, "toPath": "lib"}])
    await world.reconcile("library")
    await world.reconcile()
    world.annotate("library", hold="x")
    library.commit({"lib.yaml": "two"})
    await world.reconcile("library")
    await world.reconcile()
    assert world.held("library")
    assert world.held() == ""
    assert world.read("lib/lib.yaml") == b"one"


async def test_sources_of_one_remote_are_held_one_by_one(world: World) -> None:
    world.repository.commit({"a.yaml": "one"})
    for name in ("web", "other"):
        world.source(name)
        await world.reconcile(name)
    world.annotate(hold="x")
    second = f"main@sha1:{world.repository.commit({'a.yaml': 'two'})}"
    for name in ("web", "other"):
        await world.reconcile(name)
    assert world.read("a.yaml") == b"one"
    assert world.revision("other") == second
    assert world.held("other") == ""


async def test_a_request_is_handled_and_lets_nothing_in(world: World) -> None:
    first, _ = await running(world, hold="x")
    obj = world.get()
    annotations = {**obj["metadata"]["annotations"], labels.REQUESTED_AT: "now"}
    world.store.put_source({**obj, "metadata": {**obj["metadata"], "annotations": annotations}})
    await world.reconcile()
    assert world.get()["status"]["lastHandledReconcileAt"] == "now"
    assert world.revision() == first
    assert len(world.told()) == 1


async def test_a_suspended_source_stays_as_it_is(world: World) -> None:
    first, _ = await running(world, hold="x")
    held = world.held()
    world.change(suspend=True)
    world.annotate()
    await world.reconcile()
    assert (world.revision(), world.held()) == (first, held)


async def test_a_failure_of_the_remote_is_reported_as_without_a_hold(world: World) -> None:
    first, _ = await running(world, hold="x")
    held = world.held()
    world.server.fail_with = 503
    outcome = await world.reconcile()
    assert outcome.failed
    assert world.held() == held
    world.server.fail_with = None
    await world.reconcile()
    ready = world.condition(reasons.READY)
    assert ready is not None
    assert ready["status"] == "True"
    assert (world.revision(), world.held()) == (first, held)
    assert world.told(reasons.SUCCEEDED) == [(NORMAL, f"stored artifact for commit '{first}'")]


async def test_a_source_that_is_gone_is_not_counted(world: World) -> None:
    await running(world, hold="x")
    world.store.drop_source(SourceKey(GIT_REPOSITORY, "apps", "web"))
    await world.reconciler.reconcile(ObjectKey("apps", "web"), (WAKE,))
    assert len(world.reconciler.held) == 0
