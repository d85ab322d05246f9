"""``headgate run``: connects to the cluster, serves the operator's addresses, and runs the program while it leads."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime

from headgate import __version__
from headgate.api import ObjectKey
from headgate.feed.contact import Contact
from headgate.feed.live_diff import LiveDiffs
from headgate.kube import Client
from headgate.loop import LoopTurns, Watchdog
from headgate.page.access.identity import Identity
from headgate.page.knowledge import Board, OperatorState
from headgate.page.knowledge.updates import Batch
from headgate.page.views import Difference
from headgate.program import Program
from headgate.reconcile.core.election import Election
from headgate.reconcile.core.role import PodRole
from headgate.settings import Settings
from headgate.web.artifacts import artifact_app
from headgate.web.aside import ServerAside
from headgate.web.connections import ConnectionLimits
from headgate.web.descriptors import connections_per_site, raise_limit
from headgate.web.hooks import hook_app
from headgate.web.metrics import Metrics, metrics_app
from headgate.web.probes import Check, answers, probe_app
from headgate.web.server import WebServer, parse_address


async def serve(settings: Settings, turns: LoopTurns) -> None:
    """Run the operator until SIGINT or SIGTERM, on the loop whose turns are measured.

    Raises :class:`headgate.kube.AccessFailed` when it cannot reach a cluster.
    """
    storage, web, page, metrics = settings.storage, settings.web, settings.page, Metrics()
    board = Board() if page.is_served else None
    contact = Contact(metrics) if board is not None else None
    client = await Client.connect(
        settings.cluster.kubeconfig,
        settings.cluster.context,
        max_body=settings.cluster.max_api_response,
        observer=contact or metrics,
    )
    try:
        program = Program(settings, client, metrics, board=board, contact=contact)
        metrics.loop(turns)
        watchdog = Watchdog(turns, warn_after=settings.loop.lag_warning, dead_after=settings.loop.max_lag)
        artifacts = artifact_app(storage.path, unguessable=storage.unguessable_paths)
        sites = [("artifacts", artifacts, storage.address)]
        if program.receivers is not None:
            sites.append(("webhooks", hook_app(program.receivers, metrics.called), web.webhook_addr))
        # The kubelet and the scraper get their answers whatever the loop does.
        live: dict[str, Check] = {"loop": watchdog.dead}
        ready: dict[str, Check] = {"watches": program.not_watching}
        if program.role is not None:
            ready["role"] = program.role.unsettled
        stored_at = parse_address(storage.address)
        if stored_at is not None and stored_at[1]:
            ready["artifacts"] = answers(*stored_at)
        aside = [
            ("probes", probe_app(live, ready), web.health_addr),
            ("metrics", metrics_app(metrics), web.metrics_addr),
        ]
        addresses = (*(address for _, _, address in (*sites, *aside)), page.address)
        served = sum(parse_address(address) is not None for address in addresses)
        each = connections_per_site(web.max_connections, served, raise_limit())
        limits = ConnectionLimits(each, web.client_timeout)
        async with (
            watchdog,
            ServerAside(lambda: WebServer(aside, limits, metrics)),
            _page(settings, board, program.live_diffs, limits, metrics),
            WebServer(sites, limits, metrics),
        ):
            if program.election is None or await _elected(program.election, program.role, board):
                await program.run()
    finally:
        await client.close()


def _page(
    settings: Settings,
    board: Board | None,
    live_diffs: LiveDiffs | None,
    limits: ConnectionLimits,
    metrics: Metrics,
) -> AbstractAsyncContextManager[object]:
    """The status page in its own thread, or nothing."""
    if board is None:
        return nullcontext()
    # Jinja2 and the views are only for those who have a page.
    from headgate.page.documents import Documents
    from headgate.page.site import page_server

    # All callers may come through one proxy or tunnel.
    shared = replace(limits, share=1)

    def make() -> WebServer:
        return page_server(
            settings.page, settings.cluster, board, Documents(), shared, metrics, diff if live_diffs else None
        )

    async def diff(namespace: str, name: str, identity: Identity) -> Difference:
        assert live_diffs is not None
        return await live_diffs.of(ObjectKey(namespace, name), identity)

    return ServerAside(make, "page")


async def _elected(election: Election, role: PodRole | None, board: Board | None) -> bool:
    """Wait on standby until this replica leads; False when a signal arrives first."""

    async def stand_by() -> None:
        if board is not None:
            board.accept(Batch(datetime.now(UTC), operator=OperatorState(version=__version__, leads=False)))
        if role is not None:
            await role.mark(leads=False)
        await election.acquire()

    loop = asyncio.get_running_loop()
    waiting = loop.create_task(stand_by())
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, waiting.cancel)
    try:
        await waiting
    except asyncio.CancelledError:
        if not waiting.cancelled():
            raise
        return False
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
    return True
