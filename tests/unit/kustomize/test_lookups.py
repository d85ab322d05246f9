"""How objects are found: identities, indexes that follow changes, selectors, patterns, label selectors, paths."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api.labelselector import SelectorInvalid, matches
from headgate.api.patterns import PatternInvalid, literal_prefix, searcher, whole
from headgate.documents.budget import Budget
from headgate.documents.yaml.nodes import NodeKind
from headgate.kustomize import IdConflict, KustomizationError, ReferenceFault, ResourceError
from headgate.kustomize.model.kustomization_file import ObjectSelector
from headgate.kustomize.paths.fieldpath import MISSING, look_up, split_dotted
from headgate.kustomize.paths.fieldspec import FieldSpec, for_each_field, merge_specs, plan_of, steps
from headgate.kustomize.paths.pathmatch import find_slots
from headgate.kustomize.resources.ids import Gvk, effective_namespace, parse_gvk
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.transform.selection import select


def resource(name: str, namespace: str = "", kind: str = "ConfigMap", **metadata: Any) -> Resource:
    fields = {"name": name, **({"namespace": namespace} if namespace else {}), **metadata}
    obj = {"apiVersion": "v1", "kind": kind, "metadata": fields}
    return Resource(obj, lambda gvk: gvk.kind == "Namespace", Budget())


def collection(*resources: Resource) -> ResMap:
    made = ResMap(Budget())
    made.append_all(resources)
    return made


def names(found: Any) -> list[str]:
    return [each.name for each in found]


# Identities


def test_identities() -> None:
    assert parse_gvk("apps/v1", "A") == Gvk("apps", "v1", "A")
    assert parse_gvk("v1", "A") == Gvk("", "v1", "A")
    assert (effective_namespace("", False), effective_namespace("", True)) == (
        "default",
        "_non_namespaceable_",
    )
    assert str(resource("a", "x").id()) == "ConfigMap/x/a"
    assert str(resource("a", kind="Namespace").id()) == "Namespace/a"


def test_an_absent_namespace_is_default() -> None:
    with pytest.raises(IdConflict, match="ConfigMap/default/a"):
        collection(resource("a"), resource("a", "default"))


def test_indexes_follow_a_change_of_one() -> None:
    first, second = resource("a"), resource("b")
    all_of_them = collection(first, second)
    assert names(all_of_them.named("a")) == ["a"]
    assert all_of_them.with_any_id(first.id()) == [first]
    old = first.id()
    first.remember_id()
    first.metadata["name"] = "c"
    all_of_them.touched(first)
    assert all_of_them.named("c") == all_of_them.named("a") == [first]
    assert all_of_them.with_any_id(old) == all_of_them.with_any_id(first.id()) == [first]
    # The old identity is free again.
    all_of_them.append(resource("a"))
    with pytest.raises(IdConflict):
        all_of_them.append(resource("c"))


def test_a_change_that_makes_two_equal() -> None:
    first, second = resource("a"), resource("b")
    all_of_them = collection(first, second)
    second.metadata["name"] = "a"
    all_of_them.touched(second)
    with pytest.raises(IdConflict, match="two resources end up with the same id"):
        all_of_them.check_unique()
    second.metadata["name"] = "z"
    all_of_them.touched(second)
    all_of_them.check_unique()


def test_what_is_emptied_goes_and_the_order_stays() -> None:
    parts = [resource(name) for name in "abcd"]
    all_of_them = collection(*parts)
    all_of_them.named("a")
    parts[1].obj = {}
    all_of_them.touched(parts[1])
    assert names(all_of_them) == ["a", "c", "d"]
    assert all_of_them.named("b") == []
    assert len(all_of_them) == 3


def test_generated_objects_take_the_place_of_others() -> None:
    old = resource("a", labels={"x": "1"})
    old.obj["data"] = {"k": "1", "l": "1"}
    all_of_them = collection(resource("z"), old, resource("y"))
    new = resource("a", labels={"y": "2"})
    new.obj["data"] = {"k": "2"}
    new.behavior = "merge"
    all_of_them.absorb(new)
    assert names(all_of_them) == ["z", "a", "y"]
    assert (new.obj["data"], new.labels) == ({"k": "2", "l": "1"}, {"x": "1", "y": "2"})


@pytest.mark.parametrize(
    ("behavior", "present", "text"),
    [
        ("create", True, "exists already; behavior 'create' cannot be used on it"),
        ("merge", False, "does not exist; cannot merge a generated object into it"),
        ("replace", False, "does not exist; cannot replace a generated object into it"),
    ],
)
def test_behaviors_that_do_not_fit(behavior: str, present: bool, text: str) -> None:
    all_of_them = collection(*([resource("a")] if present else []))
    new = resource("a")
    new.behavior = behavior
    with pytest.raises(ResourceError, match=text):
        all_of_them.absorb(new)


# Selectors


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        (ObjectSelector(), ["web", "web-2", "db", "shop"]),
        (ObjectSelector(name="web"), ["web"]),
        (ObjectSelector(name="web.*"), ["web", "web-2"]),
        (ObjectSelector(name="w|d."), ["db"]),
        (ObjectSelector(name="old"), ["db"]),
        (ObjectSelector(kind="Namespace"), ["shop"]),
        (ObjectSelector(kind="Name"), []),
        (ObjectSelector(namespace="default"), ["web", "db"]),
        (ObjectSelector(namespace="x"), ["web-2"]),
        (ObjectSelector(version="v1", group=""), ["web", "web-2", "db", "shop"]),
        (ObjectSelector(label_selector="app=web"), ["web"]),
        (ObjectSelector(label_selector="app in (web, db),!old"), ["web"]),
        (ObjectSelector(annotation_selector="note"), ["web-2"]),
    ],
)
def test_selectors(selector: ObjectSelector, found: list[str]) -> None:
    renamed = resource("old", labels={"app": "db", "old": "1"})
    renamed.remember_id()
    renamed.metadata["name"] = "db"
    all_of_them = collection(
        resource("web", labels={"app": "web"}),
        resource("web-2", "x", annotations={"note": "1"}),
        renamed,
        resource("shop", kind="Namespace"),
    )
    assert names(select(all_of_them, selector)) == found


def test_a_selector_that_is_not_an_expression() -> None:
    with pytest.raises(
        KustomizationError, match=r"field target\.name: '\(' is not a regular expression: missing \)"
    ):
        select(collection(), ObjectSelector(name="("))


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("web", "web"),
        ("web.*", "we"),
        ("web-[0-9]", "web"),
        ("a|b", ""),
        ("(a)", ""),
        ("", ""),
        ("a?b", ""),
        (".*", ""),
    ],
)
def test_prefixes_of_patterns(pattern: str, prefix: str) -> None:
    assert literal_prefix(pattern) == prefix


def test_patterns_are_res_and_linear() -> None:
    assert whole("a.c")("abc")
    assert not whole("a")("ab")
    assert searcher("b")("abc")
    assert not whole("(a*)*b")("a" * 50_000)
    for bad in ("(", "(?=a)", "\\1", "a{2000}"):
        with pytest.raises(PatternInvalid):
            whole(bad)


LABELS = {"app": "web", "tier": "2", "odd": "9" * 5000}


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("", True),
        ("app", True),
        ("!app", False),
        ("app=web", True),
        ("app==web", True),
        ("app!=web", False),
        ("none!=x", True),
        ("app in (web,db)", True),
        ("app notin (web)", False),
        ("tier>1,tier<3", True),
        ("tier>2", False),
        ("odd>2", False),
    ],
)
def test_label_selectors(selector: str, fits: bool) -> None:
    assert matches(selector, LABELS) is fits


@pytest.mark.parametrize("selector", ["=", "a=b=c", "a in b", "a in (b", "a,", ",a", "a>x", "-a", "a b"])
def test_label_selectors_that_are_invalid(selector: str) -> None:
    with pytest.raises(SelectorInvalid):
        matches(selector, {})


# Paths

OBJ = {"a": {"b.c": 1, "list": [{"name": "x", "v": 1}, {"name": "y", "v": 2}], "plain": ["p", "q"]}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b\\.c", 1),
        ("a.[b.c]", 1),
        ("a.list.[name=y].v", 2),
        ("a.list.0.v", 1),
        ("a.list.-.v", 2),
        ("a.plain.[=q]", "q"),
        ("a.none", MISSING),
        ("a.list.7", MISSING),
        ("a.list.[name=z]", MISSING),
    ],
)
def test_looking_up(path: str, value: Any) -> None:
    assert look_up(OBJ, split_dotted(path)) == value


@pytest.mark.parametrize("path", ["a.plain.x", "a.0", "a.list.*", "a.list.[x]", "a.[name=x]"])
def test_paths_that_do_not_fit(path: str) -> None:
    with pytest.raises(ReferenceFault):
        look_up(OBJ, split_dotted(path))


def test_an_index_beyond_all_numbers_is_a_name() -> None:
    assert look_up({"9" * 5000: 1}, ["9" * 5000]) == 1


def test_slots_and_creating_them() -> None:
    obj: dict[str, Any] = {"spec": {"c": [{"n": "a", "i": 1}, {"n": "b"}]}}
    assert [box[key] for box, key in find_slots(obj, split_dotted("spec.c.*.n"), None, Budget())] == [
        "a",
        "b",
    ]
    assert find_slots(obj, split_dotted("spec.c.[n=a].x.y"), None, Budget()) == []
    ((box, key),) = find_slots(obj, split_dotted("spec.new.x"), NodeKind.MAPPING, Budget())
    box[key] = 1
    assert obj["spec"]["new"] == {"x": 1}
    with pytest.raises(ReferenceFault, match="out of bounds"):
        find_slots(obj, split_dotted("spec.c.9"), None, Budget())


def test_field_specifications() -> None:
    assert [(step.name, step.is_list) for step in steps("/a/b[]/c\\/d")] == [
        ("a", False),
        ("b", True),
        ("c/d", False),
    ]
    covered = merge_specs([FieldSpec("a")], [FieldSpec("a", Gvk(kind="X")), FieldSpec("b")])
    assert [spec.path for spec in covered] == ["a", "a", "b"]
    with pytest.raises(KustomizationError, match="both with and without create"):
        merge_specs([FieldSpec("a")], [FieldSpec("a", create=True)])


def test_a_walk_goes_through_lists_and_creates_where_it_may() -> None:
    whole = resource("x")
    whole.obj |= {"l": [{"a": 1}, None, [{"a": 2}]], "n": None}
    found: list[Any] = []

    def setter(box: Any, key: Any) -> None:
        found.append(box[key])

    for_each_field(whole, plan_of(FieldSpec("l/a")), setter, None)
    assert found == [1, 2]
    for_each_field(whole, plan_of(FieldSpec("m/x", create=True)), setter, dict)
    assert whole.obj["m"] == {"x": {}}
    for_each_field(whole, plan_of(FieldSpec("k/x")), setter, dict)
    assert "k" not in whole.obj
    with pytest.raises(ResourceError, match="ConfigMap/x, field l/a/b: expected a map or a list on the way"):
        for_each_field(whole, plan_of(FieldSpec("l/a/b")), setter, None)
