"""What people and programs read: text, Markdown and JSON."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headgate.promotion.changes.model import ChangeStage, Counterpart, EnvironmentAnswer, EnvironmentChange
from headgate.promotion.fleet.rendering import Problem
from headgate.promotion.report.as_json import as_json
from headgate.promotion.report.document import ChangeReport, counts
from headgate.promotion.report.escape import code, fenced, html_code
from headgate.promotion.report.markdown import markdown
from headgate.promotion.report.text import text
from headgate.visible import visible
from tests.support.renderings import (
    Obj,
    change,
    deployment,
    kustomization,
    obj,
    of_objects,
    rendering,
    with_value,
)
from tests.support.schemas import check

ESCAPES = re.compile("\x1b\\[[0-9;]*m")


def report(
    on_merge: EnvironmentChange, at_promotion: EnvironmentChange | None = None, **more: Any
) -> ChangeReport:
    answer = EnvironmentAnswer("production", "semver >=1.0.0", on_merge, at_promotion)
    return ChangeReport("main", "a" * 40, "HEAD", "b" * 40, (answer,), **more)


def lines(found: str) -> list[str]:
    return [line.strip() for line in found.splitlines()]


NOTHING = change(rendering(), rendering())
BIGGER = of_objects(
    [deployment(image="web:1", replicas=2), obj("v1", "Service", "old"), obj("v1", "Namespace", "team", "")],
    [deployment(image="web:2", replicas=5), obj("v1", "ConfigMap", "new")],
)


def test_no_change_is_said_for_each_stage() -> None:
    out = text(report(NOTHING, change(rendering(), rendering(), ChangeStage.AT_PROMOTION)))
    assert "on merge:              no change" in out
    assert "at the next promotion: no change" in out


def test_the_summary_comes_before_the_objects() -> None:
    out = lines(text(report(BIGGER)))
    order = ["Dangers", "Images", "Replicas", "Deleted", "~ Kustomization flux-system/apps"]
    assert [line for line in out if line in order] == order
    for line in (
        "on merge: 1 added, 1 changed, 2 deleted",
        "~ web:1 → web:2 (Deployment/shop/web)",
        "~ Deployment/shop/web: 2 → 5",
        "- Service/shop/old",
        "! Namespace/team: a namespace and everything in it is deleted",
        "~ spec.replicas: 2 → 5",
        "+ ConfigMap/shop/new",
    ):
        assert line in out


def test_a_promotion_that_does_the_same_is_not_repeated() -> None:
    same = of_objects([deployment(replicas=1)], [deployment(replicas=2)])
    again = EnvironmentChange(
        **{n: getattr(same, n) for n in same.__slots__} | {"stage": ChangeStage.AT_PROMOTION}
    )  # type: ignore[arg-type]
    out = text(report(same, again))
    assert out.count("spec.replicas") == 1
    assert "At the next promotion: the same" in out
    assert markdown(report(same, again)).count("spec.replicas") == 1


def test_color_only_adds_escapes() -> None:
    plain, colored = text(report(BIGGER)), text(report(BIGGER), color=True)
    assert "\x1b" not in plain
    assert colored != plain
    assert ESCAPES.sub("", colored) == plain


def test_objects_that_change_alike_are_folded() -> None:
    names = [f"app-{n}" for n in range(30)]

    def version(value: str) -> list[Obj]:
        return [obj("v1", "ConfigMap", n, data={"shared": value}) for n in names]

    found = of_objects(version("a"), version("b"))
    out = text(report(found))
    assert out.count("data.shared: a → b") == 1
    assert "29 more in the same way:" in out
    assert "--full" in out
    assert all(name in text(report(found), full=True) for name in names)


def test_a_long_object_is_folded_until_it_is_unfolded() -> None:
    found = of_objects(
        [obj("v1", "ConfigMap", data={})], [obj("v1", "ConfigMap", data={f"k{n}": "v" for n in range(50)})]
    )
    assert "… 38 more lines: --full" in text(report(found))
    assert text(report(found), full=True).count("data.k") == 50


def test_a_text_of_several_lines_is_compared_line_by_line() -> None:
    before, after = "a\nb\nc\nd\n", "a\nB\nc\nd\n"
    found = of_objects(
        [obj("v1", "ConfigMap", data={"f": before})], [obj("v1", "ConfigMap", data={"f": after})]
    )
    out = lines(text(report(found)))
    assert out[out.index("~ data.f:") :][:5] == ["~ data.f:", "a", "-   b", "+   B", "c"]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("1", 1, '~ spec.v: "1" → 1'),
        ("true", True, '~ spec.v: "true" → true'),
        ("", None, '~ spec.v: "" → null'),
        (None, ..., "- spec.v: null"),
        ("a b", "a  b", "~ spec.v: a b → a  b"),
        ("a", "a ", '~ spec.v: a → "a "'),
        ("(value of a Secret)", "x", '~ spec.v: "(value of a Secret)" → x'),
        ("a", "\u202ea\x1b[0m\u00a0", '~ spec.v: a → "\\u202ea\\u001b[0m\\xa0"'),
        ({"a": 1}, [], '~ spec.v[a]: '),
        ("x" * 500 + "a", "x" * 500 + "b", "~ spec.v: …xxxxxxxxxxxxxxxxxxxxa → …xxxxxxxxxxxxxxxxxxxxb"),
    ],
)  # fmt: skip
def test_values_that_look_alike_are_written_apart(before: Any, after: Any, line: str) -> None:
    one = obj("example.com/v1", "Thing", spec={"v": before, "w": 1})
    out = text(report(of_objects([one], [with_value(one, "spec.v", after)])))
    if line.endswith(" "):
        assert "spec.v" in out
    else:
        assert line in lines(out)


def test_an_order_is_one_line() -> None:
    one = obj("example.com/v1", "Thing", spec={"v": [{"name": "a"}, {"name": "b"}]})
    other = with_value(one, "spec.v", [{"name": "b"}, {"name": "a"}])
    assert "~ spec.v: other order: name=a, name=b → name=b, name=a" in lines(
        text(report(of_objects([one], [other])))
    )


def test_problems_come_with_what_is_not_known() -> None:
    found = change(
        rendering(kustomization(deployment())),
        rendering(kustomization(problem="a.yaml:3: broken"), problems=(Problem("b.yaml: broken"),)),
    )
    out = lines(text(report(found)))
    assert "on merge: 2 not known" in out
    assert "! a.yaml:3: broken" in out
    assert "! b.yaml: broken" in out
    assert "broken" in markdown(report(found))
    assert counts(NOTHING) == "no change"


# Foreign text.

HOSTILE = [
    "@admin @org/team please look",
    "#123 GH-1 org/repo#4",
    "</details></summary><img src=x onerror=alert(1)>",
    "```\n# title\n```",
    "````````",
    "`code` **bold** [link](javascript:x) ![i](x) | cell",
    "/close",
    "\x1b]0;title\x07\x1b[2J",
    "\u202eevil\u2066\u200b\ufeff",
    "a\r\nb\u2028c\x85d\x0be",
    "<!-- -->",
    "\ud800",
    "&lt;b&gt; &#64;admin",
    "-->\n\n@everyone",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_foreign_text_does_nothing_in_markdown(hostile: str) -> None:
    one = obj("v1", "ConfigMap", f"n{hostile}", f"s{hostile}", data={hostile: hostile, "image": hostile})
    other = with_value(one, "data.image", f"{hostile} more")
    other["data"][f"new{hostile}"] = hostile
    problem = Problem(hostile)
    before = rendering(kustomization(one, name=f"k{hostile}"))
    after = rendering(kustomization(other, name=f"k{hostile}"), problems=(problem,), unknown=(hostile,))
    answer = EnvironmentAnswer(hostile, hostile, change(before, after))
    out = markdown(ChangeReport(hostile, "a", hostile, "b", (answer,), (hostile,)))
    outside = outside_of_code(out)
    for sign in ("@", "#1", "GH-", "img", "evil", "close", "bold", "link"):
        assert sign not in outside
    assert set(re.findall(r"<[^>]*>", outside)) <= {
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
        "<code>",
        "</code>",
    }
    for character in out:
        assert character == "\n" or character.isprintable()
    terminal = text(ChangeReport(hostile, "a", hostile, "b", (answer,), (hostile,)), full=True)
    assert all(character == "\n" or character.isprintable() for character in terminal)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_foreign_text_in_the_reason_why_an_object_stays_does_nothing_on_a_terminal(hostile: str) -> None:
    name = f"k{hostile}"
    before = rendering(kustomization(deployment(), name=name, prune=False))
    found = change(before, rendering(kustomization(name=name, prune=False)))
    assert f"Kustomization flux-system/{name} does not prune" in found.changes[0].kept
    terminal = text(report(found), full=True)
    assert "stays on the cluster" in terminal
    assert all(character == "\n" or character.isprintable() for character in terminal)


def outside_of_code(out: str) -> str:
    """Markdown without its fences, its code spans and its ``code`` elements."""
    kept, fence = [], ""
    for line in out.split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif line.startswith("```"):
            fence = re.match("`+", line)[0]  # type: ignore[index]
        else:
            kept.append(line)
    assert not fence
    joined = re.sub(r"<code>[^<]*</code>", "<code></code>", "\n".join(kept))
    return re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", joined)


def test_code_survives_any_backticks_and_cells_of_tables() -> None:
    assert code("a`b") == "``a`b``"
    assert code("`") == "`` ` ``"
    assert code("a|b") == "`a\\|b`"
    assert code("") == "` `"
    assert html_code("<b>&") == "<code>&lt;b&gt;&amp;</code>"
    assert html.unescape(html_code("x")) == "<code>x</code>"
    assert fenced(["````"])[0] == "`````diff"


def test_characters_that_nobody_sees_become_escapes() -> None:
    assert visible("ok \u00e4\u65e5\u3000x") == "ok \u00e4\u65e5\u3000x"
    assert (
        visible("\n\t\x00\x9f\u00ad\u2028\U000e0041\ud800\ufdd0")
        == "\\n\\t\\x00\\x9f\\xad\\u2028\\U000e0041\\ud800\\ufdd0"
    )


def test_a_truncated_comment_says_so_and_keeps_the_summary() -> None:
    many = [obj("v1", "ConfigMap", f"c{n}", data={"a": "x" * 100}) for n in range(500)]
    other = [obj("v1", "ConfigMap", f"c{n}", data={"a": f"{n}"}) for n in range(500)]
    found = of_objects([*many, deployment(image="web:1")], [*other, deployment(image="web:2")])
    out = markdown(report(found), 4000, "<!-- headgate -->")
    assert len(out) <= 4000
    assert out.startswith("<!-- headgate -->\n")
    assert "**Truncated:**" in out.splitlines()[-1]
    assert "web:1 → web:2" in out
    assert "**Truncated:**" not in markdown(report(found), 10**7)


@pytest.mark.parametrize("limit", [0, 1, 50, 170, 400])
def test_a_tiny_limit_is_kept(limit: int) -> None:
    assert len(markdown(report(BIGGER), limit, "<!-- headgate -->")) <= limit


# JSON.


@pytest.mark.parametrize("stage", [ChangeStage.AT_PROMOTION, ChangeStage.BY_ROLLBACK])
def test_the_table_of_a_promotion_or_rollback_does_not_speak_of_a_merge(stage: ChangeStage) -> None:
    answer = EnvironmentAnswer("production", "semver >=1.0.0", replace(BIGGER, stage=stage))
    table = markdown(ChangeReport("1.0.0", "a" * 40, "1.0.1", "b" * 40, (answer,))).splitlines()
    assert table[0] == f"| environment | follows | {stage.value} |"
    assert "on merge" not in "\n".join(table)


def test_json_is_complete() -> None:
    found = as_json(report(BIGGER, NOTHING))
    assert found["schemaVersion"] == 1
    assert found["changed"] is True
    (environment,) = found["environments"]
    assert environment["atPromotion"]["changed"] is False
    (each,) = environment["onMerge"]["kustomizations"]
    by_kind = {o["kind"]: o for o in each["objects"]}
    assert by_kind["Deployment"]["replicas"] == {"before": 2, "after": 5}
    assert by_kind["Deployment"]["images"] == [{"container": "web", "before": "web:1", "after": "web:2"}]
    assert by_kind["Namespace"]["dangers"] == ["NAMESPACE_REMOVED"]
    assert by_kind["Service"]["deleted"] is True
    assert by_kind["ConfigMap"]["action"] == "added"


def test_json_tells_null_absent_and_hidden_apart() -> None:
    one = obj("example.com/v1", "Thing", spec={"a": None, "b": 1})
    other = obj("example.com/v1", "Thing", spec={"b": None, "c": 1})
    secrets = [obj("v1", "Secret", data={"k": value}) for value in ("YQ==", "Yg==")]
    found = as_json(report(of_objects([one, secrets[0]], [other, secrets[1]])))
    objects = found["environments"][0]["onMerge"]["kustomizations"][0]["objects"]
    values = {f["path"]: (f.get("before"), f.get("after")) for o in objects for f in o["fields"]}
    assert values == {
        "spec.b": ({"value": 1}, {"value": None}),
        "spec.c": (None, {"value": 1}),
        "spec.a": ({"value": None}, None),
        "data.k": ({"hidden": "SECRET"}, {"hidden": "SECRET"}),
    }


def test_json_matches_its_schema() -> None:
    schema = json.loads((Path(__file__).parents[4] / "docs/reference/diff.schema.json").read_text())
    samples = [report(BIGGER, NOTHING, notes=("a note",)), report(NOTHING)]
    problem = change(
        rendering(kustomization(deployment())),
        rendering(kustomization(problem="x"), problems=(Problem("y"),)),
    )
    moved = of_objects(
        [obj("example.com/v1", "Thing", spec={"l": [{"name": "a"}, {"name": "b"}], "s": [1]})],
        [obj("example.com/v1", "Thing", spec={"l": [{"name": "b"}, {"name": "a", "x": None}], "s": [2]})],
    )
    for each in (
        *samples,
        report(BIGGER, counterpart=Counterpart.DRY_RUNS),
        report(problem),
        report(moved),
        report(change(rendering(kustomization(deployment())), rendering())),
    ):
        check(as_json(each), schema, schema)
