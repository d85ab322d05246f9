"""The body of a promotion's pull request: the audit is the words of others, and none of them is Markdown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headgate.cli.promotions import requester
from headgate.promotion.plans.execute import PullRequestWish
from headgate.promotion.plans.trailers import OVERRIDES, message, reverted_commits
from tests.support.promoting import Story
from tests.support.signing import Person

NO_FORGE = {"forge": None, "forge_url": None, "forge_repository": None, "forge_token_file": None}
REASONS = (
    "ask @org/team, see #12",
    "```\\n@org/team",
    "`````` <img src=x> @all",
    "![x](http://x/y)",
    "\u202eevil",
)


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("limit", [20_000, 400])
def test_the_audit_is_in_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, limit: int
) -> None:
    story = Story(tmp_path, Person.make(tmp_path, "bob"), monkeypatch)
    story.fleet.tag("1.0.0")
    story.runs("staging", story.fleet.first)
    bad = "a" * 40
    text = message(
        "Promote", ["1 changed."], [("Headgate-Reverts", bad), (OVERRIDES, f"soak by Bob: {reason}")]
    )
    wish = PullRequestWish("f" * 40, "b", "", "main", "Promote", text.partition("\n\n")[2])
    body = requester(NO_FORGE, story.compute().change).body(wish, limit)
    assert len(body) <= limit
    fence = re.match("`{3,}", body)
    assert fence is not None
    inside, _, rest = body.partition("\n" + fence[0])
    assert "soak by Bob" in inside
    assert "soak by Bob" not in rest
    assert not any(line.startswith(fence[0]) for line in inside.splitlines()[1:])
    assert "\u202e" not in body
    assert reverted_commits(body) == [bad], "a squash merge takes the body as its message"


def test_an_audit_that_is_too_long_ends_with_its_fence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path, Person.make(tmp_path, "bob"), monkeypatch)
    story.fleet.tag("1.0.0")
    story.runs("staging", story.fleet.first)
    wish = PullRequestWish("f" * 40, "b", "", "main", "Promote", "\n".join(["x" * 90] * 9))
    body = requester(NO_FORGE, story.compute().change).body(wish, 300)
    assert len(body) <= 300
    assert body.endswith("\n```")
