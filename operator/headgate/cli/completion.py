"""``headgate completion SHELL``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(epilog="Example:\n\n    source <(headgate completion bash)")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a script with which SHELL completes the commands and options of headgate."""
    from headgate.cli import main

    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"no completion for {shell}")
    click.echo(kind(main, {}, "headgate", "_HEADGATE_COMPLETE").source())
