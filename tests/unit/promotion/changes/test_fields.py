"""Fields are compared as the API server stores them."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.promotion.changes.fields import differences
from headgate.promotion.changes.shapes import ListKind, Shapes
from tests.support.renderings import Obj, deployment, fields, obj, of_objects, the_change, with_value

POD = "spec.template.spec"


def test_equal_objects_do_not_change() -> None:
    assert of_objects([deployment()], [deployment()]).is_empty
    assert of_objects([deployment()], [deployment()]).changes == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, 1.0),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([1, [2.0]], [1.0, [2]]),
    ],
)
def test_notations_of_one_value_are_equal(before: Any, after: Any) -> None:
    custom = obj("example.com/v1", "Thing", spec={"value": before})
    assert fields(custom, with_value(custom, "spec.value", after)) == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, True),
        (0, False),
        (1, "1"),
        ("true", True),
        ("", None),
        (None, ...),
        ([], ...),
        ({}, ...),
        ([], {}),
        ("1000m", "1"),
        ([1, 2], [2, 1]),
        (1, 2**70),
        (2**70, 2**70 + 1),
    ],
)
def test_values_of_a_custom_kind_that_only_look_equal_differ(before: Any, after: Any) -> None:
    one = obj("example.com/v1", "Thing", spec={"value": before, "other": 1})
    other = with_value(one, "spec.value", after)
    for a, b in ((one, other), (other, one)):
        changed = the_change(a, b)
        assert changed.fields
        assert all(f.path.startswith("spec.value") for f in changed.fields)


def test_null_and_absent_are_distinguished() -> None:
    one = obj("example.com/v1", "Thing", spec={"value": None})
    (field,) = the_change(one, with_value(one, "spec.value", ...)).fields
    assert (field.before, field.before_present) == (None, True)
    assert (field.after, field.after_present) == (None, False)


def test_a_null_in_a_built_in_kind_is_no_field() -> None:
    one = deployment()
    assert fields(one, with_value(one, "spec.paused", None)) == {}


@pytest.mark.parametrize(
    ("path", "before", "after", "differ"),
    [
        ("resources", {"limits": {"cpu": "1000m"}}, {"limits": {"cpu": 1}}, False),
        ("resources", {"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1024Mi"}}, False),
        ("resources", {"limits": {"memory": "1G"}}, {"limits": {"memory": "1e9"}}, False),
        ("resources", {"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1G"}}, True),
        ("resources", {"requests": {"cpu": "0.1"}}, {"requests": {"cpu": "100m"}}, False),
        ("resources", {"requests": {"cpu": "x"}}, {"requests": {"cpu": "y"}}, True),
        ("command", ["1000m"], ["1"], True),
    ],
)
def test_quantities_of_built_in_kinds_are_equal_by_amount(
    path: str, before: Any, after: Any, differ: bool
) -> None:
    found = fields(deployment(**{path: before}), deployment(**{path: after}))
    assert bool(found) is differ


def test_a_label_that_looks_like_a_quantity_is_a_text() -> None:
    one = obj("v1", "ConfigMap", metadata={"labels": {"limits": "1000m"}})
    other = obj("v1", "ConfigMap", metadata={"labels": {"limits": "1"}})
    assert fields(one, other) == {"metadata.labels.limits": ("1000m", "1")}


def test_what_no_apply_sends_is_no_difference() -> None:
    one = deployment()
    for path, value in (
        ("status", {"replicas": 1}),
        ("metadata.creationTimestamp", None),
        ("metadata.labels", {}),
        ("metadata.annotations", {}),
    ):
        assert fields(one, with_value(one, path, value)) == {}


def test_a_default_protocol_is_no_difference() -> None:
    one = obj("v1", "Service", spec={"ports": [{"port": 80}]})
    other = obj("v1", "Service", spec={"ports": [{"port": 80, "protocol": "TCP"}]})
    assert fields(one, other) == {}


def containers(*names: str) -> Obj:
    return with_value(deployment(), f"{POD}.containers", [{"name": n, "image": f"{n}:1"} for n in names])


def test_elements_are_paired_by_their_key() -> None:
    one = containers("a", "b")
    other = with_value(containers("new", "a", "b"), f"{POD}.containers.2.image", "b:2")
    assert fields(one, other) == {
        f"{POD}.containers[name=new].name": (None, "new"),
        f"{POD}.containers[name=new].image": (None, "new:1"),
        f"{POD}.containers[name=b].image": ("b:1", "b:2"),
    }


def test_a_key_of_several_fields_pairs_by_all_of_them() -> None:
    def service(**second: Any) -> Obj:
        ports = [{"port": 53, "protocol": "TCP", "name": "a"}, {"port": 53, "protocol": "UDP", **second}]
        return obj("v1", "Service", spec={"ports": ports})

    assert fields(service(name="b"), service(name="c")) == {
        "spec.ports[port=53,protocol=UDP].name": ("b", "c")
    }


def test_another_order_is_one_difference() -> None:
    (field,) = the_change(containers("a", "b"), containers("b", "a")).fields
    assert field.order
    assert (field.path, field.before, field.after) == (
        f"{POD}.containers",
        ["name=a", "name=b"],
        ["name=b", "name=a"],
    )


def test_elements_with_equal_keys_are_compared_by_position() -> None:
    one, other = containers("a", "a"), containers("a", "a")
    other["spec"]["template"]["spec"]["containers"][1]["image"] = "a:2"
    assert fields(one, other) == {f"{POD}.containers[1].image": ("a:1", "a:2")}


def test_an_element_that_is_inserted_leaves_the_others_unchanged() -> None:
    one, other = deployment(args=["-a", "-b"]), deployment(args=["-a", "-x", "-b"])
    assert fields(one, other) == {f"{POD}.containers[name=web].args[1]": (None, "-x")}
    assert fields(other, one) == {f"{POD}.containers[name=web].args[1]": ("-x", None)}


def test_sets_are_compared_by_value() -> None:
    def service(*finalizers: str) -> Obj:
        return obj("v1", "ConfigMap", metadata={"finalizers": list(finalizers)})

    assert fields(service("a/x", "b/x"), service("b/x", "a/x")) == {
        "metadata.finalizers": (["a/x", "b/x"], ["b/x", "a/x"])
    }
    assert fields(service("a/x", "b/x"), service("c/x", "a/x")) == {
        "metadata.finalizers[c/x]": (None, "c/x"),
        "metadata.finalizers[b/x]": ("b/x", None),
    }


def definition(properties: Any) -> Obj:
    schema = {"openAPIV3Schema": {"properties": {"spec": {"properties": properties}}}}
    names = {"kind": "Thing", "plural": "things"}
    spec = {
        "group": "example.com",
        "names": names,
        "versions": [{"name": "v1", "served": True, "schema": schema}],
    }
    return obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.example.com", "", spec=spec)


def test_only_a_definition_of_the_api_server_says_how_lists_merge() -> None:
    tags = {"tags": {"x-kubernetes-list-type": "set"}}
    of_server, of_others = definition(tags), {**definition(tags), "apiVersion": "example.com/v1"}
    kinds = [Shapes([each]).of("example.com/v1", "Thing").list_kind for each in (of_server, of_others)]
    assert kinds == [ListKind.ATOMIC, ListKind.UNKNOWN]


def test_lists_of_custom_kinds_have_the_keys_of_their_definition() -> None:
    crd = definition(
        {
            "rules": {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["to"], "items": {}},
            "tags": {"x-kubernetes-list-type": "set"},
        }
    )

    def thing(rules: list[Any], tags: list[str]) -> Obj:
        return obj("example.com/v1", "Thing", spec={"rules": rules, "tags": tags})

    one = thing([{"to": 1, "name": "x", "v": 1}, {"to": 2, "name": "x", "v": 2}], ["a", "b"])
    other = thing([{"to": 1, "name": "x", "v": 1}, {"to": 2, "name": "x", "v": 3}], ["a", "b"])
    (change,) = of_objects([crd, one], [crd, other]).changes
    assert [(f.path, f.before, f.after) for f in change.fields] == [("spec.rules[to=2].v", 2, 3)]


def test_elements_of_unknown_kinds_are_paired_by_a_unique_name() -> None:
    def thing(*elements: tuple[str, int]) -> Obj:
        return obj("example.com/v1", "Thing", spec={"steps": [{"name": n, "v": v} for n, v in elements]})

    assert fields(thing(("a", 1), ("b", 1)), thing(("b", 2), ("a", 1))) == {
        "spec.steps[name=b].v": (1, 2),
        "spec.steps": (["name=a", "name=b"], ["name=b", "name=a"]),
    }


def test_a_newer_version_of_a_kind_has_the_keys_of_the_older_one() -> None:
    shape = Shapes().of("batch/v2alpha9", "CronJob")
    assert shape.field("spec").field("jobTemplate").field("spec").field("template").field("spec").field(
        "containers"
    ).keys == ("name",)


def test_each_leaf_of_what_is_new_is_a_difference() -> None:
    one = obj("v1", "ConfigMap", data={"a": "1"})
    other = with_value(one, "metadata.labels", {"x": "1", "example.com/y": "2"})
    assert fields(one, other) == {
        "metadata.labels.x": (None, "1"),
        "metadata.labels[example.com/y]": (None, "2"),
    }


def test_deep_and_long_values_end() -> None:
    deep: Any = 1
    other: Any = 2
    for _ in range(5000):
        deep, other = {"a": deep}, {"a": other}
    assert len(differences(deep, other)) == 1
    long, longer = list(range(100_000)), list(range(1, 100_000))
    assert len(differences({"a": long}, {"a": longer})) == 100_000
