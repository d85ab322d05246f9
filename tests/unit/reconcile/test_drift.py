"""Drift: Headgate reports it once and corrects it at once; what keeps drifting, less and less often."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.apply import Owner
from headgate.backoff import Doubling
from headgate.kube import ObjectRef
from headgate.reconcile.core import drift
from headgate.reconcile.core.drift import PAUSES, QUIET, DriftBackoff
from headgate.reconcile.core.queue import Depth, WorkQueue
from headgate.reconcile.core.store import Store
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.target.drift import describe
from tests.support.wakeups import wakeups

KEY = ObjectKey("apps", "web")
REF = ObjectRef("apps/v1", "Deployment", "web", "apps")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_correction_is_immediate_and_each_further_one_waits_longer() -> None:
    clock = Clock()
    backoff = DriftBackoff(clock)
    waits = []
    for _ in range(12):
        waits.append(backoff.delay(REF))
        clock.now += waits[-1] + 0.01  # changed again right after the correction
    assert waits[0] == 0
    assert waits[1] == pytest.approx(PAUSES.first, abs=0.1)
    assert waits[2] == pytest.approx(2 * PAUSES.first, abs=0.1)
    assert waits[-1] == pytest.approx(PAUSES.longest, abs=0.1)
    assert waits == sorted(waits)


def test_what_was_quiet_for_long_starts_afresh() -> None:
    clock = Clock()
    backoff = DriftBackoff(clock)
    backoff.delay(REF)
    backoff.delay(REF)
    clock.now += PAUSES.first + QUIET + 1
    assert backoff.delay(REF) == 0


def test_objects_do_not_share_a_history() -> None:
    backoff = DriftBackoff(Clock())
    assert [backoff.delay("a"), backoff.delay("b")] == [0, 0]


def test_only_so_many_objects_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "REMEMBERED", 2)
    backoff = DriftBackoff(Clock())
    for name in ("a", "b", "c"):
        backoff.delay(name)
    assert backoff.delay("a") == 0, "the longest quiet one is forgotten"
    assert backoff.delay("c") > 0


Queue = WorkQueue[ObjectKey]


def _world(*, correct: bool = True) -> tuple[Wakeups, Queue]:
    """The rules over one Kustomization, and its queue."""
    store, queue = Store(), Queue(1)
    store.put_kustomization(
        {
            "kind": "Kustomization",
            "metadata": {"name": "web", "namespace": "apps", "uid": "1", "resourceVersion": "1"},
            "spec": {"sourceRef": {"kind": "GitRepository", "name": "repo"}},
        }
    )
    return wakeups(store, queue, correct_drift=correct), queue


async def test_a_writer_that_goes_on_costs_one_event_and_one_pass_for_many_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drift, "PAUSES", Doubling(0.2, 300.0))
    wakeups, queue = _world()
    wakeups.live_drifted(KEY, REF, "change 0")
    key, triggers, _ = await queue.get()
    assert (key, wakeups.take_drifts(KEY)) == (KEY, {REF: "change 0"})
    assert [t.depth for t in triggers] == [Depth.APPLY]
    queue.done(key)
    for number in range(1, 20):
        wakeups.live_drifted(KEY, REF, f"change {number}")
    assert wakeups.take_drifts(KEY) == {}
    assert not queue.is_pending(KEY)
    await asyncio.wait_for(queue.get(), 60)
    assert wakeups.take_drifts(KEY) == {REF: "change 19"}, "the newest change is the one that is reported"


async def test_drift_of_a_kustomization_that_is_gone_is_nobodys() -> None:
    wakeups, queue = _world()
    gone = ObjectKey("apps", "gone")
    wakeups.live_drifted(gone, REF, "change")
    assert (wakeups.take_drifts(gone), len(queue)) == ({}, 0)


async def test_drift_is_left_to_the_interval_when_asked_so() -> None:
    wakeups, queue = _world(correct=False)
    wakeups.live_drifted(KEY, REF, "change")
    assert (wakeups.take_drifts(KEY), len(queue)) == ({}, 0)


async def test_drift_is_forgotten_with_its_kustomization() -> None:
    wakeups, _ = _world()
    wakeups.live_drifted(KEY, REF, "change")
    meta = {"name": "web", "namespace": "apps"}
    wakeups.kustomization_event({"kind": "Kustomization", "metadata": meta}, deleted=True)
    assert wakeups.take_drifts(KEY) == {}


def test_the_newest_foreign_writer_is_named_with_the_fields_it_holds() -> None:
    live = {
        "metadata": {
            "managedFields": [
                {"manager": "ours", "time": "2026-01-03T00:00:00Z", "fieldsV1": {"f:spec": {}}},
                {"manager": "older", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:data": {}}},
                {
                    "manager": "kubectl-edit",
                    "time": "2026-01-02T00:00:00Z",
                    "fieldsV1": {
                        "f:spec": {
                            "f:replicas": {},
                            "f:template": {'k:{"name":"app"}': {".": {}, "f:image": {}}},
                        },
                        "f:metadata": {"f:a": {}, "f:b": {}},
                    },
                },
                {"manager": "kubelet", "subresource": "status", "time": "2026-01-04T00:00:00Z"},
            ]
        }
    }
    text = describe(live, "ours")
    assert (
        text
        == 'kubectl-edit changed spec.replicas, spec.template.[{"name":"app"}].image, metadata.a and 1 more'
    )


def test_without_a_foreign_writer_nothing_is_named() -> None:
    assert describe({"metadata": {}}, "ours") == ""


@pytest.mark.parametrize(
    ("labels", "entries", "what"),
    [
        (Owner("a", "ns").labels, [], ""),
        (Owner("b", "other").labels, [], "Kustomization/other/b has taken it over"),
        ({}, [], ""),
        (
            Owner("b", "ns").labels,
            [{"manager": "hand", "fieldsV1": {"f:data": {"f:a": {}}}}],
            "Kustomization/ns/b has taken it over: hand changed data.a",
        ),
    ],
)
def test_another_kustomization_is_named(
    labels: dict[str, str], entries: list[dict[str, Any]], what: str
) -> None:
    """Its field manager is ours too: only the labels tell."""
    live = {"metadata": {"labels": labels, "managedFields": entries}}
    assert describe(live, "kustomize-controller", Owner("a", "ns")) == what
