"""``headgate rollback``: lets an environment run what was good before, at once."""

from __future__ import annotations

from typing import Any

import click

from headgate.cli.forges import forge_options
from headgate.cli.printing import say
from headgate.cli.promotions import promotion_options


@click.command(
    epilog="""Examples:

    \b
    # what production ran before
    headgate rollback production
    \b
    # a certain version
    headgate rollback production --to 1.3.0

    Exit status: 0 done; 1 somebody else was first; 2 invalid usage; 3 an error. If the revert cannot be made, the
    rollback itself is done.
    """
)
@click.argument("environment")
@click.option("--to", metavar="VERSION", default="", help="The version or commit to return to.")
@click.option("--no-revert", is_flag=True, help="Open no pull request that reverts the bad change.")
@click.option("--no-sign", is_flag=True, help="Do not sign the tag and the commits.")
@promotion_options
@forge_options
def command(environment: str, to: str, no_revert: bool, no_sign: bool, **given: Any) -> None:
    """Roll ENVIRONMENT back to what it ran before, and open a pull request that reverts the change.

    Windows, soak and approvals do not apply. No promotion may contain the bad commit until it is reverted.
    """
    from headgate.cli.promotions import difference, opened, reporting, requester
    from headgate.promotion.plans.rollback import prepare, revert, roll_back

    with reporting(), opened(given) as world:
        rollback = prepare(world, environment, to)
        if not rollback.done:
            click.echo(difference(rollback.before[:12], rollback.before, rollback, rollback.change))
        request = requester(given, rollback.change)
        rollback, done = roll_back(world, rollback, request, sign=not no_sign)
        for line in done.lines:
            say(line)
        if not no_revert:
            for line in revert(world, rollback, request, sign=not no_sign).lines:
                say(f"revert: {line}")
