"""Which objects are in place, and what distinguishes a foreign change from a status update."""

import copy
from typing import Any

import pytest

from headgate.apply import Action, KnownObjects, Observation, Owner
from headgate.apply.fields.drift import digest
from headgate.kube import ObjectRef

REF = ObjectRef("apps/v1", "Deployment", "web", "ns")
CLUSTER = "https://cluster"


def web(version: int = 10, **meta: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "uid": "u1",
            "resourceVersion": str(version),
            "labels": {"kustomize.toolkit.fluxcd.io/name": "apps"},
            "managedFields": [
                {
                    "manager": "kustomize-controller",
                    "operation": "Apply",
                    "time": "t1",
                    "fieldsV1": {"f:spec": {"f:replicas": {}}},
                }
            ],
            **meta,
        },
        "spec": {"replicas": 1},
        "status": {},
    }


@pytest.fixture
def known() -> KnownObjects:
    store = KnownObjects()
    store.record(CLUSTER, REF, b"digest", web())
    return store


def test_a_status_update_is_no_drift(known: KnownObjects) -> None:
    new = web(11)
    new["status"] = {"readyReplicas": 1}
    new["metadata"]["managedFields"].append(
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "fieldsV1": {}}
    )
    assert known.observe(CLUSTER, REF, new) is Observation.IN_PLACE
    entry = known.get(CLUSTER, REF)
    assert entry is not None
    assert (entry.resource_version, entry.in_place) == ("11", True)


def test_a_field_that_another_controller_adds_is_no_drift(known: KnownObjects) -> None:
    new = web(11, annotations={"deployment.kubernetes.io/revision": "1"})
    new["metadata"]["managedFields"].append(
        {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {"f:metadata": {}}}
    )
    assert known.observe(CLUSTER, REF, new) is Observation.IN_PLACE


def lost_field(obj: dict[str, Any]) -> None:
    obj["metadata"]["managedFields"][0]["fieldsV1"] = {"f:spec": {}}


def kubectl_entry(obj: dict[str, Any]) -> None:
    obj["metadata"]["managedFields"].append(
        {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:data": {}}}
    )


def disabled(obj: dict[str, Any]) -> None:
    obj["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}


def deleting(obj: dict[str, Any]) -> None:
    obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("change", [lost_field, kubectl_entry, disabled, deleting])
def test_drift(known: KnownObjects, change: Any) -> None:
    new = web(11)
    change(new)
    assert known.observe(CLUSTER, REF, new) is Observation.DRIFTED
    entry = known.get(CLUSTER, REF)
    assert entry is not None
    assert not entry.in_place


def test_drift_that_is_undone_is_none(known: KnownObjects) -> None:
    changed = web(11)
    lost_field(changed)
    known.observe(CLUSTER, REF, changed)
    assert known.observe(CLUSTER, REF, web(12)) is Observation.IN_PLACE


@pytest.mark.parametrize("version", [9, 10])
def test_late_events_say_nothing(known: KnownObjects, version: int) -> None:
    late = web(version)
    lost_field(late)
    assert known.observe(CLUSTER, REF, late) is Observation.OLD


def test_gone(known: KnownObjects) -> None:
    assert known.observe_gone(CLUSTER, REF, "another uid") is Observation.OLD
    assert known.observe_gone(CLUSTER, REF, "u1") is Observation.GONE
    assert known.get(CLUSTER, REF) is None
    assert known.observe_gone(CLUSTER, REF, "u1") is Observation.UNTRACKED
    assert known.observe(CLUSTER, REF, web(12)) is Observation.UNTRACKED


def test_clusters_are_apart(known: KnownObjects) -> None:
    assert known.get("https://other", REF) is None
    known.record("https://other", REF, b"other", web(), Action.SKIPPED)
    known.forget(CLUSTER, REF)
    assert known.get("https://other", REF) is not None
    assert len(known) == 1


def test_an_uncertain_state_makes_the_next_apply_ask_again(known: KnownObjects) -> None:
    known.invalidate(CLUSTER, REF)
    entry = known.get(CLUSTER, REF)
    assert entry is not None
    assert not entry.in_place


def test_digests() -> None:
    one = {"a": {"x": 1, "y": [1, 2]}, "b": None}
    same = {"b": None, "a": {"y": [1, 2], "x": 1}}
    assert digest(one) == digest(same)
    other = copy.deepcopy(same)
    other["a"]["y"].reverse()
    assert digest(other) != digest(one)
    assert digest({"n": 2**70}) != digest({"n": 2**70 + 1})


def test_who_lets_go_of_an_object_takes_nothing_from_its_owner() -> None:
    """Two render it; the one that no longer owns it must not make the other deaf to its changes."""
    store, ref = KnownObjects(), ObjectRef("v1", "ConfigMap", "a", "ns")
    live = {"metadata": {"uid": "u", "resourceVersion": "1"}}
    store.record("here", ref, b"d", live, owner=Owner("one", "ns"))
    store.forget_of("here", ref, Owner("two", "ns"))
    assert store.get("here", ref) is not None
    store.forget_of("here", ref, Owner("one", "ns"))
    assert store.get("here", ref) is None


def another(obj: dict[str, Any]) -> None:
    obj["metadata"]["uid"] = "u2"


def same(obj: dict[str, Any]) -> None:
    """Change nothing."""


@pytest.mark.parametrize("ignored", [(), (("spec", "replicas"),)])
@pytest.mark.parametrize("version", [10, 11])
@pytest.mark.parametrize("before", ["nothing", "the same", "newer", "doubt"])
@pytest.mark.parametrize("change", [same, another, lost_field, kubectl_entry, disabled, deleting])
def test_a_record_is_the_same_whatever_was_known(
    known: KnownObjects, change: Any, before: str, version: int, ignored: Any
) -> None:
    """The digests of a state that is in place are kept, and no others."""
    if version == 10 and change not in (same, another):
        version = 12  # no version has two contents
    live = web(version)
    change(live)
    match before:
        case "the same":
            known.observe(CLUSTER, REF, copy.deepcopy(live))
        case "newer":
            known.observe(CLUSTER, REF, web(13))
        case "doubt":
            known.invalidate(CLUSTER, REF)
    owner = Owner("apps", "ns")
    for store in (known, fresh := KnownObjects()):
        store.record(CLUSTER, REF, b"new", live, Action.SKIPPED, ignored, inherited=True, owner=owner)
    assert known.get(CLUSTER, REF) == fresh.get(CLUSTER, REF)
    assert known.owned(CLUSTER, owner) == {REF}
