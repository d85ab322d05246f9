"""Reading YAML: the types go-yaml would give, documents and their lines, and bounds on what is not trusted."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.documents.yaml import Dialect, Quoted, YamlLimits, load_documents, plain, scalar_text
from headgate.documents.yaml.scalars import SpelledFloat, SpelledInt, SpelledStr
from headgate.kustomize import YamlError


def load(text: str | bytes, **options: Any) -> list[Any]:
    data = text if isinstance(text, bytes) else text.encode()
    return [document.value for document in load_documents(data, file="a.yaml", **options)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("n", "n"),
        ("True", True),
        ("~", None),
        ("NULL", None),
        ("0o17", 15),
        ("017", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("+1", 1),
        ("1e3", 1000.0),
        ("1.10", 1.1),
        (".5", 0.5),
        ("1e400", "1e400"),
        ("18446744073709551615", 18446744073709551615),
        ("18446744073709551616", 18446744073709551616.0),
        ("9" * 5000, "9" * 5000),
        ("-9223372036854775808", -9223372036854775808),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01T00:00:00Z"),
        ("2001-13-01", "2001-13-01"),
        ("'yes'", "yes"),
        ("!!str 1", "1"),
        ("!!binary aGk=", "hi"),
        ("!!float 1", 1),
        ("!custom 1", "1"),
    ],
)
def test_scalars_of_resources(text: str, value: Any) -> None:
    (found,) = load(f"a: {text}\n")
    assert plain(found["a"]) == value
    assert type(plain(found["a"])) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", True), ("Off", False), ("y", True), ("0o17", 15), ("2001-01-01", "2001-01-01")],
)
def test_scalars_of_kustomization_files(text: str, value: Any) -> None:
    (found,) = load(f"a: {text}\n", dialect=Dialect.CONFIG)
    assert found == {"a": value}


@pytest.mark.parametrize(
    ("text", "kind"),
    [("0x1F", SpelledInt), ("1.10", SpelledFloat), ("2001-01-01", SpelledStr), ("'1'", Quoted)],
)
def test_spelling_is_kept(text: str, kind: type) -> None:
    (found,) = load(f"a: {text}\n")
    assert type(found["a"]) is kind
    assert scalar_text(found["a"]) == text.strip("'")


def test_documents_and_the_lines_they_start_at() -> None:
    text = "# none\n---\na: 1\n---\n\n\nb: 2\n---\n---\n~\n--- # a comment\nc: 3\n"
    documents = load_documents(text.encode(), file="a.yaml")
    assert [(each.value, each.line) for each in documents] == [({"a": 1}, 3), ({"b": 2}, 7), ({"c": 3}, 12)]


def test_windows_line_ends_and_byte_order_marks() -> None:
    assert load(b"\xef\xbb\xbfa: 1\r\n---\r\nb: |\r\n  x\r\n  y\r\n") == [{"a": 1}, {"b": "x\ny\n"}]
    assert load("a: é".encode("utf-16")) == [{"a": "é"}]


def test_anchors_are_copies() -> None:
    (found,) = load("a: &x {b: [1]}\nc: *x\nd: {<<: *x, e: 2}\n")
    assert found == {"a": {"b": [1]}, "c": {"b": [1]}, "d": {"b": [1], "e": 2}}
    found["a"]["b"].append(2)
    assert found["c"] == {"b": [1]}


@pytest.mark.parametrize(
    ("dialect", "value"),
    [(Dialect.PATCH, {"a": 1, "b": 3}), (Dialect.CONFIG, {"a": 2, "b": 3})],
)
def test_a_key_given_twice(dialect: Dialect, value: dict[str, int]) -> None:
    assert load("a: 1\na: 2\nb: 3\n", dialect=dialect) == [value]


@pytest.mark.parametrize("dialect", [Dialect.RESOURCE, Dialect.STRICT_CONFIG])
def test_a_key_given_twice_is_an_error(dialect: Dialect) -> None:
    with pytest.raises(YamlError, match=r"a.yaml:2: the key 'a' is given twice in one mapping"):
        load("a: 1\na: 2\n", dialect=dialect)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "aliases add more than 200000 values"),
        ("a: &a [*a]\n", "the anchor 'a' contains itself"),
        ("[" * 201 + "]" * 201, "is nested more than 200 levels deep"),
        ("{a: " * 100_000, "is nested more than 200 levels deep"),
        ("- " * 100_000, "is nested more than 200 levels deep"),
        ("a\n---\n" * 20_001, "holds more than 20000 documents"),
        ("{[a]: b}", "a key of a mapping must be a string"),
        ("1: b", "the key 1 must be a string: write it in quotes"),
        ("a: .nan", ".nan is not a number that JSON can hold"),
        ("a: !!int x", "'x' is not a value of type !!int"),
        ("a: !!binary '*'", "a !!binary value must be base64"),
        ("a: b: c", "mapping values are not allowed"),
        ("a\n--- x\n", "only a comment may follow the document separator"),
        ("a: \x01", "the character U+0001 is not allowed in YAML"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("a.yaml")


@pytest.mark.parametrize("data", [b"a: \xff", b"\xff\xfea", b"\xc3("])
def test_what_is_no_text(data: bytes) -> None:
    with pytest.raises(YamlError, match=r"a.yaml:1: is not text in UTF-"):
        load(data)


def test_a_file_that_is_too_large() -> None:
    with pytest.raises(YamlError, match="is larger than 10 bytes"):
        load("a: 12345678", limits=YamlLimits(max_bytes=10))
