"""``headgate suspend``: nobody reconciles an object until it is resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.cluster.names import complete, parsed
from headgate.cli.cluster.options import ClusterOptions, cluster_options, connected, reported

if TYPE_CHECKING:
    from headgate.insight import Ref

LONGEST_REASON = 300


def _short(context: click.Context, parameter: click.Parameter, value: str) -> str:
    value = " ".join(value.split())
    if len(value) > LONGEST_REASON:
        raise click.BadParameter(f"a reason has at most {LONGEST_REASON} characters")
    return value


@click.command(
    epilog="""Examples:

    \b
    headgate suspend ks/apps --reason "migration of the database, until Friday"
    \b
    # what is suspended, and why
    headgate status -A --state suspended

    Exit status: 0 done, 2 invalid usage, 3 an error, or no such object.
    """
)
@click.argument("names", metavar="KIND/NAME...", nargs=-1, required=True, shell_complete=complete)
@click.option(
    "--reason",
    required=True,
    callback=_short,
    help="Why: kept in an annotation, and shown by status, why and tree.",
)
@cluster_options
def command(cluster: ClusterOptions, names: Sequence[str], reason: str) -> None:
    """Suspend Kustomizations or sources: nobody reconciles them until somebody resumes them."""
    if not reason:
        raise click.BadParameter("an empty reason says nothing", param_hint="--reason")
    change(cluster, names, True, reason)


def change(cluster: ClusterOptions, names: Sequence[str], suspend: bool | None, reason: str | None) -> None:
    """Write or remove ``spec.suspend`` and the reason, and print how the objects stand."""
    from headgate.insight.classify import SUSPEND_REASON

    body = {"metadata": {"annotations": {SUSPEND_REASON: reason}}, "spec": {"suspend": suspend}}
    with reported():
        asyncio.run(_send(cluster, [parsed(each, cluster) for each in names], body))


async def _send(cluster: ClusterOptions, refs: Sequence[Ref], body: dict[str, Any]) -> None:
    from headgate.cli.cluster.observing import changed
    from headgate.cli.cluster.output import Cell, Rows, emit
    from headgate.insight.as_json import verdicts_document
    from headgate.insight.classify import classify

    async with await connected(cluster) as client:
        verdicts = [classify(await changed(client, ref, body)) for ref in refs]
    emit(
        cluster.output,
        lambda: verdicts_document(verdicts),
        lambda: [
            Rows([[Cell(str(v.ref)), Cell(v.state.value, v.state.value), Cell(v.note)] for v in verdicts])
        ],
        lambda: [str(each.ref) for each in verdicts],
    )
