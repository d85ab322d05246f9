"""Prints for people and programs: color on a terminal only, and nothing that a terminal would carry out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from headgate.objects import Obj
from headgate.visible import visible

__all__ = ["colored", "output_option", "say", "structured", "until_closed", "visible_lines"]


def output_option(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that chooses the output format; the first is the default."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Output format.",
    )


def colored() -> bool:
    """Whether standard output is a terminal that shall have color (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def until_closed() -> Iterator[None]:
    """Write what is printed within it; whoever reads the output may close it early."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe; prevent an error message when the interpreter exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str, *, err: bool = False) -> None:
    """Print one line; names and messages of others cannot control the terminal."""
    click.echo(visible(text), err=err)


def visible_lines(text: str) -> str:
    """Return a text with the same lines, each of them visible."""
    return "\n".join(map(visible, text.split("\n")))


def structured(output: str, document: Obj, *, one_line: bool = False) -> str:
    """Return a document as JSON or YAML, in ASCII."""
    if output == "json":
        import json

        return json.dumps(document, indent=None if one_line else 2) + "\n"
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, explicit_start=one_line)
    return text
