"""``headgate why``: the root cause of an object, or of everything that is not Ready."""

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
    from headgate.insight import Ref


@click.command(
    epilog="""Examples:

    \b
    # every cause, and what it blocks
    headgate why -A
    \b
    # the way from one Kustomization to its root cause
    headgate why ks/apps
    \b
    # for a script: the object at fault, the file and what to do
    headgate why ks/apps -o json

    Exit status: 0 the object is ready, suspended or held (without an object: nothing fails); 1 it is not; 2 invalid
    usage; 3 an error, or no such object.
    """
)
@object_argument
@cluster_options
def command(cluster: ClusterOptions, name: str | None) -> None:
    """Explain why KIND/NAME is not Ready: the way to the root cause, and what to do.

    Without an object, explain all that is not Ready, grouped by cause. Besides the custom resources, the command reads
    the failing objects, their pods and events, as far as you may.
    """
    with reported():
        ref = parsed(name, cluster) if name else None
        good = asyncio.run(_why(cluster, ref))
    sys.exit(0 if good else EXIT_NOT_READY)


async def _why(cluster: ClusterOptions, ref: Ref | None) -> bool:
    from headgate.cli.cluster.evidence import with_objects
    from headgate.cli.cluster.output import emit
    from headgate.cli.cluster.reading import read_fleet
    from headgate.cli.cluster.wording import why_blocks
    from headgate.insight import chain_of, explain
    from headgate.insight.as_json import why_document

    namespace = ref.namespace if ref is not None else cluster.own_namespace()
    async with await connected(cluster) as client:
        fleet = await read_fleet(client, namespace)
        report = explain(fleet)
        verdict = report.verdict(ref) if ref is not None else None
        if ref is None:
            report = report.within(cluster.shown_namespace())
            chosen = report.causes
        elif verdict is None:
            raise CommandFailed(f"{ref} {fleet.absence(ref)}")
        else:
            cause = report.cause_of(ref) if not verdict.state.is_good else None
            chosen = (cause,) if cause is not None else ()
        causes, notes = await with_objects(client, fleet, chosen)
    chain = chain_of(fleet, report, ref) if ref is not None else ()
    notes = (*report.notes, *notes)
    emit(
        cluster.output,
        lambda: why_document(causes, notes, verdict, chain),
        lambda: why_blocks(causes, notes, verdict, chain),
        lambda: [str(each.root) for each in causes],
    )
    return verdict.state.is_good if verdict is not None else not causes
