"""When a Kustomization may go ahead, and what it says when it may not."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.reconcile.dependencies import InvalidReadyExpression, blocked_by, find_cycle
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


SAME_VERSION = "dep.metadata.labels['app/version'] == self.metadata.labels['app/version']"


def versions(dependency: str, own: str, expression: str = SAME_VERSION, **state: Any) -> tuple[Obj, Obj]:
    """A dependency and its dependent, each with its version label, linked by a readyExpr."""
    infra, apps = kustomization("infra", **state), kustomization("apps", "infra")
    infra["metadata"]["labels"] = {"app/version": dependency}
    apps["metadata"]["labels"] = {"app/version": own}
    apps["spec"]["dependsOn"][0]["readyExpr"] = expression
    return infra, apps


@pytest.mark.parametrize(
    ("labels", "state", "additive", "message"),
    [
        (("v2", "v2"), {}, False, None),
        (("v1", "v2"), {}, False, "dependency 'ns/infra' is not ready according to readyExpr eval"),
        (("v2", "v2"), {"ready": "False"}, False, None),
        (("v2", "v2"), {"revision": "main@sha1:old"}, False, None),
        (("v2", "v2"), {}, True, None),
        (("v1", "v2"), {}, True, "dependency 'ns/infra' is not ready according to readyExpr eval"),
        (("v2", "v2"), {"ready": "False"}, True, "dependency 'ns/infra' is not ready"),
        (
            ("v2", "v2"),
            {"revision": "main@sha1:old"},
            True,
            "dependency 'ns/infra' revision is not up to date",
        ),
    ],
)
def test_a_ready_expression_replaces_the_rules_or_comes_on_top(
    labels: tuple[str, str], state: Obj, additive: bool, message: str | None
) -> None:
    infra, apps = versions(*labels, **state)
    blocked = blocked_by(apps, REVISION, store(infra, apps).kustomization, additive=additive)
    assert (blocked and blocked.message) == message


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("dep.metadata ==", "1:16: Syntax error"),
        ("other.metadata.name == 'x'", "undeclared reference to 'other"),
        ("dep.status.ready", "output type mismatch: expected bool, got dyn"),
        ("size(dep.status.conditions)", "output type mismatch: expected bool, got int"),
        ("dep.metadata.name.capitalize() == 'X'", "undeclared reference to 'capitalize'"),
    ],
)
def test_an_invalid_ready_expression_is_no_reason_to_wait(expression: str, what: str) -> None:
    infra, apps = versions("v1", "v1", expression)
    with pytest.raises(InvalidReadyExpression) as raised:
        blocked_by(apps, REVISION, store(infra, apps).kustomization)
    assert str(raised.value).startswith(
        f"failed to evaluate dependency infra: failed to parse the CEL expression '{expression}': "
    )
    assert what in str(raised.value)


def test_a_ready_expression_that_misses_a_field_is_waited_for() -> None:
    infra, apps = versions("v1", "v1", "dep.status.later == 'x'")
    blocked = blocked_by(apps, REVISION, store(infra, apps).kustomization)
    assert blocked is not None
    assert blocked.message == (
        "failed to evaluate the CEL expression 'dep.status.later == 'x'': no such key: later"
    )


def test_a_missing_dependency_is_missing_whatever_the_expression_says() -> None:
    _, apps = versions("v1", "v1", "true")
    blocked = blocked_by(apps, REVISION, store(apps).kustomization)
    assert blocked is not None
    assert "not found" in blocked.message


def test_an_expression_sees_of_another_namespace_only_how_it_is_where_that_is_guarded() -> None:
    """So that nobody reads another team's Kustomization by guessing at it."""
    foreign = kustomization("infra")
    foreign["metadata"] |= {"namespace": "other", "labels": {"tier": "base"}}
    foreign["spec"]["postBuild"] = {"substitute": {"password": "x"}}
    foreign["status"] |= {"inventory": {"entries": []}, "history": []}
    apps = kustomization("apps")

    def blocked(expression: str, *, guarded: bool) -> bool:
        entry = {"name": "infra", "namespace": "other", "readyExpr": expression}
        asking = {**apps, "spec": {**apps["spec"], "dependsOn": [entry]}}
        return blocked_by(asking, REVISION, store(asking, foreign).kustomization, guarded=guarded) is not None

    for secret in ("has(dep.spec)", "has(dep.status.inventory)", "has(dep.status.history)"):
        assert blocked(secret, guarded=True), secret
        assert not blocked(secret, guarded=False), secret
    for public in (
        "dep.metadata.labels.tier == 'base'",
        "dep.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')",
        "has(self.spec)",
    ):
        assert not blocked(public, guarded=True), public
