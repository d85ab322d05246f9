"""An object's essence is small and has the health of the whole object."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.health import compute, essence
from headgate.health.verdict import GENERIC_CONDITIONS, GENERIC_FIELDS, RULES

KINDS = [*sorted(RULES), ("example.org", "Widget"), ("", "Namespace")]
FIELDS = sorted({*GENERIC_FIELDS, *(f for rule in RULES.values() for f in rule.fields)})
CONDITIONS = sorted({*GENERIC_CONDITIONS, *(c for rule in RULES.values() for c in rule.conditions), "Other"})
WORDS = [
    "RollingUpdate",
    "OnDelete",
    "LoadBalancer",
    "Pending",
    "Running",
    "Failed",
    "Bound",
    "CrashLoopBackOff",
    "",
]
REASONS = ["NewReplicaSetAvailable", "ProgressDeadlineExceeded", "Unschedulable", "Installing", ""]

values = st.one_of(
    st.integers(-1, 3), st.booleans(), st.sampled_from(WORDS), st.none(), st.just([]), st.just({})
)
condition = st.fixed_dictionaries(
    {
        "type": st.sampled_from(CONDITIONS),
        "status": st.sampled_from(["True", "False", "Unknown"]),
        "reason": st.sampled_from(REASONS),
    },
    optional={
        "message": st.sampled_from(["", "words"]),
        "lastTransitionTime": st.just("2026-01-01T00:00:00Z"),
    },
)
odd_condition = st.one_of(
    condition, st.none(), st.just("x"), st.just({"type": 1}), st.just({"type": "Other", "status": 5})
)
conditions: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.lists(condition, max_size=4), st.lists(odd_condition, max_size=3), st.just("x"), st.just({})
)


def put(obj: dict[str, Any], path: str, value: Any) -> None:
    """Set what a path names; a ``*`` makes a list of one entry."""
    here: Any = obj
    *parents, last = path.split(".")
    for name, following in zip(parents, [*parents[1:], last], strict=True):
        if name == "*":
            here = here[0]
            continue
        kind = list if following == "*" else dict
        if not isinstance(here.get(name), kind):
            here[name] = [{}] if kind is list else {}
        here = here[name]
    here[last] = value


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    group, kind = draw(st.sampled_from(KINDS))
    rule = RULES.get((group, kind))
    obj: dict[str, Any] = {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": kind,
        "metadata": {"name": "x", "managedFields": [{"manager": "y"}]},
    }
    likely = st.sampled_from([*GENERIC_FIELDS, *(rule.fields if rule else ())])
    for path in draw(st.lists(st.one_of(likely, likely, st.sampled_from(FIELDS)), max_size=12)):
        put(obj, path, draw(st.one_of(st.integers(0, 2), values)))
    found = draw(conditions)
    if found is not None:
        put(obj, "status.conditions", found)
    return obj


@given(objects())
def test_same_health(obj: dict[str, Any]) -> None:
    before = copy.deepcopy(obj)
    small = essence(obj)
    assert compute(small) == compute(obj)
    assert obj == before
    assert essence(small) == small


DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "web",
        "namespace": "apps",
        "uid": "u",
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"app": "web", "kustomize.toolkit.fluxcd.io/name": "apps"},
        "annotations": {"note": "long", "kustomize.toolkit.fluxcd.io/prune": "disabled"},
        "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {}}}],
    },
    "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "app", "image": "nginx"}]}}},
    "status": {
        "observedGeneration": 1,
        "replicas": 2,
        "unavailableReplicas": 1,
        "conditions": [
            {"type": "Available", "status": "False", "reason": "R", "message": "m", "lastUpdateTime": "t"},
            {"type": "Other", "status": "True"},
        ],
    },
}


def test_what_is_kept() -> None:
    assert essence(DEPLOYMENT) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "apps",
            "uid": "u",
            "resourceVersion": "7",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"kustomize.toolkit.fluxcd.io/name": "apps"},
            "annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"},
        },
        "spec": {"replicas": 2},
        "status": {
            "observedGeneration": 1,
            "replicas": 2,
            "conditions": [{"type": "Available", "status": "False", "reason": "R", "message": "m"}],
        },
    }


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_content_is_not_kept(kind: str) -> None:
    obj = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, "data": {"password": "s3cret"}}
    assert b"s3cret" not in orjson.dumps(essence(obj))


def test_no_part_is_shared() -> None:
    obj = copy.deepcopy(DEPLOYMENT)
    small = essence(obj)
    obj["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = "other"  # type: ignore[index]
    obj["status"]["conditions"][0]["status"] = "True"  # type: ignore[index]
    assert small == essence(DEPLOYMENT)
