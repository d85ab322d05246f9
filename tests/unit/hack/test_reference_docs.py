"""docs/reference has one row for each field of the CRDs, with its type and default, and names tests that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from headgate.api import reasons
from headgate.cli import COMMANDS, main
from headgate.settings import gates
from headgate.web.metrics import Metrics

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
CODE = ROOT / "operator" / "headgate"
PAGES = {
    "kustomization.md": "kustomize.toolkit.fluxcd.io_kustomizations.yaml",
    "gitrepository.md": "source.toolkit.fluxcd.io_gitrepositories.yaml",
    "receiver.md": "receivers/notification.toolkit.fluxcd.io_receivers.yaml",
}
REASONS: dict[str, str] = {n: v for n, v in vars(reasons).items() if n.isupper()}
"""Reasons, and the types of conditions."""
COLUMNS = ("field", "type", "default", "what it does", "when it fails", "test that shows it")


def fields(schema: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Path, schema and whether it is required, of every field; ``[]`` behind those that are lists."""
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        is_list = field.get("type") == "array"
        path = f"{at}.{name}".lstrip(".") + ("[]" if is_list else "")
        yield path, field, name in required
        yield from fields(field["items"] if is_list else field, path)


def crd_fields(file: str) -> dict[str, tuple[dict[str, Any], bool]]:
    (version,) = yaml.safe_load((ROOT / "crds" / file).read_text())["spec"]["versions"]
    found = fields(version["schema"]["openAPIV3Schema"])
    return {p: (f, r) for p, f, r in found if p.split(".")[0] in ("spec", "status")}


def rows(page: str) -> dict[str, list[str]]:
    """The cells of each row of the field tables, by path."""
    found: dict[str, list[str]] = {}
    in_table = False
    for line in (DOCS / "reference" / page).read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells == list(COLUMNS):
            in_table = True
        elif not line.startswith("|"):
            in_table = False
        elif in_table and cells[0].startswith("`"):
            path = cells[0].strip("`")
            assert path not in found, f"{path} has two rows"
            found[path] = cells
    return found


def wanted_type(schema: dict[str, Any]) -> str:
    if schema.get("type") == "array":
        return f"list of {wanted_type(schema['items'])}"
    if "additionalProperties" in schema:
        return "map"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "(ms|s|m" in schema.get("pattern", ""):
        return "duration"
    if schema.get("format") == "date-time":
        return "time"
    return str(schema["type"])


@pytest.mark.parametrize(("page", "crd"), PAGES.items())
def test_every_field_has_a_row_and_every_row_a_field(page: str, crd: str) -> None:
    documented, known = rows(page), crd_fields(crd)
    assert sorted(known.keys() - documented.keys()) == [], f"fields without a row in docs/reference/{page}"
    assert sorted(documented.keys() - known.keys()) == [], f"rows in docs/reference/{page} without a field"


@pytest.mark.parametrize(("page", "crd"), PAGES.items())
def test_types_and_defaults_are_those_of_the_crd(page: str, crd: str) -> None:
    documented = rows(page)
    for path, (schema, required) in crd_fields(crd).items():
        _, kind, default, what, *_ = documented[path]
        assert kind == wanted_type(schema), path
        assert (default == "required") is required, path
        value = schema.get("default")
        if value is not None and not isinstance(value, dict):
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            assert default == f"`{shown}`", path
        assert what, path


@pytest.mark.parametrize("page", PAGES)
def test_reasons_are_ones_that_exist_and_tests_too(page: str) -> None:
    known = set(REASONS.values())
    for path, (*_, fails, test) in rows(page).items():
        words = re.findall(r"`([A-Z][A-Za-z]+)`", fails)
        assert set(words) - known == set(), path
        named = re.findall(r"`([^`]+)`", test)
        assert named or page == "receiver.md", f"{path}: no test is named that shows it"
        for name in named:
            file, _, function = name.partition("::")
            assert (ROOT / file).is_file(), f"{path}: no such test file: {file}"
            if function:
                assert function.split("[")[0] in functions(ROOT / file), f"{path}: no such test: {name}"


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_command_and_option_is_described() -> None:
    text = (DOCS / "reference" / "cli.md").read_text()
    context = click.Context(main)
    for name in COMMANDS:
        section = re.search(rf"^## headgate {name}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert section, f"no section on headgate {name}"
        command = main.get_command(context, name)
        assert command is not None
        for option in (each for each in command.params if isinstance(each, click.Option)):
            assert f"`{option.opts[-1]}" in section[1], f"headgate {name}: {option.opts[-1]} has no row"
            if name == "run":
                assert option.help, f"{option.opts[-1]} has no help"
                assert f"| {option.help}" in section[1], f"{option.opts[-1]}: --help says something else"


def test_every_feature_gate_is_described() -> None:
    text = (DOCS / "reference" / "cli.md").read_text()
    for gate in gates():
        row = f"| `{gate.name}` | `{str(gate.given).lower()}` | {gate.help} |"
        assert row in text, f"{gate.name}: no such row: {row}"


def test_every_metric_is_described() -> None:
    text = (DOCS / "reference" / "metrics.md").read_text()
    described = set(re.findall(r"^\| `([a-z_]+)`", text, re.MULTILINE))
    ours = {family.name for family in Metrics().registry.collect() if not family.name.startswith("p")}
    counters = {f"{name}_total" for name in described}
    missing = {name for name in ours if name not in described and f"{name}_total" not in described}
    assert missing == set(), counters


def test_every_reason_is_explained() -> None:
    text = (DOCS / "guide" / "troubleshooting.md").read_text()
    types = {"READY", "RECONCILING", "STALLED", "HEALTHY", "ARTIFACT_IN_STORAGE", "FETCH_FAILED"}
    types |= {"ARTIFACT_OUTDATED", "SOURCE_VERIFIED"}
    wanted = {value for name, value in REASONS.items() if name not in types}
    explained = set(re.findall(r"^\| `([A-Za-z]+)`", text, re.MULTILINE))
    assert sorted(wanted - explained) == [], "reasons without a row"
    assert sorted(explained - wanted) == [], "rows without a reason"
    _, _, never = text.partition("\n## Reasons of Flux that Headgate never gives\n")
    listed = set(re.findall(r"`([A-Z][A-Za-z]+)`", re.sub(r":.*", "", never.partition("\n## ")[0])))
    assert listed, "no list of those that are never given"
    assert sorted(listed & set(REASONS.values())) == []


def test_every_reason_is_given() -> None:
    code = "\n".join(path.read_text() for path in CODE.rglob("*.py"))
    named = {REASONS.get(name) for name in re.findall(r"\breasons\.([A-Z_]+)\b", code)}
    assert sorted(set(REASONS.values()) - named) == []


def test_no_other_reason_is_given() -> None:
    """In headgate.git and headgate.reconcile no text stands where a reason belongs."""
    pattern = re.compile(r'\breason(?:: str)? ?= ?"(\w+)"')
    assert [path for path in CODE.glob("git/**/*.py") if pattern.search(path.read_text())] == []
    places = {"mark": 2, "Event": 3, "Failed": 0, "Postponed": 0}
    for path in CODE.glob("reconcile/**/*.py"):
        for call in (each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.Call)):
            place = places.get(getattr(call.func, "attr", getattr(call.func, "id", "")), len(call.args))
            for argument in call.args[place : place + 1]:
                assert not isinstance(argument, ast.Constant), f"{path.name}:{call.lineno}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub derives them: letters, digits, hyphens, and hyphens for blanks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md")]
    for page in pages:
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
            file = page.parent / target if target else page
            assert file.exists(), f"{page.relative_to(ROOT)}: {target}"
            if anchor and file.suffix == ".md":
                assert anchor in anchors(file), f"{page.relative_to(ROOT)}: {target}#{anchor}"
