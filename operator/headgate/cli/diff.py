"""``headgate diff``: what a range of commits changes in each environment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.comparing import (
    EXIT_CHANGES,
    EXIT_ERROR,
    clone_options,
    fleet_of,
    refused_as_errors,
    show,
)
from headgate.cli.forges import choice, forge_options, pull_request_option

if TYPE_CHECKING:
    from headgate.promotion.forges.repository import Choice
    from headgate.promotion.report.document import ChangeReport

FAIL_ON = ("change", "delete", "danger", "production-on-merge")


@click.command(
    epilog="""Examples:

    \b
    # what a branch changes, in each environment
    headgate diff
    \b
    # what the next promotion of production brings
    headgate diff --base 1.3.0 --head main --env production
    \b
    # what you have not committed yet
    headgate diff --head .
    \b
    # in CI: comment on the pull request, and fail if it deletes something
    headgate diff --comment --fail-on delete

    Exit status: 0 no change, 1 changes, 2 invalid usage, 3 an error, or some changes are not known. With --fail-on,
    1 only if there is such a change.
    """
)
@click.option(
    "--env",
    "names",
    metavar="NAME",
    multiple=True,
    help="Only this environment, or a cluster folder as NAME=FOLDER[,REF=VALUE]; may be repeated.",
)
@click.option(
    "--base", metavar="REV", help="Where the changes begin; default: where HEAD left the default branch."
)
@click.option("--head", metavar="REV", help="Where they end; '.' is the working tree. Default: HEAD.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="In which form.",
)
@click.option("--full", is_flag=True, help="Show all lines of each object as text.")
@click.option(
    "--max-length",
    type=click.IntRange(min=0),
    default=65_536,
    show_default=True,
    help="Characters of the Markdown, as the forge limits a comment.",
)
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    multiple=True,
    help="Exit with 1 only for such a change; may be repeated.",
)
@click.option(
    "--comment", is_flag=True, help="Post the changes as a comment on the pull request, or update it."
)
@pull_request_option
@forge_options
@clone_options
def command(
    names: Sequence[str],
    base: str | None,
    head: str | None,
    output: str,
    full: bool,
    max_length: int,
    fail_on: Sequence[str],
    comment: bool,
    pull_request: int | None,
    forge: str | None,
    forge_url: str,
    forge_repository: str,
    forge_token_file: Path | None,
    **options: Any,
) -> None:
    """Show what a range of commits changes in each environment, on merge and at the next promotion.

    Uses only the clone: no cluster, no network. Environments are those of headgate.yaml on the default branch, or the
    folders below clusters/.
    """
    from headgate.promotion.config.flags import chosen
    from headgate.promotion.ranges import Range, changes_of_range, fails, last_environments
    from headgate.promotion.ranges.outcome import PRODUCTION_ON_MERGE, is_uncertain

    with ExitStack() as stack, refused_as_errors():
        fleet, environments = fleet_of(stack, options, names)
        last = last_environments(environments)
        if PRODUCTION_ON_MERGE in fail_on and not last:
            raise click.UsageError(
                "--fail-on production-on-merge: no environment is the last one: declare 'after' in headgate.yaml"
            )
        report = changes_of_range(fleet, chosen(names, environments), Range.of(fleet, base or "", head or ""))
        _show(report, output, full=full, max_length=max_length)
        if comment:
            urls = fleet.clone.remote_urls()
            _post(
                report,
                urls[0] if urls else "",
                pull_request,
                choice(forge, forge_url, forge_repository, forge_token_file),
            )
        if is_uncertain(report):
            click.echo("Error: some changes are not known; see 'Not known'.", err=True)
            sys.exit(EXIT_ERROR)
        sys.exit(EXIT_CHANGES if fails(report, fail_on, last) else 0)


def _post(report: ChangeReport, remote: str, number: int | None, forge: Choice) -> None:
    """Post a comment; it needs the network."""
    from headgate.promotion.forges import comments
    from headgate.promotion.report.markdown import markdown

    address = comments.post(lambda limit: markdown(report, limit), remote=remote, number=number, choice=forge)
    click.echo(f"Comment: {address}", err=True)


def _show(report: ChangeReport, output: str, *, full: bool, max_length: int) -> None:
    if output == "json":
        import json

        from headgate.promotion.report.as_json import as_json

        # Escapes keep lone surrogates and odd characters out of the stream.
        click.echo(json.dumps(as_json(report), indent=2))
    elif output == "markdown":
        from headgate.promotion.report.markdown import markdown

        click.echo(markdown(report, max_length), nl=False)
    else:
        from headgate.promotion.report.text import text

        show(lambda color: text(report, color=color, full=full))
