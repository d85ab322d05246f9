"""Callers with tokens, over real sockets: whom failed logins slow down, and what a request without a session gets."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from headgate.page.access.gates import TokenGate
from headgate.page.access.pace import BURST, LoginPace
from headgate.page.access.proxied import Proxy
from headgate.page.access.reviews import Reviews
from headgate.page.access.sessions import Sessions
from headgate.page.app import PageParts
from tests.support.pages import Board, PlainContent, kustomization, served


class Reviewer:
    """Knows one token, whose owner may do everything."""

    async def request(
        self, method: str, path: str, *, body: Any = None, content_type: str | None = None
    ) -> Any:
        if body["kind"] == "TokenReview":
            good = body["spec"]["token"] == "good"
            return {"status": {"authenticated": good, "user": {"username": "jane"} if good else {}}}
        return {"status": {"allowed": True}}


def parts(*proxies: str) -> PageParts:
    proxy = Proxy(proxies, "X-Forwarded-User", "X-Forwarded-Groups")
    gate = TokenGate(Reviews(Reviewer, 30.0), Sessions(3600.0), LoginPace(), proxy)
    return PageParts(Board(kustomization("team-a", "apps")), gate, PlainContent())


async def status(url: str, token: str, client: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": client}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize(("proxies", "others"), [(["127.0.0.1"], 200), ([], 429), (["10.0.0.0/8"], 429)])
async def test_failed_logins_slow_down_the_client_that_a_trusted_proxy_names(
    proxies: list[str], others: int
) -> None:
    async with served(parts(*proxies)) as page:
        found = [
            await status(page.url, f"bad-{number}", f"spoofed-{number}, 198.51.100.7")
            for number in range(BURST + 1)
        ]
        assert found == [401] * BURST + [429]
        assert await status(page.url, "good", "198.51.100.8") == others


async def test_a_token_that_is_known_is_never_slowed_down() -> None:
    async with served(parts()) as page:
        assert await status(page.url, "good", "") == 200
        for number in range(BURST + 1):
            await status(page.url, f"bad-{number}", "")
        assert await status(page.url, "bad-again", "") == 429
        assert await status(page.url, "good", "") == 200


async def test_a_request_header_for_somebody_else_is_not_a_login() -> None:
    async with served(parts("127.0.0.1")) as page, aiohttp.ClientSession() as session:
        for headers in (
            {"X-Forwarded-User": "jane", "X-Forwarded-Groups": "devs"},
            {"Impersonate-User": "jane"},
            {"Cookie": "__Host-headgate=x; headgate=good"},
            {"Authorization": "Bearer"},
            {"Authorization": "good"},
            {"Authorization": "Negotiate good"},
        ):
            async with session.get(page.url, headers=headers) as answer:
                assert answer.status == 401
                assert "team-a" not in await answer.text()
        async with session.get(
            page.url, headers=[("Authorization", "Bearer good"), ("Authorization", "Bearer good")]
        ) as answer:
            assert answer.status == 403
