"""``headgate compare``: what distinguishes two environments as they run."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

import click

from headgate.cli.comparing import (
    EXIT_CHANGES,
    EXIT_ERROR,
    clone_options,
    fleet_of,
    refused_as_errors,
    show,
)
from headgate.cli.printing import output_option


@click.command(
    epilog="""Examples:

    \b
    # what is different in production, and not expected
    headgate compare staging production
    \b
    # as it would be if both ran the newest commit
    headgate compare staging production --at main

    Exit status: 0 no difference, 1 differences, 2 invalid usage, 3 an error, or some differences are not known.
    """
)
@click.argument("left", metavar="A")
@click.argument("right", metavar="B")
@click.option("--at", metavar="REV", help="Compare as if both followed this revision.")
@click.option(
    "--expect",
    metavar="KIND:FIELD",
    multiple=True,
    help="Another expected difference, in addition to those in headgate.yaml; may be repeated.",
)
@click.option("--all", "everything", is_flag=True, help="Also show expected differences.")
@output_option("text", "json")
@click.option("--full", is_flag=True, help="Show all lines of each object.")
@clone_options
def command(
    left: str,
    right: str,
    at: str | None,
    expect: tuple[str, ...],
    everything: bool,
    output: str,
    full: bool,
    **options: Any,
) -> None:
    """Compare what environments A and B run, each at the commit that it follows.

    Namespaces that correspond count as equal. Differences that 'expect' of either environment covers are not shown.
    """
    from headgate.promotion.changes.environments import compare_environments
    from headgate.promotion.changes.paths import Pattern

    with ExitStack() as stack, refused_as_errors():
        fleet, environments = fleet_of(stack, options)
        one, other = environments[left], environments[right]
        try:
            meant = () if everything else (*one.expect, *other.expect, *expect)
            patterns = [Pattern.parse(text) for text in dict.fromkeys(meant)]
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--expect") from None
        sides = []
        for environment in (one, other):
            state = fleet.state()
            if at:
                commit = fleet.clone.resolve(at)
                state = state.with_branch(state.default_branch, commit)
                source = fleet.followed(environment, state)
                state = state if source is None else state.with_source(source.key, commit)
            sides.append(fleet.render(environment, state))
        comparison = compare_environments(sides[0], sides[1], patterns)
        if output == "json":
            import json

            from headgate.promotion.report.as_json import comparison_as_json

            click.echo(json.dumps(comparison_as_json(comparison), indent=2))
        else:
            from headgate.promotion.report.text import comparison_text

            show(lambda color: comparison_text(comparison, color=color, full=full))
        if comparison.change.uncertain:
            click.echo("Error: some differences are not known; see 'Not known'.", err=True)
            sys.exit(EXIT_ERROR)
        sys.exit(0 if comparison.change.is_empty else EXIT_CHANGES)
