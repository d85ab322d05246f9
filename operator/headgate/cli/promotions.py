"""What the commands ``promote``, ``approve`` and ``rollback`` have in common: options, the world, errors, reports."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.comparing import (
    build_options,
    by_environment,
    fleet_options,
    is_this_repository,
    refused_as_errors,
)
from headgate.cli.printing import colored, say
from headgate.cli.together import together

if TYPE_CHECKING:
    from headgate.promotion.changes.model import EnvironmentChange
    from headgate.promotion.clone import Clone
    from headgate.promotion.config.model import Environment, Environments
    from headgate.promotion.evidence.model import Evidence
    from headgate.promotion.forges.repository import ForgeChoice
    from headgate.promotion.plans.execute import PullRequestWish
    from headgate.promotion.plans.model import Plan
    from headgate.promotion.plans.pullrequests import PullRequests
    from headgate.promotion.plans.rollback import Rollback
    from headgate.promotion.plans.world import World
    from headgate.promotion.report.document import ChangeReport

__all__ = ["difference", "opened", "promotion_options", "reporting", "requester"]

PAST = 100
"""How many earlier reports of an environment may prove a soak."""
REFUSED = 1
"""Exit status: a guard refuses, or somebody else was first."""


@contextmanager
def reporting() -> Iterator[None]:
    """Turn errors into a message and an exit status."""
    from headgate.promotion.errors import PlanOutdated, PromotionRefused, PushRefused

    with refused_as_errors():
        try:
            yield
        except PromotionRefused as error:
            say(f"Refused by the guard {error}. Nothing was pushed.", err=True)
            sys.exit(REFUSED)
        except PlanOutdated as error:
            say(f"Refused by the guard plan: {error}", err=True)
            sys.exit(REFUSED)
        except PushRefused as error:
            if not error.race:
                raise
            say(f"Error: {error}", err=True)
            sys.exit(REFUSED)


promotion_options = together(
    click.option(
        "--repository",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        default=Path("."),
        help="A clone of the repository, or a folder in it (default: the working directory).",
    ),
    click.option(
        "--remote", metavar="NAME", default="origin", show_default=True, help="The remote of the clone."
    ),
    click.option(
        "--source-url",
        "source_urls",
        metavar="URL",
        multiple=True,
        help="Another URL of this repository, as GitRepositories have it; may be repeated.",
    ),
    click.option(
        "--env",
        "names",
        metavar="NAME=FOLDER",
        multiple=True,
        help="An environment and its cluster folder, if there is no headgate.yaml; may be repeated.",
    ),
    click.option(
        "--context",
        "contexts",
        metavar="ENVIRONMENT=CONTEXT",
        multiple=True,
        help="The kubeconfig context of an environment's cluster; may be repeated.",
    ),
    click.option(
        "--kubeconfig",
        type=click.Path(dir_okay=False, exists=True),
        help="The kubeconfig file (default: KUBECONFIG, else ~/.kube/config).",
    ),
    build_options,
)
"""Where the repository and its clusters are, and how it is built."""


def difference(base: str, base_commit: str, plan: Plan | Rollback, change: EnvironmentChange) -> str:
    """Return what happens to the environment, as ``headgate diff`` prints it."""
    from headgate.promotion.report.text import text

    return text(_report(base, base_commit, plan.environment, "", change), color=colored()).rstrip("\n")


def requester(given: Mapping[str, Any], change: EnvironmentChange) -> PullRequests:
    """Return what opens pull requests, with the rendered difference in their bodies."""
    from headgate.promotion.plans.pullrequests import PullRequests
    from headgate.promotion.report.escape import fenced
    from headgate.promotion.report.markdown import markdown
    from headgate.visible import visible

    def body(wish: PullRequestWish, limit: int) -> str:
        # Reasons and names in it are the words of others: in code, they notify nobody and render as they are.
        lines = [visible(line) for line in wish.body.strip().splitlines()]
        audit = "\n".join(fenced(lines, "text"))
        while lines and len(audit) > limit:
            lines.pop()
            audit = "\n".join(fenced(lines, "text"))
        report = _report(wish.base, "", change.environment, wish.commit, change)
        room = limit - len(audit) - 100
        return f"{audit}\n\n{markdown(report, room)}" if room > 500 else audit

    return PullRequests(_choice(given), os.environ, body)


def _report(base: str, base_commit: str, name: str, head: str, change: EnvironmentChange) -> ChangeReport:
    from headgate.promotion.changes.model import EnvironmentAnswer
    from headgate.promotion.report.document import ChangeReport

    answer = EnvironmentAnswer(name, change.follows, change)
    return ChangeReport(base, base_commit, head[:12] or name, head, (answer,))


@contextmanager
def opened(given: Mapping[str, Any]) -> Iterator[World]:
    """What a promotion is computed from: a copy of what the remote has now, its policy, and the evidence."""
    from headgate.promotion.clone import Clone
    from headgate.promotion.clone.mirror import mirror
    from headgate.promotion.fleet import Fleet, RefState
    from headgate.promotion.fleet.environments import load_environments
    from headgate.promotion.plans.world import World

    now = datetime.now(UTC)
    with ExitStack() as stack:
        options = fleet_options(stack, given)
        clone = stack.enter_context(Clone.open(given["repository"], remote=given["remote"]))
        copy = stack.enter_context(mirror(clone))
        with Fleet(copy, options) as fleet:
            environments = load_environments(copy, fleet.state(), given["names"], fleet.results)
            branch = copy.default_branch()
            world = World(
                copy,
                _with_contexts(environments, given["contexts"]),
                lambda environment, refs: fleet.render(environment, RefState(refs, branch)),
                lambda environment: _observed(world, environment, given),
                now,
                identity(copy),
                tuple(_evidence_options(given)),
            )
            yield world


def identity(clone: Clone) -> str:
    """Return ``Name <email>`` of the user, as Git knows it; raises :class:`CloneError`."""
    from headgate.promotion.errors import CloneError

    found = clone.git.as_user("var", "GIT_COMMITTER_IDENT")
    match = re.match(r"([^<>\x00-\x1f]{1,200} <[^<>\s]{1,200}>) ", found.output.decode("utf-8", "replace"))
    if found.status or match is None:
        raise CloneError("Git does not know who you are: set user.name and user.email with 'git config'")
    return match[1]


def _evidence_options(given: Mapping[str, Any]) -> Iterator[str]:
    """The options that decide what counts as evidence, as the user gave them: the audit keeps them."""
    for option in ("unsigned_reports", "commit_statuses"):
        if given.get(option):
            yield f"--{option.replace('_', '-')}"
    yield from (f"--context {each}" for each in given["contexts"])


def _with_contexts(environments: Environments, given: Sequence[str]) -> Environments:
    """The environments with the kubeconfig contexts that the user names."""
    named = by_environment(given, "--context", "ENVIRONMENT=CONTEXT")
    for name in named:
        _ = environments[name]
    changed = (replace(each, context=named.get(each.name, each.context)) for each in environments.all)
    return replace(environments, all=tuple(changed))


def _observed(world: World, environment: Environment, given: Mapping[str, Any]) -> Evidence:
    """What an environment runs; raises :class:`EvidenceMissing` with the reason why nobody says it."""
    from headgate.promotion.errors import EvidenceMissing
    from headgate.promotion.evidence.gather import gather, reporters_of

    name, tip = environment.name, world.clone.tip(world.default_branch)
    sources = {each.key for each in world.render(environment).sources}
    found = gather(
        world.clone,
        [name],
        is_this_repository(world.clone, given["source_urls"]),
        reporters_of(
            world.clone,
            tip,
            world.environments.reporters,
            unsigned=given.get("unsigned_reports", False),
        ),
        datetime.now(UTC),
        contexts={name: environment.context} if environment.context else {},
        kubeconfig=given["kubeconfig"],
        expected={name: sources},
        past=PAST,
        statuses=(lambda _: _statuses(world, environment, given)) if given.get("commit_statuses") else None,
    )[name]
    if isinstance(found, str):
        raise EvidenceMissing(found)
    return found


def _statuses(world: World, environment: Environment, given: Mapping[str, Any]) -> Evidence | None:
    """What the commit statuses say that Flux's notification-controller writes; raises :class:`ForgeError`."""
    from headgate.promotion.evidence.gather import statuses_of
    from headgate.promotion.forges.opening import locate, open_forge

    chosen, urls = _choice(given), world.clone.remote_urls()
    providers = by_environment(given["providers"], "--provider", "ENV=ID")
    with open_forge(locate(urls[0] if urls else "", chosen, os.environ), chosen, os.environ) as forge:
        return statuses_of(
            world.clone,
            world.render(environment),
            world.clone.tip(world.default_branch),
            forge.commit_statuses,
            provider=providers.get(environment.name, ""),
            authors=world.environments.status_authors,
        )


def _choice(given: Mapping[str, Any]) -> ForgeChoice:
    from headgate.cli.forges import choice

    names = ("forge", "forge_url", "forge_repository", "forge_token_file")
    return choice(*(given[name] for name in names))
