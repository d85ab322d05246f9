"""Strategic merges, JSON patches, the content cache, and remote URLs, each on its own."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.documents.budget import Budget
from headgate.documents.contentcache import ContentCache
from headgate.documents.copying import copied
from headgate.kustomize import GitUrl, PatchError, YamlError, parse_git_url
from headgate.kustomize.giturl import is_http
from headgate.kustomize.merge import strategic_merge
from headgate.kustomize.merge.jsonpatch import parse_json_patch
from headgate.kustomize.reading.objects import objects_in
from headgate.kustomize.schema import Layer, Schema

Obj = dict[str, Any]


def pod(**spec: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}


def merged(target: Obj, patch: Obj) -> Any:
    result = strategic_merge(target, patch, Schema.builtin(), Budget())
    assert result is not None
    return result["spec"]


C = [{"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}, {"name": "b"}]


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"x": {"a": 1, "b": 2}}, {"x": {"b": None, "c": 3}}, {"x": {"a": 1, "c": 3}}),
        ({"x": 1}, {"x": None}, {}),
        ({"x": [1, 2]}, {"x": [3]}, {"x": [3]}),
        ({"x": {"a": 1}}, {"x": {"$patch": "delete"}}, {}),
        ({"x": {"a": 1}}, {"x": {"$patch": "replace", "b": 2}}, {"x": {"b": 2}}),
        (
            {"containers": C},
            {"containers": [{"name": "a", "env": [{"name": "Y", "value": "9"}, {"name": "Z"}]}]},
            {
                "containers": [
                    {
                        "name": "a",
                        "env": [{"name": "Y", "value": "9"}, {"name": "Z"}, {"name": "X", "value": "1"}],
                    },
                    {"name": "b"},
                ]
            },
        ),
        (
            {"containers": C},
            {"containers": [{"name": "a", "$patch": "delete"}]},
            {"containers": [{"name": "b"}]},
        ),
        ({"containers": C}, {"containers": [{"$patch": "delete"}]}, {}),
        # Two keys identify a port; those that are there stay where they are.
        (
            {
                "containers": [
                    {
                        "name": "a",
                        "ports": [
                            {"containerPort": 1, "protocol": "TCP"},
                            {"containerPort": 1, "protocol": "UDP"},
                        ],
                    }
                ]
            },
            {"containers": [{"name": "a", "ports": [{"containerPort": 1, "protocol": "UDP", "name": "u"}]}]},
            {
                "containers": [
                    {
                        "name": "a",
                        "ports": [
                            {"containerPort": 1, "protocol": "TCP"},
                            {"containerPort": 1, "protocol": "UDP", "name": "u"},
                        ],
                    }
                ]
            },
        ),
    ],
)
def test_strategic_merges(target: Obj, patch: Obj, expected: Obj) -> None:
    before = copied((target, patch))
    assert merged(pod(**target), pod(**patch)) == expected
    assert before == (target, patch)


def test_scalars_in_lists_that_merge() -> None:
    def with_finalizers(*names: str) -> Obj:
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "finalizers": list(names)}}

    result = strategic_merge(
        with_finalizers("a", "b", "a"), with_finalizers("c", "b"), Schema.builtin(), Budget()
    )
    assert result == with_finalizers("c", "b", "a")


def test_a_long_list_is_merged_in_no_time_or_refused() -> None:
    ports = [
        {"containerPort": number, **({"protocol": "UDP"} if number % 2 else {})} for number in range(1, 5000)
    ]
    target = pod(containers=[{"name": "a", "ports": ports}])
    patch = pod(containers=[{"name": "a", "ports": [{"containerPort": 7, "protocol": "UDP", "name": "x"}]}])
    changed = {"containerPort": 7, "protocol": "UDP", "name": "x"}
    assert changed in merged(target, patch)["containers"][0]["ports"]
    with pytest.raises(PatchError, match="a list of 5001 elements, of which some have no 'containerPort'"):
        merged(pod(containers=[{"name": "a", "ports": [*ports, None]}]), patch)


def test_a_list_of_which_many_elements_have_the_same_key_is_refused() -> None:
    ports = [{"containerPort": 1, "protocol": f"P{number}"} for number in range(600)]
    target = pod(containers=[{"name": "a", "ports": [*ports, {"containerPort": 1}]}])
    patch = pod(containers=[{"name": "a", "ports": ports[::-1]}])
    with pytest.raises(PatchError, match="a list with 1201 elements that have the same 'containerPort'"):
        merged(target, patch)
    few = pod(containers=[{"name": "a", "ports": [*ports[:100], {"containerPort": 1}]}])
    reversed_few = pod(containers=[{"name": "a", "ports": ports[99::-1]}])
    assert merged(few, reversed_few)["containers"][0]["ports"] == [{"containerPort": 1}]


@pytest.mark.parametrize(
    ("target", "patch", "field", "text"),
    [
        ({"x": {"a": 1}}, {"x": [1]}, "spec.x", "the patch has a list where the object has a mapping"),
        ({"x": [1]}, {"x": 1}, "spec.x", "the patch has a single value where the object has a list"),
        (
            {"x": {}},
            {"x": {"$patch": "nope"}},
            "spec.x.$patch",
            "the directive $patch must be delete, replace or merge",
        ),
    ],
)
def test_patches_that_do_not_fit(target: Obj, patch: Obj, field: str, text: str) -> None:
    with pytest.raises(PatchError) as caught:
        merged(pod(**target), pod(**patch))
    assert (caught.value.field, text in caught.value.message) == (field, True)


def test_schemas() -> None:
    schema = Schema.builtin()
    assert (schema.is_namespaced("v1", "Namespace"), schema.is_namespaced("v1", "Pod")) == (False, True)
    assert schema.is_namespaced("example.com/v1", "Thing") is None
    assert schema.node("example.com/v1", "Thing") is None
    own = {
        "definitions": {
            "t": {
                "x-kubernetes-group-version-kind": [
                    {"group": "example.com", "version": "v1", "kind": "Thing"}
                ],
                "properties": {
                    "l": {
                        "type": "array",
                        "items": {"$ref": "#/definitions/t"},
                        "x-kubernetes-list-map-keys": ["n"],
                    }
                },
            },
            "bad": 1,
        },
        "paths": {"/x": 1},
    }
    for layer in Layer:
        node = schema.with_openapi(own, layer).node("example.com/v1", "Thing")
        assert node is not None
        field = node.field("l")
        assert field is not None
        assert field.elements() is node
    assert schema.with_openapi(own, Layer.ALONE).node("v1", "Pod") is None
    assert schema.with_openapi(own, Layer.OVER).node("v1", "Pod") is not None


# JSON patches


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([{"op": "add", "path": "/a/b", "value": 1}], {"a": {"b": 1}, "l": [1, 2]}),
        ([{"op": "add", "path": "/l/-", "value": 3}], {"a": {}, "l": [1, 2, 3]}),
        ([{"op": "add", "path": "/l/0", "value": 0}], {"a": {}, "l": [0, 1, 2]}),
        ([{"op": "remove", "path": "/l/-1"}], {"a": {}, "l": [1]}),
        ([{"op": "replace", "path": "/a", "value": None}], {"a": None, "l": [1, 2]}),
        ([{"op": "move", "from": "/l", "path": "/a/m"}], {"a": {"m": [1, 2]}}),
        ([{"op": "copy", "from": "/l/0", "path": "/b"}], {"a": {}, "l": [1, 2], "b": 1}),
        ([{"op": "test", "path": "/l/0", "value": 1}], {"a": {}, "l": [1, 2]}),
        ([{"op": "add", "path": "/x~1y~0z", "value": 1}], {"a": {}, "l": [1, 2], "x/y~z": 1}),
    ],
)
def test_json_patches(operations: list[Any], expected: Obj) -> None:
    obj = {"a": {}, "l": [1, 2]}
    assert parse_json_patch(operations, file="p", budget=Budget()).apply(obj, Budget()) == expected
    assert obj == {"a": {}, "l": [1, 2]}


@pytest.mark.parametrize(
    ("operations", "text"),
    [
        ([{"op": "remove", "path": "/none"}], "p, field none: remove '/none'"),
        ([{"op": "test", "path": "/a", "value": 1}], "p, field a: test '/a'"),
        ([{"op": "add", "path": "/l/9", "value": 1}], "index 9 is outside of the list, which has 2 elements"),
        ([{"op": "add", "path": "/l/x", "value": 1}], "'x' is not an index of a list"),
        ([{"op": "add", "path": f"/l/{'9' * 5000}", "value": 1}], "is not an index of a list"),
        ([{"op": "add", "path": "/none/x", "value": 1}], "there is no object or list at '/none'"),
    ],
)
def test_json_patches_that_do_not_apply(operations: list[Any], text: str) -> None:
    with pytest.raises(PatchError) as caught:
        parse_json_patch(operations, file="p", budget=Budget()).apply({"a": {}, "l": [1, 2]}, Budget())
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b", "must be a list of operations"),
        ("[]", "must be a list of operations"),
        ('[{"op": "frobnicate"}]', "op must be one of"),
        ('[{"op": "add"}]', "operation 1 (add) of the JSON patch: path must be a string"),
        ("- x", "operation 1 of the JSON patch must be a mapping with op and path"),
        ("[{op: add}]", "must be JSON, with all strings in quotes"),
        ('[{"op": "add", "path": "/a", "value": 1e999}]', "is not a JSON number, or is too large"),
        (f'[{{"op": "add", "path": "/a", "value": {"9" * 5000}}}]', "is not a JSON number, or is too large"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_texts_that_are_not_json_patches(text: str, message: str) -> None:
    with pytest.raises((PatchError, YamlError)) as caught:
        parse_json_patch(text, file="p.json", budget=Budget())
    assert message in str(caught.value)
    assert caught.value.file == "p.json"


def test_halves_of_surrogate_pairs_become_what_go_makes_of_them() -> None:
    patch = parse_json_patch('[{"op": "add", "path": "/a", "value": "\\ud800x"}]', file="p", budget=Budget())
    assert patch.apply({}, Budget()) == {"a": "\ufffdx"}


# The cache


def test_the_cache_keeps_to_its_bounds() -> None:
    cache = ContentCache(40_000)
    for index in range(100):
        cache.put("x", str(index), index, 100)
    assert len(cache) == 40_000 // (256 + 800)
    assert cache.get("x", "0") is None
    assert cache.get("x", "99") == 99


def test_what_is_used_stays_and_what_is_huge_never_comes_in() -> None:
    cache = ContentCache(4_000)
    cache.put("x", "a", 1, 10)
    for index in range(50):
        cache.put("x", str(index), index, 10)
        assert cache.get("x", "a") == 1
    cache.put("x", "huge", 1, 1_000)
    assert cache.get("x", "huge") is None
    assert cache.get("y", "a") is None


def test_objects_of_lists_come_behind_the_others() -> None:
    text = """\
apiVersion: v1
kind: ConfigMapList
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
"""
    assert [
        (each.obj["metadata"]["name"], each.line)
        for each in objects_in(text.encode(), file="x", budget=Budget())
    ] == [
        ("a", 6),
        ("b", 1),
    ]


# Remote URLs


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://h/o/r//p?ref=v1", ("https://h/o/r", "p", "v1")),
        ("https://h/o/r.git/p", ("https://h/o/r.git", "/p", "")),
        ("github.com/o/r/p?ref=x", ("https://github.com/o/r", "p", "x")),
        ("git@github.com:o/r//p", ("git@github.com:o/r", "p", "")),
        ("ssh://git@h:22/o/r//p", ("ssh://git@h:22/o/r", "p", "")),
        ("git::https://h/o/r//p", ("https://h/o/r", "p", "")),
        ("https://h/p/_git/r/sub", ("https://h/p/_git/r", "sub", "")),
    ],
)
def test_remote_urls(text: str, url: tuple[str, str, str]) -> None:
    found = parse_git_url(text)
    assert isinstance(found, GitUrl)
    assert (found.repository, found.path.lstrip("/"), found.ref) == (url[0], url[1].lstrip("/"), url[2])


@pytest.mark.parametrize(
    "text", ["a/b", "../x", "/https://h/o/r", "https://h/o/r//../x", "", "x.yaml", "https://"]
)
def test_what_is_not_a_remote_url(text: str) -> None:
    assert parse_git_url(text) is None


@pytest.mark.parametrize(
    ("query", "timeout"),
    [
        ("timeout=5", 5),
        ("timeout=1m30s", 90),
        ("timeout=x", 27),
        ("timeout=-5s", 27),
        ("timeout=1.5m", 90),
        (f"timeout={'9' * 5000}", 27),
    ],
)
def test_timeouts_of_remote_urls(query: str, timeout: float) -> None:
    found = parse_git_url(f"https://h/o/r//p?{query}")
    assert found is not None
    assert found.timeout == timeout


def test_urls_of_files() -> None:
    assert is_http("https://h/x.yaml")
    assert not is_http("ssh://h/x")
    assert not is_http("x: https://h")
