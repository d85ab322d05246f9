"""``headgate run``: the operator's options, most of them named as Flux's controllers name theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click


@click.command(
    epilog="""Examples:

    \b
    # in a cluster: service account, storage under /data
    headgate run --storage-path=/data
    \b
    # on a laptop, against the current kubeconfig
    headgate run --kubeconfig ~/.kube/config --storage-path=/tmp/headgate
    """
)
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False),
    help="Kubeconfig file; default: in-cluster, then KUBECONFIG.",
)
@click.option("--context", "kube_context", help="Context of the kubeconfig; default: its current one.")
@click.option(
    "--storage-path",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="STORAGE_PATH",
    default=Path("/data"),
    show_default=True,
    help="Where artifacts and Git caches are kept.",
)
@click.option(
    "--storage-addr", default=":9090", show_default=True, help="Address the artifact server binds to."
)
@click.option(
    "--storage-adv-addr",
    envvar="STORAGE_ADV_ADDR",
    help="host[:port] put into artifact URLs; default: the storage address, localhost when it names no host.",
)
@click.option("--health-addr", default=":9440", show_default=True, help="Address of /healthz and /readyz.")
@click.option("--metrics-addr", default=":8080", show_default=True, help="Address of /metrics.")
@click.option(
    "--concurrent",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Reconciles of each kind under way at once.",
)
@click.option(
    "--concurrent-ssa",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Objects of one Kustomization applied at once.",
)
@click.option(
    "--requeue-dependency",
    default="30s",
    show_default=True,
    help="How often a wait for a dependency or source is looked at although no event came.",
)
@click.option(
    "--interval-jitter-percentage",
    type=click.IntRange(0, 99),
    default=5,
    show_default=True,
    help="Spread of the intervals.",
)
@click.option("--no-cross-namespace-refs", is_flag=True, help="Refuse sources of other namespaces.")
@click.option(
    "--artifact-retention-ttl", default="60s", show_default=True, help="How long an old artifact is kept."
)
@click.option(
    "--artifact-retention-records",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="How many artifacts are kept.",
)
@click.option(
    "--log-level", type=click.Choice(["trace", "debug", "info", "error"]), default="info", show_default=True
)
@click.option("--log-encoding", type=click.Choice(["json", "console"]), default="json", show_default=True)
def command(
    kubeconfig: str | None,
    kube_context: str | None,
    storage_path: Path,
    storage_addr: str,
    storage_adv_addr: str | None,
    health_addr: str,
    metrics_addr: str,
    concurrent: int,
    concurrent_ssa: int,
    requeue_dependency: str,
    interval_jitter_percentage: int,
    no_cross_namespace_refs: bool,
    artifact_retention_ttl: str,
    artifact_retention_records: int,
    log_level: str,
    log_encoding: str,
) -> None:
    """Run the operator until it is told to stop (SIGINT, SIGTERM)."""
    import asyncio

    from headgate.api.duration import parse_duration
    from headgate.cli.logs import configure
    from headgate.kube import AccessError
    from headgate.reconcile.config import Config
    from headgate.serve import serve
    from headgate.web.server import AddressError

    configure(log_level, log_encoding)
    config = Config(
        kubeconfig=kubeconfig,
        context=kube_context,
        storage_path=storage_path,
        storage_addr=storage_addr,
        storage_adv_addr=storage_adv_addr,
        health_addr=health_addr,
        metrics_addr=metrics_addr,
        concurrent=concurrent,
        concurrent_ssa=concurrent_ssa,
        requeue_dependency=_seconds(parse_duration, "--requeue-dependency", requeue_dependency),
        jitter=interval_jitter_percentage / 100,
        no_cross_namespace_refs=no_cross_namespace_refs,
        retention_ttl=_seconds(parse_duration, "--artifact-retention-ttl", artifact_retention_ttl),
        retention_records=artifact_retention_records,
    )
    try:
        asyncio.run(serve(config))
    except (AccessError, AddressError) as error:
        raise click.ClickException(str(error)) from error


def _seconds(parse: Callable[[str], float], option: str, text: str) -> float:
    try:
        return parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error
