"""JSON for the API server."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headgate.kube import BadRequest
from headgate.kube.encoding import encode, encode_for_apply

Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(Json)
def test_is_json(value: Any) -> None:
    assert json.loads(encode(value)) == value
    assert json.loads(encode_for_apply(value)) == value


@given(st.dictionaries(st.text(), st.integers()))
def test_sorted_keys(value: dict[str, int]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert encode(value, sort_keys=True) == encode(backwards, sort_keys=True)


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\x7f", "\x80", "\x85", "\x9f", "\ufffe", "\uffff", "😀", "é"]
)
def test_an_apply_is_yaml_too(character: str) -> None:
    value = {"a": f"x{character}y"}
    assert yaml.safe_load(encode_for_apply(value)) == value


def test_what_has_no_json_form() -> None:
    with pytest.raises(BadRequest):
        encode({"a": object()})
    with pytest.raises(BadRequest):
        encode({"a": 1, 2: 3, None: object()}, sort_keys=True)
