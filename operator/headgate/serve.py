"""``headgate run``: connects to the cluster, serves the operator's addresses, and runs its program while it leads."""

from __future__ import annotations

import asyncio
import signal

from headgate.kube import Client
from headgate.loop import Turns, Watchdog
from headgate.program import Program
from headgate.reconcile.core.config import Config
from headgate.reconcile.core.election import Election
from headgate.reconcile.core.role import PodRole
from headgate.web.artifacts import artifact_app
from headgate.web.aside import ServerAside
from headgate.web.connections import Limits
from headgate.web.descriptors import connections_per_site, raise_limit
from headgate.web.hooks import hook_app
from headgate.web.metrics import Metrics, metrics_app
from headgate.web.probes import Check, answers, probe_app
from headgate.web.server import WebServer, parse_address


async def serve(config: Config, turns: Turns) -> None:
    """Run the operator until SIGINT or SIGTERM, on the loop whose turns are measured.

    Raises :class:`headgate.kube.AccessFailed` when there is no way to a cluster.
    """
    metrics = Metrics()
    client = await Client.connect(
        config.kubeconfig, config.context, max_body=config.max_api_response, observer=metrics
    )
    try:
        program = Program(config, client, metrics)
        metrics.loop(turns)
        watchdog = Watchdog(turns, warn_after=config.loop_lag_warning, dead_after=config.max_loop_lag)
        artifacts = artifact_app(config.storage_path, unguessable=config.unguessable_artifact_paths)
        sites = [("artifacts", artifacts, config.storage_addr)]
        if program.receivers is not None:
            sites.append(("webhooks", hook_app(program.receivers, metrics.called), config.webhook_addr))
        # Whatever the loop does, the kubelet and the scraper get their answers.
        live: dict[str, Check] = {"loop": watchdog.dead}
        ready: dict[str, Check] = {"watches": program.not_watching}
        if program.role is not None:
            ready["role"] = program.role.unsettled
        stored_at = parse_address(config.storage_addr)
        if stored_at is not None and stored_at[1]:
            ready["artifacts"] = answers(*stored_at)
        aside = [
            ("probes", probe_app(live, ready), config.health_addr),
            ("metrics", metrics_app(metrics), config.metrics_addr),
        ]
        served = sum(parse_address(address) is not None for _, _, address in (*sites, *aside))
        each = connections_per_site(config.max_connections, served, raise_limit())
        limits = Limits(each, config.client_timeout)
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
    """Stand by until we lead; False when a signal comes before."""

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
