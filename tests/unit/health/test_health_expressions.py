"""Health by a user's expressions: which entry applies, in what order, and what is left to the built-in rules."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.cel import BudgetExceeded, CpuLimits, Evaluator
from headgate.health import (
    Health,
    HealthExpressions,
    HealthExpressionsInvalid,
    HealthStatus,
    compute,
    essence,
    whole,
)
from tests.support.expressions import budget

Obj = dict[str, Any]
SEALED = {
    "apiVersion": "bitnami.com/v1alpha1",
    "kind": "SealedSecret",
    "inProgress": "status.phase == 'Working'",
    "failed": "status.phase == 'Broken' || status.phase == 'Working'",
    "current": "status.phase in ['Done', 'Broken', 'Working']",
}


def obj(
    phase: str | None, api_version: str = "bitnami.com/v1", kind: str = "SealedSecret", **status: Any
) -> Obj:
    if phase is not None:
        status["phase"] = phase
    meta = {"name": "x", "namespace": "ns", "generation": 2, "uid": "u", "resourceVersion": str(hash(phase))}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, "status": status}


async def judged(expressions: HealthExpressions, live: Obj) -> Health:
    """The verdict, which is kept for this version of the object."""
    verdict = await expressions.evaluate(live, budget())
    assert expressions.known(live) == verdict
    return verdict


@pytest.mark.parametrize(
    ("phase", "status", "message"),
    [
        ("Working", HealthStatus.IN_PROGRESS, "the expression inProgress is true"),
        ("Broken", HealthStatus.FAILED, "the expression failed is true"),
        ("Done", HealthStatus.CURRENT, "the expression current is true"),
        ("Other", HealthStatus.IN_PROGRESS, "the expression current is not true yet"),
        (
            None,
            HealthStatus.UNKNOWN,
            "failed to evaluate the CEL expression 'status.phase == 'Working'': no such key: phase",
        ),
    ],
)
async def test_the_first_true_expression_tells(phase: str | None, status: HealthStatus, message: str) -> None:
    assert (await judged(await HealthExpressions.compile([SEALED], budget()), obj(phase))) == Health(
        status, message
    )


@pytest.mark.parametrize(
    ("observed", "status"),
    [(1, HealthStatus.IN_PROGRESS), (2, HealthStatus.CURRENT), ("1", HealthStatus.CURRENT)],
)
async def test_a_spec_not_seen_yet_is_in_progress(observed: Any, status: HealthStatus) -> None:
    live = obj("Done", observedGeneration=observed)
    assert (await judged(await HealthExpressions.compile([SEALED], budget()), live)).status is status


async def test_an_entry_for_a_kind_goes_before_one_for_its_group() -> None:
    group = {"apiVersion": "bitnami.com/v1", "current": "false"}
    expressions = await HealthExpressions.compile([group, SEALED], budget())
    assert (await judged(expressions, obj("Done"))).status is HealthStatus.CURRENT
    assert (await judged(expressions, obj("Done", kind="Other"))).status is HealthStatus.IN_PROGRESS
    assert expressions.cover("bitnami.com/v9", "Other")
    assert not expressions.cover("example.org/v1", "SealedSecret")


async def test_kinds_without_an_entry_and_jobs_have_their_own_rules() -> None:
    expressions = await HealthExpressions.compile(
        [{"apiVersion": "batch/v1", "current": "true"}, SEALED], budget()
    )
    for kind, api_version in (("Job", "batch/v1"), ("Deployment", "apps/v1")):
        live = obj(None, api_version, kind)
        assert (await judged(expressions, live)) == compute(live)
        assert not expressions.cover(api_version, kind)
    assert expressions.cover("batch/v1", "CronJob")


async def test_a_deployment_may_be_judged_by_expressions() -> None:
    expressions = await HealthExpressions.compile(
        [{"apiVersion": "apps/v1", "kind": "Deployment", "current": "true"}], budget()
    )
    assert (await judged(expressions, obj(None, "apps/v1", "Deployment"))).status is HealthStatus.CURRENT


async def test_the_verdict_follows_the_object() -> None:
    expressions = await HealthExpressions.compile([SEALED], budget())
    phases = ("Working", "Done", "Working", None, "Broken")
    seen = [(await judged(expressions, obj(p))).status for p in phases]
    fresh = [
        (await judged(await HealthExpressions.compile([SEALED], budget()), obj(p))).status for p in phases
    ]
    assert seen == fresh


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            [SEALED, {**SEALED, "apiVersion": "bitnami.com/v2"}],
            "duplicate custom health check for GroupKind SealedSecret.bitnami.com at healthchecks[1]",
        ),
        (
            [SEALED, {"apiVersion": "a/v1", "current": "true", "failed": "status."}],
            "failed to create custom status evaluator for healthchecks[1]: failed to parse the expression Failed: "
            "failed to parse the CEL expression 'status.': ERROR: <input>:1:8: Syntax error",
        ),
        (
            [{"apiVersion": "a/v1", "kind": "A"}],
            "failed to create custom status evaluator for healthchecks[0]: expression Current not specified",
        ),
    ],
)
async def test_invalid_entries_are_named(entries: list[Obj], message: str) -> None:
    with pytest.raises(HealthExpressionsInvalid) as raised:
        await HealthExpressions.compile(entries, budget())
    assert str(raised.value).startswith(message)


async def test_what_is_kept_whole_has_every_field_but_the_managed_ones() -> None:
    live = obj("Done")
    live["metadata"]["managedFields"] = [{"manager": "m"}]
    live["spec"] = {"anything": 1}
    kept = whole(live)
    assert kept["spec"] == {"anything": 1}
    assert "managedFields" not in kept["metadata"]
    assert "managedFields" in live["metadata"]
    assert (
        await judged(await HealthExpressions.compile([SEALED], budget()), kept)
    ).status is HealthStatus.CURRENT
    assert "phase" not in essence(live).get("status", {})


async def test_nothing_is_a_set_of_expressions_too() -> None:
    live = obj("Done")
    assert not HealthExpressions()
    assert HealthExpressions().known(live) == compute(live)


async def test_an_object_is_evaluated_once_for_each_of_its_versions() -> None:
    expressions, own = await HealthExpressions.compile([SEALED], budget()), budget()
    live = obj("Done")
    assert expressions.known(live) is None
    await expressions.evaluate(live, own)
    spent = own.spent
    assert spent > 0
    for _ in range(3):
        assert (await expressions.evaluate(live, own)).status is HealthStatus.CURRENT
    assert own.spent == spent
    assert expressions.known(obj("Broken")) is None


async def test_where_the_time_is_used_up_the_field_is_named() -> None:
    evaluator = Evaluator(CpuLimits(attempt=1e-9, namespace=10))
    try:
        expressions = await HealthExpressions.compile([SEALED], budget())
        own = evaluator.budget("ns")
        with pytest.raises(
            BudgetExceeded, match=r"^spec.healthCheckExprs\[0\].failed: .* 1e-09s of processor time"
        ):
            await expressions.evaluate(obj("Done"), own)
        assert expressions.known(obj("Done")) is None
    finally:
        evaluator.close()
