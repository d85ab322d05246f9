"""The list: what is wrong comes first, filters and search are in the URL, and no page of it is too long."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from headgate.page.html import render
from headgate.page.views import view_of
from headgate.page.views.overview import PAGE_SIZE, Overview
from tests.page.fleets import NOW, every_state, ks, large, snapshot


def listed(query: dict[str, str] | None = None, objects: list[dict[str, object]] | None = None) -> Overview:
    page = view_of(snapshot(objects), "/", query or {})
    assert page is not None
    assert isinstance(page.body, Overview)
    return page.body


def names(view: Overview) -> list[str]:
    return [each.what.ref.name for each in view.rows]


def test_the_worst_come_first_and_those_that_stop_the_most() -> None:
    states = [each.what.badge.look for each in listed().rows if each.what.badge]
    order = ["failed", "stalled", "blocked", "waiting", "progressing", "held", "suspended", "ready"]
    assert states == sorted(states, key=order.index)
    assert set(states) == set(order)
    assert names(listed())[0] == "checkout"


def test_root_causes_say_what_they_stop_and_what_to_do() -> None:
    causes = {each.root.ref.name: each for each in listed().causes}
    checkout = causes["checkout"]
    assert (checkout.headline, checkout.effect) == ("fails", "stops 3 other objects")
    assert checkout.file == "apps/base/checkout/deployment.yaml:23"
    assert "headgate build" in checkout.remedy
    assert checkout.help == "/help#reason-BuildFailed"
    assert causes["ghost"].headline == "does not exist"
    assert causes["ghost"].root.href == ""
    assert [each.ref.name for each in causes["egg"].cycle] == ["egg", "hen", "egg"]


def test_what_only_takes_time_is_not_a_root_cause() -> None:
    assert "search" not in {each.root.ref.name for each in listed().causes}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "failed"}, {"checkout", "payments", "legacy"}),
        ({"state": "not-good", "namespace": "platform"}, {"quotas"}),
        ({"namespace": "farm", "kind": "GitRepository"}, {"farm"}),
        ({"q": "MAPPING values"}, {"checkout"}),
        ({"q": "gitrepository/shop/fl"}, {"fleet"}),
        ({"q": "progress deadline"}, {"payments"}),
        ({"state": "no such state"}, set()),
        ({"namespace": "elsewhere"}, set()),
        ({"q": "shop payments"}, {"payments"}),
        ({"env": "production", "state": "suspended"}, {"maintenance"}),
        ({"env": "staging"}, set()),
    ],
)
def test_filters_and_search_leave_what_matches(query: dict[str, str], found: set[str]) -> None:
    view = listed(query)
    assert set(names(view)) == found
    assert view.filters.active
    assert view.found == len(found)


def test_a_filter_leaves_the_causes_of_what_it_finds() -> None:
    assert [each.root.ref.name for each in listed({"namespace": "farm"}).causes] == ["egg"]
    assert listed({"state": "ready"}).causes == ()


def test_totals_lead_to_the_filter_and_back() -> None:
    totals = {each.badge.look: each for each in listed({"namespace": "shop"}).totals}
    assert totals["failed"].href == "/?state=failed&namespace=shop"
    chosen = {each.badge.look: each for each in listed({"state": "failed", "q": "x"}).totals}
    assert chosen["failed"].current
    assert chosen["failed"].href == "/?q=x"


def test_pages_of_the_list_have_every_object_once() -> None:
    objects = large(5 * PAGE_SIZE // 2)
    query, seen = {"q": "app"}, []
    while True:
        view = listed(query, objects)
        seen += names(view)
        assert len(view.rows) <= PAGE_SIZE
        if not view.following:
            break
        assert view.following.startswith("/?q=app&page=")
        query = {"q": "app", "page": view.following.rpartition("=")[2]}
    assert len(seen) == len(set(seen)) == 5 * PAGE_SIZE // 2


@pytest.mark.parametrize("page", ["0", "-1", "99999", "x", "", "٣", "9" * 5000])
def test_a_page_that_does_not_exist_shows_one_that_does(page: str) -> None:
    assert names(listed({"page": page}))


def test_a_thousand_objects_are_at_most_150_kilobytes() -> None:
    page = view_of(snapshot(large(1000)), "/", {})
    assert page is not None
    assert len(gzip.compress(render(page, NOW).encode())) <= 150_000


def test_an_object_that_waits_names_its_root() -> None:
    because = {each.what.ref.name: each.because for each in listed().rows}
    root = because["banners"]
    assert root is not None
    assert root.href == "/kustomizations/shop/checkout"
    assert because["checkout"] is None


def test_the_message_of_what_is_ready_is_not_repeated() -> None:
    notes = {each.what.ref.name: each.note for each in listed().rows}
    assert notes["crds"] == notes["maintenance"] == ""
    assert "mapping values" in notes["checkout"]


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ([], "There is no Kustomization and no source yet."),
        ([ks("a", source="")], "The only object is as wanted."),
        (every_state(), "6 root causes stop 12 of 28 objects."),
    ],
)
def test_one_sentence_says_how_the_fleet_stands(objects: list[dict[str, object]], said: str) -> None:
    assert listed({}, objects).headline == said


def test_a_search_reads_each_text_once_however_many_words_it_has() -> None:
    read: list[str] = []

    class Counted(str):
        def casefold(self) -> str:
            read.append(self)
            return super().casefold()

    shown = snapshot()
    verdicts = tuple(replace(each, message=Counted(f"{each.message} zz")) for each in shown.report.verdicts)
    shown = replace(shown, report=replace(shown.report, verdicts=verdicts))
    page = view_of(shown, "/", {"q": "zz Z " * 40})
    assert page is not None
    assert isinstance(page.body, Overview)
    assert page.body.found == len(verdicts)
    assert len(read) <= len(verdicts)
