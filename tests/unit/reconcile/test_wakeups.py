"""Who is woken by what: the rules, on real queues."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.backoff import Doubling
from headgate.kube import ObjectRef
from headgate.reconcile.core.queue import Depth, Priority, Trigger, WorkQueue
from headgate.reconcile.core.store import SourceKey, Store, WrongThread
from headgate.reconcile.core.wakeups import LastBuilds
from tests.support.queues import waiting_triggers
from tests.support.wakeups import Noted, Unbuilt, wakeups

Obj = dict[str, Any]
CONFIG_MAP = ObjectRef("v1", "ConfigMap", "settings", "ns")


class Ground:
    """The rules over queues that nobody empties."""

    def __init__(self, store: Store | None = None, builds: LastBuilds | None = None) -> None:
        self.store, self.requests = store or Store(), Noted()
        self.kustomizations: WorkQueue[ObjectKey] = WorkQueue(1)
        self.sources: WorkQueue[ObjectKey] = WorkQueue(1)
        self.wakeups = wakeups(
            self.store, self.kustomizations, self.sources, builds=builds, requests=self.requests
        )

    def sees(self, obj: Obj) -> None:
        """What a watch brings: first to the index, then as an event."""
        self.wakeups.seen_kustomization(obj)
        self.wakeups.kustomization_event(obj, deleted=False)

    def finds(self, obj: Obj) -> None:
        """Likewise, of a source."""
        self.wakeups.seen_source(obj)
        self.wakeups.source_event(obj, deleted=False)

    def woken(self, name: str) -> list[str]:
        """Why a Kustomization waits in the queue; it then no longer does."""
        key = ObjectKey("ns", name)
        reasons = [trigger.reason for trigger in waiting_triggers(self.kustomizations, key)]
        self.kustomizations.forget(key)
        return reasons


@pytest.fixture
async def ground() -> Ground:
    return Ground()


def kustomization(
    name: str, version: int, *, ready: str = "", depends_on: list[Obj] | None = None, **annotations: str
) -> Obj:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": name,
            "generation": 1,
            "resourceVersion": str(version),
            "annotations": annotations,
        },
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "source"}, "dependsOn": depends_on or []},
        "status": {"conditions": conditions, "observedGeneration": 1},
    }


async def test_a_dependency_that_becomes_ready_wakes_all_its_dependents(ground: Ground) -> None:
    ground.sees(kustomization("infra", 1))
    ground.sees(kustomization("plain", 2, depends_on=[{"name": "infra"}]))
    ground.sees(kustomization("judge", 3, depends_on=[{"name": "infra", "readyExpr": "true"}]))
    assert ground.woken("plain") == ground.woken("judge") == ["first seen"]
    ground.sees(kustomization("infra", 4, ready="True"))
    assert ground.woken("plain") == ground.woken("judge") == ["dependency ready"]


async def test_any_change_of_a_dependency_wakes_those_that_judge_it_by_an_expression(ground: Ground) -> None:
    ground.sees(kustomization("infra", 1))
    ground.sees(kustomization("plain", 2, depends_on=[{"name": "infra"}]))
    ground.sees(kustomization("judge", 3, depends_on=[{"name": "infra", "readyExpr": "true"}]))
    ground.woken("plain"), ground.woken("judge")
    ground.sees(kustomization("infra", 4, release="2"))
    assert ground.woken("judge") == ["dependency changed"]
    assert ground.woken("plain") == []
    # The same object again, as after a new watch, is not a change.
    ground.sees(kustomization("infra", 4, release="2"))
    assert ground.woken("judge") == []


async def test_an_expression_over_another_dependency_is_not_asked(ground: Ground) -> None:
    ground.sees(kustomization("infra", 1))
    entries = [{"name": "infra"}, {"name": "other", "readyExpr": "true"}]
    ground.sees(kustomization("apps", 2, depends_on=entries))
    ground.woken("apps")
    ground.sees(kustomization("infra", 3, release="2"))
    assert ground.woken("apps") == []


def source(name: str, version: int, revision: str = "", *, include: tuple[str, ...] = ()) -> Obj:
    meta = {"name": name, "namespace": "ns", "uid": name, "generation": 1, "resourceVersion": str(version)}
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": meta,
        "spec": {"include": [{"repository": {"name": name}} for name in include]},
        "status": {"artifact": {"revision": revision, "digest": revision}} if revision else {},
    }


def looked_at(ground: Ground, name: str) -> list[str]:
    key = ObjectKey("ns", name)
    reasons = [trigger.reason for trigger in waiting_triggers(ground.sources, key)]
    ground.sources.forget(key)
    return reasons


async def test_a_revision_wakes_those_that_use_it_and_those_that_include_it(ground: Ground) -> None:
    ground.sees(kustomization("apps", 1))
    ground.finds(source("source", 2))
    ground.finds(source("whole", 3, include=("source",)))
    ground.finds(source("other", 4, include=("whole",)))
    await ground.wakeups.idle()
    ground.woken("apps")
    for name in ("source", "whole", "other"):
        looked_at(ground, name)
    ground.finds(source("source", 5, "main@sha1:a"))
    await ground.wakeups.idle()
    assert ground.woken("apps") == looked_at(ground, "whole") == ["revision main@sha1:a"]
    assert looked_at(ground, "other") == []
    ground.finds(source("source", 5, "main@sha1:a"))
    await ground.wakeups.idle()
    assert ground.woken("apps") == looked_at(ground, "whole") == []


@pytest.mark.parametrize("name", ["hold", "windows"])
async def test_a_change_of_what_holds_a_source_wakes_it(ground: Ground, name: str) -> None:
    ground.finds(source("source", 1))
    looked_at(ground, "source")
    for version, value in enumerate(("a", "b", None), 2):
        changed = source("source", version)
        if value is not None:
            changed["metadata"]["annotations"] = {f"promotion.headgate.dev/{name}": value, "other": value}
        ground.finds(changed)
        assert looked_at(ground, "source") == ["hold or windows changed"]
    assert len(ground.requests.keys) == 4
    other = source("source", 9)
    other["metadata"]["annotations"] = {"other": "c"}
    ground.finds(other)
    assert looked_at(ground, "source") == []
    # Kustomizations have no such annotations.
    ground.sees(kustomization("apps", 1))
    ground.woken("apps")
    held = kustomization("apps", 2)
    held["metadata"]["annotations"][f"promotion.headgate.dev/{name}"] = "a"
    ground.sees(held)
    assert ground.woken("apps") == []


async def test_what_was_not_acted_on_is_not_noted_as_seen(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception on the way leaves it to the next attempt, whether ours or a repeated event."""
    monkeypatch.setattr("headgate.loop.background.PAUSES", Doubling(0.0, 0.0))
    ground.sees(kustomization("infra", 1))
    ground.sees(kustomization("apps", 2, depends_on=[{"name": "infra"}]))
    ground.finds(source("source", 3))
    ground.finds(source("whole", 4, include=("source",)))
    await ground.wakeups.idle()
    ground.woken("apps"), ground.woken("infra"), looked_at(ground, "source"), looked_at(ground, "whole")
    failures = {"infra": 1, "apps": 1, "whole": 1, "source": 1}

    def fail(queue: Any) -> None:
        add = queue.add

        def add_or_fail(key: ObjectKey, trigger: Trigger) -> None:
            if failures.get(key.name):
                failures[key.name] -= 1
                raise RuntimeError("dictionary changed size during iteration")
            add(key, trigger)

        monkeypatch.setattr(queue, "add", add_or_fail)

    fail(ground.kustomizations)
    fail(ground.sources)
    ground.finds(source("source", 5, "main@sha1:a"))
    await ground.wakeups.idle()
    for name in ("infra", "apps"):
        assert ground.woken(name) == ["revision main@sha1:a"]
    assert looked_at(ground, "whole") == ["revision main@sha1:a"]
    failures |= {"apps": 1, "infra": 1, "source": 1}
    ready = kustomization("infra", 6, ready="True")
    ready["metadata"]["generation"] = 2
    for _ in range(2):  # first the dependent breaks it off, then the object itself
        with pytest.raises(RuntimeError):
            ground.sees(ready)
    ground.sees(ready)
    assert ground.woken("apps") == ["dependency ready"]
    assert ground.woken("infra") == ["spec changed"]
    asked = source("source", 7, "main@sha1:a")
    asked["metadata"]["generation"] = 2
    with pytest.raises(RuntimeError):
        ground.finds(asked)
    ground.finds(asked)
    assert looked_at(ground, "source") == ["spec changed"]


async def test_one_that_cannot_be_compared_does_not_keep_others_from_waking() -> None:
    class Broken(Unbuilt):
        def concerns(self, key: ObjectKey, source: SourceKey) -> bool:
            if key.name == "broken":
                raise RuntimeError("no tree")
            return True

    ground = Ground(builds=Broken())
    for version, name in enumerate(("apps", "broken", "more"), 1):
        ground.sees(kustomization(name, version))
    ground.finds(source("source", 9, "main@sha1:a"))
    await ground.wakeups.idle()
    for name in ("apps", "broken", "more"):
        assert ground.woken(name)[-1] == "revision main@sha1:a"


async def test_a_revision_that_changes_nothing_wakes_after_those_that_it_concerns() -> None:
    class Settled(Unbuilt):
        def concerns(self, key: ObjectKey, source: SourceKey) -> bool:
            return key.name != "same"

    ground = Ground(builds=Settled())
    for version, name in enumerate(("apps", "same"), 1):
        ground.sees(kustomization(name, version))
        ground.woken(name)
    ground.finds(source("source", 3, "main@sha1:a"))
    await ground.wakeups.idle()
    found = {
        name: [t.priority for t in waiting_triggers(ground.kustomizations, ObjectKey("ns", name))]
        for name in ("apps", "same")
    }
    assert found == {"apps": [Priority.CHANGED], "same": [Priority.ROUTINE]}


async def test_a_source_that_can_be_read_again_wakes_its_consumers(ground: Ground) -> None:
    ground.sees(kustomization("apps", 1))
    ground.sees(kustomization("other", 2) | {"spec": {"sourceRef": {"kind": "Bucket", "name": "b"}}})
    ground.woken("apps"), ground.woken("other")
    ground.wakeups.source_available(SourceKey("GitRepository", "ns", "source"))
    await ground.wakeups.idle()
    assert ground.woken("apps") == ["source available"]
    assert ground.woken("other") == []


async def test_what_is_deleted_wakes_its_reconciler_and_those_that_refer_to_it(ground: Ground) -> None:
    ground.sees(kustomization("infra", 1))
    ground.sees(kustomization("apps", 2, depends_on=[{"name": "infra"}]))
    ground.finds(source("source", 3))
    await ground.wakeups.idle()
    ground.woken("infra"), ground.woken("apps"), looked_at(ground, "source")
    ground.wakeups.kustomization_event(kustomization("infra", 4), deleted=True)
    assert (ground.woken("infra"), ground.woken("apps")) == (["deleted"], ["dependency deleted"])
    ground.wakeups.source_event(source("source", 5), deleted=True)
    await ground.wakeups.idle()
    assert (looked_at(ground, "source"), ground.woken("apps")) == (["deleted"], ["source deleted"])
    # Once more, as after a watch was renewed, is nothing new.
    ground.wakeups.kustomization_event(kustomization("infra", 4), deleted=True)
    ground.wakeups.source_event(source("source", 5), deleted=True)
    await ground.wakeups.idle()
    assert (ground.woken("infra"), ground.woken("apps"), looked_at(ground, "source")) == ([], [], [])


async def test_the_end_of_an_object_that_was_made_again_says_nothing_of_the_new_one(ground: Ground) -> None:
    """Kopf passes on the events of different objects in any order, also of two of one name."""

    def with_uid(obj: Obj, uid: str) -> Obj:
        return {**obj, "metadata": {**obj["metadata"], "uid": uid}}

    ground.sees(with_uid(kustomization("infra", 2), "new"))
    ground.finds(with_uid(source("source", 3), "new"))
    await ground.wakeups.idle()
    ground.woken("infra"), looked_at(ground, "source")
    for uid, woken in (("old", []), ("new", ["deleted"])):
        ground.wakeups.kustomization_event(with_uid(kustomization("infra", 1), uid), deleted=True)
        ground.wakeups.source_event(with_uid(source("source", 1), uid), deleted=True)
        await ground.wakeups.idle()
        assert (ground.woken("infra"), looked_at(ground, "source")) == (woken, woken)


async def test_a_source_of_another_controller_is_no_work_for_ours(ground: Ground) -> None:
    dropped: list[SourceKey] = []
    ground.store.subscribe(on_source_dropped=dropped.append)
    bucket = {**source("bucket", 1), "kind": "Bucket"}
    ground.finds(bucket)
    ground.wakeups.source_event(bucket, deleted=True)
    await ground.wakeups.idle()
    assert len(ground.sources) == 0
    assert dropped == [SourceKey("Bucket", "ns", "bucket")]


async def test_only_what_a_user_did_asks_for_a_source(ground: Ground) -> None:
    """The first attempt after a start uses the recorded revision of the remote."""
    key, known = ObjectKey("ns", "known"), source("known", 1)
    known["status"] = {"observedGeneration": 1}
    ground.finds(known)
    assert ground.requests.keys == []
    ground.finds(source("new", 2))
    assert ground.requests.keys == [ObjectKey("ns", "new")]
    requested = source("known", 3)
    requested["metadata"]["annotations"] = {"reconcile.fluxcd.io/requestedAt": "now"}
    ground.finds(requested)
    assert ground.requests.keys[1:] == [key]
    ground.wakeups.config_changed(ObjectRef("v1", "Secret", "unrelated", "ns"))
    assert ground.requests.keys[2:] == []


async def test_a_source_is_pending_while_it_waits_and_while_it_is_worked_on(ground: Ground) -> None:
    key = SourceKey("GitRepository", "ns", "source")
    assert not ground.wakeups.is_source_pending(key)
    ground.finds(source("source", 1))
    assert ground.wakeups.is_source_pending(key)
    assert not ground.wakeups.is_source_pending(SourceKey("Bucket", "ns", "source"))
    taken, _, _ = await ground.sources.get()
    assert ground.wakeups.is_source_pending(key)
    ground.sources.done(taken)
    assert not ground.wakeups.is_source_pending(key)


@pytest.mark.parametrize(
    ("event", "reason", "priority", "depth"),
    [
        ("live_changed", "live object changed", Priority.UNBLOCKED, Depth.LOOK),
        ("cluster_answered", "cluster answered", Priority.UNBLOCKED, Depth.VERIFY),
        ("object_given", f"{CONFIG_MAP} released by another Kustomization", Priority.CHANGED, Depth.APPLY),
        ("live_drifted", f"drift of {CONFIG_MAP}", Priority.CHANGED, Depth.APPLY),
    ],
)
async def test_what_target_clusters_report_wakes_the_kustomization(
    ground: Ground, event: str, reason: str, priority: Priority, depth: Depth
) -> None:
    ground.sees(kustomization("apps", 1))
    ground.woken("apps")
    key = ObjectKey("ns", "apps")
    arguments: dict[str, tuple[Any, ...]] = {
        "cluster_answered": (key,),
        "live_drifted": (key, CONFIG_MAP, "by hand"),
    }
    getattr(ground.wakeups, event)(*arguments.get(event, (key, CONFIG_MAP)))
    (trigger,) = waiting_triggers(ground.kustomizations, key)
    assert (trigger.reason, trigger.priority, trigger.depth) == (reason, priority, depth)


async def test_objects_let_go_wake_nobody_who_is_gone(ground: Ground) -> None:
    ground.wakeups.object_given(ObjectKey("ns", "gone"), CONFIG_MAP)
    assert len(ground.kustomizations) == 0


async def test_watched_configuration_wakes_only_those_that_refer_to_it() -> None:
    def references(obj: Obj) -> list[ObjectRef]:
        return [ObjectRef("v1", "ConfigMap", name, "ns") for name in obj["spec"].get("uses", ())]

    ground = Ground(Store(references, references))
    user = kustomization("apps", 1)
    user["spec"]["uses"] = ["values"]
    ground.sees(user)
    ground.sees(kustomization("other", 2))
    ground.woken("apps"), ground.woken("other")
    ground.wakeups.config_changed(ObjectRef("v1", "ConfigMap", "values", "ns"))
    assert ground.woken("apps") == ["configuration changed"]
    assert ground.woken("other") == []


def test_the_store_is_one_threads() -> None:
    store = Store()
    store.put_kustomization(kustomization("apps", 1))
    key = ObjectKey("ns", "apps")
    uses: list[Any] = [
        lambda: store.put_kustomization(kustomization("apps", 2)),
        lambda: store.put_source(source("source", 2)),
        lambda: store.kustomization(key),
        lambda: store.dependents(key),
        lambda: store.drop_kustomization(key),
    ]
    with ThreadPoolExecutor(1) as other:
        for use in uses:
            with pytest.raises(WrongThread):
                other.submit(use).result()
    assert store.kustomization(key) is not None


async def test_what_is_not_as_it_should_be_is_kept_without_references() -> None:
    """Its reconciler reports it, and lets it go when it is deleted."""
    store = Store()
    broken = kustomization("apps", 1, depends_on=[{"namespace": "x"}])
    del broken["spec"]["sourceRef"]
    assert store.put_kustomization(broken)
    assert store.kustomization(ObjectKey("ns", "apps")) is broken


async def test_references_are_looked_at_when_a_spec_changes_and_up_to_a_bound() -> None:
    looks = 0

    def references(obj: Obj) -> list[ObjectRef]:
        nonlocal looks
        looks += 1
        return []

    store, key = Store(references, max_entries=3), ObjectKey("ns", "infra")
    entries: list[Obj] = [{"name": "infra"}, {"name": "b"}, {"name": "c"}]
    for version in range(1, 5):
        store.put_kustomization(kustomization("apps", version, depends_on=entries))
    assert looks == 1
    assert store.dependents(key) == [ObjectKey("ns", "apps")]
    longer = kustomization("apps", 5, depends_on=[*entries, {"name": "d"}])
    longer["metadata"]["generation"] = 2
    store.put_kustomization(longer)
    assert store.dependents(key) == []


async def test_an_object_that_could_not_be_taken_in_is_taken_in_when_it_comes_again() -> None:
    store, calls = Store(), list[bool]()

    def fail_once(key: ObjectKey, old: Obj | None, new: Obj | None) -> None:
        calls.append(old is None)
        if len(calls) == 1:
            raise RuntimeError("not now")

    store.subscribe(on_kustomization=fail_once)
    obj = kustomization("apps", 1)
    with pytest.raises(RuntimeError):
        store.put_kustomization(obj)
    assert store.put_kustomization(obj)
    assert calls == [True, True]
