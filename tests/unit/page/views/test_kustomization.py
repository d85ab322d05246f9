"""The page of a Kustomization, and of a source."""

from __future__ import annotations

import pytest

from headgate.page.views import LOCAL, Viewer, view_of
from headgate.page.views.kustomization import KustomizationView
from headgate.page.views.source import SourceView
from tests.page.fleets import ks, repo, snapshot


def page_of(name: str, namespace: str = "shop", viewer: Viewer = LOCAL) -> KustomizationView:
    page = view_of(snapshot(), f"/kustomizations/{namespace}/{name}", {}, viewer)
    assert page is not None
    assert isinstance(page.body, KustomizationView)
    return page.body


def source_page(name: str) -> SourceView:
    page = view_of(snapshot(), f"/sources/GitRepository/shop/{name}", {})
    assert page is not None
    assert isinstance(page.body, SourceView)
    return page.body


def test_the_way_to_the_root_has_each_step() -> None:
    view = page_of("banners")
    assert [each.what.ref.name for each in view.chain] == ["campaigns", "storefront", "checkout"]
    assert {each.words for each in view.chain} == {"depends on"}
    assert view.cause is not None
    assert view.cause.root.ref.name == "checkout"


def test_conditions_are_in_words_with_what_the_guide_says() -> None:
    (condition,) = page_of("checkout").conditions
    assert condition.words == "It is not as its spec says."
    assert "does not build" in condition.meaning
    assert condition.help == "/help#reason-BuildFailed"


def test_objects_that_are_not_healthy_come_first() -> None:
    view = page_of("payments")
    badges = [each.what.badge.word for each in view.inventory.rows if each.what.badge]
    assert badges == ["Failed", "In progress", "Healthy", "Healthy", "Healthy", "No verdict"]
    assert view.inventory.rows[0].message.startswith("Progress deadline")
    assert {badge.word: number for badge, number in view.inventory.totals}["Healthy"] == 3


def test_what_the_reconciler_knows_is_there() -> None:
    view = page_of("payments")
    assert [each.reason for each in view.history] == ["HealthCheckFailed", "ReconciliationSucceeded"]
    assert [each.is_warning for each in view.events] == [True, False, False]
    assert view.drifts[0].words.startswith("spec.replicas")
    assert view.files_count == len(view.files) == 8
    assert view.diff == ""
    assert page_of("payments", viewer=Viewer(can_diff=True)).diff == "/kustomizations/shop/payments/diff"
    assert view.json == "/why.json?kind=Kustomization&namespace=shop&name=payments"
    assert ("health", "5 min (failed)") in view.steps


def test_an_open_health_check_says_what_it_waits_for() -> None:
    view = page_of("search")
    assert view.doing == "runs health checks"
    assert view.wait is not None
    assert view.wait.words == "1 of 7 objects not healthy yet"
    assert view.wait.objects[0].what.ref.kind == "StatefulSet"


def test_the_graph_has_what_it_needs_and_who_needs_it_only() -> None:
    nodes = {each.what.ref.name for each in page_of("checkout").graph.nodes}
    needed = {"fleet", "crds", "infrastructure", "database"}
    assert nodes == {*needed, "checkout", "storefront", "campaigns", "banners"}
    # storefront needs payments as well, but checkout has nothing to do with it.
    assert "payments" not in nodes


def test_the_way_to_the_root_stands_out_in_the_graph() -> None:
    looks = [each.looks for each in page_of("banners").graph.strokes]
    assert sum("way" in each for each in looks) == 3


def test_members_of_a_circle_wait_for_themselves() -> None:
    assert "circle" in page_of("hen", "farm").verdict
    assert "circle" not in page_of("barn", "farm").verdict


@pytest.mark.parametrize(
    ("name", "buttons"), [("payments", ["Reconcile", "Suspend"]), ("maintenance", ["Resume"])]
)
def test_buttons_are_there_for_those_who_may_act(name: str, buttons: list[str]) -> None:
    assert page_of(name).actions == ()
    found = page_of(name, viewer=Viewer("jane", can_act=True)).actions
    assert [each.title for each in found] == buttons
    assert found[0].url == f"/kustomizations/shop/{name}/{buttons[0].lower()}"


def test_a_source_lists_who_uses_it_and_who_is_behind() -> None:
    view = source_page("fleet")
    users = {each.what.ref.name: each.current for each in view.users}
    assert not users["payments"]
    assert users["crds"]
    assert view.behind == sum(not current for current in users.values())
    assert [each.what.ref.name for each in view.users][: view.behind] == sorted(
        name for name, current in users.items() if not current
    )
    facts = {each.label: each.value for each in view.facts}
    assert facts["Follows"] == "branch main"
    assert facts["Address"] == "https://git.example/fleet"


def test_a_source_that_others_include_lists_them() -> None:
    found = snapshot(
        [repo("base"), repo("all", include=[{"repository": {"name": "base"}}]), ks("a", source="all")]
    )
    page = view_of(found, "/sources/GitRepository/shop/base", {})
    assert page is not None
    assert isinstance(page.body, SourceView)
    assert [(each.what.ref.name, each.relation) for each in page.body.users] == [("all", "includes it")]


@pytest.mark.parametrize(
    "path",
    [
        "/kustomizations/shop/nobody",
        "/kustomizations/farm/payments",
        "/kustomizations/shop",
        "/kustomizations/shop/payments/",
        "/sources/GitRepository/shop/ghost",
        "/sources/Secret/shop/fleet",
        "/sources/Kustomization/shop/payments",
        "/nowhere",
        "//",
        "",
        "/kustomizations/../shop/payments",
    ],
)
def test_what_is_not_there_has_no_page(path: str) -> None:
    assert view_of(snapshot(), path, {}) is None


def test_what_the_viewer_may_not_see_has_no_page_and_no_name() -> None:
    mine = snapshot().within(frozenset({"farm"}))
    assert view_of(mine, "/kustomizations/shop/payments", {}) is None
    page = view_of(mine, "/", {})
    assert page is not None
    assert "shop" not in repr(page.body)
