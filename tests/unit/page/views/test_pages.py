"""Frames, banners, work, environments, the live diff and what reasons mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headgate.insight import Ref, remedies
from headgate.page.views import (
    ChangedField,
    ChangedObject,
    Difference,
    Viewer,
    difference,
    log_in,
    problem,
    view_of,
)
from headgate.page.views.difference import DifferenceView
from headgate.page.views.environments import EnvironmentsView
from headgate.page.views.graph import GraphPage
from headgate.page.views.guide import GuideView
from headgate.page.views.work import WorkView
from tests.page.fleets import NOW, REVISION, large, ref, snapshot


def test_a_page_names_itself_and_the_address_of_its_updates() -> None:
    page = view_of(snapshot(), "/kustomizations/shop/payments", {"x": "a b"})
    assert page is not None
    assert page.title == "Failed: shop/payments"
    assert page.stream == "/stream?page=%2Fkustomizations%2Fshop%2Fpayments%3Fx%3Da%2Bb"
    graph = view_of(snapshot(), "/graph", {})
    assert graph is not None
    assert [each.title for each in graph.nav if each.current] == ["Graph"]


def test_pages_that_show_the_same_are_equal_whenever_that_was() -> None:
    found = snapshot()
    later = replace(found, version=2, at=NOW.replace(hour=13))
    assert view_of(found, "/", {}) == view_of(later, "/", {})
    assert view_of(found, "/", {}) != view_of(snapshot([]), "/", {})


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, []),
        ({"leads": False, "leader": "headgate-1"}, ["standby", "headgate-1"]),
        ({"connected": False, "problem": "connection refused"}, ["API server", "connection refused"]),
        ({"synced": False}, ["just started"]),
    ],
)
def test_a_banner_says_when_the_operator_itself_is_the_problem(
    state: dict[str, object], said: list[str]
) -> None:
    page = view_of(snapshot(**state), "/work", {})
    assert page is not None
    text = " ".join(each.text for each in page.notices)
    assert bool(text) == bool(said)
    assert [each for each in said if each not in text] == []


def test_work_shows_what_waits_for_what() -> None:
    page = view_of(snapshot(), "/work", {})
    assert page is not None
    view = page.body
    assert isinstance(view, WorkView)
    assert [each.what.ref.name for each in view.running] == ["search"]
    first = view.queued[0]
    assert (first.what.ref.name, first.why) == ("storefront", "what it waited for is there")
    roots = {each.what.ref.name: each.root.ref.name for each in view.waiting if each.root}
    assert roots["banners"] == "checkout"
    assert roots["suggestions"] == "search"
    assert ("Wait for a worker", "3 ms") in view.measures
    assert view.open[0].words == "1 of 7 objects not healthy"


def test_environments_have_their_report_and_their_states() -> None:
    page = view_of(snapshot(), "/environments", {})
    assert page is not None
    view = page.body
    assert isinstance(view, EnvironmentsView)
    (production,) = view.environments
    assert production.source.ref.name == "fleet"
    assert production.href == "/?env=production"
    assert {badge.look for badge, _ in production.totals} >= {"failed", "blocked", "ready"}


def test_a_graph_of_a_large_fleet_has_what_needs_attention() -> None:
    page = view_of(snapshot(large(1000)), "/graph", {})
    assert page is not None
    assert isinstance(page.body, GraphPage)
    graph = page.body.graph
    assert len(graph.nodes) <= 200
    assert {each.what.badge.look for each in graph.nodes if each.what.badge} == {"failed", "blocked", "ready"}
    assert "not shown" in graph.omitted


@pytest.mark.parametrize(
    ("query", "names"),
    [({"namespace": "farm"}, {"farm", "egg", "hen", "barn"}), ({"state": "stalled"}, {"quotas", "platform"})],
)
def test_a_filtered_graph_has_what_is_left_and_all_that_it_needs(
    query: dict[str, str], names: set[str]
) -> None:
    page = view_of(snapshot(), "/graph", query)
    assert page is not None
    assert isinstance(page.body, GraphPage)
    assert {each.what.ref.name for each in page.body.graph.nodes} == names


def test_every_reason_of_the_guide_has_one_place_to_link_to() -> None:
    page = view_of(snapshot(), "/help", {})
    assert page is not None
    assert isinstance(page.body, GuideView)
    anchors = [name for _, entries in page.body.sections for each in entries for name in each.anchors]
    assert len(anchors) == len(set(anchors))
    assert set(anchors) == {f"reason-{each}" for each in remedies.explained()}


def test_the_live_diff_says_what_changes() -> None:
    replicas = ChangedField("spec.replicas", "2", "3")
    found = Difference(
        REVISION,
        NOW,
        (
            ChangedObject(Ref("Deployment", "shop", "web", "apps"), "change", (replicas,)),
            ChangedObject(Ref("ConfigMap", "shop", "old"), "delete"),
        ),
        unchanged=4,
    )
    page = difference(snapshot(), ref("payments"), found)
    assert isinstance(page.body, DifferenceView)
    assert page.body.headline == "The next apply changes 2 objects. 4 objects unchanged."
    assert [each.what.badge.word for each in page.body.objects if each.what.badge] == ["Change", "Delete"]
    assert page.stream == ""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Difference(REVISION, NOW), "The next apply changes nothing."),
        (Difference(REVISION, NOW, problem="it does not build"), "The difference is not known."),
    ],
)
def test_a_live_diff_without_changes_says_why(found: Difference, said: str) -> None:
    page = difference(snapshot(), ref("payments"), found)
    assert isinstance(page.body, DifferenceView)
    assert page.body.headline == said


def test_pages_without_content_have_no_updates_and_no_names() -> None:
    for page in (problem(404, "x"), problem(421, "x"), log_in("s", "/work", "wrong")):
        assert page.stream == page.summary == ""
    assert problem(404, "x").nav
    assert problem(421, "x").nav == ()
    assert problem(404, "x", viewer=Viewer("jane")).viewer.name == "jane"
