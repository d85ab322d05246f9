"""Expressions in text, one by one, as Flux's own ``envsubst`` was seen to treat them."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from headgate.postbuild.errors import (
    BrokenBySubstitution,
    ExpressionMalformed,
    SubstitutionError,
    VariableNotSet,
)
from headgate.postbuild.expand import expand
from headgate.postbuild.expressions import MAX_DEPTH
from headgate.postbuild.functions import MAX_TEXT

OBSERVED = json.loads((Path(__file__).parent / "data" / "envsubst.json").read_text())


def outcome(text: str, strict: bool) -> Any:
    try:
        result = expand(text, OBSERVED["variables"], strict=strict)
    except VariableNotSet as error:
        return {"error": f'variable not set (strict mode): "{error.variable}"'}
    except ExpressionMalformed:
        return {"error": "malformed"}
    data = result.encode("utf-8", "surrogateescape")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"hex": data.hex()}


def observed(result: Any) -> Any:
    """Flux's words for malformed expressions are its own; that one is malformed is not."""
    if isinstance(result, dict) and not result.get("error", "variable not").startswith("variable not"):
        return {"error": "malformed"}
    return result


@pytest.mark.parametrize(("text", "strict", "lenient"), OBSERVED["rows"], ids=lambda v: ascii(v)[:40])
def test_as_observed(text: str, strict: Any, lenient: Any) -> None:
    assert outcome(text, True) == observed(strict)
    assert outcome(text, False) == observed(lenient)


def test_the_table_is_the_whole_language() -> None:
    operators = {match[1] for row in OBSERVED["rows"] if (match := re.match(r"\$\{\w+([^\w}]{1,2})", row[0]))}
    assert {
        "#",
        "##",
        "%",
        "%%",
        "/",
        "//",
        "/#",
        "/%",
        ":",
        ":=",
        ":-",
        ":+",
        ":?",
        "=",
        "^",
        "^^",
        ",",
        ",,",
    } <= {
        *operators,
        *(operator[:1] for operator in operators),
    }


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("#?", "élan", "lan"),
        ("%?", "café", "caf"),
        ("##*é", "café-é!", "!"),
    ],
)
def test_trimming_cuts_whole_characters(pattern: str, value: str, expected: str) -> None:
    """Where Flux would cut a character in half and fail on the remains."""
    assert expand("${v" + pattern + "}", {"v": value}) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${name-x}", "write ${name:-...}"),
        ("${}", "write '$${'"),
        ("${name:=x", "too early"),
        ("${name", "closing brace"),
        ("${name/a}", "second '/'"),
        ("${name:0:-1}", "negative"),
    ],
)
def test_errors_say_what_to_do(text: str, words: str) -> None:
    with pytest.raises(ExpressionMalformed) as caught:
        expand(text, {"name": "secret"})
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_nesting_is_bounded() -> None:
    assert expand("${a:=" * MAX_DEPTH + "x" + "}" * MAX_DEPTH, {}) == "x"
    with pytest.raises(ExpressionMalformed, match="nested more than"):
        expand("${a:=" * 20_000 + "x" + "}" * 20_000, {})


@pytest.mark.parametrize("text", ["${big}" * 64, "${big//x/${big}}"])
def test_growth_is_bounded(text: str) -> None:
    with pytest.raises(BrokenBySubstitution, match=str(MAX_TEXT)):
        expand(text, {"big": "x" * (1 << 20)})


def test_no_pattern_makes_time_explode() -> None:
    """A backtracking matcher would need longer than the age of the universe."""
    started = time.process_time()
    assert expand("${v#" + "*a" * 60 + "b}", {"v": "a" * 3000}) == "a" * 3000
    assert time.process_time() - started < 30


def test_errors_are_substitution_errors() -> None:
    for kind in (ExpressionMalformed, BrokenBySubstitution, VariableNotSet):
        assert issubclass(kind, SubstitutionError)
