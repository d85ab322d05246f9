"""``headgate run``: connects to the cluster, serves the operator's addresses, and runs the program while it leads."""

from __future__ import annotations

import asyncio
import signal

from headgate.kube import Client
from headgate.loop import LoopTurns, Watchdog
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
    storage, web, metrics = settings.storage, settings.web, Metrics()
    client = await Client.connect(
        settings.cluster.kubeconfig,
        settings.cluster.context,
        max_body=settings.cluster.max_api_response,
        observer=metrics,
    )
    try:
        program = Program(settings, client, metrics)
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
        served = sum(parse_address(address) is not None for _, _, address in (*sites, *aside))
        each = connections_per_site(web.max_connections, served, raise_limit())
        limits = ConnectionLimits(each, web.client_timeout)
        async with (
            watchdog,
            ServerAside(lambda: WebServer(aside, limits, metrics)),
            WebServer(sites, limits, metrics),
        ):
            if program.election is None or await _elected(program.election, program.role):
                await program.run()
    finally:
        await client.close()


async def _elected(election: Election, role: PodRole | None) -> bool:
    """Wait on standby until this replica leads; False when a signal arrives first."""

    async def stand_by() -> None:
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
