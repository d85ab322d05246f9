"""``headgate reconcile``: requests a reconcile and waits until it is handled."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

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
    from headgate.insight import Ref, Verdict
    from headgate.kube import Client
    from headgate.objects import Obj


@click.command(
    epilog="""Examples:

    \b
    headgate reconcile ks/apps --with-source
    \b
    headgate reconcile git/fleet

    Exit status: 0 it was reconciled and is Ready; 1 not, and why is on standard error; 2 invalid usage; 3 an error, or
    no such object.
    """
)
@click.argument("name", metavar="KIND/NAME", shell_complete=complete)
@click.option("--with-source", is_flag=True, help="Reconcile the source of the Kustomization first.")
@click.option(
    "--timeout",
    type=DURATION,
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="How long to wait for each of them.",
)
@cluster_options
def command(cluster: ClusterOptions, name: str, with_source: bool, timeout: float) -> None:
    """Request a reconcile, as flux does, and wait until it is handled and the object is Ready or has failed.

    Sets the annotation reconcile.fluxcd.io/requestedAt, so it works with Flux's controllers, too.
    """
    with reported():
        good = asyncio.run(_reconcile(cluster, parsed(name, cluster), with_source, timeout))
    sys.exit(0 if good else EXIT_NOT_READY)


async def _reconcile(cluster: ClusterOptions, ref: Ref, with_source: bool, within: float) -> bool:
    from headgate.cli.cluster.observing import present
    from headgate.cli.cluster.output import Cell, Rows, emit
    from headgate.cli.cluster.saying import print_why
    from headgate.insight.as_json import verdicts_document
    from headgate.insight.values import State
    from headgate.names import KUSTOMIZATION

    if with_source and ref.kind != KUSTOMIZATION:
        raise click.UsageError("--with-source: only a Kustomization has a source")
    async with await connected(cluster) as client:
        obj = await present(client, ref)
        chain = [_source(obj), ref] if with_source else [ref]
        verdicts: list[Verdict] = []
        for each in chain:
            verdict = await _request(client, each, within)
            verdicts.append(verdict)
            if verdict.state is not State.READY and verdict.state is not State.HELD:
                if verdict.state is not State.SUSPENDED:
                    await print_why(client, [each])
                break
    emit(
        cluster.output,
        lambda: verdicts_document(verdicts),
        lambda: [
            Rows([[Cell(str(v.ref)), Cell(v.state.value, v.state.value), Cell(v.revision)] for v in verdicts])
        ],
        lambda: [str(each.ref) for each in verdicts],
    )
    return len(verdicts) == len(chain) and all(each.state in (State.READY, State.HELD) for each in verdicts)


def _source(obj: Obj) -> Ref:
    from headgate.insight import Fleet
    from headgate.insight.fields import ref_of

    found = Fleet.of([obj]).source_of(ref_of(obj))
    if found is None:
        raise CommandFailed(f"{ref_of(obj)} names no source")
    return found


async def _request(client: Client, ref: Ref, within: float) -> Verdict:
    """Annotate an object and follow it until the request is handled and the attempt has ended."""
    from headgate.api.labels import REQUESTED_AT
    from headgate.cli.cluster.observing import changed, observe
    from headgate.cli.cluster.saying import progress
    from headgate.insight.classify import classify
    from headgate.insight.fields import mapping
    from headgate.insight.values import State

    # Flux writes a time; any value that the object does not have yet is a request.
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() % 10**9:09d}Z"
    last = classify(await changed(client, ref, {"metadata": {"annotations": {REQUESTED_AT: stamp}}}))
    if last.state is State.SUSPENDED:
        progress(f"{ref} is suspended{f': {last.note}' if last.note else ''}: headgate resume")
        return last
    progress(f"{ref}: requested")
    said = ""
    try:
        async with asyncio.timeout(within), aclosing(observe(client, ref)) as states:
            async for obj in states:
                if obj is None:
                    raise CommandFailed(f"{ref} no longer exists")
                last = classify(obj)
                line = f"{ref}: {last.state.value}: {last.message.partition(chr(10))[0]}"
                if line != said:
                    said = line
                    progress(line)
                handled = mapping(obj, "status").get("lastHandledReconcileAt") == stamp
                if handled and last.state is not State.PROGRESSING:
                    return last
    except TimeoutError:
        progress(f"{ref}: not handled after {within:g}s: is the operator running?")
    return last if last.state not in (State.READY, State.HELD) else _unanswered(last)


def _unanswered(verdict: Verdict) -> Verdict:
    from dataclasses import replace

    from headgate.insight.values import State

    return replace(verdict, state=State.PROGRESSING, message="the request was not handled in time")
