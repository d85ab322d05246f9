"""``headgate diff``: what a range of commits changes in each environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.comparing import (
    EXIT_CHANGES,
    EXIT_ERROR,
    by_environment,
    clone_options,
    environment_option,
    fleet_of,
    refused_as_errors,
    show,
)
from headgate.cli.forges import choice, forge_options, pull_request_option
from headgate.cli.printing import output_option

if TYPE_CHECKING:
    from headgate.promotion.config.model import Environment, Environments
    from headgate.promotion.fleet import Fleet
    from headgate.promotion.forges.repository import ForgeChoice
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
    \b
    # what the operator would change in production if HEAD were live there
    headgate diff --env production --server --context production=prod

    Exit status: 0 no change, 1 changes, 2 invalid usage, 3 an error, or some changes are not known. With --fail-on,
    1 only if there is such a change.
    """
)
@environment_option
@click.option(
    "--base", metavar="REV", help="Where the changes begin; default: where HEAD left the default branch."
)
@click.option("--head", metavar="REV", help="Where they end; '.' is the working tree. Default: HEAD.")
@click.option(
    "--live",
    is_flag=True,
    help="Compare with what the clusters run, with get and list rights: approximate.",
)
@click.option(
    "--server",
    is_flag=True,
    help="Compare with what the clusters run, by dry runs: exactly what the operator would change.",
)
@click.option(
    "--context",
    "contexts",
    metavar="ENV=NAME",
    multiple=True,
    help="Kubeconfig context of an environment's cluster; may be repeated. Default: 'context' in headgate.yaml; for a "
    "single environment, the current one.",
)
@click.option("--kubeconfig", type=click.Path(dir_okay=False), help="Kubeconfig file; default: as kubectl.")
@output_option("text", "markdown", "json")
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
    live: bool,
    server: bool,
    contexts: Sequence[str],
    kubeconfig: str | None,
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

    Uses only the clone: no cluster, no network. With --live or --server, it shows what the operator would change in
    each cluster if the head were live there. Environments are those of headgate.yaml on the default branch, or the
    folders below clusters/.
    """
    from headgate.promotion.config.flags import chosen
    from headgate.promotion.ranges import Range, changes_of_range, fails, last_environments
    from headgate.promotion.ranges.outcome import PRODUCTION_ON_MERGE, is_uncertain

    given = _contexts(contexts, kubeconfig, base, live=live, server=server)
    with ExitStack() as stack, refused_as_errors():
        fleet, environments = fleet_of(stack, options, names)
        last = last_environments(environments)
        if PRODUCTION_ON_MERGE in fail_on and not last:
            raise click.UsageError(
                "--fail-on production-on-merge: no environment is the last one: declare 'after' in headgate.yaml"
            )
        selected = chosen(names, environments)
        if live or server:
            report = _with_clusters(fleet, selected, environments, head or "", given, kubeconfig, live=live)
        else:
            report = changes_of_range(fleet, selected, Range.of(fleet, base or "", head or ""))
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


def _contexts(
    contexts: Sequence[str], kubeconfig: str | None, base: str | None, *, live: bool, server: bool
) -> dict[str, str]:
    """The contexts by environment; raises :class:`click.UsageError` for options that do not fit together."""
    if live and server:
        raise click.UsageError("--live and --server: give one of them")
    if (live or server) and base:
        raise click.UsageError("--base: with --live and --server, what the clusters run takes its place")
    if (contexts or kubeconfig) and not (live or server):
        option = "--context" if contexts else "--kubeconfig"
        raise click.UsageError(f"{option}: only with --live or --server")
    return by_environment(contexts, "--context", "ENV=NAME")


def _with_clusters(
    fleet: Fleet,
    selected: Sequence[Environment],
    environments: Environments,
    head: str,
    contexts: Mapping[str, str],
    kubeconfig: str | None,
    *,
    live: bool,
) -> ChangeReport:
    """The changes that the operators would make; it needs the network."""
    from headgate.promotion.changes.model import Counterpart
    from headgate.promotion.ranges import Range
    from headgate.promotion.ranges.clusters import Contexts, changes_in_clusters

    for name in contexts:
        # Raises EnvironmentUnknown.
        _ = environments[name]
    found: dict[str, str | None] = {}
    for each in selected:
        found[each.name] = contexts.get(each.name) or each.context or None
        if found[each.name] is None and len(selected) > 1:
            raise click.UsageError(
                f"nobody says in which cluster environment '{each.name}' is: give --context {each.name}=NAME, or "
                "'context' in headgate.yaml"
            )
    counterpart = Counterpart.READS if live else Counterpart.DRY_RUNS
    return changes_in_clusters(
        fleet, selected, Range.up_to(fleet, head), Contexts(found, kubeconfig), counterpart
    )


def _post(report: ChangeReport, remote: str, number: int | None, forge: ForgeChoice) -> None:
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
