"""The connections to remote clusters: one per cluster and credentials, closed when the last Kustomization leaves.

A cluster that does not answer must not delay Kustomizations of other clusters. So before Headgate applies to a cluster,
one task requests its version for all that wait; a worker waits only a moment for the response. A later response wakes
those that waited. A failure stays cached for a few seconds; when the cluster is back, all Kustomizations that use it
are woken.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from headgate.api import ObjectKey
from headgate.apply import KnownObjects
from headgate.fairness.shares import Shares
from headgate.kube import AccessFailed, ApiError, Client, RequestObserver, Unauthorized
from headgate.kube.kept import Kept
from headgate.peers import PeerRules
from headgate.reconcile.target.errors import TargetError, TargetPending
from headgate.reconcile.target.live import LiveObjects
from headgate.reconcile.target.remote import RemoteAccess

_log = logging.getLogger("headgate.clusters")

MAX_BODY, MAX_KEPT = 8 * 1024 * 1024, 32 * 1024 * 1024
CLUSTERS = 8
"""The limit for kept objects of all clusters, as a multiple of one's; a namespace may use half of what others leave."""

TIMEOUT = 1.0
"""Seconds that a worker waits for a response of a cluster."""
PROBE_TIMEOUT = 10.0
"""Seconds after which a cluster that has not answered counts as unreachable."""
REMEMBERED = 5.0
"""Seconds for which a response, or its absence, stays cached."""
ASK_AGAIN = 15.0
"""Seconds after which Headgate checks an unusable cluster again on its own."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster with one user."""

    client: Client
    live: LiveObjects
    known: KnownObjects
    """Of this connection alone: what a cluster says about its objects counts only for its own users."""


@dataclass(slots=True)
class _Connection:
    access: RemoteAccess
    namespace: str
    """The namespace of the Kustomization that it was made for."""
    cluster: Cluster | None = None
    users: set[ObjectKey] = field(default_factory=set)
    waiting: set[ObjectKey] = field(default_factory=set)
    """Kustomizations to wake when the check of the cluster ends."""
    probe: asyncio.Task[None] | None = None
    again: asyncio.TimerHandle | None = None
    asked_at: float = float("-inf")
    problem: str = ""
    """Why the cluster cannot be used, according to the last check."""


class Clusters:
    """The pool.

    ``make`` returns the parts of a new connection; ``on_checked`` receives each Kustomization that waited for the check
    of a cluster.
    """

    def __init__(
        self,
        make: Callable[[Client], tuple[KnownObjects, LiveObjects]],
        on_checked: Callable[[ObjectKey], None],
        observer: RequestObserver | None = None,
        max_body: int = MAX_BODY,
        peers: PeerRules | None = None,
        max_kept: int = MAX_KEPT,
    ) -> None:
        """``max_body``: the limit for bytes of a response; ``max_kept``: for bytes of all kept objects of a cluster;
        ``peers``: which addresses connections may go to."""
        self._max_kept, self._together = max_kept, Shares(max_kept * CLUSTERS)
        self._peers = peers or PeerRules()
        self._make, self._on_checked, self._observer, self._max_body = make, on_checked, observer, max_body
        self._connections: dict[str, _Connection] = {}
        self._used: dict[ObjectKey, str] = {}

    async def connect(self, key: ObjectKey, access: RemoteAccess) -> Cluster:
        """A connection that answered recently. Raises :class:`TargetError` or :class:`TargetPending`."""
        connection = self._connections.setdefault(access.identity, _Connection(access, key.namespace))
        connection.users.add(key)
        before = self._used.get(key)
        if before != access.identity:
            await self.leave(key)
            self._used[key] = access.identity
        if connection.probe is None and time.monotonic() - connection.asked_at > REMEMBERED:
            self._start(connection)
        if connection.probe is not None:
            await asyncio.wait({connection.probe}, timeout=TIMEOUT)
        if connection.probe is not None:
            connection.waiting.add(key)
            raise TargetPending(
                "waiting for the API server of the remote cluster", retry_after=2 * PROBE_TIMEOUT
            )
        if connection.problem or connection.cluster is None:
            raise TargetError(
                connection.problem or "the remote cluster cannot be used; see the operator's log"
            )
        return connection.cluster

    async def leave(self, key: ObjectKey) -> None:
        """The Kustomization no longer uses a remote cluster."""
        identity = self._used.pop(key, None)
        connection = self._connections.get(identity or "")
        if identity is None or connection is None:
            return
        connection.users.discard(key)
        connection.waiting.discard(key)
        if connection.cluster is not None:
            connection.cluster.live.release(key)
        if not connection.users:
            del self._connections[identity]
            await _close(connection)

    def lives(self) -> list[LiveObjects]:
        """The managed objects of each cluster."""
        clusters = (connection.cluster for connection in list(self._connections.values()))
        return [cluster.live for cluster in clusters if cluster is not None]

    async def close(self) -> None:
        """Close all connections."""
        connections = list(self._connections.values())
        self._connections.clear()
        self._used.clear()
        for connection in connections:
            await _close(connection)

    def _start(self, connection: _Connection) -> None:
        if connection.again is not None:
            connection.again.cancel()
            connection.again = None
        connection.probe = asyncio.get_running_loop().create_task(self._ask(connection))

    async def _ask(self, connection: _Connection) -> None:
        before = connection.problem
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                connection.problem = await self._problem(connection)
        except TimeoutError:
            connection.problem = (
                f"cannot reach the API server at {_server(connection)}: no answer within {PROBE_TIMEOUT:g}s"
            )
        finally:
            connection.asked_at, connection.probe = time.monotonic(), None
            if connection.problem and connection.users:
                loop = asyncio.get_running_loop()
                connection.again = loop.call_later(ASK_AGAIN, self._start, connection)
            back = connection.users if before and not connection.problem else set()
            woken, connection.waiting = connection.waiting | back, set()
            for key in woken:
                self._on_checked(key)

    async def _problem(self, connection: _Connection) -> str:
        """Open the connection unless it is open, request the version, and return what is wrong; empty if nothing is."""
        access = connection.access
        try:
            if connection.cluster is None:
                kubeconfig = await access.discover() if access.discover is not None else access.kubeconfig
                client = await Client.connect(
                    kubeconfig,
                    max_body=self._max_body,
                    kept=Kept(self._max_kept, self._together, connection.namespace),
                    observer=self._observer,
                    renewal=access.renewal,
                    peers=self._peers,
                )
                known, live = self._make(client)
                connection.cluster = Cluster(client, live, known)
                _log.info("connected to the cluster %s", client.cluster)
            await connection.cluster.client.request("GET", "/version")
        except AccessFailed as error:
            return f"failed to build kube client: {error}"
        except Unauthorized as error:
            return f"the API server at {_server(connection)} refuses the credentials: {error.message}"
        except ApiError as error:
            # Any response shows that the cluster is reachable; what the user may do there shows when it acts.
            return "" if error.is_refusal else error.message
        return ""


def _server(connection: _Connection) -> str:
    return connection.cluster.client.cluster if connection.cluster is not None else "(unknown)"


async def _close(connection: _Connection) -> None:
    if connection.again is not None:
        connection.again.cancel()
    if connection.probe is not None:
        connection.probe.cancel()
        await asyncio.gather(connection.probe, return_exceptions=True)
    if connection.cluster is not None:
        await connection.cluster.live.close()
        await connection.cluster.client.close()
        if connection.cluster.client.kept is not None:
            connection.cluster.client.kept.release()
