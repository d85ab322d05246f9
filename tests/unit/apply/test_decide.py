"""What the answer to a dry run means, and when definitions are ready."""

from datetime import UTC, datetime
from typing import Any

import pytest

from headgate.apply import Action, ApplyOptions, KnownObjects, KnownState, Owner
from headgate.apply.objects.definitions import DefinitionNeverReady, awaited, is_usable
from headgate.apply.server_side.decide import (
    DryRunVerdict,
    is_inherited,
    is_known_content,
    judge_dry_run,
    may_be_inherited,
    may_recreate,
    server_time,
)
from headgate.kube import ObjectRef

PREFIX = "kustomize.toolkit.fluxcd.io"
OPTIONS = ApplyOptions(Owner("apps", "ns"))


def config(annotations: dict[str, str] | None = None, **meta: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "annotations": annotations, **meta}}


def known(*, in_place: bool = True, outcome: Action = Action.UNCHANGED) -> KnownState:
    return KnownState(b"same", "uid", "7", b"print", in_place, outcome)


NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
OLD, RECENT = "2026-11-24T11:00:00Z", "2026-11-24T11:59:50Z"


def answer(*entries: tuple[str, str, str], version: str | None = "7", **meta: Any) -> dict[str, Any]:
    fields = [
        {"manager": m, "operation": o, "time": t} | ({"subresource": "status"} if m == "kubelet" else {})
        for m, o, t in entries
    ]
    return {"metadata": {"name": "x", "resourceVersion": version, "managedFields": fields, **meta}}


OURS = ("kustomize-controller", "Apply", OLD)


@pytest.mark.parametrize(
    ("created", "live", "verdict"),
    [
        (
            True,
            answer(("kustomize-controller", "Apply", "2026-11-24T12:00:00Z"), version=None),
            DryRunVerdict.CREATE,
        ),
        (False, answer(OURS), DryRunVerdict.KEEP),
        (False, answer(OURS, ("kubelet", "Update", RECENT)), DryRunVerdict.KEEP),
        (False, answer(OURS, ("other", "Update", RECENT)), DryRunVerdict.CHANGE),
        (False, answer(("kustomize-controller", "Apply", RECENT)), DryRunVerdict.CHANGE),
        (False, answer(("other", "Update", OLD)), DryRunVerdict.CHANGE),
        (False, answer(OURS, ("kubectl-edit", "Update", OLD)), DryRunVerdict.TAKE_OVER),
        (
            False,
            answer(OURS, ("kubectl-edit", "Update", OLD), labels={f"{PREFIX}/ssa": "Merge"}),
            DryRunVerdict.KEEP,
        ),
        (False, answer(OURS, annotations={f"{PREFIX}/reconcile": "disabled"}), DryRunVerdict.SKIP),
    ],
)
def test_verdict_on_a_dry_run(created: bool, live: dict[str, Any], verdict: DryRunVerdict) -> None:
    assert judge_dry_run(config(), created, live, NOW, OPTIONS) is verdict


def test_the_earlier_clock_counts() -> None:
    early = "Tue, 24 Nov 2026 11:30:00 GMT"
    assert server_time(early, NOW) == datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
    assert server_time("Tue, 24 Nov 2026 12:30:00 GMT", NOW) == NOW
    assert server_time(None, NOW) == NOW
    assert server_time("nonsense", NOW) == NOW


def test_who_may_be_recreated() -> None:
    forced = config({f"{PREFIX}/force": "Enabled"})
    assert not may_recreate(config(), config(), OPTIONS)
    assert may_recreate(forced, config(), OPTIONS)
    assert may_recreate(config(), forced, OPTIONS)
    assert may_recreate(config(), config(), ApplyOptions(Owner("apps", "ns"), force=True))


def crd(*conditions: tuple[str, str], **meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": meta,
        "status": {"conditions": [{"type": t, "status": s, "message": "taken"} for t, s in conditions]},
    }


def namespace(phase: str | None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {},
        "status": {"phase": phase} if phase else {},
    }


@pytest.mark.parametrize(
    ("live", "lack"),
    [
        (crd(("NamesAccepted", "True"), ("Established", "True")), None),
        (crd(("NamesAccepted", "True"), ("Established", "False")), "it is not established yet"),
        (crd(), "it is not established yet"),
        (namespace("Active"), None),
        (namespace(None), "it is not active yet"),
        ({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {}}, None),
    ],
)
def test_definitions_that_others_wait_for(live: dict[str, Any], lack: str | None) -> None:
    assert awaited(live) == lack


@pytest.mark.parametrize(
    ("live", "why"),
    [
        (crd(("NamesAccepted", "False")), "taken"),
        (crd(("Established", "True"), deletionTimestamp="now"), "is being deleted"),
        (namespace("Terminating"), "is being deleted"),
    ],
)
def test_what_can_never_be_used_is_not_waited_for(live: dict[str, Any], why: str) -> None:
    with pytest.raises(DefinitionNeverReady, match=why):
        awaited(live)
    assert not is_usable(live)


OWN = "kustomize-controller"


def live(
    fields: dict[str, Any], data: dict[str, str], *, manager: str = OWN, version: str = "7"
) -> dict[str, Any]:
    entry = {"manager": manager, "operation": "Apply", "time": "t", "fieldsV1": fields}
    meta = {"name": "web", "resourceVersion": version, "generation": 1, "managedFields": [entry]}
    return {"metadata": meta, "data": data, "status": {"at": version}}


@pytest.mark.parametrize(
    ("present", "answer", "inherited"),
    [
        (live({"f:strategy": {}}, {"a": "1"}), live({}, {"a": "1"}), True),
        (live({}, {"a": "1"}), live({}, {"a": "2"}), False),
        (live({}, {"a": "1"}, version="8"), live({}, {"a": "1"}), True),
        (live({}, {"a": "2"}, version="8"), live({}, {"a": "1"}), False),
        (live({}, {"a": "1"}, manager="kubectl"), live({}, {"a": "1"}), False),
    ],
    ids=["owners only", "content", "moved on", "moved on to other content", "never ours"],
)
def test_what_an_earlier_apply_of_our_manager_left(
    present: dict[str, Any], answer: dict[str, Any], inherited: bool
) -> None:
    """An object that Flux put in place is not written to for the sake of who owns which field."""
    assert is_inherited(present, answer, OWN) is inherited


def dry_run(spec: Any, *, version: str = "7", owned: str = "f:a") -> dict[str, Any]:
    entry = {"manager": OWN, "operation": "Apply", "time": "now", "fieldsV1": {owned: {}}}
    meta = {"name": "web", "uid": "u", "resourceVersion": version, "generation": 2, "managedFields": [entry]}
    return {"metadata": meta, "spec": spec, "status": {"of": version}}


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        (dry_run({"a": 1}), True),
        (dry_run({"a": 1}, owned="f:ingress"), True),
        (dry_run({"a": 2}), False),
        (dry_run({"a": 1}, version="8"), False),
    ],
    ids=["the generation", "who owns what", "content", "moved on"],
)
def test_a_dry_run_that_gives_what_is_there_changes_nothing(answer: dict[str, Any], same: bool) -> None:
    """Also where an apply would write: an empty list that the API server keeps as none is claimed again each time."""
    store = KnownObjects()
    ref = ObjectRef("v1", "Thing", "web")
    store.record("here", ref, b"same", dry_run({"a": 1}))
    state = store.get("here", ref)
    assert state is not None
    assert is_known_content(state, answer) is same


@pytest.mark.parametrize(
    ("state", "digest", "worth"),
    [
        (None, b"same", True),
        (known(), b"same", True),
        (known(), b"other", False),
        (known(in_place=False), b"same", False),
    ],
)
def test_when_it_is_worth_a_request_to_compare(state: KnownState | None, digest: bytes, worth: bool) -> None:
    assert may_be_inherited(state, digest) is worth
