"""How long failures wait."""

from __future__ import annotations

import pytest

from headgate.backoff import Backoff, Doubling, jittered


def test_pauses_double_up_to_the_longest_however_often_it_fails() -> None:
    pauses = Doubling(0.5, 5.0)
    assert [pauses.after(failures) for failures in (1, 2, 3, 4, 5, 10_000)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


@pytest.mark.parametrize(("said", "waited"), [(3.0, 3.0), (60.0, 5.0)])
def test_what_a_server_asks_for_is_waited_for_up_to_the_longest(said: float, waited: float) -> None:
    assert Doubling(0.5, 5.0).limited(said) == waited


def test_jitter_stays_within_its_part_and_spreads() -> None:
    seen = {jittered(100.0, 0.2) for _ in range(200)}
    assert all(80.0 <= each <= 120.0 for each in seen)
    assert min(seen) < 95.0
    assert max(seen) > 105.0
    assert jittered(100.0, 0.0) == 100.0


def test_each_key_fails_on_its_own_until_it_is_reset() -> None:
    backoff: Backoff[str] = Backoff(Doubling(1.0, 100.0))
    assert [backoff.next("a"), backoff.next("a"), backoff.next("b")] == [1.0, 2.0, 1.0]
    assert (backoff.failures("a"), backoff.failures("b"), backoff.failures("c")) == (2, 1, 0)
    backoff.reset("a")
    backoff.reset("c")
    assert (backoff.next("a"), backoff.next("b")) == (1.0, 2.0)
