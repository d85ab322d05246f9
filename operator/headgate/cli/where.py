"""``headgate where``: in which Kustomizations a commit is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.cluster.history import clone_option, wanted
from headgate.cli.cluster.options import (
    EXIT_NOT_READY,
    ClusterOptions,
    CommandFailed,
    cluster_options,
    connected,
    reported,
)

if TYPE_CHECKING:
    from headgate.cli.cluster.history import Wanted
    from headgate.cli.cluster.output import Block
    from headgate.insight.places import Place


@click.command(
    epilog="""Examples:

    \b
    # in a clone: where is what I have just pushed?
    headgate where HEAD -A
    \b
    # outside of it
    headgate where 5f2c1b7 -A

    Exit status: 0 it is live in all Kustomizations whose source has it; 1 not in all; 2 invalid usage; 3 an error, or
    nobody has it.
    """
)
@click.argument("commit", metavar="COMMIT")
@clone_option
@cluster_options
def command(cluster: ClusterOptions, commit: str, repository: Path | None) -> None:
    """Show in which Kustomizations a commit is live, on the way, or stopped.

    In a clone, COMMIT may be any revision, and a later commit that contains it counts. Elsewhere it is an id, and only
    that very commit counts.
    """
    with reported(), wanted(commit, repository) as target:
        good = asyncio.run(_where(cluster, target))
    sys.exit(0 if good else EXIT_NOT_READY)


async def _where(cluster: ClusterOptions, target: Wanted) -> bool:
    from headgate.cli.cluster.output import emit
    from headgate.cli.cluster.reading import read_fleet
    from headgate.insight import explain
    from headgate.insight.as_json import places_document
    from headgate.insight.places import PlaceType, places_of

    if not target.commit:
        raise click.BadParameter(f"{target.revision!r} is not a commit", param_hint="COMMIT")
    async with await connected(cluster) as client:
        fleet = await read_fleet(client, cluster.own_namespace())
    namespace = cluster.shown_namespace()
    every = places_of(fleet, explain(fleet), target.commit, target.matches)
    places = [each for each in every if namespace in (None, each.ref.namespace)]
    if not places:
        notes = "".join(f"; {note}" for note in target.notes)
        raise CommandFailed(f"no Kustomization and no source of one has {target.commit[:12]}{notes}")
    emit(
        cluster.output,
        lambda: places_document(target.commit, places, target.notes),
        lambda: _blocks(places, target.notes),
        lambda: [str(each.ref) for each in places],
    )
    return all(each.type is PlaceType.LIVE for each in places)


def _blocks(places: Sequence[Place], notes: Sequence[str]) -> list[Block]:
    from headgate.cli.cluster.output import Cell, Rows, Text

    styles = {"live": "ready", "on-the-way": "progressing", "stopped": "failed"}
    rows = [
        [
            Cell(each.type.value, styles[each.type.value]),
            Cell(str(each.ref)),
            Cell(each.revision),
            Cell(each.message.partition("\n")[0]),
        ]
        for each in places
    ]
    return [Rows(rows), *(Text(Cell(f"Not known: {note}", "hint")) for note in notes)]
