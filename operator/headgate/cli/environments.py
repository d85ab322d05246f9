"""``headgate environments``: what each environment follows, wants and runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.comparing import (
    EXIT_ERROR,
    by_environment,
    evidence_options,
    is_this_repository,
    refused_as_errors,
    repository_options,
)
from headgate.cli.forges import choice, forge_options
from headgate.cli.printing import output_option, say

if TYPE_CHECKING:
    from headgate.promotion.clone import Clone
    from headgate.promotion.config.model import Environments
    from headgate.promotion.evidence.model import Evidence
    from headgate.promotion.fleet.rendering import Rendering
    from headgate.promotion.forges.repository import ForgeChoice


@click.command(
    epilog="""Examples:

    \b
    # from the reports that the operators push
    headgate environments
    \b
    # from the clusters
    headgate environments --context staging=kind-staging --context production=prod
    \b
    # offline, from a bare clone
    headgate environments --repository fleet.git --no-fetch -o json

    Exit status: 0 if it is known what every environment runs, 2 invalid usage, 3 otherwise.
    """
)
@output_option("text", "json")
@repository_options
@click.option(
    "--env",
    "names",
    metavar="NAME[=FOLDER]",
    multiple=True,
    help="Only this environment, or one that headgate.yaml does not name; may be repeated.",
)
@click.option(
    "--context",
    "contexts",
    metavar="ENV=NAME",
    multiple=True,
    help="Kubeconfig context of an environment's cluster; may be repeated. Default: 'context' in headgate.yaml.",
)
@click.option("--kubeconfig", type=click.Path(dir_okay=False), help="Kubeconfig file; default: as kubectl.")
@click.option(
    "--no-fetch",
    is_flag=True,
    help="Use the branches, tags and reports that the clone has, without the network.",
)
@evidence_options
@forge_options
def command(
    output: str,
    repository: Path,
    remote: str,
    default_branch: str | None,
    names: Sequence[str],
    contexts: Sequence[str],
    kubeconfig: str | None,
    source_urls: Sequence[str],
    no_fetch: bool,
    unsigned_reports: bool,
    commit_statuses: bool,
    providers: Sequence[str],
    **forge: Any,
) -> None:
    """Show what each environment follows, wants and runs, since when, and how far it is behind the default branch.

    Reads clusters by kubeconfig contexts, with get and list rights, and the signed reports of operators for the others.
    """
    from datetime import UTC, datetime

    from headgate.promotion.clone import Clone
    from headgate.promotion.config.flags import chosen
    from headgate.promotion.evidence.gather import gather, reporters_of
    from headgate.promotion.evidence.summary import summarize
    from headgate.promotion.fleet import Fleet, FleetOptions
    from headgate.promotion.fleet.environments import load_environments
    from headgate.promotion.report.environments import environments_as_json, environments_as_text

    given = by_environment(contexts, "--context", "ENV=NAME")
    ids = by_environment(providers, "--provider", "ENV=ID")
    with ExitStack() as stack, refused_as_errors():
        clone = stack.enter_context(Clone.open(repository, remote=remote))
        if not no_fetch:
            clone = _of_now(stack, clone)
        options = FleetOptions(default_branch=default_branch or "", source_urls=tuple(source_urls))
        fleet = stack.enter_context(Fleet(clone, options))
        state = fleet.state()
        environments = load_environments(clone, state, names, fleet.results)
        _check({**given, **ids}, environments)
        selected = chosen(names, environments)
        renderings = {each.name: fleet.render(each, state) for each in selected}
        now = datetime.now(UTC)
        statuses = None
        if commit_statuses:
            authors = environments.status_authors
            commit = state.default_commit
            statuses = _statuses(stack, clone, choice(**forge), commit, renderings, ids, authors)
        evidence = gather(
            clone,
            renderings,
            is_this_repository(clone, source_urls),
            reporters_of(clone, state.default_commit, environments.reporters, unsigned=unsigned_reports),
            now,
            contexts={**{each.name: each.context for each in selected if each.context}, **given},
            kubeconfig=kubeconfig,
            expected={
                name: {each.key for each in rendering.sources} for name, rendering in renderings.items()
            },
            statuses=statuses,
        )
        summaries = [
            summarize(fleet, each, state, renderings[each.name], evidence[each.name]) for each in selected
        ]
    if output == "json":
        import json

        click.echo(json.dumps(environments_as_json(summaries, now), indent=2))
    else:
        click.echo(environments_as_text(summaries, now), nl=False)
    if any(each.evidence is None for each in summaries):
        sys.exit(EXIT_ERROR)


def _statuses(
    stack: ExitStack,
    clone: Clone,
    chosen: ForgeChoice,
    commit: str,
    renderings: Mapping[str, Rendering],
    providers: Mapping[str, str],
    authors: Sequence[str],
) -> Callable[[str], Evidence | None]:
    """A function that returns what commit statuses say of an environment; one client serves all."""
    import os
    from functools import lru_cache

    from headgate.promotion.evidence.gather import statuses_of
    from headgate.promotion.forges.opening import locate, open_forge

    urls = clone.remote_urls()
    forge = stack.enter_context(
        open_forge(locate(urls[0] if urls else "", chosen, os.environ), chosen, os.environ)
    )
    read = lru_cache(maxsize=None)(forge.commit_statuses)

    def statuses(name: str) -> Evidence | None:
        return statuses_of(
            clone, renderings[name], commit, read, provider=providers.get(name, ""), authors=authors
        )

    return statuses


def _check(contexts: dict[str, str], environments: Environments) -> None:
    """Raise ``EnvironmentUnknown`` for a context of an environment that there is not."""
    for name in contexts:
        _ = environments[name]


def _of_now(stack: ExitStack, clone: Clone) -> Clone:
    """A copy of what the remote has now, or the clone, with a warning, if the remote cannot be read.

    The reports go into the clone as well, so that they are there without a network.
    """
    from headgate.promotion.clone.mirror import mirror
    from headgate.promotion.errors import CloneError
    from headgate.promotion.evidence.reports import fetch_reports

    if not clone.remote_urls():
        return clone
    try:
        fetch_reports(clone)
        return stack.enter_context(mirror(clone))
    except CloneError as error:
        say(f"Warning: the refs of the clone count, newer ones were not fetched: {error}", err=True)
        return clone
