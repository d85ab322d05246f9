"""The state of one object, from its own conditions."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.insight import Fleet, State, explain
from headgate.insight.classify import SUSPEND_REASON, classify
from tests.unit.insight.objects import BUILD_FAILED, READY, condition, ks, repo

STALLED = condition("Stalled", "True", "InvalidCELExpression", "healthCheckExprs[0]: bad")
HELD = condition("RevisionHeld", "True", "OnHold", "revision 'main@sha1:bb' is on hold: freeze")
DOING = condition("Reconciling", "True", "Progressing", "Building manifests")
RETRY = condition("Reconciling", "True", "ProgressingWithRetry", "retrying")


def deleted(obj: dict[str, Any]) -> dict[str, Any]:
    obj["metadata"]["deletionTimestamp"] = "2026-06-01T12:00:00Z"
    return obj


def pruned() -> dict[str, Any]:
    return deleted(ks("a", condition("Ready", "False", "PruneFailed", "forbidden")))


@pytest.mark.parametrize(
    ("obj", "state", "reason"),
    [
        (ks("a", READY), State.READY, "ReconciliationSucceeded"),
        (ks("a"), State.PROGRESSING, ""),
        (ks("a", DOING), State.PROGRESSING, "Progressing"),
        (ks("a", DOING, condition("Ready", "Unknown", "Progressing", "x")), State.PROGRESSING, "Progressing"),
        (ks("a", BUILD_FAILED), State.FAILED, "BuildFailed"),
        (ks("a", BUILD_FAILED, RETRY), State.FAILED, "BuildFailed"),
        (
            ks("a", STALLED, condition("Ready", "False", "InvalidCELExpression", "b")),
            State.STALLED,
            "InvalidCELExpression",
        ),
        (ks("a", READY, generation=2), State.PROGRESSING, "ReconciliationSucceeded"),
        (ks("a", BUILD_FAILED, generation=2), State.PROGRESSING, "BuildFailed"),
        (ks("a", STALLED, generation=2), State.PROGRESSING, ""),
        (ks("a", READY, suspend=True), State.SUSPENDED, "ReconciliationSucceeded"),
        (ks("a", BUILD_FAILED, suspend=True, generation=9), State.SUSPENDED, "BuildFailed"),
        (ks("a", STALLED, suspend=True), State.SUSPENDED, ""),
        (ks("a", READY, suspend="yes"), State.READY, "ReconciliationSucceeded"),
        (deleted(ks("a", READY)), State.PROGRESSING, "ReconciliationSucceeded"),
        (pruned(), State.FAILED, "PruneFailed"),
        (repo("r", HELD, condition("Ready", "True", "Succeeded")), State.HELD, "OnHold"),
        (
            repo("r", HELD, condition("Ready", "Unknown", "RevisionHeld"), artifact=False),
            State.HELD,
            "OnHold",
        ),
        (
            repo("r", HELD, condition("Ready", "False", "GitOperationFailed")),
            State.FAILED,
            "GitOperationFailed",
        ),
        (repo("r", condition("Ready", "True", "Succeeded", generation=-1)), State.PROGRESSING, "Succeeded"),
        ({"kind": "Kustomization"}, State.PROGRESSING, ""),
        (
            {"kind": "Kustomization", "status": {"conditions": "x"}, "spec": [], "metadata": 1},
            State.PROGRESSING,
            "",
        ),
        ({"kind": "Kustomization", "status": {"conditions": [1, {"type": 2}]}}, State.PROGRESSING, ""),
    ],
)
def test_the_state_follows_from_spec_and_conditions(obj: dict[str, Any], state: State, reason: str) -> None:
    found = classify(obj)
    assert (found.state, found.reason) == (state, reason)


def test_a_suspended_object_says_why() -> None:
    obj = ks("a", READY, suspend=True)
    obj["metadata"]["annotations"] = {SUSPEND_REASON: "waits for the audit"}
    report = explain(Fleet.of([obj, repo()]))
    assert report.verdicts[1].note == "waits for the audit"
    assert report.causes == ()


def test_a_held_source_says_what_is_held() -> None:
    found = classify(repo("r", HELD, condition("Ready", "True", "Succeeded")))
    assert found.note.startswith("revision 'main@sha1:bb' is on hold")


def test_a_condition_without_its_annotation_holds_nothing() -> None:
    obj = repo("r", HELD, condition("Ready", "True", "Succeeded"))
    del obj["metadata"]["annotations"]
    found = classify(obj)
    assert (found.state, found.note) == (State.READY, "")


def test_texts_have_a_limit_and_no_credentials() -> None:
    secret = "https://me:hunter2@git.example/x"
    obj = ks("a", condition("Ready", "False", "BuildFailed" * 100, f"cannot clone {secret} " + "x" * 9000))
    found = classify(obj)
    assert "hunter2" not in found.message
    assert "https://git.example/x" in found.message
    assert len(found.message) <= 4000
    assert len(found.reason) <= 300
    cut = classify(
        ks("a", condition("Ready", "False", "BuildFailed", "https://" + "hunter2" * 3000 + "@host/"))
    )
    assert "hunter2" not in cut.message
