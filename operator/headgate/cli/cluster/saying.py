"""Why something fails, for commands that wait: what ``headgate why`` prints, on standard error."""

from __future__ import annotations

from collections.abc import Iterable

import click

from headgate.cli.cluster.evidence import with_objects
from headgate.cli.cluster.output import plain
from headgate.cli.cluster.reading import read_fleet
from headgate.cli.cluster.wording import why_blocks
from headgate.cli.printing import say
from headgate.insight import Cause, Ref, chain_of, explain
from headgate.kube import ApiError, Client

__all__ = ["print_why", "progress"]

MAX_OBJECTS = 5


def progress(text: str) -> None:
    """Print one line of progress on standard error, so that the output stays a document."""
    say(text, err=True)


async def print_why(client: Client, refs: Iterable[Ref]) -> tuple[Cause, ...]:
    """Print the way from each of the objects to its root cause; return the causes, each once."""
    chosen = list(refs)
    found: dict[Ref, Cause] = {}
    try:
        fleet = await read_fleet(client, chosen[0].namespace if chosen else "")
        report = explain(fleet)
        for ref in chosen[:MAX_OBJECTS]:
            verdict = report.verdict(ref)
            cause = report.cause_of(ref)
            if verdict is None:
                continue
            causes, notes = await with_objects(client, fleet, (cause,) if cause is not None else ())
            found |= {each.root: each for each in causes}
            click.echo(
                plain(why_blocks(causes, notes, verdict, chain_of(fleet, report, ref))), err=True, color=False
            )
    except (ApiError, TimeoutError) as error:
        progress(f"why is not known: {error or 'the API server did not answer in time'}")
    return tuple(found.values())
