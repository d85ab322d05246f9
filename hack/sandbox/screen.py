"""Rows on a terminal, redrawn in place; elsewhere one line whenever something has changed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from sandbox.observe import FAILED, READY, SOURCE, WAITING, WORKING, Row

_MARKS = {READY: ("●", "32"), WORKING: ("◐", "33"), FAILED: ("✖", "31"), WAITING: ("○", "90")}
_UNCUT = 1_000
_HEADINGS = ("", "NAME", "AFTER", "READY", "REVISION", "OBJECTS", "STATUS")


class Screen:
    """Where the demo is shown."""

    def __init__(self, stream: TextIO | None = None, width: Callable[[], int] | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self.terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._color = self.terminal and not os.environ.get("NO_COLOR")
        self._width = width or (lambda: shutil.get_terminal_size().columns if self.terminal else _UNCUT)
        self._drawn = 0
        self._shown: dict[tuple[str, str], Row] = {}

    def say(self, text: str = "", style: str = "") -> None:
        """A line that stays; ``style`` is bold, dim, green or red."""
        self.erase()
        codes = {"bold": "1", "dim": "2", "green": "32", "red": "31"}
        print(self._paint(text, codes.get(style, "")), file=self._stream, flush=True)

    def table(self, rows: Sequence[Row], seconds: float, footer: str = "") -> None:
        """The rows of now, ``seconds`` after the start; replaces those shown before."""
        if not self.terminal:
            self._log(rows, seconds)
            return
        lines = self.lines(rows)
        lines += ["", self._paint(footer, "2")] if footer else []
        # One write, and line by line over the old ones, so that nothing flickers.
        text = "".join(f"\x1b[2K{line}\n" for line in lines)
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._stream.write(up + text + "\x1b[J")
        self._stream.flush()
        self._drawn = len(lines)

    def keep(self) -> None:
        """Leave the table where it is; what follows is written below it."""
        self._drawn = 0

    def erase(self) -> None:
        """Take the table away."""
        if self._drawn:
            self._stream.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def lines(self, rows: Sequence[Row]) -> list[str]:
        """The table, headings first, columns as wide as what is in them, the last one cut at the edge."""
        cells = [_HEADINGS, *(_cells(row) for row in rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
        room = max(self._width() - sum(widths[:-1]) - 2 * (len(widths) - 1), 10)
        lines = []
        for number, line in enumerate(cells):
            padded = [cell.ljust(width) for cell, width in zip(line[:-1], widths[:-1], strict=True)]
            padded.append(_cut(line[-1], room))
            if number == 0:
                lines.append(self._paint("  ".join(padded).rstrip(), "1"))
                continue
            color = _MARKS[rows[number - 1].state][1]
            padded[0], padded[3] = self._paint(padded[0], color), self._paint(padded[3], color)
            lines.append("  ".join(padded).rstrip())
        return lines

    def _log(self, rows: Sequence[Row], seconds: float) -> None:
        for row in rows:
            key = (row.kind, row.name)
            if self._shown.get(key) != row:
                self._shown[key] = row
                said = ": ".join(filter(None, (row.reason or row.state, row.message)))
                self.say(f"{seconds:6.1f}s  {row.kind}/{row.name}: {said}")

    def _paint(self, text: str, codes: str) -> str:
        return f"\x1b[{codes}m{text}\x1b[0m" if self._color and codes else text


def _cells(row: Row) -> tuple[str, ...]:
    ready = {READY: "True", FAILED: "False", WORKING: "Unknown"}.get(row.state, row.reason and "False")
    name = f"{'gitrepository' if row.kind == SOURCE else 'kustomization'}/{row.name}"
    objects = "" if row.kind == SOURCE else str(row.objects)
    return _MARKS[row.state][0], name, row.after, ready, row.revision, objects, row.message


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
