"""Click options for the declarations of :mod:`headgate.settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headgate.settings.declare import Choice, File, Folder, Kind, Number, Option, Switch

BOOLEAN = "[true|false]"
"""The metavar of a switch in ``--help``."""


def click_option(option: Option) -> click.Option:
    """Return the option for Click; the parameter has the option's name, with underscores."""
    is_switch = isinstance(option.kind, Switch)
    return click.Option(
        [f"--{option.name}"],
        type=_type(option.kind),
        metavar=BOOLEAN if is_switch else option.metavar,
        is_flag=False,
        flag_value="true" if is_switch else None,
        default=option.given,
        show_default=option.given not in (None, "", ()),
        multiple=option.repeated,
        envvar=option.variable,
        help=option.help,
    )


def _type(kind: Kind) -> click.ParamType[Any]:
    match kind:
        case Number(least, most):
            return click.INT if least is most is None else click.IntRange(least, most)
        case Switch():
            return click.BOOL
        case Choice(words):
            return click.Choice(words)
        case File():
            return click.Path(dir_okay=False)
        case Folder():
            return click.Path(file_okay=False, path_type=Path)
        case _:
            return click.STRING
