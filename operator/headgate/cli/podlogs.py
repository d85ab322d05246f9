"""``headgate logs``: the log of the operator, about one object or all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from headgate.cli.cluster.loglines import LEVELS, LogLine, parse_line
from headgate.cli.cluster.names import object_argument, parsed
from headgate.cli.cluster.options import ClusterOptions, CommandFailed, cluster_options, connected, reported
from headgate.cli.durations import DURATION

if TYPE_CHECKING:
    from headgate.insight import Ref
    from headgate.kube import Client
    from headgate.objects import Obj

CONTAINERS = ("manager", "headgate")
"""The operator's container if a pod has several."""
MAX_LINE = 1 << 20


@click.command(
    epilog="""Examples:

    \b
    headgate logs ks/apps --since 10m
    \b
    headgate logs -A --level error --follow
    \b
    # on a cluster that Flux reconciles
    headgate logs ks/apps --operator-namespace flux-system

    Exit status: 0 done, 2 invalid usage, 3 an error, or no operator.
    """
)
@object_argument
@click.option(
    "--operator-namespace",
    default="headgate-system",
    show_default=True,
    metavar="NAME",
    help="Where the operator runs: the Deployments with the label app.kubernetes.io/part-of=flux.",
)
@click.option("--level", type=click.Choice(LEVELS), help="Only lines of this level and above.")
@click.option("--since", type=DURATION, metavar="DURATION", help="Only lines that are not older.")
@click.option(
    "--tail", type=click.IntRange(min=1), metavar="N", help="Begin with the last N lines of each pod."
)
@click.option("-f", "--follow", is_flag=True, help="Print new lines until interrupted.")
@cluster_options
def command(
    cluster: ClusterOptions,
    name: str | None,
    operator_namespace: str,
    level: str | None,
    since: float | None,
    tail: int | None,
    follow: bool,
) -> None:
    """Print the log of the operator, of all replicas: the lines about an object, or about all of the namespace.

    With -A, lines about no object, too. Also reads the logs of Flux's controllers.
    """
    with reported(), suppress(KeyboardInterrupt):
        ref = parsed(name, cluster) if name else None
        parameters: dict[str, str | int] = {}
        if since is not None:
            parameters["sinceSeconds"] = max(1, round(since))
        if tail is not None:
            parameters["tailLines"] = tail
        if follow:
            parameters["follow"] = "true"
        asyncio.run(_logs(cluster, ref, operator_namespace, level, parameters))


async def _logs(
    cluster: ClusterOptions,
    ref: Ref | None,
    operator_namespace: str,
    level: str | None,
    parameters: dict[str, str | int],
) -> None:
    namespace = ref.namespace if ref is not None else cluster.shown_namespace()

    def is_wanted(line: LogLine) -> bool:
        if ref is not None and not line.is_about(ref.kind, ref.namespace, ref.name):
            return False
        return line.is_at_least(level) and (namespace is None or line.namespace == namespace)

    async with await connected(cluster) as client:
        pods = await _pods(client, operator_namespace)
        lines: list[LogLine] = []
        for_order = "follow" not in parameters

        async def read(pod: Obj) -> None:
            async for line in _lines(client, pod, parameters):
                if not is_wanted(line):
                    continue
                if for_order:
                    lines.append(line)
                else:
                    _print(cluster.output, line)

        await asyncio.gather(*map(read, pods))
    for line in sorted(lines, key=lambda each: each.time):
        _print(cluster.output, line)


async def _pods(client: Client, namespace: str) -> list[Obj]:
    """The pods of the Deployments that ``flux logs`` would read. Raises :class:`CommandFailed` without any."""
    from headgate.insight.failing import selector_of
    from headgate.insight.fields import mapping

    found: list[Obj] = []
    deployments = await client.list(
        "apps/v1", "Deployment", namespace=namespace, label_selector="app.kubernetes.io/part-of=flux"
    )
    for each in deployments:
        selector = selector_of(each)
        if selector:
            found += await client.list("v1", "Pod", namespace=namespace, label_selector=selector)
    running = [each for each in found if mapping(each, "status").get("phase") not in ("Pending", None)]
    if not deployments:
        raise CommandFailed(
            f"no operator in the namespace {namespace!r}: name its namespace with --operator-namespace"
        )
    if not running:
        raise CommandFailed(f"no pod of the operator runs in the namespace {namespace!r}")
    return running


async def _lines(client: Client, pod: Obj, parameters: dict[str, str | int]) -> AsyncIterator[LogLine]:
    from headgate.insight.fields import entries, mapping, text

    meta = mapping(pod, "metadata")
    names = [text(each.get("name")) for each in entries(mapping(pod, "spec").get("containers"))]
    container = next((each for each in CONTAINERS if each in names), names[0] if names else "")
    kept = b""
    async for piece in client.log(
        text(meta.get("namespace")), text(meta.get("name")), {**parameters, "container": container}
    ):
        *whole, kept = (kept + piece).split(b"\n")
        kept = kept[:MAX_LINE]
        for line in whole:
            yield parse_line(line.decode("utf-8", "replace"))
    if kept:
        yield parse_line(kept.decode("utf-8", "replace"))


def _print(output: str, line: LogLine) -> None:
    from headgate.cli.cluster.output import Cell, Text, emit_plain

    emit_plain(output, lambda: line.raw, lambda: [Text(Cell(line.text))], lambda: [line.about], one_line=True)
