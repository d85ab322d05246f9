"""The routes of the status page.

    app = page_app(parts)
    async with ServerAside(lambda: WebServer([("page", app, "127.0.0.1:9080")])): ...

Each request passes the same checks before its handler: the host, and for a change also the place it comes from. Each
answer has the headers of :mod:`.headers`, also an error; an error says nothing that its caller may not know.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

import orjson
from aiohttp import web
from yarl import URL

from headgate.insight import Ref
from headgate.names import KUSTOMIZATION, KUSTOMIZE_GROUP
from headgate.page.access.gates import SESSION_COOKIE, Gate, TokenGate
from headgate.page.access.hosts import Hosts
from headgate.page.access.identity import AccessRefused, Identity, LoginRequired
from headgate.page.access.origins import is_embedded, is_navigated, is_own
from headgate.page.actions import ACTIONS, Actions
from headgate.page.content import Content, Frame, Query
from headgate.page.exports import QueryInvalid, status_json, why_json
from headgate.page.headers import ANSWERED, IMMUTABLE, finish
from headgate.page.knowledge import Snapshot
from headgate.page.login import LoginRoutes, is_onward
from headgate.page.reading import form_of, takes_gzip
from headgate.page.renderings import Renderings
from headgate.page.streams import NO_PAGE, Board, Slots, Streams
from headgate.page.views import Difference
from headgate.web.connections import lift_deadline, peer_of
from headgate.web.server import ANSWERS

__all__ = ["Diff", "PageParts", "Unmeasured", "Watch", "page_app"]

MAX_BODY = 64 * 1024
"""Limit in bytes for the body of a request: the largest holds a token."""
SMALL = 1024
"""Bytes below which nothing is compressed."""
LEVEL = 6
_SAFE = ("GET", "HEAD")
_PAGES = "page"
_NAMES = {
    "{name}": "asset",
    "stream": "stream",
    "status.json": "json",
    "why.json": "json",
    "login": "login",
    "logout": "login",
    "diff": "diff",
    **dict.fromkeys(ACTIONS, "action"),
}
"""Routes as the metrics name them, by the last part of their path."""
_PROBLEMS = {
    403: "This request comes from another site.",
    404: NO_PAGE,
    405: "This address does not accept such a request.",
    413: "The request is too large.",
    421: "This page has another name. Use the name that your administrator has set, or localhost.",
}

_log = logging.getLogger("headgate.page")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Diff = Callable[[str, str, Identity], Awaitable[Difference]]
"""By namespace and name of a Kustomization, and who asks."""


class Watch(Protocol):
    """Receives what happens; the metrics implement it."""

    def page_answered(self, route: str, status: int) -> None:
        """A request has been answered."""

    def streams_open(self, count: int) -> None:
        """So many streams are open now."""

    def stream_cut(self) -> None:
        """A client that did not read was disconnected."""


class Unmeasured:
    """A :class:`Watch` that does nothing."""

    def page_answered(self, route: str, status: int) -> None:
        """Do nothing."""

    def streams_open(self, count: int) -> None:
        """Do nothing."""

    def stream_cut(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """What a page is made of."""

    board: Board
    gate: Gate
    content: Content
    hosts: Hosts = field(default_factory=Hosts)
    actions: Actions | None = None
    """None: no changes."""
    diff: Diff | None = None
    """What the next apply would change, as somebody sees it; None: no live diffs."""
    max_streams: int = 100
    send_timeout: float = 15.0
    """Seconds after which a client of a stream that does not read is disconnected."""
    watch: Watch = field(default_factory=Unmeasured)


def page_app(parts: PageParts) -> web.Application:
    """Return the application; make it on the event loop that serves it."""
    page = _Page(parts)
    app = web.Application(middlewares=[page.guard], client_max_size=MAX_BODY)
    app[ANSWERS] = finish
    router = app.router
    router.add_get("/assets/{name}", page.asset)
    router.add_get("/stream", page.stream, allow_head=False)
    router.add_get("/status.json", page.status)
    router.add_get("/why.json", page.why)
    if isinstance(parts.gate, TokenGate):
        login = LoginRoutes(parts.gate, parts.content)
        router.add_get("/login", login.show)
        router.add_post("/login", login.log_in)
        router.add_post("/logout", login.log_out)
    if parts.actions is not None:
        for action in ACTIONS:
            router.add_post(f"/kustomizations/{{namespace}}/{{name}}/{action}", page.act)
    if parts.diff is not None:
        router.add_get("/kustomizations/{namespace}/{name}/diff", page.diff, allow_head=False)
    router.add_get("/{path:.*}", page.page)

    async def close(_: web.Application) -> None:
        page.streams.close()

    app.on_shutdown.append(close)
    return app


class _Page:
    def __init__(self, parts: PageParts) -> None:
        self._parts = parts
        self._renderings = Renderings(parts.content)
        self._has_login = isinstance(parts.gate, TokenGate)
        self.streams = Streams(
            parts.board,
            parts.gate,
            self._renderings,
            parts.content,
            Slots(parts.max_streams, shared=parts.gate.tells_users_apart),
            send_timeout=parts.send_timeout,
            on_cut=parts.watch.stream_cut,
        )

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check a request, and turn whatever goes wrong into an answer."""
        request[ANSWERED] = True
        try:
            response = await self._checked(request, handler)
        except web.HTTPException as error:
            response = self._problem(request, error.status, _PROBLEMS.get(error.status, error.reason))
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except LoginRequired as refused:
            response = self._login_required(request, str(refused))
        except AccessRefused as refused:
            response = self._problem(request, refused.status, str(refused))
            if refused.retry_after is not None:
                response.headers["Retry-After"] = str(max(1, round(refused.retry_after)))
        except QueryInvalid as error:
            response = self._problem(request, 400, str(error))
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            # The border: a failing page must not stop the others, and its trace is for the log only.
            _log.exception("a request to the page failed unexpectedly")
            response = self._problem(
                request, 500, "The page failed unexpectedly. The operator's log says why."
            )
        self._parts.watch.page_answered(_route(request), response.status)
        return response

    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts = request.headers.getall("Host", [])
        if not self._parts.hosts.accepts(hosts, request.raw_path):
            raise web.HTTPMisdirectedRequest
        if request.method not in _SAFE and not is_own(
            request.headers, hosts[0], has_cookie=SESSION_COOKIE in request.cookies
        ):
            raise web.HTTPForbidden
        if is_embedded(request.headers):
            raise web.HTTPForbidden
        return await handler(request)

    # The handlers.

    async def page(self, request: web.Request) -> web.StreamResponse:
        """A page of the views."""
        identity, snapshot, namespaces = await self._seen(request)
        found = self._renderings.document(
            snapshot, namespaces, request.path, _query(request.rel_url), self._frame(identity)
        )
        if found is None:
            raise web.HTTPNotFound
        return _sent(request, found.plain, found.compressed, "text/html; charset=utf-8")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The events of a page."""
        identity, _, _ = await self._seen(request)
        wanted = request.query.getall("page", [])
        if len(wanted) != 1 or not is_onward(wanted[0]):
            raise QueryInvalid("page: the path of one page of this host")
        url = URL(wanted[0], encoded=True)
        client = identity.name if self._parts.gate.tells_users_apart else peer_of(request)
        self._parts.watch.streams_open(len(self.streams) + 1)
        try:
            return await self.streams.serve(request, client, url.path, _query(url), self._frame(identity))
        finally:
            self._parts.watch.streams_open(len(self.streams))

    async def status(self, request: web.Request) -> web.StreamResponse:
        """How everything stands, as JSON."""
        _, snapshot, namespaces = await self._seen(request)
        return _json(request, status_json(self._within(snapshot, namespaces), _query(request.rel_url)))

    async def why(self, request: web.Request) -> web.StreamResponse:
        """Why something is not Ready, as JSON."""
        _, snapshot, namespaces = await self._seen(request)
        found = why_json(self._within(snapshot, namespaces), _query(request.rel_url))
        if found is None:
            raise web.HTTPNotFound
        return _json(request, found)

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """A file that every page may load; its name changes with its content."""
        name = request.match_info["name"]
        asset = self._parts.content.asset(name)
        if asset is None:
            raise web.HTTPNotFound
        tag = f'"{name}"'
        headers = {"Cache-Control": IMMUTABLE, "ETag": tag}
        if _names(request.headers.getall("If-None-Match", ()), tag):
            return web.Response(status=304, headers=headers)
        response = _sent(request, asset.content, asset.compressed, asset.content_type)
        response.headers.update(headers)
        return response

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Change a Kustomization as the caller."""
        assert self._parts.actions is not None
        identity = (await self._parts.gate.identify(request)).value
        form = await form_of(request)
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        action = request.path.rpartition("/")[2]
        done = await self._parts.actions.do(identity, action, namespace, name, form.get("reason", ""))
        if not _wants_html(request):
            return _json(request, {"done": done})
        path = f"/kustomizations/{quote(namespace)}/{quote(name)}?done={action}"
        return web.Response(status=303, headers={"Location": path})

    async def diff(self, request: web.Request) -> web.StreamResponse:
        """A live diff, which costs the API server many requests: only our own pages lead here."""
        assert self._parts.diff is not None
        if not is_navigated(request.headers):
            raise web.HTTPForbidden
        identity, snapshot, namespaces = await self._seen(request)
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        ref = Ref(KUSTOMIZATION, namespace, name, KUSTOMIZE_GROUP)
        within = self._renderings.within(snapshot, namespaces)
        if ref not in within.fleet.objects:
            raise web.HTTPNotFound
        # It has its own limit, which is longer.
        lift_deadline(request)
        found = await self._parts.diff(namespace, name, identity)
        html = self._parts.content.difference(within, ref, found, self._frame(identity))
        if html is None:
            raise web.HTTPNotFound
        plain = html.encode()
        return _sent(request, plain, gzip.compress(plain, LEVEL, mtime=0), "text/html; charset=utf-8")

    # What they share.

    async def _seen(self, request: web.Request) -> tuple[Identity, Snapshot, frozenset[str] | None]:
        identity = (await self._parts.gate.identify(request)).value
        snapshot = self._parts.board.snapshot()
        scope = await self._parts.gate.scope(identity, self._renderings.kinds(snapshot))
        return identity, snapshot, scope.namespaces

    def _within(self, snapshot: Snapshot, namespaces: frozenset[str] | None) -> Snapshot:
        return self._renderings.within(snapshot, namespaces)

    def _frame(self, identity: Identity) -> Frame:
        parts = self._parts
        return Frame(
            identity.name, self._has_login, parts.actions is not None, can_diff=parts.diff is not None
        )

    def _login_required(self, request: web.Request, message: str) -> web.Response:
        if self._has_login and request.method in _SAFE and _wants_html(request):
            onward = quote(request.raw_path if is_onward(request.raw_path) else "/", safe="/")
            return web.Response(status=303, headers={"Location": f"/login?onward={onward}"})
        response = self._problem(request, 401, message)
        if self._has_login:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def _problem(self, request: web.Request, status: int, message: str) -> web.Response:
        if not _wants_html(request):
            return web.Response(status=status, text=f"{message}\n")
        html = self._parts.content.problem(status, message, Frame())
        return web.Response(status=status, text=html, content_type="text/html")


def _sent(request: web.Request, plain: bytes, compressed: bytes, content_type: str) -> web.Response:
    headers = {"Content-Type": content_type, "Vary": "Accept-Encoding"}
    if compressed and len(plain) > SMALL and takes_gzip(request):
        return web.Response(body=compressed, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=plain, headers=headers)


def _json(request: web.Request, value: object) -> web.Response:
    plain = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return _sent(request, plain, gzip.compress(plain, LEVEL, mtime=0), "application/json")


def _wants_html(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _query(url: URL) -> Query:
    return {name: tuple(url.query.getall(name)) for name in dict.fromkeys(url.query)}


def _names(given: Sequence[str], tag: str) -> bool:
    tags = {each.strip().removeprefix("W/") for value in given for each in value.split(",")}
    return tag in tags or "*" in tags


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return _PAGES if resource is None else _NAMES.get(resource.canonical.rpartition("/")[2], _PAGES)
