"""Turns of keys: some at once, then one in a while."""

from __future__ import annotations

from headgate.fairness.pace import Pace


def test_a_key_has_some_turns_at_once_and_then_one_in_a_while() -> None:
    pace: Pace[str] = Pace(burst=2, every=10.0)
    for _ in range(2):
        assert pace.pause("a", 0.0) == 0.0
        pace.take("a", 0.0)
    assert pace.pause("a", 0.0) == 10.0
    assert pace.pause("a", 4.0) == 6.0
    assert pace.pause("b", 0.0) == 0.0
    assert pace.pause("a", 10.0) == 0.0
    pace.take("a", 10.0)
    assert pace.pause("a", 10.0) == 10.0


def test_turns_are_saved_up_to_the_burst() -> None:
    pace: Pace[str] = Pace(burst=2, every=1.0)
    pace.take("a", 0.0)
    for _ in range(2):
        assert pace.pause("a", 1000.0) == 0.0
        pace.take("a", 1000.0)
    assert pace.pause("a", 1000.0) == 1.0


def test_a_turn_that_was_not_due_costs_no_more_than_one() -> None:
    pace: Pace[str] = Pace(burst=1, every=1.0)
    for _ in range(5):
        pace.take("a", 0.0)
    assert pace.pause("a", 0.0) == 1.0


def test_what_is_kept_does_not_grow_with_the_keys_of_the_past() -> None:
    pace: Pace[int] = Pace(burst=1, every=1.0)
    for key in range(100_000):
        pace.take(key, float(key))
    assert len(pace) < 2_000
    pace.take(-1, 1e6)
    pace.forget(-1)
    assert pace.pause(-1, 1e6) == 0.0
