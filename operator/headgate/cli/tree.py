"""``headgate tree``: sources, Kustomizations and what they apply, with state and reason."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from headgate.cli.cluster.names import object_argument, parsed
from headgate.cli.cluster.options import (
    EXIT_NOT_READY,
    ClusterOptions,
    CommandFailed,
    cluster_options,
    connected,
    reported,
)

if TYPE_CHECKING:
    from headgate.insight import Link, Ref


@click.command(
    epilog="""Examples:

    \b
    # which Kustomization comes from which source
    headgate tree -A
    \b
    # the managed objects of one Kustomization, each with its health
    headgate tree ks/apps

    Exit status: 0 all objects of the tree are as they should be, 1 some are not, 2 invalid usage, 3 an error, or no
    such object.
    """
)
@object_argument
@cluster_options
def command(cluster: ClusterOptions, name: str | None) -> None:
    """Show sources, the Kustomizations that use them, and what these apply, as a tree.

    With an object, show what stands below it; with a Kustomization, also its managed objects and their health, as far
    as you may read them.
    """
    with reported():
        ref = parsed(name, cluster) if name else None
        good = asyncio.run(_tree(cluster, ref))
    sys.exit(0 if good else EXIT_NOT_READY)


async def _tree(cluster: ClusterOptions, ref: Ref | None) -> bool:
    from headgate.cli.cluster.evidence import managed_health
    from headgate.cli.cluster.output import emit
    from headgate.cli.cluster.reading import read_fleet
    from headgate.cli.cluster.wording import tree_blocks
    from headgate.insight import explain
    from headgate.insight.as_json import tree_document
    from headgate.insight.tree import is_good, tree_of, walk, within
    from headgate.names import KUSTOMIZATION

    namespace = ref.namespace if ref is not None else cluster.own_namespace()
    found: dict[Ref, Link] | None = None
    notes: tuple[str, ...] = ()
    async with await connected(cluster) as client:
        fleet = await read_fleet(client, namespace)
        report = explain(fleet)
        if ref is not None and ref not in fleet.objects:
            raise CommandFailed(f"{ref} {fleet.absence(ref)}")
        if ref is not None and ref.kind == KUSTOMIZATION:
            found, notes = await managed_health(client, fleet, ref)
    nodes = tree_of(fleet, report, ref, found)
    if ref is None:
        nodes = within(nodes, cluster.shown_namespace())
    every = (*report.notes, *notes)
    emit(
        cluster.output,
        lambda: tree_document(nodes, every),
        lambda: tree_blocks(nodes, every),
        lambda: [str(node.ref) for _, node in walk(nodes)],
    )
    return all(is_good(node) for _, node in walk(nodes))
