"""The page's own connections to the API server: they belong to the event loop of the page.

The operator's account only reviews tokens and rights. What a caller wants to read or change is sent with the caller's
token, over connections without any other credentials; for a caller whom a proxy names, the operator impersonates.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from headgate.kube import Client, RequestObserver
from headgate.page.access.identity import Identity
from headgate.settings import ClusterSettings

__all__ = ["Clients"]

MAX_IN_FLIGHT = 16
"""Simultaneous requests of each kind."""


class Clients:
    """Open while the application runs: :meth:`lifetime` is one of its ``cleanup_ctx``."""

    def __init__(self, cluster: ClusterSettings, observer: RequestObserver | None = None) -> None:
        self._cluster, self._observer = cluster, observer
        self._own: Client | None = None
        self._others: Client | None = None

    async def lifetime(self, app: web.Application) -> AsyncIterator[None]:
        """Connect, and close in the end. Raises :class:`headgate.kube.AccessFailed`."""
        given = self._cluster.kubeconfig, self._cluster.context
        self._own = await Client.connect(
            *given,
            max_in_flight=MAX_IN_FLIGHT,
            max_body=self._cluster.max_api_response,
            observer=self._observer,
        )
        try:
            self._others = await Client.connect_for_others(
                *given,
                max_in_flight=MAX_IN_FLIGHT,
                max_body=self._cluster.max_api_response,
                observer=self._observer,
            )
            yield
        finally:
            for client in (self._own, self._others):
                if client is not None:
                    await client.close()

    def own(self) -> Client:
        """The operator's account."""
        assert self._own is not None
        return self._own

    def of(self, identity: Identity) -> Client:
        """A client that acts as a caller."""
        assert self._others is not None
        if identity.token:
            return self._others.bearing(identity.token, self.own().mapper)
        return self.own().impersonate(identity.name, identity.groups)
