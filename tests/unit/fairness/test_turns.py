"""Things by namespace, and whose turn it is."""

from __future__ import annotations

import pytest

from headgate.fairness.order import FairOrder
from headgate.fairness.turns import Turns


def filled(*keys: str) -> Turns[str, int]:
    """Turns with these keys, ``namespace/name``, numbered in this order."""
    turns: Turns[str, int] = Turns()
    for number, key in enumerate(keys):
        turns.put(key.partition("/")[0], key, number)
    return turns


def test_namespaces_take_turns_each_with_its_oldest() -> None:
    turns = filled("a/0", "a/1", "a/2", "b/0", "c/0")
    taken = []
    while turns:
        taken.append(turns.take(next(iter(turns)))[0])
    assert taken == ["a/0", "b/0", "c/0", "a/1", "a/2"]


def test_dropping_the_oldest_passes_no_turn() -> None:
    turns = filled("a/0", "a/1", "b/0")
    assert turns.pop_oldest("a") == ("a/0", 0)
    assert list(turns) == ["a", "b"]
    assert turns.take("a") == ("a/1", 1)
    assert list(turns) == ["b"]


def test_what_is_put_again_is_the_newest_and_counts_once() -> None:
    turns = filled("a/0", "a/1")
    turns.put("a", "a/0", 7)
    assert (len(turns), turns.count("a"), turns.count("b")) == (2, 2, 0)
    assert turns.pop_oldest("a") == ("a/1", 1)
    assert turns.pop("a", "a/0") == 7
    assert turns.pop("a", "a/0") is None
    assert not turns


def test_the_largest_is_the_namespace_with_most() -> None:
    assert filled("a/0", "b/0", "b/1", "c/0").largest() == "b"
    with pytest.raises(ValueError, match="empty"):
        Turns[str, int]().largest()


@pytest.mark.parametrize(("left", "given"), [(0, [8, 0, 0]), (1, [4, 2, 1]), (3, [2, 2, 1])])
def test_a_namespace_leaves_parts_of_the_workers_to_others(left: int, given: list[int]) -> None:
    order: FairOrder[str] = FairOrder(1, 8, left=left)
    taken = []
    for namespace in "abc":
        for number in range(8):
            order.put(f"{namespace}{number}", namespace, 0)
        count = 0
        while order.may_take():
            assert order.take() is not None
            count += 1
        taken.append(count)
    assert taken == given
    assert order.take() is None
