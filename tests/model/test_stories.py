"""Stories that once broke an invariant, written by hand: each is the smallest one for a kind of bug."""

from __future__ import annotations

import pytest

from tests.model.story import Commit, Create, Cut, Delete, Restart, Set, Step, Story, Touch, Trouble
from tests.model.world import play

# A killed operator leaves coroutines that nobody awaits.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

K1, K2 = Create("k1"), Create("k2")
IN_ONE = Create("k1", target_namespace="one")
BOTH_CONFIG = Commit(put=(("k1", "config-a"), ("k2", "config-a")))
DEFINITION = (("k1", "things"), ("k1", "thing"))
GLOBE = Commit(put=(("k1", "globes"), ("k1", "globe")))
CLASH = (("k1", "things"), ("k1", "clash"))

STORIES: dict[str, tuple[Step, ...]] = {
    # A cluster-scoped object of a definition in the same build, whose scope nobody knows before.
    "killed in a first apply": (IN_ONE, Trouble("apply", 2, "kill after"), GLOBE),
    "killed after a first apply": (IN_ONE, Trouble("status", 3, "kill before"), GLOBE),
    "stopped after a first apply": (IN_ONE, GLOBE, Restart(killed=False)),
    "a first apply, then gone": (IN_ONE, Trouble("apply", 2, "kill after"), GLOBE, Delete("k1")),
    # Two Kustomizations render an object.
    "one of two drops an object": (K1, K2, BOTH_CONFIG, Commit(drop=(("k2", "config-a"),))),
    "the other of two drops it": (K1, K2, BOTH_CONFIG, Commit(drop=(("k1", "config-a"),))),
    "one after the other drops it": (
        K1,
        K2,
        BOTH_CONFIG,
        Commit(drop=(("k1", "config-a"),)),
        Commit(drop=(("k2", "config-a"),)),
    ),
    "one of two is deleted": (K1, K2, BOTH_CONFIG, Delete("k2")),
    "one of two moves to another namespace": (K1, K2, BOTH_CONFIG, Set("k2", "targetNamespace", "two")),
    "one of two drops a definition": (
        K1,
        K2,
        Commit(put=(*DEFINITION, ("k2", "things"))),
        Commit(drop=(("k2", "things"),)),
    ),
    # The version that an inventory records is no longer served.
    "dropped after its version": (
        K1,
        Commit(put=DEFINITION),
        Commit(move=(("things", "v1"),), drop=(("k1", "thing"),)),
    ),
    "deleted after its version": (K1, Commit(put=DEFINITION), Commit(move=(("things", "v1"),)), Delete("k1")),
    "moved with its version, then dropped": (
        K1,
        Commit(put=DEFINITION),
        Commit(move=(("things", "v1"), ("thing", "v1"))),
        Commit(drop=(("k1", "thing"),)),
    ),
    "dropped with its definition": (K1, Commit(put=DEFINITION), Commit(drop=DEFINITION)),
    # Nobody knows whether the apply took place.
    "a lost answer": (K1, Trouble("apply", 1, "lost answer", 3), Commit(put=(("k1", "config-a"),))),
    "a lost answer, then dropped": (
        K1,
        Trouble("apply", 1, "504 but done", 8),
        Commit(put=(("k1", "config-a"),)),
        Commit(drop=(("k1", "config-a"),)),
    ),
    "a lost answer to a deletion": (
        K1,
        Commit(put=(("k1", "config-a"),)),
        Trouble("delete", 1, "lost answer", 3),
        Commit(drop=(("k1", "config-a"),)),
    ),
    # A definition that the API server refuses, as another has its names.
    "a clash, then a commit": (K1, Commit(put=CLASH), Commit(put=(("k1", "config-a"),))),
    "a clash, then a restart": (K1, Commit(put=CLASH), Restart()),
    "a clash that ends": (
        K1,
        Commit(put=CLASH),
        Commit(drop=(("k1", "clash"),)),
        Commit(put=(("k1", "thing"),)),
    ),
    "a refused definition of the same kind": (
        K1,
        K2,
        Commit(put=(("k1", "clash"),), move=(("things", "v1alpha1+v1"), ("thing", "v1"))),
        Commit(put=(("k2", "things"),)),
        Commit(put=(("k1", "thing"),)),
    ),
    # What must always have been right.
    "nothing special": (K1, Commit(put=(("k1", "config-a"), ("k1", "role")))),
    "hands off": (K1, Commit(put=(("k1", "config-a"),)), Touch("config-a"), Touch("config-a", "edit")),
    "suspended": (
        K1,
        Commit(put=(("k1", "config-a"),)),
        Set("k1", "suspend", True),
        Commit(drop=(("k1", "config-a"),)),
        Set("k1", "suspend", False),
    ),
    "watches that break": (K1, Commit(put=DEFINITION), Cut(), Cut(forgotten=True), Touch("thing")),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", STORIES)
def test_a_story_that_went_wrong_once(name: str, seed: int) -> None:
    play(Story(tuple((step, 5.0) for step in STORIES[name]), seed))
