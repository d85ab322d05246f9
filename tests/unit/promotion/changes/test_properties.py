"""What holds for all comparisons, with generated objects."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.promotion.changes.fields import differences, leaves
from headgate.promotion.changes.model import ChangeStage, EnvironmentAnswer
from headgate.promotion.changes.values import equal
from headgate.promotion.report.as_json import as_json
from headgate.promotion.report.document import ChangeReport
from headgate.promotion.report.markdown import markdown
from headgate.promotion.report.text import text
from tests.support.renderings import Obj, change, kustomization, obj, of_objects, rendering

KEYS = st.sampled_from(["a", "b", "name", "key", "containers", "image", "x.y/z"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["", "a", "1", "true"]), st.floats(0, 2)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
SPECS = st.dictionaries(KEYS, VALUES, max_size=4)


@given(VALUES)
def test_equal_values_have_no_differences(value: Any) -> None:
    assert differences(value, copy.deepcopy(value)) == []
    assert (
        of_objects([obj("a/v1", "T", spec=value)], [obj("a/v1", "T", spec=copy.deepcopy(value))]).changes
        == ()
    )


@given(VALUES, VALUES)
def test_values_that_differ_have_differences(before: Any, after: Any) -> None:
    found = differences(before, after)
    assert (not found) is equal(before, after)
    assert len(of_objects([obj("a/v1", "T", spec=before)], [obj("a/v1", "T", spec=after)]).changes) == bool(
        found
    )


@given(SPECS, st.data())
def test_each_leaf_that_changes_is_reported_with_its_new_value(spec: Obj, data: st.DataObject) -> None:
    places = [path for path, _ in leaves((), spec) if path and isinstance(path[-1], str)]
    if not places:
        return
    path = data.draw(st.sampled_from(places))
    after = copy.deepcopy(spec)
    at: Any = after
    for step in path[:-1]:
        at = at[step] if isinstance(step, str) else _element(at, step)
    at[path[-1]] = "a new value"
    found = differences(spec, after)
    assert any(each.after == "a new value" and each.path[-1] == path[-1] for each in found)
    # All of it is below one place: nothing else changed.
    top = path[: next((n for n, step in enumerate(path) if not isinstance(step, str)), len(path))]
    assert all(each.path[: len(top)] == top for each in found)


def _element(at: list[Any], step: Any) -> Any:
    if step.index >= 0:
        return at[step.index]
    return next(each for each in at if all(str(each.get(k)) == v for k, v in step.keys))


ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!$%&/=?-_"
SEEDS = st.text(ALPHABET, min_size=8, max_size=30).filter(lambda s: len(set(s)) > 5)


@settings(max_examples=60)
@given(SEEDS, SEEDS, st.sampled_from(["data", "stringData"]), st.integers(0, 3))
def test_no_value_of_a_secret_is_in_any_format(old: str, new: str, field: str, place: int) -> None:
    def version(value: str) -> list[Obj]:
        held = base64.b64encode(value.encode()).decode() if field == "data" else value
        copies = [
            {"data": {"a": value}},
            {"data": {"a": f"x={value};\nand more\n{value}"}},
            {"metadata": {"annotations": {"a": value}}},
            {"spec": {"a": [{"name": "x", "value": value}]}},
        ]
        return [obj("v1", "Secret", "s", **{field: {"k": held}}), obj("a/v1", "Copy", "c", **copies[place])]

    before, after = rendering(kustomization(*version(old))), rendering(kustomization(*version(new)))
    stages = change(before, after), change(before, after, ChangeStage.AT_PROMOTION)
    report = ChangeReport("a", "1", "b", "2", (EnvironmentAnswer("e", "f", *stages),))
    for out in (
        text(report, full=True),
        text(report, color=True),
        markdown(report),
        json.dumps(as_json(report), ensure_ascii=False),
    ):
        for value in {old, new}:
            assert value not in out
            assert base64.b64encode(value.encode()).decode() not in out


ANY_TEXT = st.text(max_size=60)


@settings(max_examples=80)
@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1, max_size=12), st.integers(0, 6000))
def test_markdown_never_exceeds_its_limit_and_stays_valid(texts: list[tuple[str, str]], limit: int) -> None:
    before = [obj("v1", "ConfigMap", f"c{n}", data={"a": old, old: "x"}) for n, (old, _) in enumerate(texts)]
    after = [obj("v1", "ConfigMap", f"c{n}", data={"a": new, new: "y"}) for n, (_, new) in enumerate(texts)]
    found = of_objects(before, after)
    report = ChangeReport("a", "1", "b", "2", (EnvironmentAnswer("e", "f", found),), (texts[0][0],))
    out = markdown(report, limit)
    assert len(out) <= limit
    assert_valid(out)


def assert_valid(out: str) -> None:
    """Whether each fence and each ``details`` that begins ends."""
    fence, depth = "", 0
    for line in out.split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif line.startswith("```"):
            fence = line.rstrip("dif")
        elif line.startswith("<details>"):
            depth += 1
        elif line == "</details>":
            depth -= 1
    assert (fence, depth) == ("", 0)
