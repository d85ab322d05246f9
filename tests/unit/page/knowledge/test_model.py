"""What a snapshot has of raw objects, and what is left of it for somebody who may see some namespaces."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from headgate.insight import Fleet, Ref, chain_of, explain
from headgate.insight.as_json import status_document, why_document
from headgate.insight.failing import Evidence, suspects, with_evidence
from headgate.insight.fields import ref_of
from headgate.insight.layers import graph_of
from headgate.insight.values import Link, Relation, State
from headgate.names import KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.page.html import render
from headgate.page.knowledge import (
    AwaitedObject,
    Details,
    DriftedObject,
    Environment,
    ManagedObject,
    OperatorState,
    QueuedKey,
    ReportedEvent,
    RunningKey,
    Snapshot,
    WaitingKey,
    Work,
)
from headgate.page.knowledge.objects import reduced
from headgate.page.views import view_of
from tests.unit.insight.objects import BUILD_FAILED, READY, condition, ks, repo, waits_for
from tests.unit.insight.test_flux_statuses import FOLDER, recorded
from tests.unit.insight.test_properties import fleets

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINE = frozenset({"shop"})
SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.json"))


def details_of(ref: Ref, other: str) -> Details:
    """Details with something in the object's namespace and in another one."""
    kinds = [Ref("Deployment", ref.namespace, "web", "apps"), Ref("Deployment", other, "hidden", "apps")]
    return Details(
        inventory=tuple(ManagedObject(each, "apps/v1", "Failed", "no quota") for each in kinds),
        inventory_count=2,
        events=(ReportedEvent(AT, "Warning", "BuildFailed", f"{ref} failed"),),
        drifts=tuple(DriftedObject(each, AT, "replicas") for each in kinds),
    )


def work_of(refs: list[Ref], other: str) -> Work:
    hidden = AwaitedObject(Ref("Pod", other, "hidden"), "Failed", "hidden message")
    by_namespace: dict[str, int] = {}
    for each in refs:
        by_namespace[each.namespace] = by_namespace.get(each.namespace, 0) + 1
    return Work(
        running=tuple(RunningKey(each, "building", AT) for each in refs),
        queued=tuple(QueuedKey(each, AT, "changed") for each in refs),
        queued_by_namespace=by_namespace,
        waiting=tuple(WaitingKey(each, "main@sha1:1", AT, AT, (hidden,), 1, 1) for each in refs),
        skipped_builds=len(refs),
        queue_seconds=float(len(refs)),
        step_seconds={"build": float(len(refs))},
    )


def snapshot_of(objects: list[dict[str, Any]], other: str = "theirs") -> Snapshot:
    refs = [ref_of(each) for each in objects]
    source = Ref("GitRepository", other, "fleet", SOURCE_GROUP)
    return Snapshot.of(
        objects,
        at=AT,
        details={each: details_of(each, other) for each in refs},
        work=work_of(refs, other),
        environments=[Environment("production", source, AT)],
        operator=OperatorState(leader="pod-1", problem=f"cannot list {other}"),
    )


def moved(obj: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}


@settings(max_examples=100, deadline=None)
@given(fleets(), fleets(), fleets())
def test_what_somebody_sees_depends_on_nothing_in_other_namespaces(
    mine: list[dict[str, Any]], theirs: list[dict[str, Any]], changed: list[dict[str, Any]]
) -> None:
    """Whatever others have, whether objects of this namespace refer to it or not."""
    refer = [
        {**each, "spec": {**each["spec"], "dependsOn": [{"name": "k0", "namespace": "theirs"}]}}
        if each["kind"] == "Kustomization" and at % 2
        else each
        for at, each in enumerate(mine)
    ]
    seen = [
        snapshot_of([*refer, *(moved(each, "theirs") for each in others)]).within(MINE)
        for others in (theirs, changed, [])
    ]
    assert seen[0] == seen[1] == seen[2]
    assert seen[0].within(MINE) == seen[0]


@settings(max_examples=50, deadline=None)
@given(fleets(), fleets())
def test_no_name_count_edge_or_event_of_another_namespace_is_left(
    mine: list[dict[str, Any]], theirs: list[dict[str, Any]]
) -> None:
    foreign = [moved(each, "theirs") for each in theirs]
    seen = snapshot_of([*mine, *foreign]).within(MINE)
    text = repr(replace(seen, details={}))
    for each in ("theirs", "hidden"):
        assert each not in text
    assert sum(seen.report.counts.values()) == len(seen.report.verdicts) == len(mine)
    assert {each.namespace for each in seen.details} <= MINE
    assert {ref.namespace for layer in graph_of(seen.fleet).layers for ref in layer} <= MINE
    assert seen.work.queued_count == len(mine)
    assert (seen.work.skipped_builds, seen.work.queue_seconds, seen.work.step_seconds) == (None, None, {})
    for details in seen.details.values():
        # The inventory in its status names the object; whether it is healthy, nobody has asked for this account.
        assert [each.health for each in details.inventory] == ["Failed", ""]
        assert len(details.drifts) == 1


def test_a_cause_in_another_namespace_is_an_object_that_cannot_be_read() -> None:
    waiting = ks("app", waits_for("base", "platform"))
    waiting["spec"]["dependsOn"] = [{"name": "base", "namespace": "platform"}]
    objects = [waiting, ks("base", BUILD_FAILED, namespace="platform"), repo(), repo(namespace="platform")]
    whole = Snapshot.of(objects)
    assert whole.report.causes[0].message == "apps/web.yaml:3: bad indentation"
    (cause,) = whole.within(MINE).report.causes
    assert (cause.type.value, cause.state, cause.file) == ("unknown", "unknown", "")
    assert "apps/web.yaml" not in repr(whole.within(MINE))
    assert whole.within(None) is whole
    assert whole.within(frozenset()).report.verdicts == ()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_causes_are_those_of_the_command_line(scenario: str) -> None:
    raw = Fleet.of(recorded(scenario))
    report, snapshot = explain(raw), Snapshot.of(recorded(scenario))
    causes = [
        with_evidence(cause, [(each, Evidence()) for each in suspects(raw.objects[cause.root])])
        if cause.root in raw.objects
        else cause
        for cause in report.causes
    ]
    assert status_document(snapshot.bare) == status_document(report)
    assert why_document(snapshot.report.causes, ()) == why_document(causes, ())
    for ref in raw.objects:
        assert chain_of(snapshot.fleet, snapshot.report, ref) == chain_of(raw, report, ref)


@settings(max_examples=100, deadline=None)
@given(fleets())
def test_an_object_says_the_same_when_it_is_reduced(objects: list[dict[str, Any]]) -> None:
    pod = Link(Relation.POD, Ref("Pod", "shop", "web"), "Pending", "ImagePullBackOff")
    evidence = {ref_of(each): (pod,) for each in objects if each["kind"] == "Kustomization"}
    assert Snapshot.of(objects, evidence=evidence).bare == explain(Fleet.of(objects))
    raw, less = Fleet.of(objects), Fleet.of(map(reduced, objects))
    assert explain(raw) == explain(less)
    assert raw.needs == less.needs
    assert Fleet.of(map(reduced, map(reduced, objects))) == less


def test_an_object_has_nothing_that_may_hold_a_secret() -> None:
    obj = ks(
        "app", condition("Ready", "False", "BuildFailed", "clone https://me:s3cret@git.example/x: refused")
    )
    obj["metadata"]["managedFields"] = [{"manager": "s3cret"}]
    obj["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": "s3cret",
        "example.com/token": "s3cret",
        "headgate.dev/suspend-reason": "see https://me:s3cret@wiki.example/1",
    }
    obj["metadata"]["labels"] = {"example.com/token": "s3cret"}
    obj["spec"] |= {
        "patches": [{"patch": "s3cret"}],
        "postBuild": {"substitute": {"PASSWORD": "s3cret"}},
        "kubeConfig": {"secretRef": {"name": "s3cret"}},
        "decryption": {"secretRef": {"name": "s3cret"}},
        "images": [{"name": "s3cret"}],
    }
    obj["data"] = {"password": "s3cret"}
    source = repo(url="https://me:s3cret@git.example/repo", secretRef={"name": "s3cret"})
    snapshot = Snapshot.of([obj, source])
    assert "s3cret" not in repr(snapshot)
    assert "s3cret" not in json.dumps(reduced(obj))
    assert snapshot.report.verdict(Ref("Kustomization", "shop", "app", KUSTOMIZE_GROUP)) is not None
    assert reduced(obj)["spec"]["kubeConfig"]


@pytest.mark.parametrize("value", [None, 1, "x", [], ["x"], {"a": 1}, [[[[[[[[["deep"]]]]]]]]], "y" * 10_000])
@pytest.mark.parametrize("field", ["metadata", "spec", "status"])
def test_fields_of_any_type_and_size_are_taken_with_a_limit(field: str, value: Any) -> None:
    whole = ks("app", READY) | ({field: value} if field != "metadata" else {})
    whole["metadata"]["annotations"] = whole["metadata"]["labels"] = value
    assert len(json.dumps(reduced(whole))) < 5000
    part = ks("app", READY)
    if field != "metadata":
        part[field] = dict.fromkeys(("sourceRef", "dependsOn", "path", "url", "artifact", "history"), value)
    assert len(json.dumps(reduced(part))) < 5000
    assert {each.state for each in Snapshot.of([whole, part]).report.verdicts} <= set(State)


def test_when_others_have_changed_something_is_nothing_that_somebody_sees() -> None:
    objects = [ks("app", READY), ks("other", READY, namespace="theirs")]
    times = [datetime(2026, 6, 1, hour, tzinfo=UTC) for hour in (1, 2)]
    one, other = (Snapshot.of(objects, at=at).within(MINE) for at in times)
    assert one == other
    page = view_of(one, "/", {})
    assert page is not None
    assert "as of" not in render(page)
