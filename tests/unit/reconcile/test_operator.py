"""Who is woken by what: the operator's rules, on real queues."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.reconcile.controller import NOTHING_MORE, Controller, Outcome
from headgate.reconcile.operator import Operator
from headgate.reconcile.queue import Trigger
from headgate.reconcile.store import Store

Obj = dict[str, Any]


async def nothing(key: ObjectKey, triggers: tuple[Trigger, ...]) -> Outcome:
    return NOTHING_MORE


class Ground:
    """An operator whose queues nobody empties."""

    def __init__(self) -> None:
        self.kustomizations: Controller[ObjectKey] = Controller("kustomization", nothing, workers=1)
        self.sources: Controller[ObjectKey] = Controller("gitrepository", nothing, workers=1)
        self.operator = Operator(
            Store(),
            self.kustomizations,
            self.sources,
            concerns=lambda key, source: True,
            tell_drift=lambda key, ref, what: None,
        )

    def sees(self, obj: Obj) -> None:
        """What a watch brings: first to the index, then as an event."""
        self.operator.seen_kustomization(obj)
        self.operator.kustomization_event(obj, deleted=False)

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
