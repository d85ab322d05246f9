"""Tests wait long enough for what has to happen: a machine may do eight things at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
WAITS = {
    # Function or method, and which of its arguments is the patience, in seconds.
    "until": 2,
    "wait_for": 1,
    "urlopen": 2,
    "wait_gone": 1,
    "wait_ready": 0,
    "failed": 9,
    "ready": 9,
    "event": 9,
    "run": 9,
}
FILES = [
    path
    for folder in ("e2e", "support", "hostile", "model")
    for path in sorted((TESTS / folder).rglob("*.py"))
]


def impatient(path: Path) -> Iterator[str]:
    for call in ast.walk(ast.parse(path.read_text())):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        place = WAITS.get(name)
        if place is None:
            continue
        given = [each.value for each in call.keywords if each.arg in ("timeout", "seconds")]
        given += call.args[place : place + 1]
        for value in given:
            seconds = value.value if isinstance(value, ast.Constant) else None
            if isinstance(seconds, int | float) and seconds < PATIENCE:
                yield f"{path.name}:{call.lineno}: {name} waits {seconds} s"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_test_waits_less_than_a_minute(path: Path) -> None:
    assert list(impatient(path)) == []


def test_the_rule_finds_what_it_is_for(tmp_path: Path) -> None:
    path = tmp_path / "test_hasty.py"
    path.write_text(
        'until("it", look, 20)\nworkspace.failed("apps", "BuildFailed", timeout=40.0)\nuntil("it", look)\n'
    )
    assert list(impatient(path)) == [
        "test_hasty.py:1: until waits 20 s",
        "test_hasty.py:2: failed waits 40.0 s",
    ]
