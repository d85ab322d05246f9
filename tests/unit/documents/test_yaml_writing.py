"""Writing YAML: styles of scalars, order of keys, folding; and the JSON that is hashed."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.documents.yaml import to_json
from headgate.documents.yaml.numbers import go_general, go_json, go_yaml
from headgate.documents.yaml.order import sorted_keys
from headgate.kustomize import YamlError, dump, dump_all


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", '""'),
        ("yes", '"yes"'),
        ("1", '"1"'),
        ("1:30", '"1:30"'),
        ("2001-01-01", '"2001-01-01"'),
        ("null", '"null"'),
        ("a: b", "'a: b'"),
        ("- a", "'- a'"),
        ("a #b", "'a #b'"),
        ("it's: x", "'it''s: x'"),
        ("a\tb", '"a\\tb"'),
        ("\u00e9", "\u00e9"),
        ("\U0001f600", '"\\U0001F600"'),
        ("a\nb", "|-\n  a\n  b"),
        ("a\nb\n", "|\n  a\n  b"),
        ("a\n\n", "|+\n  a\n"),
        ("a \nb", '"a \\nb"'),
        (True, "true"),
        (None, "null"),
        (1000, "1000"),
        (1.5, "1.5"),
        (1e21, "1e+21"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_scalars(value: Any, text: str) -> None:
    assert dump({"k": value}) == f"k: {text}\n"


def test_collections() -> None:
    assert dump({"b": [{"x": 1, "a": [1, [2]]}, []], "a": {"c": {}}}) == (
        "a:\n  c: {}\nb:\n- a:\n  - 1\n  - - 2\n  x: 1\n- []\n"
    )


def test_long_text_is_folded_at_spaces() -> None:
    text = " ".join(["word"] * 20)
    assert dump({"k": text}) == f"k: {' '.join(['word'] * 16)}\n  {' '.join(['word'] * 4)}\n"
    assert dump({"k": "x" * 200}) == f"k: {'x' * 200}\n"


def test_documents_are_separated() -> None:
    assert dump_all([{"a": 1}, {"b": 2}]) == "a: 1\n---\nb: 2\n"
    assert dump_all([]) == ""


def test_keys_are_sorted_for_people() -> None:
    assert sorted_keys({"b": 1, "a10": 1, "a2": 1, "A": 1, "_": 1, "1": 1}) == (
        "_",
        "1",
        "A",
        "a2",
        "a10",
        "b",
    )


def test_a_long_key_is_introduced() -> None:
    assert dump({"x" * 129: 1}) == f"? {'x' * 129}\n: 1\n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x"])
def test_what_cannot_be_written(value: Any) -> None:
    with pytest.raises(YamlError):
        dump({"a": value})
    with pytest.raises(YamlError):
        to_json({"a": value})


def test_nesting_without_end() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(YamlError, match="nested too deeply"):
        dump(value)
    with pytest.raises(YamlError, match="nested too deeply"):
        to_json(value)
    while value:
        value = value[0]


def test_json_as_go_writes_it() -> None:
    assert to_json({"b": "<&>", "a": [1, 1.0, 1e21, None, True, "\u2028\x01"]}) == (
        b'{"a":[1,1,1e+21,null,true,"\\u2028\\u0001"],"b":"\\u003c\\u0026\\u003e"}'
    )


@pytest.mark.parametrize(
    ("number", "general", "json", "yaml"),
    [
        (1e6, "1e+06", "1000000", "1000000"),
        (123456.0, "123456", "123456", "123456"),
        (1e-5, "1e-05", "0.00001", "1e-05"),
        (1e-7, "1e-07", "1e-7", "1e-07"),
        (0.1, "0.1", "0.1", "0.1"),
        (-0.0, "-0", "-0", "0"),
        (1.5e300, "1.5e+300", "1.5e+300", "1.5e+300"),
    ],
)
def test_numbers(number: float, general: str, json: str, yaml: str) -> None:
    assert (go_general(number), go_json(number), go_yaml(number)) == (general, json, yaml)
