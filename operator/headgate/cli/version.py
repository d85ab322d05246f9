"""``headgate version``."""

from __future__ import annotations

import json
import platform

import click

from headgate import __version__
from headgate.cli.printing import output_option


@click.command(epilog="Example:\n\n    headgate version -o json")
@output_option("text", "json")
def command(output: str) -> None:
    """Print the version of Headgate and of the Python it runs on."""
    if output == "json":
        click.echo(json.dumps({"headgate": __version__, "python": platform.python_version()}))
    else:
        click.echo(f"headgate {__version__} (Python {platform.python_version()})")
