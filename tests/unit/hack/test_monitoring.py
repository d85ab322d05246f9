"""Dashboards and alerts ask only for metrics, labels and values that the operator has."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.kustomize import FolderTree, build
from headgate.loop import LoopTurns
from headgate.web.metrics import Metrics

ROOT = Path(__file__).resolve().parents[3]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
RULES = ROOT / "deploy" / "monitoring" / "rules.yaml"
OF_THE_SCRAPE = frozenset({"pod", "namespace", "le"})
"""Labels that the scraper adds, and that of histograms."""

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
AGGREGATION = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
SELECTED = re.compile(r"([A-Za-z_:][\w:]*)\s*\{([^}]*)\}")
NAME = re.compile(r"(?<![\w$.])[A-Za-z_:][\w:]*(?![\w(:])(?!\s*\()")
WORDS = frozenset({"by", "without", "and", "or", "unless", "on", "ignoring", "offset", "bool", "inf"})
DURATION = re.compile(r"\[[^\]]*\]")


def registered() -> dict[str, frozenset[str]]:
    """Names of all samples that the operator may have, with their labels."""
    metrics = Metrics()
    metrics.loop(LoopTurns())
    found: dict[str, frozenset[str]] = {}
    for collector, names in metrics.registry._collector_to_names.items():  # type: ignore[attr-defined]
        labels = frozenset(getattr(collector, "_labelnames", ()))
        found |= dict.fromkeys(names, labels)
    for name in ("bucket", "count", "sum"):
        found[f"headgate_loop_turn_seconds_{name}"] = frozenset()
    for family in metrics.registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, frozenset(sample.labels))
    return found


def used(expression: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The names of the metrics in an expression of PromQL, each with the labels that select or group it."""
    text = STRING.sub('""', expression)
    grouped = {label.strip() for match in AGGREGATION.finditer(text) for label in match[1].split(",")}
    selectors: dict[str, set[str]] = {}
    for name, inside in SELECTED.findall(text):
        selectors.setdefault(name, set()).update(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))
    bare = AGGREGATION.sub(" ", DURATION.sub(" ", re.sub(r"\{[^}]*\}", " ", text)))
    names = {each for each in NAME.findall(bare) if each not in WORDS}
    assert names, expression
    for name in names:
        yield name, frozenset(selectors.get(name, set()) | grouped) - {""}


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, with where it is."""
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield f"{file.name}: {panel['title']}", target["expr"]
    for group in yaml.safe_load(RULES.read_text())["spec"]["groups"]:
        for rule in group["rules"]:
            yield f"{RULES.name}: {rule['alert']}", rule["expr"]


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_every_metric_and_label_exists(where: str, expression: str) -> None:
    known = registered()
    for name, labels in used(expression):
        assert name in known, f"{where}: the operator has no metric {name}"
        assert labels <= known[name] | OF_THE_SCRAPE, f"{where}: {name} has no label {labels - known[name]}"


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("rate(a_total[5m])", {("a_total", frozenset())}),
        ('sum by (x, le) (rate(a_bucket{y=~"b_total{}"}[5m]))', {("a_bucket", frozenset({"x", "y", "le"}))}),
        ("absent(a) or b / on (c) d > 8 * 1024", {(n, frozenset({"c"})) for n in "abd"}),
        ("histogram_quantile(0.9, x) unless y offset 5m", {("x", frozenset()), ("y", frozenset())}),
    ],
)
def test_the_reader_of_expressions_sees_names_and_labels(
    expression: str, found: set[tuple[str, frozenset[str]]]
) -> None:
    assert set(used(expression)) == found


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_a_dashboard_can_be_imported(file: Path) -> None:
    dashboard: dict[str, Any] = json.loads(file.read_text())
    assert dashboard["uid"] == file.stem
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    variables = {each["name"] for each in dashboard["templating"]["list"]}
    known = registered()
    for each in dashboard["templating"]["list"]:
        if each["type"] == "query":
            assert re.match(r"label_values\((\w+)", each["query"]["query"])[1] in known  # type: ignore[index]
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= {*variables, "__rate_interval"}
            shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            kept = {n.strip() for m in AGGREGATION.finditer(target["expr"]) for n in m[1].split(",")}
            assert shown <= kept | {"pod"}, panel["title"]


def test_no_two_dashboards_have_one_uid_and_there_are_some() -> None:
    uids = [json.loads(file.read_text())["uid"] for file in DASHBOARDS]
    assert len(uids) == len(set(uids)) >= 2


def test_the_component_builds_and_selects_the_pod_and_its_port(tmp_path: Path) -> None:
    here = tmp_path
    (here / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": [_relative(ROOT / "deploy", here)],
                "components": [_relative(ROOT / "deploy" / "monitoring", here)],
            }
        )
    )
    objects = build(FolderTree(Path("/")), str(here))
    (monitor,) = (o for o in objects if o["kind"] == "PodMonitor")
    (deployment,) = (o for o in objects if o["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]} <= ports
    for rule in (
        r for o in objects if o["kind"] == "PrometheusRule" for g in o["spec"]["groups"] for r in g["rules"]
    ):
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def _relative(target: Path, start: Path) -> str:
    return os.path.relpath(target, start)
