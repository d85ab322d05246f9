"""Who is woken by what: the operator's rules, on real queues."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.backoff import Doubling
from headgate.kube import ObjectRef
from headgate.reconcile.core.controller import NOTHING_MORE, Controller, Outcome
from headgate.reconcile.core.queue import Trigger
from headgate.reconcile.core.store import Store, WrongThread
from headgate.reconcile.operator import Operator

Obj = dict[str, Any]


async def nothing(key: ObjectKey, triggers: tuple[Trigger, ...]) -> Outcome:
    return NOTHING_MORE


class Ground:
    """An operator whose queues nobody empties."""

    def __init__(self, store: Store | None = None) -> None:
        self.kustomizations: Controller[ObjectKey] = Controller("kustomization", nothing, workers=1)
        self.sources: Controller[ObjectKey] = Controller("gitrepository", nothing, workers=1)
        self.operator = Operator(
            store or Store(),
            self.kustomizations,
            self.sources,
            concerns=lambda key, source: True,
            tell_drift=lambda key, ref, what: None,
        )

    def sees(self, obj: Obj) -> None:
        """What a watch brings: first to the index, then as an event."""
        self.operator.seen_kustomization(obj)
        self.operator.kustomization_event(obj, deleted=False)

    def finds(self, obj: Obj) -> None:
        """Likewise, of a source."""
        self.operator.seen_source(obj)
        self.operator.source_event(obj, deleted=False)

    def woken(self, name: str) -> list[str]:
        """Why a Kustomization waits in the queue; it then no longer does."""
        key = ObjectKey("ns", name)
        reasons = [trigger.reason for trigger in self.kustomizations.queue.waiting_triggers(key)]
        self.kustomizations.queue.forget(key)
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
    # The same once more, as after a watch was renewed, is no change.
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
    reasons = [trigger.reason for trigger in ground.sources.queue.waiting_triggers(key)]
    ground.sources.queue.forget(key)
    return reasons


async def test_a_revision_wakes_those_that_use_it_and_those_that_include_it(ground: Ground) -> None:
    ground.sees(kustomization("apps", 1))
    ground.finds(source("source", 2))
    ground.finds(source("whole", 3, include=("source",)))
    ground.finds(source("other", 4, include=("whole",)))
    await ground.operator.idle()
    ground.woken("apps")
    for name in ("source", "whole", "other"):
        looked_at(ground, name)
    ground.finds(source("source", 5, "main@sha1:a"))
    await ground.operator.idle()
    assert ground.woken("apps") == looked_at(ground, "whole") == ["revision main@sha1:a"]
    assert looked_at(ground, "other") == []
    ground.finds(source("source", 5, "main@sha1:a"))
    await ground.operator.idle()
    assert ground.woken("apps") == looked_at(ground, "whole") == []


async def test_what_was_not_acted_on_is_not_noted_as_seen(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception on the way leaves it to the next try, whether ours or a repeated event."""
    monkeypatch.setattr("headgate.loop.background.PAUSES", Doubling(0.0, 0.0))
    ground.sees(kustomization("infra", 1))
    ground.sees(kustomization("apps", 2, depends_on=[{"name": "infra"}]))
    ground.finds(source("source", 3))
    ground.finds(source("whole", 4, include=("source",)))
    await ground.operator.idle()
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

    fail(ground.kustomizations.queue)
    fail(ground.sources.queue)
    ground.finds(source("source", 5, "main@sha1:a"))
    await ground.operator.idle()
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


async def test_one_that_cannot_be_compared_does_not_keep_others_from_the_news() -> None:
    ground = Ground()

    def concerns(key: ObjectKey, source: object) -> bool:
        if key.name == "broken":
            raise RuntimeError("no tree")
        return True

    ground.operator._concerns = concerns
    for version, name in enumerate(("apps", "broken", "more"), 1):
        ground.sees(kustomization(name, version))
    ground.finds(source("source", 9, "main@sha1:a"))
    await ground.operator.idle()
    for name in ("apps", "broken", "more"):
        assert ground.woken(name)[-1] == "revision main@sha1:a"


async def test_watched_configuration_wakes_only_those_that_refer_to_it() -> None:
    def references(obj: Obj) -> list[ObjectRef]:
        return [ObjectRef("v1", "ConfigMap", name, "ns") for name in obj["spec"].get("uses", ())]

    ground = Ground(Store(references, references))
    user = kustomization("apps", 1)
    user["spec"]["uses"] = ["values"]
    ground.sees(user)
    ground.sees(kustomization("other", 2))
    ground.woken("apps"), ground.woken("other")
    ground.operator.config_changed(ObjectRef("v1", "ConfigMap", "values", "ns"))
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
    store, told = Store(), list[bool]()

    def fail_once(key: ObjectKey, old: Obj | None, new: Obj | None) -> None:
        told.append(old is None)
        if len(told) == 1:
            raise RuntimeError("not now")

    store.on_kustomization = fail_once
    obj = kustomization("apps", 1)
    with pytest.raises(RuntimeError):
        store.put_kustomization(obj)
    assert store.put_kustomization(obj)
    assert told == [True, True]
