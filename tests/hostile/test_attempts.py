"""No attempt of a tenant succeeds: it learns nothing about another team and changes nothing there.

The fixture makes all attempts at once, as the tenant's service account; the tests inspect each.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re

import pytest

from tests.hostile.attempt import Attempt, Made, differences, make_all, without_own_words
from tests.hostile.attempts import ATTEMPTS
from tests.hostile.objects import PEARL
from tests.hostile.servers import CLOUD_TOKEN, VAULT_TOKEN
from tests.hostile.world import WORD, World
from tests.support.cluster import condition, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="starts its own cluster"),
]


@pytest.fixture(scope="module")
def made(hostile_world: World) -> dict[str, list[Made]]:
    return make_all(hostile_world, ATTEMPTS)


@pytest.fixture(scope="module")
def secrets(hostile_world: World) -> tuple[str, ...]:
    """What the tenant must not learn: the word, what the other team runs, the operator's tokens, a Secret's content."""
    status = hostile_world.other.get("apps")["status"]
    revision = str(status["lastAppliedRevision"]).rpartition(":")[2]
    digest = str(status["history"][0]["digest"]).rpartition(":")[2]
    page = hashlib.sha256(f"{WORD}\n{WORD}\n".encode()).hexdigest()
    return (WORD, revision, digest, page, CLOUD_TOKEN, VAULT_TOKEN, PEARL)


def test_there_are_many() -> None:
    names = [each.name for each in ATTEMPTS]
    assert len(names) == len(set(names))
    assert len(names) >= 60
    assert all(each.why for each in ATTEMPTS)


@pytest.mark.parametrize("attempt", [pytest.param(each, id=each.name) for each in ATTEMPTS])
def test_attempt(
    attempt: Attempt, made: dict[str, list[Made]], hostile_world: World, secrets: tuple[str, ...]
) -> None:
    for each in made[attempt.name]:
        obj, seen = each.settle(), without_own_words(each)
        for word in secrets:
            assert word not in seen, f"{attempt.why} The tenant sees {word!r}:\n{seen}"
        if not attempt.may_pass:
            refused = each.watched is None or condition(obj).get("status") == "False"
            assert refused, f"{attempt.why} It is Ready: {obj.get('status')}"
            assert re.search(attempt.says, seen), seen
        assert hostile_world.other.config_map(each.name) is None, attempt.why
    if attempt.blind:
        right, wrong = made[attempt.name]
        with contextlib.suppress(AssertionError):  # an event may come a moment later
            until("both show the same", lambda: not differences(right, wrong))
        assert not differences(right, wrong), (
            f"{attempt.why} The observations differ, so they reveal whether the guess is right.\n"
            f"-- {right.name}\n{right.observations()}\n-- {wrong.name}\n{wrong.observations()}\n-- the operator's log\n"
            + "\n".join(
                line for line in hostile_world.running.log.read_text().splitlines() if right.name in line
            )
        )


def test_nothing_was_learned(
    made: dict[str, list[Made]], hostile_world: World, secrets: tuple[str, ...]
) -> None:
    """Nothing that the tenant can read holds a secret, nor does the operator's log."""
    guesses = [each.name for pair in made.values() for each in pair if any(w in each.guess for w in secrets)]
    own = re.compile("|".join(map(re.escape, guesses)))  # test_attempt has checked these
    log = hostile_world.running.log.read_text()
    others = tuple(word for word in secrets if word != PEARL)  # PEARL is in a Secret of the tenant
    never_in_the_log = (WORD, CLOUD_TOKEN, VAULT_TOKEN, PEARL)
    for text, words in ((hostile_world.sees(), others), (log, never_in_the_log)):
        for line in (each for each in text.splitlines() if not own.search(each)):
            assert not [word for word in words if word in line], line[:2000]


def test_nothing_was_changed(made: dict[str, list[Made]], hostile_world: World) -> None:
    assert hostile_world.changes_of_the_other_team() == []


def test_nobody_was_asked_who_should_not_be(made: dict[str, list[Made]], hostile_world: World) -> None:
    """The operator sends its own tokens to neither server."""
    for each in (hostile_world.servers.page, hostile_world.servers.trap):
        assert not each.requests_with(CLOUD_TOKEN)
        assert not each.requests_with(VAULT_TOKEN)
