"""``headgate status``: how a fleet stands, on one screen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import click

from headgate.cli.cluster.options import EXIT_NOT_READY, ClusterOptions, cluster_options, connected, reported

if TYPE_CHECKING:
    from headgate.cli.cluster.output import Block
    from headgate.insight import Fleet, Report, Verdict

STATES = ("ready", "progressing", "waiting", "blocked", "failed", "stalled", "suspended", "held")


@click.command(
    epilog="""Examples:

    \b
    # everything, on one screen that follows the cluster
    headgate status -A --watch
    \b
    # all that is suspended, and why
    headgate status -A --state suspended

    Exit status: 0 all objects are ready, suspended or held; 1 some are not; 2 invalid usage; 3 an error.
    """
)
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    help="List all objects in this state; may be repeated.",
)
@click.option(
    "-w", "--watch", "watching", is_flag=True, help="Follow the cluster by watches until interrupted."
)
@cluster_options
def command(cluster: ClusterOptions, states: Sequence[str], watching: bool) -> None:
    """Show how GitRepositories, other sources and Kustomizations stand, and what blocks them."""
    with reported(), suppress(KeyboardInterrupt):
        good = asyncio.run(_watch(cluster, states) if watching else _once(cluster, states))
        sys.exit(0 if good else EXIT_NOT_READY)


async def _once(cluster: ClusterOptions, states: Sequence[str]) -> bool:
    from headgate.cli.cluster.output import emit
    from headgate.cli.cluster.reading import read_fleet
    from headgate.cli.cluster.wording import status_blocks
    from headgate.insight.as_json import status_document

    shown_namespace = cluster.shown_namespace()
    async with await connected(cluster) as client:
        fleet = await read_fleet(client, cluster.own_namespace())
    report, shown = _filtered(fleet, shown_namespace, states)
    emit(
        cluster.output,
        lambda: status_document(report, shown),
        lambda: status_blocks(report, shown, everything=bool(states)),
        lambda: [str(each.ref) for each in shown],
    )
    return all(each.state.is_good for each in shown)


async def _watch(cluster: ClusterOptions, states: Sequence[str]) -> bool:
    from headgate.cli.cluster.live import follow
    from headgate.cli.cluster.output import Cell, Text
    from headgate.cli.cluster.reading import read_fleet
    from headgate.cli.cluster.wording import status_blocks
    from headgate.cli.printing import colored

    shown_namespace = cluster.shown_namespace()
    good = True
    async with await connected(cluster) as client:
        first = await read_fleet(client, cluster.own_namespace())
        screen = _Screen() if cluster.output == "text" and colored() else None
        with screen or nullcontext():
            async for fleet in follow(client, first):
                report, shown = _filtered(fleet, shown_namespace, states)
                good = all(each.state.is_good for each in shown)
                blocks = status_blocks(report, shown, everything=bool(states))
                if screen is not None:
                    screen.show(blocks)
                else:
                    _print(cluster.output, report, shown, [*blocks, Text(Cell(""))])
    return good


def _print(output: str, report: Report, shown: Sequence[Verdict], blocks: Sequence[Block]) -> None:
    from headgate.cli.cluster.output import emit_plain
    from headgate.insight.as_json import status_document

    emit_plain(
        output,
        lambda: status_document(report, shown),
        lambda: blocks,
        lambda: [str(each.ref) for each in shown],
        one_line=True,
    )


def _filtered(fleet: Fleet, namespace: str | None, states: Sequence[str]) -> tuple[Report, Sequence[Verdict]]:
    from headgate.insight import explain

    report = explain(fleet).within(namespace)
    return report, [each for each in report.verdicts if not states or each.state.value in states]


class _Screen:
    """The alternate screen of the terminal, until its context ends."""

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(screen=True, auto_refresh=False, vertical_overflow="ellipsis")

    def show(self, blocks: Sequence[Block]) -> None:
        from headgate.cli.cluster.output import rich_text

        self._live.update(rich_text(blocks, self._live.console.width), refresh=True)

    def __enter__(self) -> _Screen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
