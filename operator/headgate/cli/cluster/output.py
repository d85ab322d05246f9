"""Prints text, JSON, YAML or names.

Names and messages come from the cluster, so whoever may create objects there has written them: what a terminal would
take for a command becomes an escape. Text for pipes has no color; a terminal gets color and its own width from Rich.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from headgate.cli.printing import colored, structured, until_closed, visible_lines
from headgate.objects import Obj
from headgate.visible import visible

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["Cell", "Rows", "Text", "emit", "emit_plain", "plain", "rich_text"]

_GAP = 2
_NARROWEST = 20
"""Characters that the last column on a terminal has at least."""
STYLES = {
    "ready": "green",
    "Current": "green",
    "held": "cyan",
    "suspended": "cyan",
    "progressing": "yellow",
    "waiting": "yellow",
    "InProgress": "yellow",
    "Pending": "yellow",
    "Terminating": "yellow",
    "failed": "bold red",
    "Failed": "bold red",
    "Refused": "bold red",
    "NotFound": "bold red",
    "stalled": "bold red",
    "blocked": "magenta",
    "missing": "bold red",
    "cycle": "bold red",
    "unknown": "yellow",
    "title": "bold",
    "hint": "dim",
}
"""Rich styles by state; the word itself always stands there, too."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One text; ``style`` is a key of :data:`STYLES`."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; its lines stay as they are."""

    cell: Cell
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """Lines in columns. A terminal that is too narrow cuts the last one, or wraps it with ``wrap``."""

    rows: Sequence[Sequence[Cell]]
    indent: int = 0
    wrap: bool = False


Block = Text | Rows


def emit(
    output: str,
    document: Callable[[], Obj],
    blocks: Callable[[], Sequence[Block]],
    names: Callable[[], Sequence[str]],
) -> None:
    """Print one of the forms, with color on a terminal; ``output``: ``text``, ``json``, ``yaml`` or ``name``."""
    with until_closed():
        if output == "text" and colored():
            from rich.console import Console

            console = Console(highlight=False)
            console.print(rich_text(blocks(), console.width))
        else:
            emit_plain(output, document, blocks, names)


def emit_plain(
    output: str,
    document: Callable[[], Obj],
    blocks: Callable[[], Sequence[Block]],
    names: Callable[[], Sequence[str]],
    *,
    one_line: bool = False,
) -> None:
    """Print one of the forms without color; with ``one_line``, as one document of a stream."""
    if output == "text":
        text = plain(blocks())
    elif output == "name":
        text = "".join(f"{visible(each)}\n" for each in names())
    else:
        text = structured(output, document(), one_line=one_line)
    click.echo(text, nl=False, color=False)


def plain(blocks: Sequence[Block]) -> str:
    """Return the text without color."""
    lines: list[str] = []
    for block in blocks:
        pad = " " * block.indent
        if isinstance(block, Text):
            lines += [(pad + visible(line)).rstrip() for line in block.cell.text.split("\n")]
            continue
        rows = [[visible(cell.text) for cell in row] for row in block.rows]
        widths = _widths(rows)
        for row in rows:
            cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
            lines.append((pad + (" " * _GAP).join(cells)).rstrip())
    return "".join(f"{line}\n" for line in lines)


def rich_text(blocks: Sequence[Block], width: int) -> Group:
    """Return the text for a terminal with so many columns."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text as RichText

    def styled(cell: Cell) -> RichText:
        # Text, not markup: a name may look like a tag.
        return RichText(visible_lines(cell.text), style=STYLES.get(cell.style, ""))

    made: list[Padding] = []
    for block in blocks:
        if isinstance(block, Text):
            made.append(Padding(styled(block.cell), (0, 0, 0, block.indent)))
            continue
        widths = _widths([[visible(cell.text) for cell in row] for row in block.rows])
        left = width - block.indent - sum(widths[:-1]) - _GAP * len(widths)
        if left < _NARROWEST:
            lines = [RichText(" " * _GAP).join(map(styled, row)) for row in block.rows]
            made.append(Padding(Group(*lines), (0, 0, 0, block.indent)))
            continue
        table = Table.grid(padding=(0, _GAP, 0, 0))
        for each in widths[:-1]:
            table.add_column(no_wrap=True, width=each)
        table.add_column(overflow="fold")
        for row in block.rows:
            cells = list(map(styled, row))
            if not block.wrap and len(cells) == len(widths):
                cells[-1].truncate(left, overflow="ellipsis")
            table.add_row(*cells)
        made.append(Padding(table, (0, 0, 0, block.indent)))
    return Group(*made)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    columns = max(map(len, rows), default=0)
    return [max((len(row[at]) for row in rows if at < len(row)), default=0) for at in range(columns)]
