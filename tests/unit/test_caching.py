"""What is worked out of a text that others chose is kept for short ones only: caches count entries, not bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headgate.api import labelselector, patterns
from headgate.apply.fields import pointers
from headgate.caching import keep
from headgate.documents.yaml import order
from headgate.kustomize.model import transformer_config as config
from headgate.kustomize.paths import fieldspec
from headgate.kustomize.resources import ids

LONG = "a" * 2000


@pytest.mark.parametrize(
    ("function", "short", "long"),
    [
        (patterns.whole, ("short.*",), (LONG,)),
        (patterns.searcher, ("short.*",), (LONG,)),
        (patterns.literal_prefix, ("short.*",), (LONG,)),
        (fieldspec.steps, ("spec/short",), (f"spec/{LONG}",)),
        (labelselector.parse_selector, ("short in (a,b)",), (",".join(f"k{n}=v" for n in range(500)),)),
        (ids.parse_gvk, ("short.test/v1", "Kind"), ("v1", LONG)),
    ],
)
def test_only_short_texts_are_kept(function: Any, short: tuple[str, ...], long: tuple[str, ...]) -> None:
    function(*short)
    before = function.cache_info().currsize
    assert before
    function(*long)
    assert function.cache_info().currsize == before
    assert function(*short) is function(*short)


def test_orders_of_long_keys_are_not_kept() -> None:
    assert order.sorted_keys({LONG: 1, "b": 2}) == (LONG, "b")
    assert (LONG, "b") not in order._cache


def test_configurations_with_long_paths_are_not_kept() -> None:
    spec = fieldspec.FieldSpec(LONG * 2000)
    made = config.TransformerConfig(images=(spec,)).merged(config.TransformerConfig(labels=(spec,)))
    assert all(made is not kept[2] for kept in config._merged.values())


def test_trees_of_long_pointers_are_not_kept() -> None:
    made: Callable[..., Any] = pointers._tree
    few, many = (("spec", "replicas"),), tuple(("data", LONG, str(n)) for n in range(20))
    assert made(few) is made(few)
    assert made(many) is not made(many)


def test_a_table_is_emptied_when_it_is_full_and_goes_on() -> None:
    kept: dict[int, int] = {}
    for number in range(5):
        keep(kept, number, -number, 3)
    assert kept == {3: -3, 4: -4}
