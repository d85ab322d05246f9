"""``headgate promote``: lets an environment follow what the one before it runs healthy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.comparing import evidence_options
from headgate.cli.forges import forge_options
from headgate.cli.printing import say
from headgate.cli.promotions import promotion_options

if TYPE_CHECKING:
    from headgate.promotion.plans.compute import Computed
    from headgate.promotion.plans.model import Plan
    from headgate.promotion.plans.versions import Bump
    from headgate.promotion.plans.world import World


@click.command(
    epilog="""Examples:

    \b
    # what would it change, and does every guard pass?
    headgate promote production --plan next.json
    \b
    # exactly that, if nothing has moved since
    headgate promote production --apply next.json
    \b
    # at once, as the next minor version
    headgate promote production --minor
    \b
    # in spite of a guard; who and why is kept in the tag
    headgate promote production --override soak='fixes the outage of today'

    Exit status: 0 done, or nothing to do; 1 a guard refuses, or somebody else was first; 2 invalid usage; 3 an error.
    """
)
@click.argument("environment")
@click.option(
    "--to",
    metavar="REV",
    default="",
    help="Promote this commit: what the environments before run, or part of it.",
)
@click.option("--version", "version", metavar="VERSION", default="", help="The version of the new tag.")
@click.option(
    "--patch", "bump", flag_value="patch", help="Raise the third number of the version (the default)."
)
@click.option("--minor", "bump", flag_value="minor", help="Raise the second number of the version.")
@click.option("--major", "bump", flag_value="major", help="Raise the first number of the version.")
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what would be done to this file, and do nothing.",
)
@click.option(
    "--apply",
    "apply_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Do what this plan says, if nothing has moved since it was made.",
)
@click.option("--pr", is_flag=True, help="Move a branch by a pull request instead of a push.")
@click.option(
    "--override",
    "overrides",
    metavar="GUARD=REASON",
    multiple=True,
    help="Go ahead although this guard refuses; may be repeated.",
)
@click.option(
    "--after",
    metavar="ENVIRONMENT",
    multiple=True,
    help="The environment that must run the change before, if no headgate.yaml says it; may be repeated.",
)
@evidence_options
@click.option("--no-sign", is_flag=True, help="Do not sign the tag or commit.")
@promotion_options
@forge_options
def command(environment: str, **given: Any) -> None:
    """Promote to ENVIRONMENT what the environments before it run healthy now.

    What happens follows from the ref of its GitRepository: a new version tag, a branch that moves forward, or a pull
    request that changes the pinned ref or copies fields. Every guard must pass.
    """
    from headgate.cli.promotions import opened, reporting

    plan_file, apply_file = given["plan_file"], given["apply_file"]
    if plan_file and apply_file:
        raise click.UsageError("--plan and --apply exclude each other.")
    if given["version"] and given["bump"]:
        raise click.UsageError("--version excludes --patch, --minor and --major.")
    if apply_file and (given["to"] or given["version"] or given["bump"]):
        raise click.UsageError("--apply does what the plan says: --to and the version are part of it.")
    with reporting(), opened(given) as world:
        _order(world, environment, given["after"])
        if apply_file:
            computed = _applied(world, environment, apply_file, given["overrides"])
        else:
            computed = _computed(
                world, environment, given["to"], given["version"], given["bump"], given["overrides"]
            )
        if computed is None:
            return
        _show(computed)
        if computed.is_done and not plan_file:
            plan = computed.plan
            name = f"{plan.base.name} ({plan.candidate[:12]})" if plan.base.name else plan.candidate[:12]
            say(f"{environment} already follows {name}: nothing to do")
            return
        if plan_file:
            from headgate.promotion.plans.model import encode

            _write(plan_file, encode(computed.plan))
            return
        _execute(world, computed, given)


def _order(world: World, name: str, after: Sequence[str]) -> None:
    """Without a policy, what must come before is the user's to say: nothing is promoted on no evidence by accident."""
    from headgate.promotion.config.model import CONFIG_FILE
    from headgate.promotion.errors import ConfigInvalid

    if world.environments.declared:
        if after:
            raise click.BadParameter(f"{CONFIG_FILE} declares the order", param_hint="--after")
        return
    if not after:
        raise ConfigInvalid(
            f"no {CONFIG_FILE} says what '{name}' comes after: name the environment before it with --after"
        )
    found = tuple(world.environments[each].name for each in after)
    if name in found:
        raise click.BadParameter(f"'{name}' does not come after itself", param_hint="--after")
    changed = (replace(each, after=found) if each.name == name else each for each in world.environments.all)
    world.environments = replace(world.environments, all=tuple(changed))


def _computed(
    world: World, environment: str, to: str, version: str, bump: Bump | None, overrides: Sequence[str]
) -> Computed:
    from headgate.promotion.guards import parse_overrides
    from headgate.promotion.plans.compute import compute
    from headgate.promotion.plans.modes import Wish

    wanted = world.clone.resolve(to) if to else ""
    given = parse_overrides(overrides, world.promoter)
    return compute(world, environment, wanted=wanted, wish=Wish(version, bump), overrides=given)


def _applied(world: World, environment: str, file: Path, overrides: Sequence[str]) -> Computed | None:
    from headgate.promotion.errors import PromotionError
    from headgate.promotion.guards import parse_overrides
    from headgate.promotion.plans.compute import compute_again
    from headgate.promotion.plans.execute import finished

    plan, reasons = read_plan(file)
    if plan.environment != environment:
        raise PromotionError(f"{file} is a plan for '{plan.environment}', not for '{environment}'")
    done = finished(world, plan)
    if done is not None:
        for line in done.lines:
            say(line)
        return None
    # Whoever applies the plan decides, and so signs, what it overrides.
    asked = [f"{guard}={reason}" for guard, reason in reasons.items()]
    return compute_again(world, plan, parse_overrides([*asked, *overrides], world.promoter))


def read_plan(file: Path) -> tuple[Plan, dict[str, str]]:
    """Read the file of a plan; raises :class:`headgate.promotion.errors.PromotionError`."""
    from headgate.promotion.plans.model import MAX_PLAN, PlanInvalid, decode

    try:
        with file.open("rb") as stream:
            plan, reasons = decode(stream.read(MAX_PLAN + 1))
    except OSError as error:
        raise PlanInvalid(f"{file} cannot be read: {error.strerror}") from None
    except PlanInvalid as error:
        raise PlanInvalid(f"{file}: {error}") from None
    return plan, dict(reasons)


def _show(computed: Computed) -> None:
    from headgate.cli.promotions import difference

    plan = computed.plan
    click.echo(difference(plan.base.name or plan.base.commit[:12], plan.base.commit, plan, computed.change))
    where = plan.version or (f"the branch '{plan.ref.removeprefix('refs/heads/')}'")
    say(f"{plan.environment}: {plan.candidate[:12]} as {where}; {plan.summary}; digest {plan.digest}")
    for edit in plan.edits:
        say(f"  {edit.file}: {edit.path}: {edit.before} -> {edit.after}")
    for note in plan.notes:
        say(f"note: {note}")
    for each in plan.verdicts:
        say(f"  {each.word:<10} {each.guard.value}: {each.message}")


def _write(file: Path, content: bytes) -> None:
    from headgate.promotion.errors import PromotionError

    try:
        file.write_bytes(content)
    except OSError as error:
        raise PromotionError(f"{file} cannot be written: {error.strerror}") from None
    say(f"wrote {file}; do it with --apply {file}, or have it approved with 'headgate approve {file}'")


def _execute(world: World, computed: Computed, given: dict[str, Any]) -> None:
    from headgate.cli.promotions import requester
    from headgate.promotion.plans.execute import execute

    done = execute(
        world,
        computed,
        requester(given, computed.change),
        sign=not given["no_sign"],
        by_pull_request=given["pr"],
    )
    for line in done.lines:
        say(line)
