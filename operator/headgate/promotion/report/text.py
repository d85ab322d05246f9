"""Changes as text for a terminal: the summary first, then each object, folded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headgate.promotion.changes.environments import Comparison
from headgate.promotion.changes.model import ChangeStage, EnvironmentAnswer, EnvironmentChange
from headgate.promotion.report.document import ChangeReport, counts
from headgate.promotion.report.lines import ReportLine
from headgate.promotion.report.sections import (
    ObjectSection,
    details,
    highlights,
    is_same,
    revisions,
    says_nothing,
)
from headgate.visible import visible

__all__ = ["comparison_text", "text"]

FOLDED = 12
"""Lines of one object, and names of objects that change alike, until ``full`` is set."""
_STYLES = {"+": "32", "-": "31", "~": "33", "!": "1;31", "?": "35"}
_BOLD, _DIM = "1", "2"


def comparison_text(comparison: Comparison, *, color: bool = False, full: bool = False) -> str:
    """Return the difference of two environments as text."""
    return "\n".join(_Text(color, full).comparison(comparison)) + "\n"


def text(report: ChangeReport, *, color: bool = False, full: bool = False) -> str:
    """Return a report as text; ``full`` unfolds it, ``color`` adds the escape sequences of a terminal."""
    return "\n".join(_Text(color, full).report(report)) + "\n"


class _Text:
    """One rendering."""

    def __init__(self, color: bool, full: bool) -> None:
        self._color, self._full = color, full

    def report(self, report: ChangeReport) -> Iterator[str]:
        """Return the lines of a report."""
        yield from (f"Note: {visible(note)}" for note in report.notes)
        if not report.environments:
            yield "No environment was found."
        for number, each in enumerate(report.environments):
            if number or report.notes:
                yield ""
            yield from self._answer(each)

    def comparison(self, comparison: Comparison) -> Iterator[str]:
        """Return the lines of a comparison."""
        left, right = visible(comparison.left), visible(comparison.right)
        yield self._style(f"{left} → {right}: {counts(comparison.change)}", _BOLD)
        if comparison.covered:
            yield f"  {comparison.covered} expected differences are not shown"
        for name, other in comparison.namespaces.items():
            yield f"  namespace {visible(name)} counts as {visible(other)}"
        yield from self._change(comparison.change)

    def _answer(self, answer: EnvironmentAnswer) -> Iterator[str]:
        follows = f", follows {visible(answer.follows)}" if answer.follows else ""
        yield self._style(f"{visible(answer.environment)}{follows}", _BOLD)
        width = max(len(stage.stage.value) for stage in answer.stages) + 1
        for stage in answer.stages:
            yield f"  {stage.stage.value + ':':<{width}} {counts(stage)}"
        for stage in answer.stages:
            if says_nothing(stage):
                continue
            yield ""
            if stage is not answer.on_merge and is_same(stage, answer.on_merge):
                yield f"  {_title(stage)}: the same"
            else:
                yield from (f"  {line}" if line else "" for line in self._change(stage))

    def _change(self, change: EnvironmentChange) -> Iterator[str]:
        if change.stage is not ChangeStage.BETWEEN:
            approximate = " (approximate: without dry runs)" if change.approximate else ""
            yield self._style(f"{_title(change)}{approximate}", _BOLD)
        yield from (f"  {line}" for line in revisions(change))
        for heading, lines in highlights(change):
            yield f"  {heading}"
            yield from self._folded(lines, "    ")
        for section in details(change):
            yield ""
            yield "  " + self._signed(ReportLine(section.sign, section.title))
            yield from self._folded(section.lines, "      ")
            for each in section.objects:
                yield from self._object(each)

    def _object(self, each: ObjectSection) -> Iterator[str]:
        yield "    " + self._signed(ReportLine(each.sign, each.title))
        yield from self._folded(each.lines, "        ")
        if each.alike:
            yield f"      {len(each.alike)} more in the same way:"
            yield from self._folded([ReportLine(each.sign, name) for name in each.alike], "        ")

    def _folded(self, lines: Iterable[ReportLine], indent: str) -> Iterator[str]:
        lines = list(lines)
        # Folding one line would save nothing.
        end = len(lines) if self._full or len(lines) <= FOLDED + 1 else FOLDED
        yield from (indent + self._signed(line) for line in lines[:end])
        if end < len(lines):
            yield indent + self._style(f"… {len(lines) - end} more lines: --full", _DIM)

    def _signed(self, line: ReportLine) -> str:
        return self._style(f"{line.sign} {visible(line.text)}", _STYLES.get(line.sign, ""))

    def _style(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._color and style else text


def _title(change: EnvironmentChange) -> str:
    return change.stage.value[0].upper() + change.stage.value[1:]
