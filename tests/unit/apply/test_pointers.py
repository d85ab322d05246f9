"""JSON pointers into objects and into their managed fields."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.apply.fields.pointers import MISSING, Owned, disowned, find, parse, placed, without

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
    assert placed(value, [(parse(pointer), 9)]) == result
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
    assert Owned(FIELDS, DEPLOYMENT).holds(parse(pointer)) is owned


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


STEPS = st.sampled_from(["a", "b", "0", "1", "-1", "spec"])
POINTERS = st.lists(st.lists(STEPS, min_size=1, max_size=4).map(tuple), max_size=6)
SCALARS = st.sampled_from([1, 2, "a", True, None])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "spec"]), inner),
    max_leaves=12,
)


def member_keys(items: list[Any]) -> list[str]:
    """How a set of fields knows the items of a list: by a key of each, by their values, or by their places."""
    candidates = [[f"v:{json.dumps(item)}" for item in items]]
    for name in "ab":
        if all(isinstance(item, dict) and name in item for item in items):
            candidates.append([f"k:{json.dumps({name: item[name]})}" for item in items])
    for keys in reversed(candidates):
        values = [json.loads(key[2:]) for key in keys]
        if all(one != other for i, one in enumerate(values) for other in values[:i]):
            return keys
    return [f"i:{i}" for i, _ in enumerate(items)]


def fields_of(value: Any, draw: Any) -> Any:
    """A set of fields of a value."""
    if isinstance(value, dict):
        out = {f"f:{k}": fields_of(v, draw) for k, v in value.items() if draw(st.booleans())}
    elif isinstance(value, list):
        members = member_keys(value)
        out = {members[i]: fields_of(item, draw) for i, item in enumerate(value) if draw(st.booleans())}
    else:
        return {}
    return {**out, ".": {}} if draw(st.booleans()) else out


@given(st.data(), VALUES, POINTERS, st.booleans())
def test_many_pointers_at_once_are_as_one_after_the_other(
    data: st.DataObject, value: Any, pointers: list[tuple[str, ...]], wholes: bool
) -> None:
    before = copy.deepcopy(value)
    one_by_one = value
    places = [(pointer, {"new": i}) for i, pointer in enumerate(pointers)]
    for pointer, new in places:
        one_by_one = placed(one_by_one, [(pointer, new)])
    assert placed(value, places) == one_by_one
    fields = fields_of(value, data.draw)
    held = copy.deepcopy(fields)
    left = fields
    for pointer in pointers:
        left = disowned(left, [pointer], value, wholes=wholes)
    assert disowned(fields, pointers, value, wholes=wholes) == left
    many = Owned(fields, value)
    assert [many.holds(p) for p in pointers] == [Owned(fields, value).holds(p) for p in pointers]
    assert (value, fields) == (before, held)


def test_each_part_is_looked_at_once_however_many_pointers_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    loads = json.loads

    def counted(text: str) -> Any:
        nonlocal reads
        reads += 1
        return loads(text)

    monkeypatch.setattr("headgate.apply.fields.pointers.json.loads", counted)
    entries = [{"name": f"e{i}", "value": "x"} for i in range(2_000)]
    obj = {"spec": {"env": entries}}
    members = {f'k:{{"name":"e{i}"}}': {".": {}, "f:name": {}, "f:value": {}} for i in range(2_000)}
    fields = {"f:spec": {"f:env": members}}
    pointers = [("spec", "env", str(i), "value") for i in range(0, 2_000, 2)]
    left = disowned(fields, pointers, obj)
    assert sum("f:value" in member for member in left["f:spec"]["f:env"].values()) == 1_000
    assert reads <= 2_000
    reads, many = 0, Owned(fields, obj)
    assert all(many.holds(pointer) for pointer in pointers)
    assert reads <= 2_000
    kept = without(obj, pointers)
    assert sum("value" in entry for entry in kept["spec"]["env"]) == 1_000
    new = placed(obj, [(pointer, i) for i, pointer in enumerate(pointers)])
    assert new["spec"]["env"][2]["value"] == 1
    assert entries[2]["value"] == "x"


def test_a_pointer_has_so_many_steps() -> None:
    assert len(parse("/a" * 200)) == 200
    with pytest.raises(ValueError, match="has 201 steps, more than 200"):
        parse("/a" * 201)


def test_members_that_the_api_server_never_writes_are_those_of_nothing() -> None:
    fields = {"f:l": {"k:{bad": {}, "k:[1]": {}, "v:": {}, "x:0": {}}}
    assert not Owned(fields, {"l": [1]}).holds(("l", "0"))
    assert disowned(fields, [("l", "0")], {"l": [1]}) == fields
