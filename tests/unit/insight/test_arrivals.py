"""Whether a revision has arrived, for each state of an object."""

from __future__ import annotations

import pytest

from headgate.insight import Fleet, Ref, explain
from headgate.insight.arrivals import Arriving, arrivals, has_arrived, is_hopeless
from headgate.insight.places import PlaceType, places_of
from headgate.objects import Obj
from tests.unit.insight.objects import BUILD_FAILED, READY, condition, ks, repo, waits_for

NEW = "main@sha1:" + "b" * 40


def at(obj: Obj, revision: str) -> Obj:
    status = obj.setdefault("status", {})
    if obj["kind"] == "GitRepository":
        status["artifact"] = {"revision": revision}
    else:
        status["lastAppliedRevision"] = revision
    return obj


def states(fleet: Fleet, refs: tuple[Ref, ...] = ()) -> dict[str, Arriving]:
    found = arrivals(fleet, explain(fleet), refs, lambda revision: revision == NEW)
    return {each.ref.name: each.state for each in found}


def test_each_state_of_an_object() -> None:
    fleet = Fleet.of(
        [
            at(repo(), NEW),
            at(ks("there", READY), NEW),
            at(ks("old", READY), "main@sha1:" + "a" * 40),
            at(ks("broken", BUILD_FAILED), NEW),
            at(ks("blocked", waits_for("broken"), needs=("broken",)), NEW),
            at(ks("off", READY, suspend=True), "main@sha1:" + "a" * 40),
            at(ks("stalled", BUILD_FAILED, condition("Stalled", "True", "InvalidSpec")), NEW),
            ks("fresh"),
        ]
    )
    assert states(fleet) == {
        "there": Arriving.THERE,
        "old": Arriving.ON_THE_WAY,
        "broken": Arriving.FAILED,
        "blocked": Arriving.FAILED,
        "off": Arriving.STUCK,
        "stalled": Arriving.STUCK,
        "fresh": Arriving.ON_THE_WAY,
    }


def test_a_suspended_object_that_has_it_has_arrived() -> None:
    fleet = Fleet.of([at(repo(), NEW), at(ks("off", READY, suspend=True), NEW)])
    assert states(fleet) == {"off": Arriving.THERE}


def test_an_object_with_a_newer_spec_has_not_arrived() -> None:
    obj = at(ks("a", READY), NEW)
    obj["metadata"]["generation"] = 7
    assert states(Fleet.of([at(repo(), NEW), obj])) == {"a": Arriving.ON_THE_WAY}


def test_nothing_has_arrived_if_no_source_has_the_revision() -> None:
    fleet = Fleet.of([at(repo(), "main@sha1:" + "a" * 40), at(ks("a", READY), "main@sha1:" + "a" * 40)])
    found = arrivals(fleet, explain(fleet), (), lambda revision: revision == NEW)
    assert (found, has_arrived(found), is_hopeless(found)) == ((), False, False)


def test_an_object_that_does_not_exist_is_hopeless() -> None:
    fleet = Fleet.of([at(repo(), NEW)])
    ref = Ref("Kustomization", "flux-system", "ghost", "kustomize.toolkit.fluxcd.io")
    found = arrivals(fleet, explain(fleet), (ref,), None)
    assert [each.state for each in found] == [Arriving.STUCK]
    assert is_hopeless(found)


@pytest.mark.parametrize("fail_fast", [False, True])
def test_a_failure_that_is_tried_again_ends_the_wait_only_on_request(fail_fast: bool) -> None:
    fleet = Fleet.of([at(repo(), NEW), at(ks("a", BUILD_FAILED), NEW)])
    found = arrivals(fleet, explain(fleet), (), None)
    assert is_hopeless(found, fail_fast=fail_fast) is fail_fast


def test_a_later_revision_counts_as_a_place_if_it_contains_the_commit() -> None:
    fleet = Fleet.of(
        [at(repo(), NEW), at(ks("a", READY), NEW), at(ks("b", BUILD_FAILED), "main@sha1:" + "a" * 40)]
    )
    report = explain(fleet)
    assert places_of(fleet, report, "c" * 40) == ()
    places = places_of(fleet, report, "c" * 40, lambda revision: revision == NEW)
    assert [(each.ref.name, each.type) for each in places] == [
        ("a", PlaceType.LIVE),
        ("b", PlaceType.STOPPED),
    ]
