"""The fields of a live object that an apply can change."""

from __future__ import annotations

from typing import Any

from headgate.promotion.live.visible import content, git_differs, stored, visible

Obj = dict[str, Any]

OWN = "kustomize-controller"


def live(spec: Obj, owned: Obj, manager: str = OWN) -> Obj:
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": owned}}
    meta = {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7", "managedFields": [entry]}
    return {"apiVersion": "v1", "kind": "X", "metadata": meta, "spec": spec, "status": {"a": 1}}


def desired(spec: Obj) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "X",
        "metadata": {"name": "a", "namespace": "n", "labels": {}},
        "spec": spec,
    }


def test_what_the_server_counts_is_not_content() -> None:
    meta = {"name": "a", "namespace": "n"}
    assert content(live({"a": 1}, {})) == {
        "apiVersion": "v1",
        "kind": "X",
        "metadata": meta,
        "spec": {"a": 1},
    }


def test_defaults_and_fields_of_others_are_left_out() -> None:
    found = visible(live({"set": 2, "default": 3, "other": {"x": 1}}, {"f:set": {}}), desired({"set": 1}))
    assert found["spec"] == {"set": 2}
    assert found["metadata"] == {"name": "a", "namespace": "n"}


def test_what_git_no_longer_sets_is_visible_if_the_operator_owns_it() -> None:
    obj = live({"old": {"x": 1, "y": 2}, "kept": 1}, {"f:old": {"f:x": {}}, "f:kept": {}})
    assert visible(obj, desired({"kept": 1}))["spec"] == {"old": {"x": 1}, "kept": 1}
    other = live({"old": 1, "kept": 1}, {"f:old": {}, "f:kept": {}}, manager="someone")
    assert visible(other, desired({"kept": 1}))["spec"] == {"kept": 1}


def test_elements_of_lists_count_by_their_keys() -> None:
    ports = [
        {"port": 1, "name": "mine", "protocol": "TCP"},
        {"port": 2, "name": "former"},
        {"port": 3, "name": "injected"},
    ]
    owned = {
        "f:ports": {
            'k:{"port":1}': {".": {}, "f:name": {}, "f:port": {}},
            'k:{"port":2}': {".": {}, "f:name": {}, "f:port": {}},
        }
    }
    found = visible(live({"ports": ports}, owned), desired({"ports": [{"port": 1, "name": "mine"}]}))
    assert found["spec"]["ports"] == [{"port": 1, "name": "mine"}, {"port": 2, "name": "former"}]


def test_a_list_that_belongs_to_one_writer_is_visible_as_a_whole() -> None:
    found = visible(live({"args": ["a", "b"]}, {"f:args": {}}), desired({"args": ["a"]}))
    assert found["spec"] == {"args": ["a", "b"]}


def test_empty_values_that_nobody_stores_are_dropped() -> None:
    wanted = desired({"a": {}, "b": [], "c": {"d": {}, "e": 1}, "f": [{"g": {}, "h": 1}]})
    found = stored(wanted, live({"b": [], "c": {"e": 1}, "f": [{"h": 2}]}, {}))
    assert found["spec"] == {"b": [], "c": {"e": 1}, "f": [{"h": 1}]}


def test_a_dry_run_that_claims_or_releases_a_value_shows_a_change_of_git() -> None:
    spec = {"a": 1, "default": 10, "strategy": {}, "list": [{"name": "x", "size": 5}]}
    element = {'k:{"name":"x"}': {"f:name": {}, "f:size": {}}}
    now = live(spec, {"f:a": {}, "f:list": element})
    assert not git_differs(now, now)
    assert git_differs(now, live(spec, {"f:a": {}, "f:default": {}, "f:list": element}))
    assert git_differs(live(spec, {"f:a": {}, "f:default": {}, "f:list": element}), now)
    assert git_differs(now, live(spec, {"f:a": {}, "f:list": {'k:{"name":"x"}': {"f:name": {}}}}))


def test_empty_fields_that_another_operator_owned_are_no_change_of_git() -> None:
    spec = {"a": 1, "strategy": {}, "text": "", "none": None}
    before = live(spec, {"f:a": {}, "f:strategy": {}, "f:text": {}, "f:none": {}})
    assert not git_differs(before, live(spec, {"f:a": {}}))
