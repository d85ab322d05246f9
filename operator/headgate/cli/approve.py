"""``headgate approve``: signs that the difference of a plan is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headgate.cli.printing import say
from headgate.cli.promotions import promotion_options


@click.command(
    epilog="""Example:

    \b
    headgate promote production --plan next.json     # one person
    headgate approve next.json                       # another one
    headgate promote production --apply next.json

    Exit status: 0 approved; 1 the plan is outdated; 2 invalid usage; 3 an error.
    """
)
@click.argument("plan_file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--yes", is_flag=True, help="Do not ask.")
@promotion_options
def command(plan_file: Path, yes: bool, **given: Any) -> None:
    """Approve the plan in FILE: show what it changes, sign its digest with your key, and push the signature.

    Git signs as it does for commits: with user.signingKey, and gpg.format=ssh for an SSH key.
    """
    from headgate.cli.promote import read_plan
    from headgate.cli.promotions import difference, opened, reporting
    from headgate.promotion.plans.approvals import approve, approved_base
    from headgate.promotion.plans.compute import base_of_plan, rendered_difference

    with reporting(), opened(given) as world:
        plan, _ = read_plan(plan_file)
        change = rendered_difference(world, plan)
        click.echo(difference(plan.base.name or plan.base.commit[:12], plan.base.commit, plan, change))
        base = base_of_plan(world, plan)
        say(f"starts from {plan.base.name or plan.base.commit[:12]}: {base.proof or base.problem}")
        if not yes:
            click.confirm(f"Approve this for {plan.environment} as {world.promoter}?", abort=True)
        start = approved_base(world.clone, plan.base.commit, plan.edits)
        ref = approve(world.clone, plan.environment, plan.digest, plan.candidate, start)
        say(f"approved {plan.digest} for {plan.environment} as {world.promoter}: {ref}")
