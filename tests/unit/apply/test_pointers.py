"""JSON pointers into objects and into their managed fields."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from headgate.apply.pointers import MISSING, disowned, find, owns, parse, placed, without

DEPLOYMENT: dict[str, Any] = {
    "metadata": {"annotations": {"a/b": "1", "m~n": "2", "0": "zero"}, "finalizers": ["x", "y"]},
    "spec": {
        "replicas": 3,
        "containers": [{"name": "app", "resources": {"limits": {"cpu": "1"}}}, {"name": "log"}],
        "ports": [{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "UDP"}],
        "plain": [1, 2, 3],
    },
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/spec/replicas", 3),
        ("/metadata/annotations/a~1b", "1"),
        ("/metadata/annotations/m~0n", "2"),
        ("/metadata/annotations/0", "zero"),
        ("/spec/containers/1/name", "log"),
        ("/spec/plain/-1", 3),
        ("/spec/plain/3", MISSING),
        ("/spec/plain/-4", MISSING),
        ("/spec/plain/-", MISSING),
        ("/spec/plain/²", MISSING),
        ("/spec/replicas/deeper", MISSING),
        ("/spec/other/deeper", MISSING),
        ("/", MISSING),
    ],
)
def test_find(text: str, found: Any) -> None:
    assert find(DEPLOYMENT, parse(text)) == found


@pytest.mark.parametrize("text", ["", "spec/replicas", ".spec.replicas"])
def test_what_is_no_pointer_to_a_field(text: str) -> None:
    with pytest.raises(ValueError, match="must begin with /"):
        parse(text)


@pytest.mark.parametrize(
    ("value", "pointers", "rest"),
    [
        ({"a": 1, "b": 2}, ["/a"], {"b": 2}),
        ({"a": {"b": 1}}, ["/a/b"], {"a": {}}),
        ({"a": {"b": 1}}, ["/a/b", "/a"], {}),
        ({"l": [1, 2, 3]}, ["/l/0", "/l/1"], {"l": [3]}),
        ({"l": [{"a": 1, "b": 1}, {"a": 2}]}, ["/l/0/a", "/l/1/a", "/l/2/a"], {"l": [{"b": 1}, {}]}),
        ({"a": 1}, ["/a/b", "/c", "/c/d"], {"a": 1}),
        ({"a": None}, ["/a"], {}),
    ],
)
def test_without(value: Any, pointers: list[str], rest: Any) -> None:
    before = copy.deepcopy(value)
    assert without(value, [parse(p) for p in pointers]) == rest
    assert value == before


@pytest.mark.parametrize(
    ("value", "pointer", "result"),
    [
        ({"a": 1}, "/a", {"a": 9}),
        ({}, "/a/b", {"a": {"b": 9}}),
        ({"l": [{"a": 1}, {}]}, "/l/1/a", {"l": [{"a": 1}, {"a": 9}]}),
        ({"l": []}, "/l/0/a", {"l": []}),
        ({"a": "text"}, "/a/b", {"a": "text"}),
    ],
)
def test_placed(value: Any, pointer: str, result: Any) -> None:
    before = copy.deepcopy(value)
    assert placed(value, parse(pointer), 9) == result
    assert value == before


FIELDS: dict[str, Any] = {
    "f:metadata": {"f:annotations": {"f:a/b": {}}, "f:finalizers": {'v:"y"': {}}},
    "f:spec": {
        "f:replicas": {},
        "f:containers": {'k:{"name":"app"}': {".": {}, "f:name": {}, "f:resources": {"f:limits": {}}}},
        "f:ports": {'k:{"port":80,"protocol":"UDP"}': {".": {}, "f:port": {}, "f:protocol": {}}},
        "f:plain": {},
    },
}


@pytest.mark.parametrize(
    ("pointer", "owned"),
    [
        ("/spec/replicas", True),
        ("/metadata/annotations/a~1b", True),
        ("/metadata/annotations/m~0n", False),
        ("/metadata/annotations", True),
        ("/spec/containers/0/resources", True),
        ("/spec/containers/0/resources/limits", True),
        ("/spec/containers/0/resources/requests", False),
        ("/spec/containers/1/resources", False),
        ("/spec/ports/0/port", False),
        ("/spec/ports/1/port", True),
        ("/metadata/finalizers/1", True),
        ("/metadata/finalizers/0", False),
        ("/spec/plain", True),
        ("/spec/plain/0", False),
        ("/spec/containers/7/resources", False),
    ],
)
def test_owns(pointer: str, owned: bool) -> None:
    assert owns(FIELDS, parse(pointer), DEPLOYMENT) is owned


@pytest.mark.parametrize(
    ("held", "lost", "pointer"),
    [
        # What the API server writes before and after another manager takes the field.
        (
            {"f:spec": {"f:replicas": {}, "f:selector": {}}},
            {"f:spec": {"f:selector": {}}},
            "/spec/replicas",
        ),
        ({"f:spec": {"f:replicas": {}}}, {}, "/spec/replicas"),
        (
            {"f:metadata": {"f:annotations": {".": {}, "f:a/b": {}}}},
            {"f:metadata": {"f:annotations": {}}},
            "/metadata/annotations/a~1b",
        ),
        (
            {"f:metadata": {"f:annotations": {"f:a/b": {}}, "f:labels": {"f:x": {}}}},
            {"f:metadata": {"f:labels": {"f:x": {}}}},
            "/metadata/annotations/a~1b",
        ),
        (
            {"f:spec": {"f:containers": {'k:{"name":"app"}': {".": {}, "f:resources": {"f:limits": {}}}}}},
            {"f:spec": {"f:containers": {'k:{"name":"app"}': {}}}},
            "/spec/containers/0/resources",
        ),
    ],
)
def test_what_is_ignored_may_be_held_or_lost(held: Any, lost: Any, pointer: str) -> None:
    pointers = [parse(pointer)]
    assert disowned(held, pointers, DEPLOYMENT) == disowned(lost, pointers, DEPLOYMENT) == lost


def test_a_field_beside_the_ignored_one_counts() -> None:
    held = {"f:spec": {"f:replicas": {}, "f:paused": {}}}
    for lost in ({"f:spec": {"f:replicas": {}}}, {"f:spec": {}}, {}):
        pointers = [parse("/spec/replicas")]
        assert disowned(held, pointers, DEPLOYMENT) != disowned(lost, pointers, DEPLOYMENT)


def test_a_field_inside_one_that_is_owned_as_a_whole() -> None:
    held = {"f:spec": {"f:plain": {}, "f:paused": {}}}
    inside = [parse("/spec/plain/0")]
    assert disowned(held, inside, DEPLOYMENT) == held
    assert disowned(held, inside, DEPLOYMENT, wholes=True) == {"f:spec": {"f:paused": {}}}
