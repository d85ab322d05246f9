"""When a Kustomization may go ahead, and what it says when it may not."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.cel import BudgetExceeded, CpuLimits, Evaluator
from headgate.reconcile.core.store import Store
from headgate.reconcile.kustomization.dependencies import blocked_by, find_cycle
from headgate.reconcile.kustomization.errors import SpecExpressionInvalid
from tests.support.expressions import budget

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
async def test_a_dependency_is_ready_when_it_applied_the_same_revision(
    dependency: Obj, message: str | None
) -> None:
    apps = kustomization("apps", "infra")
    blocked = await blocked_by(apps, REVISION, store(apps, dependency).kustomization, budget())
    assert (blocked and blocked.message) == message


async def test_a_missing_dependency_is_named_as_the_api_server_would() -> None:
    apps = kustomization("apps", "ghost")
    blocked = await blocked_by(apps, REVISION, store(apps).kustomization, budget())
    assert blocked is not None
    assert blocked.message == (
        "dependency 'ns/ghost' not found: kustomizations.kustomize.toolkit.fluxcd.io \"ghost\" not found"
    )


async def test_a_cycle_is_reported_as_the_path_that_closes_it() -> None:
    a, b, c = (
        kustomization("a", "b", ready=None),
        kustomization("b", "c", ready=None),
        kustomization("c", "a", ready=None),
    )
    known = store(a, b, c)
    blocked = await blocked_by(a, REVISION, known.kustomization, budget())
    assert blocked is not None
    assert blocked.cycle == tuple(ObjectKey("ns", n) for n in "abca")
    assert "ns/a -> ns/b -> ns/c -> ns/a" in blocked.message


async def test_depending_on_oneself_is_a_cycle_too() -> None:
    a = kustomization("a", "a", ready=None)
    assert await find_cycle(a, store(a).kustomization) == (ObjectKey("ns", "a"),) * 2


async def test_a_cycle_elsewhere_does_not_concern_those_outside_it() -> None:
    a, b, c = kustomization("a", "b"), kustomization("b", "c"), kustomization("c", "b")
    assert await find_cycle(a, store(a, b, c).kustomization) == ()


async def test_consumers_come_after_those_they_depend_on() -> None:
    known = store(
        kustomization("a", "c"), kustomization("b"), kustomization("c", "b"), kustomization("d", "missing")
    )
    from headgate.reconcile.core.store import SourceKey

    order = [k.name async for k in known.consumers(SourceKey("GitRepository", "ns", "repo"))]
    assert order.index("b") < order.index("c") < order.index("a")
    assert sorted(order) == ["a", "b", "c", "d"]


def test_the_store_keeps_the_newest_version_and_follows_changed_references() -> None:
    known = store(kustomization("apps", "infra"))
    newer = kustomization("apps", "base")
    newer["metadata"] |= {"resourceVersion": "10", "generation": 2}
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
async def test_a_ready_expression_replaces_the_rules_or_comes_on_top(
    labels: tuple[str, str], state: Obj, additive: bool, message: str | None
) -> None:
    infra, apps = versions(*labels, **state)
    blocked = await blocked_by(apps, REVISION, store(infra, apps).kustomization, budget(), additive=additive)
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
async def test_an_invalid_ready_expression_is_no_reason_to_wait(expression: str, what: str) -> None:
    infra, apps = versions("v1", "v1", expression)
    with pytest.raises(SpecExpressionInvalid) as raised:
        await blocked_by(apps, REVISION, store(infra, apps).kustomization, budget())
    assert str(raised.value).startswith(
        "Reconciliation failed terminally due to configuration error: "
        f"failed to evaluate dependency infra: failed to parse the CEL expression '{expression}': "
    )
    assert what in str(raised.value)


async def test_a_ready_expression_that_misses_a_field_is_waited_for() -> None:
    infra, apps = versions("v1", "v1", "dep.status.later == 'x'")
    blocked = await blocked_by(apps, REVISION, store(infra, apps).kustomization, budget())
    assert blocked is not None
    assert blocked.message == (
        "failed to evaluate the CEL expression 'dep.status.later == 'x'': no such key: later"
    )


async def test_a_missing_dependency_is_missing_whatever_the_expression_says() -> None:
    _, apps = versions("v1", "v1", "true")
    blocked = await blocked_by(apps, REVISION, store(apps).kustomization, budget())
    assert blocked is not None
    assert "not found" in blocked.message


async def test_an_expression_sees_of_a_hidden_dependency_only_how_it_is() -> None:
    """So that nobody reads another team's Kustomization by guessing at it."""
    foreign = kustomization("infra")
    marks = {"labels": {"tier": "base"}, "annotations": {"note": "x"}, "uid": "u"}
    foreign["metadata"] |= {"namespace": "other", **marks}
    foreign["spec"]["postBuild"] = {"substitute": {"password": "x"}}
    foreign["status"] |= {"inventory": {"entries": []}, "history": [], "lastAttemptedRevision": REVISION}
    for condition in foreign["status"]["conditions"]:
        condition["message"] = f"Applied revision: {REVISION}"
    apps = kustomization("apps")

    async def blocked(expression: str, *, hidden: bool) -> bool:
        entry = {"name": "infra", "namespace": "other", "readyExpr": expression}
        asking = {**apps, "spec": {**apps["spec"], "dependsOn": [entry]}}
        return (
            await blocked_by(
                asking,
                REVISION,
                store(asking, foreign).kustomization,
                budget(),
                hidden={ObjectKey("other", "infra")} if hidden else (),
            )
            is not None
        )

    for secret in (
        "has(dep.spec)",
        "has(dep.status.inventory)",
        "has(dep.status.history)",
        "has(dep.status.lastAppliedRevision)",
        "has(dep.status.lastAttemptedRevision)",
        "dep.status.conditions.exists(c, has(c.message))",
        "dep.metadata.labels.tier == 'base'",
        "dep.metadata.annotations.note == 'x'",
        "dep.metadata.uid == 'u'",
    ):
        assert await blocked(secret, hidden=True), secret
        assert not await blocked(secret, hidden=False), secret
    for public in (
        "dep.metadata.name == 'infra' && dep.metadata.namespace == 'other'",
        "dep.metadata.generation == dep.status.observedGeneration",
        "dep.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')",
        "has(self.spec)",
    ):
        assert not await blocked(public, hidden=True), public


@pytest.mark.parametrize("layers", [3, 60])
async def test_each_kustomization_is_looked_at_once_however_many_ways_lead_to_it(layers: int) -> None:
    """Diamonds, layer upon layer: the ways from the top to the bottom double with each."""
    objects = []
    for layer in range(layers):
        below = [f"{layer + 1}-{side}" for side in "ab"] if layer + 1 < layers else []
        objects += [kustomization(f"{layer}-{side}", *below, revision="main@sha1:old") for side in "ab"]
    known, looks = store(*objects), list[ObjectKey]()

    def look_up(key: ObjectKey) -> Obj | None:
        looks.append(key)
        return known.kustomization(key)

    top = kustomization("top", "0-a", "0-b")
    assert await blocked_by(top, REVISION, look_up, budget(), unconcerned=lambda _: True) is None
    edges = 2 + 4 * (layers - 1)
    assert len(looks) <= edges
    # In a circle none of them ever applies the revision.
    objects[-1]["spec"]["dependsOn"] = [{"name": "0-a"}]
    looks.clear()
    blocked = await blocked_by(top, REVISION, look_up, budget(), unconcerned=lambda _: True)
    assert blocked is not None
    assert blocked.message == "dependency 'ns/0-a' revision is not up to date"
    assert len(looks) <= 3 * edges


async def test_a_long_chain_is_no_deeper_than_a_short_one() -> None:
    length = 3_000
    chain = [kustomization(str(i), str(i + 1), revision="main@sha1:old") for i in range(length)]
    known = store(*chain, kustomization(str(length), "0"))
    cycle = await find_cycle(chain[0], known.kustomization)
    assert len(cycle) == length + 2
    blocked = await blocked_by(
        kustomization("top", "0"), REVISION, known.kustomization, budget(), unconcerned=lambda _: True
    )
    assert blocked is None


async def test_expressions_are_evaluated_when_all_else_is_ready_and_until_one_is_not_true() -> None:
    apps = kustomization("apps", "a", "b", "c", "d")
    texts = ["true", "dep.metadata.name == 'x'", "invalid ("]
    for entry, text in zip(apps["spec"]["dependsOn"], texts, strict=False):
        entry["readyExpr"] = text
    others = [kustomization(name) for name in "abc"]
    own = budget()
    blocked = await blocked_by(apps, REVISION, store(apps, *others).kustomization, own)
    assert blocked is not None
    assert "'ns/d' not found" in blocked.message
    assert own.spent == 0
    blocked = await blocked_by(apps, REVISION, store(apps, *others, kustomization("d")).kustomization, own)
    assert blocked is not None
    assert blocked.message == "dependency 'ns/b' is not ready according to readyExpr eval"


async def test_where_the_time_is_used_up_the_entry_is_named() -> None:
    apps = kustomization("apps", "a", "b")
    for entry in apps["spec"]["dependsOn"]:
        entry["readyExpr"] = "dep.metadata.name != 'used up'"
    evaluator = Evaluator(CpuLimits(attempt=1e-9, namespace=10))
    known = store(apps, kustomization("a"), kustomization("b"))
    try:
        with pytest.raises(BudgetExceeded, match=r"^spec\.dependsOn\[0\]\.readyExpr: .*processor time"):
            await blocked_by(apps, REVISION, known.kustomization, evaluator.budget("ns"))
    finally:
        evaluator.close()
