"""``headgate version``."""

from __future__ import annotations

import json
import platform

import click

from headgate import __version__


@click.command(epilog="Example:\n\n    headgate version -o json")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)
def command(output: str) -> None:
    """Print the version of Headgate and of the Python it runs on."""
    if output == "json":
        click.echo(json.dumps({"headgate": __version__, "python": platform.python_version()}))
    else:
        click.echo(f"headgate {__version__} (Python {platform.python_version()})")
