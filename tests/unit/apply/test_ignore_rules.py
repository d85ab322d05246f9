"""Which fields are left to others, and what is sent of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from headgate.api.kustomization import IgnoreRule, Selector
from headgate.apply import IgnoreRuleInvalid, KnownObjects, Observation, compile_rules
from headgate.apply.fields.ignore import candidates, ignored, is_in_place, resolved
from headgate.apply.fields.pointers import parse
from headgate.kube import ObjectRef

Obj = dict[str, Any]
OWN = "kustomize-controller"


def web(replicas: int | None = 1, *managers: tuple[str, str, Obj], **labels: str) -> Obj:
    spec: Obj = {"selector": {"matchLabels": {"app": "web"}}}
    if replicas is not None:
        spec["replicas"] = replicas
    meta = {
        "name": "web",
        "namespace": "ns",
        "uid": "u",
        "resourceVersion": "1",
        "labels": {"app": "web", **labels},
        "annotations": {"a/b": "1"},
        "managedFields": [
            {"manager": name, "operation": operation, "time": "t", "fieldsV1": fields}
            for name, operation, fields in managers
        ],
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


ALL = {"f:spec": {"f:replicas": {}, "f:selector": {}}}
REST = {"f:spec": {"f:selector": {}}}
SCALED = {"f:spec": {"f:replicas": {}}}
OURS, OURS_BUT_REPLICAS = (OWN, "Apply", ALL), (OWN, "Apply", REST)
REPLICAS = (parse("/spec/replicas"),)


@pytest.mark.parametrize(
    ("target", "selected"),
    [
        (None, True),
        (Selector(), True),
        (Selector(kind="Deployment"), True),
        (Selector(kind="Deploy"), False),
        (Selector(kind="Deploy.*"), True),
        (Selector(kind="Deployment|StatefulSet"), True),
        (Selector(group="apps", version="v1", name="w.b", namespace="ns"), True),
        (Selector(group="extensions"), False),
        (Selector(version="v1beta1"), False),
        (Selector(name="we"), False),
        (Selector(namespace="other"), False),
        (Selector(label_selector="app in (web, api),!legacy"), True),
        (Selector(label_selector="app!=web"), False),
        (Selector(annotation_selector="a/b=1"), True),
        (Selector(kind="Deployment", annotation_selector="a/b=2"), False),
    ],
)
def test_targets(target: Selector | None, selected: bool) -> None:
    (rule,) = compile_rules([IgnoreRule(("/spec/replicas",), target)])
    assert rule.concerns(web()) is selected
    assert ignored([rule], web()) == (REPLICAS if selected else ())


def test_labels_that_only_the_live_object_has_count() -> None:
    rules = compile_rules([IgnoreRule(("/spec/replicas",), Selector(label_selector="scaled"))])
    assert candidates(rules, web()) == rules
    assert ignored(rules, web()) == ()
    assert ignored(rules, web(scaled="yes")) == REPLICAS


def test_several_rules_add_up() -> None:
    rules = compile_rules(
        [IgnoreRule(("/a", "/b")), IgnoreRule(("/b", "/c~1d"), Selector(kind="Deployment"))]
    )
    assert ignored(rules, web()) == (("a",), ("b",), ("c/d",))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            IgnoreRule(("/a",), Selector(kind="(")),
            r"spec.ignore\[1\].target.kind: .*not a regular expression",
        ),
        (IgnoreRule(("/a",), Selector(label_selector="a b")), r"spec.ignore\[1\].target.labelSelector: "),
        (IgnoreRule(("/a",), Selector(annotation_selector="in in")), r"\[1\].target.annotationSelector: "),
        (IgnoreRule(("spec.replicas",)), r"spec.ignore\[1\].paths: 'spec.replicas' is not a JSON pointer"),
        (IgnoreRule(("",)), r"spec.ignore\[1\].paths: '' is not a JSON pointer to a field"),
    ],
)
def test_invalid_rules_are_named(rule: IgnoreRule, message: str) -> None:
    with pytest.raises(IgnoreRuleInvalid, match=message):
        compile_rules([IgnoreRule(("/fine",)), rule])


def test_regular_expressions_are_those_of_go() -> None:
    with pytest.raises(IgnoreRuleInvalid, match="name"):
        compile_rules([IgnoreRule(("/a",), Selector(name="(?=x)y"))])


HPA_APPLY, HPA_UPDATE = ("hpa", "Apply", SCALED), ("hpa", "Update", SCALED)


@pytest.mark.parametrize(
    ("live", "answer", "sent"),
    [
        # Another manager applies the field too: it is its.
        (web(5, OURS_BUT_REPLICAS, HPA_APPLY), web(1), None),
        # Changed by an update: it stays ours, as it is.
        (web(5, OURS_BUT_REPLICAS, HPA_UPDATE), web(1), 5),
        (web(5, OURS), web(1), 5),
        # The same value, whoever owns it: as in Git.
        (web(1, OURS, HPA_APPLY), web(1), 1),
        (web(1, OURS_BUT_REPLICAS, HPA_UPDATE), web(1), 1),
        # Somebody removed it.
        (web(None, OURS_BUT_REPLICAS), web(1), None),
    ],
)
def test_strip_or_adopt(live: Obj, answer: Obj, sent: int | None) -> None:
    desired = web(1)
    before = copy.deepcopy(desired)
    payload = resolved(desired, live, answer, REPLICAS, OWN)
    assert payload["spec"].get("replicas") == sent
    assert payload["spec"]["selector"] == desired["spec"]["selector"]
    assert desired == before


def test_a_status_writer_does_not_own_what_it_scales() -> None:
    live = web(5, OURS_BUT_REPLICAS, HPA_APPLY)
    live["metadata"]["managedFields"][1]["subresource"] = "scale"
    assert resolved(web(1), live, web(1), REPLICAS, OWN)["spec"]["replicas"] == 5


def test_a_field_removed_from_git_while_it_is_ignored_stays() -> None:
    payload = resolved(web(None), web(5, OURS), web(1), REPLICAS, OWN)
    assert payload["spec"]["replicas"] == 5


@pytest.mark.parametrize(
    ("live", "same"),
    [
        (web(5, OURS_BUT_REPLICAS, HPA_UPDATE), True),
        (web(5, OURS), True),
        (web(1, OURS, HPA_APPLY), True),
        (web(None, OURS), True),
        (web(5, HPA_UPDATE), False),
        (web(5, (OWN, "Apply", {"f:spec": {"f:replicas": {}}})), False),
        (web(1, OURS, tier="front"), False),
    ],
)
def test_only_other_fields_count(live: Obj, same: bool) -> None:
    assert is_in_place(live, web(1, OURS), REPLICAS, OWN) is same


def test_status_and_other_metadata_do_not_count() -> None:
    live = web(1, OURS)
    live["status"] = {"replicas": 5}
    live["metadata"]["generation"] = 9
    assert is_in_place(live, web(1, OURS), REPLICAS, OWN)
    live["spec"]["selector"] = {}
    assert not is_in_place(live, web(1, OURS), REPLICAS, OWN)


REF = ObjectRef("apps/v1", "Deployment", "web", "ns")


@pytest.mark.parametrize(
    ("managers", "observation"),
    [
        ((OURS_BUT_REPLICAS, ("hpa", "Update", SCALED)), Observation.IN_PLACE),
        ((OURS_BUT_REPLICAS, ("hpa", "Apply", SCALED)), Observation.IN_PLACE),
        ((OURS_BUT_REPLICAS, ("kubectl-edit", "Update", SCALED)), Observation.IN_PLACE),
        ((OURS,), Observation.IN_PLACE),
        (((OWN, "Apply", SCALED),), Observation.DRIFTED),
        (
            (OURS, ("kubectl-edit", "Update", {"f:spec": {"f:paused": {}, "f:replicas": {}}})),
            Observation.DRIFTED,
        ),
    ],
)
def test_watched_changes_of_ignored_fields_are_no_drift(managers: Any, observation: Observation) -> None:
    known = KnownObjects()
    known.record("c", REF, b"digest", web(1, OURS), ignored=REPLICAS)
    changed = web(5, *managers)
    changed["metadata"]["resourceVersion"] = "2"
    assert known.observe("c", REF, changed) is observation
