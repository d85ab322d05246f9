"""Taking fields over from managers that must not own any."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.apply.fields.managers import migration_patch, needs_takeover, overridden, takeover_patch, union

OWN = "kustomize-controller"
MANAGERS = overridden(OWN, ["lens"])


def entry(manager: str, operation: str, fields: Any, **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, "apiVersion": "v1", **more}


def live(*entries: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "7", "managedFields": list(entries), **meta}}


OURS = entry(OWN, "Apply", {"f:data": {"f:a": {}}}, time="2026-01-01T00:00:00Z")
SCALE = entry("kubectl", "Update", {"f:spec": {"f:replicas": {}}}, subresource="scale")
FOREIGN = entry("kube-controller-manager", "Update", {"f:spec": {"f:x": {}}})


@pytest.mark.parametrize(
    "taken",
    [
        entry("kubectl", "Apply", {"f:data": {"f:b": {}}}),
        entry("kubectl-client-side-apply", "Update", {"f:data": {"f:b": {}}}),
        entry("kubectl-patch", "Update", {"f:data": {"f:b": {}}}),
        entry("before-first-apply", "Update", {"f:data": {"f:b": {}}}),
        entry(OWN, "Update", {"f:data": {"f:b": {}}}),
        entry("lens", "Update", {"f:data": {"f:b": {}}}),
    ],
)
def test_their_fields_become_ours(taken: dict[str, Any]) -> None:
    obj = live(FOREIGN, OURS, taken, SCALE)
    assert needs_takeover(obj, MANAGERS)
    assert takeover_patch(obj, MANAGERS, OWN) == [
        {
            "op": "replace",
            "path": "/metadata/managedFields",
            "value": [FOREIGN, SCALE, {**OURS, "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}}}],
        },
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
    ]


def test_an_object_that_was_never_ours_is_adopted() -> None:
    one = entry("kubectl-create", "Update", {"f:data": {"f:a": {}}}, time="t")
    two = entry("kubectl-patch", "Update", {"f:data": {"f:b": {}}})
    (patch, _) = takeover_patch(live(one, two), MANAGERS, OWN)
    assert patch["value"] == [
        {**one, "manager": OWN, "operation": "Apply", "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}}}
    ]


def test_left_over_metadata_goes() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "1"}
    obj = live(OURS, annotations=annotations, labels={"fluxcd.io/sync-gc-mark": "x"})
    assert takeover_patch(obj, MANAGERS, OWN) == [
        {"op": "remove", "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"},
        {"op": "remove", "path": "/metadata/labels/fluxcd.io~1sync-gc-mark"},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
    ]


def test_nothing_to_do() -> None:
    obj = live(OURS, FOREIGN, SCALE, entry("kubectl", "Update", {}, subresource="status"))
    assert not needs_takeover(obj, MANAGERS)
    assert takeover_patch(obj, MANAGERS, OWN) == []
    assert takeover_patch({"metadata": {}}, MANAGERS, OWN) == []


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({}, {}, {}),
        (None, {"f:a": {}}, {"f:a": {}}),
        ({"f:a": {}}, {"f:b": {}}, {"f:a": {}, "f:b": {}}),
        ({"f:a": {}}, {"f:a": {"f:b": {}}}, {"f:a": {".": {}, "f:b": {}}}),
        ({"f:a": {"f:b": {}}}, {"f:a": {".": {}, "f:c": {}}}, {"f:a": {".": {}, "f:b": {}, "f:c": {}}}),
    ],
)
def test_union_of_field_sets(one: Any, other: Any, both: Any) -> None:
    assert union(one, other) == both
    assert union(other, one) == both


Paths = st.frozensets(st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple))


def to_fields(paths: frozenset[tuple[str, ...]]) -> dict[str, Any]:
    """A set of paths as the server writes it."""
    names = {p[0] for p in paths}
    result: dict[str, Any] = {}
    for name in names:
        inner = to_fields(frozenset(p[1:] for p in paths if p[0] == name and len(p) > 1))
        if inner and (name,) in paths:
            inner = {".": {}, **inner}
        result[f"f:{name}"] = inner
    return result


@given(Paths, Paths)
def test_union_is_that_of_the_sets(
    one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]
) -> None:
    if one and other:
        assert union(to_fields(one), to_fields(other)) == to_fields(one | other)


def test_entries_of_another_version_are_migrated_all_at_once() -> None:
    entries = [
        {"manager": "a", "apiVersion": "x/v1", "fieldsV1": {"f:spec": {}}},
        {"manager": "b", "apiVersion": "x/v1beta1", "subresource": "status"},
    ]
    live = {"metadata": {"resourceVersion": "7", "managedFields": entries}}
    patch = migration_patch(live, "x/v1")
    assert patch[0]["value"] == [entries[0], {**entries[1], "apiVersion": "x/v1"}]
    assert patch[1] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    live["metadata"]["managedFields"] = patch[0]["value"]
    assert migration_patch(live, "x/v1") == []


def test_overridden_managers_are_named_by_a_prefix_and_never_own_subresources() -> None:
    managers = overridden("own", ["dashboard"])

    def taken(manager: str, operation: str, subresource: str = "") -> bool:
        entry = {"manager": manager, "operation": operation, "subresource": subresource}
        return any(m.matches(entry) for m in managers)

    assert taken("dashboard", "Apply")
    assert taken("dashboard-v2", "Update")
    assert not taken("dashboard", "Update", "status")
    assert not taken("a-dashboard", "Update")
    assert taken("kubectl-client-side-apply", "Update")
    assert not taken("own", "Apply")
