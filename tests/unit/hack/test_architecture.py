"""docs/architecture.md and the docstrings of packages say what the code is."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "architecture.md"
PAGES = [PAGE, ROOT / "docs" / "who-runs-where.md"]
CODE = ROOT / "operator" / "headgate"
PACKAGES = sorted(path.parent for path in CODE.rglob("__init__.py"))
CONTRACTS = {
    each["name"]: each
    for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
TABLES = dict(re.findall(r"<!-- contract: (.+?) -->\n((?:\|.*\n)+)", PAGE.read_text()))


def rows(table: str) -> list[tuple[int, str]]:
    """Layer and package of each row."""
    return [(int(layer), name) for layer, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", table, re.MULTILINE)]


def layers(contract: str) -> list[tuple[int, str]]:
    """The same of a contract for imports, without the package that holds all."""
    return [
        (number, name.strip().removeprefix("headgate."))
        for number, layer in enumerate(CONTRACTS[contract]["layers"], 1)
        for name in re.split("[:|]", layer)
    ]


def test_there_are_tables() -> None:
    assert len(TABLES) >= 4


@pytest.mark.parametrize("contract", TABLES)
def test_a_table_has_the_layers_that_imports_are_checked_by(contract: str) -> None:
    assert sorted(rows(TABLES[contract])) == sorted(layers(contract))


def test_all_packages_have_a_row() -> None:
    below = {path.stem for path in CODE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {name for _, name in rows(TABLES["Imports flow downward"])} == below - {"__init__"}


@pytest.mark.parametrize("folder", ["documents", "fairness"])
def test_all_modules_of_a_small_package_have_a_row(folder: str) -> None:
    below = {f"{path.name}/" for path in (CODE / folder).iterdir() if (path / "__init__.py").exists()}
    below |= {path.name for path in (CODE / folder).glob("*.py")} - {"__init__.py"}
    assert set(re.findall(rf"^\| `{folder}/([\w.]+/?)` \|", PAGE.read_text(), re.MULTILINE)) == below


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_a_page_names_exist(page: Path) -> None:
    """``git/cache/bare.py`` from the package's folder; a bare ``queue.py`` is anywhere below it."""
    text = re.sub(r"\]\([^)]*\)", "]", page.read_text())
    names = set(re.findall(r"(?<![\w./-])((?:[a-z_]+/)*[a-z_]+\.py|(?:[a-z_]+/)+)(?![\w./])", text))
    missing = [
        name
        for name in names - {"operator/headgate/", "external/", "gitrepository/"}
        if not any(path.exists() for path in (CODE / name, ROOT / name, *CODE.rglob(name.rstrip("/"))))
    ]
    assert missing == []
    assert len(names) > 10


def contents(package: Path) -> set[str]:
    """Modules and packages directly in a package."""
    inside = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    return inside | {path.parent.name for path in package.glob("*/__init__.py")}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(CODE)))
def test_the_docstring_of_a_package_lists_what_is_in_it(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    inside = contents(package)
    assert [name for name in sorted(inside) if not re.search(rf"\b{name}\b", text)] == []
    entries = re.findall(r"^((?:\w+, )*\w+)(?: {2,}|\t)\S", text, re.MULTILINE)
    assert {name for entry in entries for name in entry.split(", ")} - inside == set()
