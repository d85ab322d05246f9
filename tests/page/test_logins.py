"""Login, logout and buttons in a real browser: its cookies, and what it says of where a form comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from playwright.sync_api import Browser

from headgate.page.access.gates import TokenGate
from headgate.page.access.identity import Identity
from headgate.page.access.pace import LoginPace
from headgate.page.access.reviews import Reviews
from headgate.page.access.sessions import Sessions
from headgate.page.actions import Actions
from tests.page.browsers import opened
from tests.page.fleets import snapshot
from tests.page.serving import Site

TOKEN = "the-token-of-jane"


class Recorded(Actions):
    """Notes what it is to do."""

    done: ClassVar[list[tuple[str, ...]]] = []

    async def do(self, identity: Identity, action: str, namespace: str, name: str, reason: str) -> str:
        self.done.append((identity.name, identity.token, action, namespace, name, reason))
        return "done"


class Reviewer:
    """Knows one token, whose owner may do everything."""

    async def request(
        self, method: str, path: str, *, body: Any = None, content_type: str | None = None
    ) -> Any:
        if body["kind"] == "TokenReview":
            good = body["spec"]["token"] == TOKEN
            return {"status": {"authenticated": good, "user": {"username": "jane"} if good else {}}}
        return {"status": {"allowed": True}}


def _no_client(identity: Identity) -> Any:
    raise AssertionError("no client is needed")


@pytest.fixture(scope="module")
def guarded() -> Iterator[Site]:
    def gate() -> TokenGate:
        return TokenGate(Reviews(Reviewer, 30.0), Sessions(3600.0), LoginPace())

    with Site(snapshot(), gate=gate, actions=Recorded(_no_client)) as site:
        yield site


def test_somebody_logs_in_acts_and_logs_out(browser: Browser, guarded: Site) -> None:
    Recorded.done.clear()
    with opened(browser, f"{guarded.url}/work") as visit:
        page = visit.page
        assert "/login?onward=" in page.url
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/work")
        assert "jane" in page.content()
        (cookie,) = [each for each in page.context.cookies() if each["name"] == "__Host-headgate"]
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
        assert TOKEN not in page.content()
        ref = next(each for each in guarded.snapshot.fleet.objects if each.kind == "Kustomization")
        page.goto(f"{guarded.url}/kustomizations/{ref.namespace}/{ref.name}")
        page.get_by_role("button", name="Reconcile").click()
        page.wait_for_url("**?done=reconcile")
        assert Recorded.done == [("jane", TOKEN, "reconcile", ref.namespace, ref.name, "")]
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")
        page.goto(f"{guarded.url}/work")
        assert "/login" in page.url
        assert visit.wrong_headers() == []


def test_a_wrong_token_is_refused_without_repeating_it(browser: Browser, guarded: Site) -> None:
    with opened(browser, f"{guarded.url}/login") as visit:
        page = visit.page
        page.get_by_label("Token").fill("a-wrong-token")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_load_state()
        assert "does not accept" in page.content()
        assert "a-wrong-token" not in page.content()
        visit.faults[:] = [each for each in visit.faults if "401" not in each]


def test_a_form_of_another_site_does_nothing(browser: Browser, guarded: Site) -> None:
    """The same host with another port is another origin, whose requests have the cookies of ours all the same."""
    Recorded.done.clear()
    with Site(snapshot()) as elsewhere, opened(browser, f"{guarded.url}/login") as visit:
        page = visit.page
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{guarded.url}/")
        other = page.context.new_page()
        other.route(
            f"{elsewhere.url}/evil",
            lambda route: route.fulfill(
                content_type="text/html",
                body=f'<form method="post" action="{guarded.url}/kustomizations/a/b/reconcile">'
                "<button>Go</button></form>",
            ),
        )
        other.goto(f"{elsewhere.url}/evil")
        with other.expect_response("**/reconcile") as answer:
            other.get_by_role("button", name="Go").click()
        assert answer.value.status == 403
        assert Recorded.done == []
        visit.faults[:] = [each for each in visit.faults if "request" not in each]
