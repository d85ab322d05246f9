"""The newcomer's questions lead to code that exists: two files for an answer at the most, and the names are theirs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "newcomers.md"
LEAST = 13
"""Questions."""

_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")


def answers() -> dict[str, str]:
    """The text of each answer, by its question."""
    sections = re.split(r"^## (.+)\n", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(sections[::2], sections[1::2], strict=True))


def definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Names that statements define, those within classes with a dot: ``Wakeups.source_written``."""
    for each in body:
        match each:
            case ast.ClassDef():
                yield prefix + each.name
                yield from definitions(each.body, f"{prefix}{each.name}.")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + each.name
            case ast.Assign():
                yield from (prefix + target.id for target in each.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name


def defines(file: Path, name: str) -> bool:
    """Whether Python code defines the name; whether another file names it."""
    text = file.read_text()
    if file.suffix == ".py":
        return name in definitions(ast.parse(text).body)
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def test_there_are_all_the_questions() -> None:
    assert len(answers()) >= LEAST


@pytest.mark.parametrize("question", answers())
def test_an_answer_needs_two_files_at_the_most(question: str) -> None:
    files = {target for _, target in _LINK.findall(answers()[question])}
    assert 1 <= len(files) <= 2, sorted(files)


@pytest.mark.parametrize("question", answers())
def test_a_link_names_what_its_file_defines(question: str) -> None:
    for label, target in _LINK.findall(answers()[question]):
        file = (PAGE.parent / target).resolve()
        assert file.is_file(), target
        assert re.fullmatch(r"`[\w.]+`", label), f"{label} is not the name of a function or class"
        assert defines(file, label.strip("`")), f"{target} does not define {label}"


@pytest.mark.parametrize("question", answers())
def test_files_named_without_a_link_exist(question: str) -> None:
    plain = _LINK.sub("", answers()[question])
    for name in re.findall(r"`((?:docs|hack|operator|tests)/[\w/.-]+)`", plain):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize(
    ("name", "is_defined"),
    [
        ("Outer", True),
        ("Outer.method", True),
        ("method", False),
        ("TABLE", True),
        ("given", True),
        ("x", False),
    ],
)
def test_what_counts_as_a_definition(tmp_path: Path, name: str, is_defined: bool) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "TABLE = {}\ngiven: int = 1\n\nclass Outer:\n    def method(self, x): ...\n\nprint('x', method)\n"
    )
    assert defines(file, name) == is_defined
