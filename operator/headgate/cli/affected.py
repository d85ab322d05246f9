"""``headgate affected``: which Kustomizations a range of commits rebuilds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.comparing import (
    EXIT_CHANGES,
    EXIT_ERROR,
    clone_options,
    environment_option,
    fleet_of,
    refused_as_errors,
    show,
)
from headgate.cli.printing import output_option, structured
from headgate.visible import visible

if TYPE_CHECKING:
    from headgate.promotion.ranges import AffectedEnvironment

MAX_SHOWN = 3
"""Limit for the paths of one Kustomization as text."""


@click.command(
    epilog="""Examples:

    \b
    # what the last commit rebuilds
    headgate affected HEAD~1..HEAD
    \b
    # what a branch rebuilds in production, with what you have not committed yet
    headgate affected main... --env production

    Exit status: 0 no Kustomization, 1 some, 2 invalid usage, 3 an error, or it is not known of some.
    """
)
@click.argument("commits", metavar="[A..B]", default="")
@environment_option
@output_option("text", "json", "yaml", "name")
@clone_options
def command(commits: str, names: Sequence[str], output: str, **options: Any) -> None:
    """List the Kustomizations that the commits from A to B rebuild, in each environment, and why.

    A..B is as for git diff; B may be '.', the working tree. A alone means A..HEAD, and without a range it begins where
    HEAD left the default branch. Uses only the clone: no cluster, no network. It counts as rebuilt what the operator
    rebuilds: a commit that changes nothing which a build reads rebuilds nothing.
    """
    from headgate.promotion.config.flags import chosen
    from headgate.promotion.ranges import Range, affected_by, affected_document

    base, dots, head = commits.partition("..")
    if dots and head.startswith("."):
        raise click.BadParameter(f"{commits!r}: write A..B with two dots", param_hint="A..B")
    with ExitStack() as stack, refused_as_errors():
        fleet, environments = fleet_of(stack, options, names)
        span = Range.of(fleet, base, head)
        found = affected_by(fleet, chosen(names, environments), span)
        if output == "text":
            notes = (f"Note: {note}" for note in span.notes)
            show(lambda _color: "".join(f"{line}\n" for line in (*notes, *_lines(found))))
        elif output == "name":
            keys = dict.fromkeys(one.key for each in found for one in each.kustomizations)
            show(lambda _color: "".join(f"{visible(f'Kustomization/{key}')}\n" for key in keys))
        else:
            show(lambda _color: structured(output, affected_document(span, found)))
        if any(each.unknown for each in found):
            sys.exit(EXIT_ERROR)
        sys.exit(EXIT_CHANGES if any(each.kustomizations for each in found) else 0)


def _lines(found: Sequence[AffectedEnvironment]) -> Iterator[str]:
    for each in found:
        follows = f", follows {visible(each.follows)}" if each.follows else ""
        yield f"{each.environment}{follows}: rebuilds {len(each.kustomizations)} of {each.count} Kustomizations"
        if each.assumed:
            yield "  if it moves from the first to the last of these commits"
        for one in each.kustomizations:
            paths = ", ".join(map(visible, one.paths[:MAX_SHOWN]))
            more = f" and {len(one.paths) - MAX_SHOWN} more" if len(one.paths) > MAX_SHOWN else ""
            yield f"  {visible(str(one.key))}  {one.why.value}{': ' if paths else ''}{paths}{more}"
            if one.problem:
                yield f"    fails: {visible(one.problem)}"
        for message in each.unknown:
            yield f"  Not known: {visible(message)}"
