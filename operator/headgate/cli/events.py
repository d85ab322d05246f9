"""``headgate events``: what happened to GitRepositories, other sources and Kustomizations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.cluster.names import object_argument, parsed
from headgate.cli.cluster.options import ClusterOptions, CommandFailed, cluster_options, connected, reported

if TYPE_CHECKING:
    from headgate.cli.cluster.output import Block
    from headgate.insight import Ref
    from headgate.kube import Client
    from headgate.objects import Obj

MAX_EVENTS = 10_000


@click.command(
    epilog="""Examples:

    \b
    # what happened to one Kustomization, and what happens now
    headgate events ks/apps --watch
    \b
    headgate events -A --type Warning

    Exit status: 0 done, 2 invalid usage, 3 an error, or no such object.
    """
)
@object_argument
@click.option(
    "--type", "types", type=click.Choice(["Normal", "Warning"]), multiple=True, help="Only this type."
)
@click.option("-w", "--watch", "watching", is_flag=True, help="Print new events until interrupted.")
@cluster_options
def command(cluster: ClusterOptions, name: str | None, types: Sequence[str], watching: bool) -> None:
    """Print the events of an object, or of all sources and Kustomizations, oldest first."""
    with reported(), suppress(KeyboardInterrupt):
        asyncio.run(_events(cluster, parsed(name, cluster) if name else None, types, watching))


async def _events(cluster: ClusterOptions, ref: Ref | None, types: Sequence[str], watching: bool) -> None:
    from headgate.cli.cluster.observing import present
    from headgate.cli.cluster.output import emit

    namespace = ref.namespace if ref is not None else cluster.shown_namespace()
    selector = f"involvedObject.kind={ref.kind},involvedObject.name={ref.name}" if ref is not None else None
    async with await connected(cluster) as client:
        found: list[Obj] = []
        version = ""
        async for page in client.list_pages("v1", "Event", namespace=namespace, field_selector=selector):
            found += [each for each in page["items"] if _is_wanted(each, types)]
            version = str(page["metadata"].get("resourceVersion") or "")
            if len(found) > MAX_EVENTS:
                raise CommandFailed(f"there are more than {MAX_EVENTS} events: name a namespace or an object")
        if not found and ref is not None:
            await present(client, ref)
        entries = sorted(map(_entry, found), key=lambda each: str(each["time"]))
        emit(
            cluster.output,
            lambda: {"schemaVersion": 1, "kind": "Events", "events": entries},
            lambda: _blocks(entries),
            lambda: [_about(each) for each in entries],
        )
        if watching:
            await _follow(client, cluster.output, namespace, selector, types, version)


async def _follow(
    client: Client,
    output: str,
    namespace: str | None,
    selector: str | None,
    types: Sequence[str],
    version: str,
) -> None:
    from headgate.kube import Gone

    while True:
        try:
            async for event in client.watch(
                "v1", "Event", namespace=namespace, field_selector=selector, resource_version=version
            ):
                version = event.resource_version or version
                if event.type in ("ADDED", "MODIFIED") and _is_wanted(event.object, types):
                    _print(output, _entry(event.object))
        except Gone:
            async for page in client.list_pages("v1", "Event", namespace=namespace, field_selector=selector):
                version = str(page["metadata"].get("resourceVersion") or "")
            click.echo("events were missed: the watch was interrupted for too long", err=True)
        await asyncio.sleep(1.0)


def _print(output: str, entry: dict[str, Any]) -> None:
    from headgate.cli.cluster.output import emit_plain

    emit_plain(output, lambda: entry, lambda: _blocks([entry]), lambda: [_about(entry)], one_line=True)


def _is_wanted(event: Any, types: Sequence[str]) -> bool:
    from headgate.insight.fields import mapping, text
    from headgate.insight.fleet import SOURCE_KINDS
    from headgate.names import KUSTOMIZATION

    about = mapping(event, "involvedObject")
    group = text(about.get("apiVersion")).partition("/")[0]
    ours = text(about.get("kind")) in (*SOURCE_KINDS, KUSTOMIZATION) and group.endswith(".toolkit.fluxcd.io")
    return ours and (not types or event.get("type") in types)


def _entry(event: Obj) -> dict[str, Any]:
    """One event for output, without credentials in URLs."""
    from headgate.insight.fields import mapping, number, text
    from headgate.insight.texts import message_text, short_text

    about, series = mapping(event, "involvedObject"), mapping(event, "series")
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return {
        "time": next((text(each) for each in times if text(each)), ""),
        "type": short_text(text(event.get("type"))),
        "reason": short_text(text(event.get("reason"))),
        "object": {
            "group": text(about.get("apiVersion")).partition("/")[0],
            "kind": text(about.get("kind")),
            "namespace": text(about.get("namespace")),
            "name": text(about.get("name")),
        },
        "message": message_text(text(event.get("message"))),
        "count": number(series.get("count")) or number(event.get("count")) or 1,
    }


def _about(entry: dict[str, Any]) -> str:
    about = entry["object"]
    return "/".join((about["kind"], about["namespace"], about["name"]))


def _blocks(entries: Sequence[dict[str, Any]]) -> list[Block]:
    from headgate.cli.cluster.output import Cell, Rows, Text

    if not entries:
        return [Text(Cell("No events."))]
    rows = []
    for each in entries:
        times = f" (x{each['count']})" if each["count"] > 1 else ""
        lines = each["message"].strip().split("\n")
        style = "failed" if each["type"] == "Warning" else ""
        rows.append(
            [
                Cell(each["time"]),
                Cell(each["type"], style),
                Cell(_about(each)),
                Cell(each["reason"]),
                Cell(lines[0] + times),
            ]
        )
        rows += [[Cell(""), Cell(""), Cell(""), Cell(""), Cell(line)] for line in lines[1:]]
    return [Rows(rows)]
