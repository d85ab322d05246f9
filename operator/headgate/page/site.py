"""The page from its settings: the gate for ``--ui-auth``, the limits, and the server in its own thread."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from headgate.kube import RequestObserver
from headgate.page.access.gates import Gate, HeaderGate, LocalGate, TokenGate
from headgate.page.access.hosts import Hosts
from headgate.page.access.pace import LoginPace
from headgate.page.access.proxied import Proxy
from headgate.page.access.reviews import Reviews
from headgate.page.access.sessions import Sessions
from headgate.page.actions import Actions
from headgate.page.app import Diff, PageParts, Watch, page_app
from headgate.page.clients import Clients
from headgate.page.content import Content
from headgate.page.streams import Board
from headgate.settings import ClusterSettings, PageSettings
from headgate.web.connections import ConnectionLimits
from headgate.web.connections import Watch as ConnectionWatch
from headgate.web.server import WebServer

__all__ = ["Observer", "page_server"]

SITE = "page"
GRACE = 1.0
"""Seconds that requests in progress get when the operator stops."""


class Observer(RequestObserver, ConnectionWatch, Watch, Protocol):
    """Receives all that happens; the metrics implement it."""


def page_server(
    settings: PageSettings,
    cluster: ClusterSettings,
    board: Board,
    content: Content,
    limits: ConnectionLimits,
    observer: Observer,
    diff: Diff | None = None,
) -> WebServer:
    """Return the server of the page; call it on the event loop that serves it.

    ``limits``: a client may use all connections, because all callers may come through one proxy or tunnel.
    """
    clients = Clients(cluster, observer)
    app = page_app(
        PageParts(
            board,
            _gate(settings, clients),
            content,
            Hosts(settings.hosts),
            Actions(clients.of) if settings.actions else None,
            diff,
            max_streams=settings.max_streams,
            send_timeout=limits.timeout,
            watch=observer,
        )
    )
    if settings.auth != "none":
        app.cleanup_ctx.append(clients.lifetime)
    sites: list[tuple[str, web.Application, str]] = [(SITE, app, settings.address)]
    return WebServer(sites, limits, observer, grace=GRACE)


def _gate(settings: PageSettings, clients: Clients) -> Gate:
    reviews = Reviews(clients.own, settings.access_cache)
    proxy = Proxy(settings.trusted_proxies, settings.user_header, settings.groups_header)
    if settings.auth == "token":
        return TokenGate(reviews, Sessions(settings.session_lifetime), LoginPace(), proxy)
    if settings.auth == "header":
        return HeaderGate(proxy, reviews)
    return LocalGate()
