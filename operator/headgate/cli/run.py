"""``headgate run``: the options that :mod:`headgate.settings` declares, most of them named as Flux's controllers do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from headgate.cli.gates import parse_gates
from headgate.cli.options import click_option
from headgate.settings import SettingInvalid, Settings, declarations, options, settings_from
from headgate.settings.declare import Option, PlainText, Variable

_GATES = Option(
    "feature-gates",
    "Turn behavior on or off; the reference of the command line lists the gates.",
    PlainText(),
    "",
    metavar="NAME=BOOL,...",
    flux=True,
)


def _run(**given: Any) -> None:
    """Run the operator until SIGINT or SIGTERM stops it."""
    settings = settings_of(given)

    from headgate import loop
    from headgate.cli.logs import configure
    from headgate.kube import AccessFailed
    from headgate.reconcile.core.election import LeadershipLost
    from headgate.serve import serve
    from headgate.web.server import AddressError

    configure(settings.log.level, settings.log.encoding)
    turns = loop.LoopTurns()
    try:
        loop.run(serve(settings, turns), turns)
    except (AccessFailed, AddressError, LeadershipLost) as error:
        raise click.ClickException(str(error)) from error


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Return the settings from Click's parameters and the environment; raises :class:`click.UsageError`."""
    values = {option.name: given[option.name.replace("-", "_")] for option in options()}
    values |= parse_gates(given[_GATES.name.replace("-", "_")])
    variables = (each.name for each in declarations().values() if isinstance(each, Variable))
    values |= {name: os.environ[name] for name in variables if name in os.environ}
    try:
        return settings_from(values)
    except SettingInvalid as error:
        if error.option:
            raise click.BadParameter(str(error), param_hint=f"--{error.option}") from error
        raise click.UsageError(str(error)) from error


command = click.Command(
    "run",
    callback=_run,
    params=[click_option(each) for each in (*options(), _GATES)],
    help=_run.__doc__,
    epilog="""Examples:

    \b
    # in a cluster: service account, storage under /data
    headgate run --storage-path=/data
    \b
    # on a laptop, against the current kubeconfig
    headgate run --kubeconfig ~/.kube/config --storage-path=/tmp/headgate
    """,
)
