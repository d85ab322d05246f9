"""Text as nodes: what kustomize's parser and printer make of a document, comments included."""

from __future__ import annotations

import pytest

from headgate.documents.yaml.nodes import read, write
from headgate.kustomize import YamlError


def again(text: str) -> str:
    page = read(text)
    assert page is not None
    return write(page)


@pytest.mark.parametrize(
    "text",
    [
        "# page\n\n# first\na: 1 # behind\n# next\nb: 'x'\n",
        "a:\n- 1\n# of the entry\n- b: 2\n  # below\n\n  c: 3\n# of what follows\nd: 4\n",
        "a: {b: 1.50, c: [0x10, ~, yes]}\n",
        "a: &x !!str 5\nb: *x\n!t c: |-\n  some\n   text\n",
        "{a: 1, # behind\n  b: 2}\n",
        "? [a, b]\n: c\n",
        "a: | # behind\n  text\n",
    ],
)
def test_what_is_kept(text: str) -> None:
    assert again(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a:\n    b:   1\n\n    l:\n      - x\n", "a:\n  b: 1\n  l:\n  - x\n"),
        ("---\r\na: x\r\n", "a: x\n"),
        ("a: b\n  c\n", "a: b c\n"),
        ("a: {b: }\n", "a: {b: ''}\n"),
        ("<<: {a: 1}\n", "!!merge <<: {a: 1}\n"),
        ("- # head\n  a\n", "# head\n- a\n"),
    ],
)
def test_what_becomes_regular(text: str, written: str) -> None:
    assert again(text) == written


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "- " * 5000, "a: b: c", "*a", "a\n---\nb: c", "{a: 1} b", "a: \ud800", "\x01"]
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(YamlError):
        read(text)


def test_nothing_is_no_document() -> None:
    assert read("") is None
    assert read("# only a comment\n") is None
