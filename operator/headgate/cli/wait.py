"""``headgate wait``: until objects are Ready at a revision, for CI."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.cluster.history import clone_option, wanted
from headgate.cli.cluster.names import complete, parsed
from headgate.cli.cluster.options import (
    EXIT_NOT_READY,
    ClusterOptions,
    CommandFailed,
    cluster_options,
    connected,
    reported,
)
from headgate.cli.durations import DURATION

if TYPE_CHECKING:
    from headgate.cli.cluster.history import Wanted
    from headgate.insight import Fleet, Ref
    from headgate.insight.arrivals import Arrival
    from headgate.kube import Client


@click.command(
    epilog="""Examples:

    \b
    # in CI, after a push: until everything that uses the repository runs the commit
    headgate wait -A --revision "$(git rev-parse HEAD)" --timeout 10m
    \b
    # until one Kustomization is Ready, whatever it runs
    headgate wait ks/apps

    Exit status: 0 all are Ready at the revision; 1 not, and why is on standard error; 2 invalid usage; 3 an error, or
    no such object.
    """
)
@click.argument("names", metavar="[KIND/NAME]...", nargs=-1, shell_complete=complete)
@click.option(
    "--revision",
    metavar="REV",
    help="A commit: as an id, as a revision of the clone, or as BRANCH@sha1:ID. Default: whatever the source has.",
)
@click.option(
    "--timeout", type=DURATION, default="5m", show_default=True, metavar="DURATION", help="How long to wait."
)
@click.option("--fail-fast", is_flag=True, help="Also end when something fails that is tried again.")
@clone_option
@cluster_options
def command(
    cluster: ClusterOptions,
    names: Sequence[str],
    revision: str | None,
    timeout: float,
    fail_fast: bool,
    repository: Path | None,
) -> None:
    """Wait until objects are Ready at a revision, or at a later one that contains it.

    Without names, wait for all Kustomizations of the namespace (-A: of all) whose source has the revision. Watches
    only: no polling. Ends at once if an object is suspended, stalled or does not exist. Later revisions count in a
    clone, which knows the history.
    """
    with reported():
        refs = [parsed(each, cluster) for each in names]
        if revision is None:
            good = asyncio.run(_wait(cluster, refs, None, timeout, fail_fast))
        else:
            with wanted(revision, repository) as target:
                good = asyncio.run(_wait(cluster, refs, target, timeout, fail_fast))
    sys.exit(0 if good else EXIT_NOT_READY)


async def _wait(
    cluster: ClusterOptions, refs: Sequence[Ref], target: Wanted | None, within: float, fail_fast: bool
) -> bool:
    from headgate.cli.cluster.reading import read_fleet
    from headgate.cli.cluster.saying import print_why, progress
    from headgate.insight.arrivals import Arriving, has_arrived

    async with await connected(cluster) as client:
        first = await read_fleet(client, refs[0].namespace if refs else cluster.own_namespace())
        for ref in refs:
            if ref not in first.objects:
                raise CommandFailed(f"{ref} {first.absence(ref)}")
        found = await _arrived(client, first, cluster, refs, target, within, fail_fast)
        if not found and not refs:
            what = "has no Kustomization" if target is None else f"has {target.revision or target.commit}"
            progress(f"no source of a Kustomization {what}" if target else "there are no Kustomizations")
        missing = [each.ref for each in found if each.state is not Arriving.THERE]
        if missing:
            await print_why(client, missing)
    for note in target.notes if target is not None and not has_arrived(found) else ():
        progress(f"Not known: {note}")
    _print(cluster.output, found)
    return has_arrived(found)


async def _arrived(
    client: Client,
    first: Fleet,
    cluster: ClusterOptions,
    refs: Sequence[Ref],
    target: Wanted | None,
    within: float,
    fail_fast: bool,
) -> tuple[Arrival, ...]:
    """Follow the cluster until all have arrived, or never will, or the time is over."""
    from headgate.cli.cluster.live import follow
    from headgate.cli.cluster.saying import progress
    from headgate.insight import explain
    from headgate.insight.arrivals import arrivals, has_arrived, is_hopeless

    matches = target.matches if target is not None else None
    namespace = cluster.shown_namespace()
    found: tuple[Arrival, ...] = ()
    said: dict[Ref, str] = {}
    try:
        async with asyncio.timeout(within):
            async for fleet in follow(client, first):
                every = arrivals(fleet, explain(fleet), refs, matches)
                found = tuple(each for each in every if refs or namespace in (None, each.ref.namespace))
                for each in found:
                    line = f"{each.ref}: {each.state.value} {each.revision}".rstrip()
                    if said.get(each.ref) != line:
                        said[each.ref] = line
                        progress(line)
                if has_arrived(found) or is_hopeless(found, fail_fast=fail_fast):
                    break
    except TimeoutError:
        progress(f"not there after {within:g}s")
    return found


def _print(output: str, found: Sequence[Arrival]) -> None:
    if output == "text":
        return
    from headgate.cli.cluster.output import emit
    from headgate.insight.as_json import arrivals_document

    emit(output, lambda: arrivals_document(found), list, lambda: [str(each.ref) for each in found])
