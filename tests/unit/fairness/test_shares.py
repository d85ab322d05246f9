"""Shares of an amount."""

from __future__ import annotations

from headgate.fairness.shares import Shares


def test_a_namespace_may_have_as_much_as_it_leaves_to_others() -> None:
    shares = Shares(800)
    assert shares.share("a") == 400
    shares.add("a", 400)
    assert (shares.share("a"), shares.share("b")) == (400, 200)
    shares.add("b", 200)
    assert (shares.share("a"), shares.share("b"), shares.share("c")) == (300, 200, 100)
    assert (shares.amount("a"), shares.amount("c"), shares.total) == (400, 0, 600)
    shares.add("a", -400)
    assert (shares.share("b"), shares.total) == (400, 200)
