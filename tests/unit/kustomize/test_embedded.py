"""JSON within text: the fast path gives the same result as reading it into nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.documents.budget import Budget
from headgate.documents.errors import BuildError
from headgate.documents.yaml.nodes import Node
from headgate.kustomize.paths.embedded import edit_embedded

pytestmark = pytest.mark.hypothesis

KEYS = st.sampled_from(["a", "b c", "*", "-", "0", "[a=b]", " d ", "ü", "<<", "yes", "2020-01-01"])
SCALARS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.sampled_from(["", "x", "5", "yes", "null", "2020-01-01", "a: b", "# c", "é&<>\n", "\u2028", "{"]),
    st.sampled_from([None, True, 1.5, 1e-7, 1e21, 0.0]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=3)
TEXTS = st.sampled_from(["new", "8", "-0", "007", "99999999999999999999", "", "true", "a: b", "\ttab", "é<"])


def paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, str(key)))


def outcome(document: str, path: tuple[str, ...], new: str, text: str | None) -> str | None:
    def write(node: Node) -> None:
        node.value = new

    try:
        edited = edit_embedded({"data": document}, ["data", *path], None, write, text, Budget())
    except BuildError as error:
        return f"{type(error).__name__}: {error}"
    assert edited is not None
    return edited.text


@given(DOCUMENTS, st.data(), TEXTS, st.sampled_from([None, 2]))
def test_both_ways_to_write_into_json(
    document: dict[str, Any], data: st.DataObject, new: str, indent: int | None
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    scalars = [path for path in paths(document) if path]
    path = data.draw(st.sampled_from(scalars))
    value: Any = document
    for part in path:
        value = value[int(part)] if isinstance(value, list) else value[part]
    if isinstance(value, (dict, list)):
        return
    assert outcome(text, path, new, new) == outcome(text, path, new, None)
