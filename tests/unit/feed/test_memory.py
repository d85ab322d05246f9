"""What is remembered of an object: the newest, bounded, without secrets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from headgate.feed.memory import (
    DRIFTS_EACH,
    EVENTS_EACH,
    LONGEST,
    OBJECTS_OF_ONE,
    UNHEALTHY_EACH,
    Memory,
    NotedSteps,
)
from headgate.feed.work import Clock
from headgate.health import Health, HealthStatus
from headgate.kube import ObjectRef
from headgate.postbuild import Masks
from headgate.reconcile.reporting.events import NORMAL, WARNING, Event
from headgate.reconcile.reporting.measure import BUILD, UNMEASURED
from headgate.subject import Subject, reconciling

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
KIND = "Kustomization"


def memory() -> Memory:
    return Memory(lambda: AT)


def event(message: str, name: str = "app", type: str = WARNING, **more: Any) -> Event:
    about = {"apiVersion": "v1", "kind": KIND, "metadata": {"name": name, "namespace": "shop"}}
    return Event(about, "kustomize-controller", type, "Reason", message, **more)


def test_the_newest_events_are_kept_and_a_repetition_counts() -> None:
    kept = memory()
    for number in range(EVENTS_EACH + 5):
        kept.sent(event(f"message {number}"))
    for _ in range(3):
        kept.sent(event("again", type=NORMAL))
    events = kept.of(KIND, "shop", "app").events
    assert len(events) == EVENTS_EACH
    assert [(each.message, each.count) for each in events[:2]] == [
        ("again", 3),
        (f"message {EVENTS_EACH + 4}", 1),
    ]
    kept.forget(KIND, "shop", "app")
    assert kept.of(KIND, "shop", "app").events == ()


def test_texts_have_a_limit_and_objects_of_a_namespace_do_too() -> None:
    kept = memory()
    kept.sent(event("x" * 100_000))
    assert len(kept.of(KIND, "shop", "app").events[0].message) == LONGEST
    for number in range(OBJECTS_OF_ONE + 10):
        kept.sent(event("message", name=f"app-{number}"))
    assert kept.of(KIND, "shop", "app-0").events == ()
    assert kept.of(KIND, "shop", f"app-{OBJECTS_OF_ONE + 9}").events


def test_drift_has_its_object_and_what_happened() -> None:
    kept, web = memory(), ObjectRef("apps/v1", "Deployment", "web", "shop")
    for _ in range(DRIFTS_EACH + 3):
        kept.sent(event(f"drift detected: {web}: jane changed spec.replicas", managed=web))
    kept.sent(event(f"drift detected: {web}", managed=web))
    drifts = kept.of(KIND, "shop", "app").drifts
    assert len(drifts) == DRIFTS_EACH
    assert [(each.ref, each.what) for each in drifts[:2]] == [(web, ""), (web, "jane changed spec.replicas")]


def waiting(
    health: dict[ObjectRef, Health], masks: Masks | None = None, ttl: frozenset[ObjectRef] = frozenset()
) -> Any:
    async def masked(text: str) -> str:
        return masks(text) if masks else text

    return SimpleNamespace(
        attempt=SimpleNamespace(key=SimpleNamespace(namespace="shop", name="app"), masked=masked),
        wait=SimpleNamespace(targets=tuple(health), jobs_with_ttl=ttl),
        reads=SimpleNamespace(health=health.__getitem__),
    )


def ref(number: int) -> ObjectRef:
    return ObjectRef("apps/v1", "Deployment", f"web-{number}", "shop")


def judged(kept: Memory, *arguments: Any) -> Any:
    asyncio.run(kept.judged(waiting(*arguments)))
    return kept.of(KIND, "shop", "app").verdicts


def test_verdicts_name_what_is_unhealthy_and_what_was_judged() -> None:
    bad = Health(HealthStatus.FAILED, "no quota")
    gone = Health(HealthStatus.NOT_FOUND, "")
    verdicts = judged(
        memory(),
        {ref(0): Health(HealthStatus.CURRENT, ""), ref(1): bad, ref(2): gone},
        None,
        frozenset({ref(2)}),
    )
    assert verdicts.targets == (ref(0), ref(1), ref(2))
    assert dict(verdicts.unhealthy) == {ref(1): ("Failed", "no quota")}


def test_of_very_many_unhealthy_objects_those_beyond_the_limit_are_not_called_healthy() -> None:
    bad = Health(HealthStatus.FAILED, "no quota")
    verdicts = judged(memory(), {ref(n): bad for n in range(UNHEALTHY_EACH + 100)})
    assert len(verdicts.unhealthy) == len(verdicts.targets) == UNHEALTHY_EACH


@pytest.mark.parametrize(
    "message",
    ["s3cret-value", "a s3cret-value b\0c", "x" * (LONGEST - 5) + "s3cret-value", "\0\0s3cret-value"],
)
def test_messages_hold_no_secret_value_not_even_a_part(message: str) -> None:
    health = {ref(0): Health(HealthStatus.FAILED, message), ref(1): Health(HealthStatus.FAILED, "other")}
    verdicts = judged(memory(), health, Masks(["s3cret-value"]))
    assert "s3cr" not in repr(verdicts)
    assert {status for status, _ in verdicts.unhealthy.values()} == {"Failed"}


def test_measurements_are_passed_on_and_noted_for_the_object_that_is_reconciled() -> None:
    kept = memory()
    measure = NotedSteps(UNMEASURED, kept)
    measure.took(BUILD, 2.0, failed=False)
    with reconciling(Subject("kustomization", KIND, "shop", "app")):
        measure.took(BUILD, 1.0, failed=True)
        measure.took(BUILD, 4.0, failed=False)
        measure.build_skipped()
    known = kept.of(KIND, "shop", "app")
    assert [(each.step, each.seconds, each.failed) for each in known.steps] == [(BUILD, 4.0, False)]
    assert (known.skipped_builds, kept.skipped_builds) == (1, 1)
    assert 1.0 < kept.averages[BUILD] < 4.0


def test_health_that_watches_show_is_noted_once_and_forgotten_when_the_object_is_gone() -> None:
    kept, changes = memory(), 0

    def changed(*_: str) -> None:
        nonlocal changes
        changes += 1

    kept.on_change = changed
    key = cast(Any, SimpleNamespace(namespace="shop", name="app"))
    for _ in range(3):
        kept.saw(key, {ref(0): ("Current", "")})
    assert changes == 1
    kept.saw(key, {ref(0): None})
    assert (changes, dict(kept.of(KIND, "shop", "app").live)) == (2, {})


def test_equal_times_stay_equal_until_somebody_sets_the_clock() -> None:
    clock = Clock(100.0, AT)
    same = clock.set_to(110.0, clock.at(110.2))
    assert same.at(90.0) == clock.at(90.0)
    moved = clock.set_to(110.0, clock.at(4000.0))
    assert moved.at(110.0) == clock.at(4000.0)
