"""How callers prove who they are, one class for each value of ``--ui-auth``.

| mode | who a caller is | what a caller sees |
|---|---|---|
| none | everybody who reaches a loopback address | everything |
| token | the owner of a token, given with each request or at a login | the namespaces that the API server allows |
| header | whom the proxy names | the same, of that user and groups |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import inf
from typing import Final, Protocol

from aiohttp import web

from headgate.page.access.answers import Dated
from headgate.page.access.identity import EVERYBODY, Identity, LoginRequired, NotAllowed
from headgate.page.access.pace import LoginPace
from headgate.page.access.proxied import Proxy
from headgate.page.access.reviews import Reviews, Scope
from headgate.page.access.sessions import Sessions
from headgate.web.connections import peer_of

__all__ = ["SESSION_COOKIE", "Gate", "HeaderGate", "LocalGate", "TokenGate"]

SESSION_COOKIE: Final = "__Host-headgate"
"""Browsers take a cookie with this prefix only from https or the own host, and never from another host of a domain."""
MAX_TOKEN: Final = 16 * 1024
_BEARER: Final = "bearer"

Kinds = Mapping[str, Collection[str]]
"""By namespace: which kinds have objects there."""


class Gate(Protocol):
    """Who somebody is, and what that one may see. Both raise :class:`~.identity.AccessRefused`."""

    @property
    def tells_users_apart(self) -> bool:
        """Whether the identities differ."""

    async def identify(self, request: web.Request) -> Dated[Identity]:
        """The caller of a request."""

    async def scope(self, identity: Identity, kinds: Kinds) -> Scope:
        """What somebody may see of these namespaces."""


class LocalGate:
    """Everybody on this host sees everything. Sends no request."""

    tells_users_apart = False

    async def identify(self, request: web.Request) -> Dated[Identity]:
        """Return :data:`EVERYBODY`."""
        return Dated(EVERYBODY, inf)

    async def scope(self, identity: Identity, kinds: Kinds) -> Scope:
        """Return everything, without end."""
        return Scope(None, inf)


class HeaderGate:
    """The proxy says who somebody is, the API server what that one may see."""

    tells_users_apart = True

    def __init__(self, proxy: Proxy, reviews: Reviews) -> None:
        self._proxy, self._reviews = proxy, reviews

    async def identify(self, request: web.Request) -> Dated[Identity]:
        """Return whom the headers name, if the proxy sent them."""
        return Dated(self._proxy.identity(_address(request), request.headers), inf)

    async def scope(self, identity: Identity, kinds: Kinds) -> Scope:
        """Ask the API server."""
        return await self._reviews.scope(identity, kinds)


class TokenGate:
    """The API server says to whom a token belongs, and what that one may see."""

    tells_users_apart = True

    def __init__(
        self, reviews: Reviews, sessions: Sessions, pace: LoginPace, proxy: Proxy | None = None
    ) -> None:
        """``proxy``: names the clients whose failed logins are limited."""
        self._reviews, self._sessions, self._pace, self._proxy = reviews, sessions, pace, proxy

    async def identify(self, request: web.Request) -> Dated[Identity]:
        """Return the owner of the token in the request, or of the session that its cookie names."""
        given = request.headers.getall("Authorization", ())
        if given:
            return await self._by_token(self._client(request), _bearer(given))
        id = request.cookies.get(SESSION_COOKIE)
        token = self._sessions.token(id) if id else None
        if id is None or token is None:
            raise LoginRequired("Log in to see this page.")
        found = await self._reviews.identity(token)
        if found.value is None:
            self._sessions.end(id)
            raise LoginRequired("The API server no longer accepts your token. Log in again.")
        return Dated(found.value, found.until)

    async def scope(self, identity: Identity, kinds: Kinds) -> Scope:
        """Ask the API server."""
        return await self._reviews.scope(identity, kinds)

    async def log_in(self, request: web.Request, token: str) -> str:
        """Return the id of a new session for the owner of a token. Raises :class:`AccessRefused`."""
        found = (await self._by_token(self._client(request), token.strip())).value
        return self._sessions.begin(found.name, found.token)

    def log_out(self, request: web.Request) -> None:
        """End the session of a request, if it has one."""
        id = request.cookies.get(SESSION_COOKIE)
        if id:
            self._sessions.end(id)

    def _client(self, request: web.Request) -> str:
        named = self._proxy.client(_address(request), request.headers) if self._proxy is not None else None
        return named or peer_of(request)

    async def _by_token(self, client: str, token: str) -> Dated[Identity]:
        if not token or len(token) > MAX_TOKEN or not token.isascii() or not token.isprintable():
            raise LoginRequired("This is not a token.")
        costs = not self._reviews.is_known(token)
        if costs:
            self._pace.begin(client)
        found = await self._reviews.identity(token)
        if found.value is None:
            raise LoginRequired("The API server does not accept this token.")
        if costs:
            self._pace.succeeded(client)
        return Dated(found.value, found.until)


def _address(request: web.Request) -> str:
    """The address of the peer; empty if the connection has ended."""
    name = request.transport.get_extra_info("peername") if request.transport is not None else None
    return str(name[0]) if name else ""


def _bearer(given: list[str] | tuple[str, ...]) -> str:
    if len(given) > 1:
        raise NotAllowed("The request has the header Authorization more than once.")
    scheme, _, token = given[0].partition(" ")
    if scheme.lower() != _BEARER:
        raise LoginRequired("Only tokens of the API server are accepted: Authorization: Bearer TOKEN.")
    return token.strip()
