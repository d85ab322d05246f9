"""When a Kustomization may go ahead, and what it says when it may not."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.reconcile.dependencies import blocked_by, find_cycle
from headgate.reconcile.store import Store

Obj = dict[str, Any]
REVISION = "main@sha1:aaa"


def kustomization(
    name: str,
    *depends_on: str,
    ready: str | None = "True",
    revision: str = REVISION,
    source: str = "repo",
    generation: int = 1,
    observed: int = 1,
) -> Obj:
    status: Obj = {"observedGeneration": observed, "lastAppliedRevision": revision}
    if ready is not None:
        status["conditions"] = [{"type": "Ready", "status": ready}]
    return {
        "metadata": {
            "name": name,
            "namespace": "ns",
            "generation": generation,
            "resourceVersion": "1",
            "uid": name,
        },
        "spec": {
            "sourceRef": {"kind": "GitRepository", "name": source},
            "dependsOn": [{"name": d} for d in depends_on],
        },
        "status": status,
    }


def store(*objects: Obj) -> Store:
    out = Store()
    for obj in objects:
        out.put_kustomization(obj)
    return out


@pytest.mark.parametrize(
    ("dependency", "message"),
    [
        (kustomization("infra"), None),
        (kustomization("infra", ready="False"), "dependency 'ns/infra' is not ready"),
        (kustomization("infra", ready="Unknown"), "dependency 'ns/infra' is not ready"),
        (kustomization("infra", ready=None), "dependency 'ns/infra' is not ready"),
        (kustomization("infra", generation=2), "dependency 'ns/infra' is not ready"),
        (
            kustomization("infra", revision="main@sha1:old"),
            "dependency 'ns/infra' revision is not up to date",
        ),
        (kustomization("infra", revision="v1@sha1:x", source="other"), None),
    ],
)
def test_a_dependency_is_ready_when_it_applied_the_same_revision(
    dependency: Obj, message: str | None
) -> None:
    apps = kustomization("apps", "infra")
    blocked = blocked_by(apps, REVISION, store(apps, dependency).kustomization)
    assert (blocked and blocked.message) == message


def test_a_missing_dependency_is_named_as_the_api_server_would() -> None:
    apps = kustomization("apps", "ghost")
    blocked = blocked_by(apps, REVISION, store(apps).kustomization)
    assert blocked is not None
    assert blocked.message == (
        "dependency 'ns/ghost' not found: kustomizations.kustomize.toolkit.fluxcd.io \"ghost\" not found"
    )


def test_a_cycle_is_reported_as_the_path_that_closes_it() -> None:
    a, b, c = (
        kustomization("a", "b", ready=None),
        kustomization("b", "c", ready=None),
        kustomization("c", "a", ready=None),
    )
    known = store(a, b, c)
    blocked = blocked_by(a, REVISION, known.kustomization)
    assert blocked is not None
    assert blocked.cycle == tuple(ObjectKey("ns", n) for n in "abca")
    assert "ns/a -> ns/b -> ns/c -> ns/a" in blocked.message


def test_depending_on_oneself_is_a_cycle_too() -> None:
    a = kustomization("a", "a", ready=None)
    assert find_cycle(a, store(a).kustomization) == (ObjectKey("ns", "a"),) * 2


def test_a_cycle_elsewhere_does_not_concern_those_outside_it() -> None:
    a, b, c = kustomization("a", "b"), kustomization("b", "c"), kustomization("c", "b")
    assert find_cycle(a, store(a, b, c).kustomization) == ()


def test_consumers_come_after_those_they_depend_on() -> None:
    known = store(
        kustomization("a", "c"), kustomization("b"), kustomization("c", "b"), kustomization("d", "missing")
    )
    from headgate.reconcile.store import SourceKey

    order = [k.name for k in known.consumers(SourceKey("GitRepository", "ns", "repo"))]
    assert order.index("b") < order.index("c") < order.index("a")
    assert sorted(order) == ["a", "b", "c", "d"]


def test_the_store_keeps_the_newest_version_and_follows_changed_references() -> None:
    known = store(kustomization("apps", "infra"))
    newer = kustomization("apps", "base")
    newer["metadata"]["resourceVersion"] = "10"
    assert known.put_kustomization(newer)
    assert not known.put_kustomization(kustomization("apps", "infra"))
    assert known.dependents(ObjectKey("ns", "infra")) == []
    assert known.dependents(ObjectKey("ns", "base")) == [ObjectKey("ns", "apps")]
    known.drop_kustomization(ObjectKey("ns", "apps"))
    assert known.dependents(ObjectKey("ns", "base")) == []
