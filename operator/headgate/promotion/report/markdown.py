"""Changes as Markdown for a comment on a pull request, within the forge's limit. Pure.

The text is built from blocks that are valid by themselves; a block that does not fit is omitted together with all that
follow it, and a note says how much is missing. The summaries of all environments come before any details.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headgate.promotion.changes.model import ChangeStage, EnvironmentAnswer, EnvironmentChange
from headgate.promotion.report.document import ChangeReport, counts
from headgate.promotion.report.escape import code, fenced, html_code, longest_ticks
from headgate.promotion.report.lines import ReportLine
from headgate.promotion.report.sections import (
    ObjectSection,
    Section,
    details,
    highlights,
    is_same,
    revisions,
    says_nothing,
)
from headgate.visible import visible

__all__ = ["DEFAULT_LIMIT", "markdown"]

DEFAULT_LIMIT = 65_536
"""Characters of a comment on GitHub, the strictest of the forges."""
_NOTE = "**Truncated:** {count} more parts do not fit. Run `headgate diff` to see all of it."
_RESERVED = 160
"""Characters for the note, and for what closes an open block."""
_MOST_HIGHLIGHTS = 30
"""Lines below one heading of a summary."""
_MOST_LINES = 200
"""Lines of one object."""
_MOST_ROWS = 100


def markdown(report: ChangeReport, limit: int = DEFAULT_LIMIT, marker: str = "") -> str:
    """Return a report as Markdown of at most ``limit`` characters; ``marker`` is an HTML comment at its beginning."""
    paper = _Paper(limit, marker)
    paper.add(_table(report))
    for note in report.notes:
        paper.add(f"> {code(note)}")
    for answer in report.environments:
        for stage in _distinct(answer):
            paper.add_all(_summary(answer, stage))
    for answer in report.environments:
        for stage in _distinct(answer):
            for section in details(stage):
                _add_section(paper, f"{answer.environment}, {stage.stage.value}", section)
    return paper.text()


class _Paper:
    """Blocks of text up to a limit."""

    def __init__(self, limit: int, marker: str) -> None:
        self._limit, self._size, self._omitted = limit, 0, 0
        self._blocks: list[str] = []
        if marker and len(marker) + 2 + _RESERVED <= limit:
            self._append(marker)

    def _append(self, block: str) -> None:
        self._blocks.append(block)
        self._size += len(block) + 2

    def fits(self, size: int) -> bool:
        """Whether so many characters fit, with a note behind them."""
        return not self._omitted and self._size + size + 2 + _RESERVED <= self._limit

    def add(self, block: str) -> bool:
        """Add a block, or count it as omitted; after the first that is omitted, all are."""
        if self.fits(len(block)):
            self._append(block)
            return True
        self._omitted += 1
        return False

    def add_all(self, blocks: Iterator[str]) -> None:
        """Add several blocks."""
        for block in blocks:
            self.add(block)

    def omit(self, count: int) -> None:
        """Count parts that were omitted."""
        self._omitted += count

    @property
    def room(self) -> int:
        """Characters that still fit."""
        return self._limit - self._size - _RESERVED - 2

    def text(self) -> str:
        """Return all blocks, and the note if any was omitted."""
        blocks = list(self._blocks)
        if self._omitted:
            blocks.append(_NOTE.format(count=self._omitted))
        return ("\n\n".join(blocks) + "\n")[: max(0, self._limit)]


def _table(report: ChangeReport) -> str:
    if not report.environments:
        return "No environment was found."
    # The report of a promotion or rollback has one stage, which is not the merge.
    first, only = ChangeStage.ON_MERGE, {each.on_merge.stage for each in report.environments}
    if len(only) == 1 and all(each.at_promotion is None for each in report.environments):
        (first,) = only
    later = first is ChangeStage.ON_MERGE
    heads = ["environment", "follows", first.value, *([ChangeStage.AT_PROMOTION.value] if later else [])]
    rows = [heads, ["---"] * len(heads)]
    for each in report.environments[:_MOST_ROWS]:
        row = [code(each.environment), code(each.follows) if each.follows else "", _mark(each.on_merge)]
        if later:
            row.append("as on merge" if each.at_promotion is None else counts(each.at_promotion))
        rows.append(row)
    if len(report.environments) > _MOST_ROWS:
        rows.append([f"… {len(report.environments) - _MOST_ROWS} more", *[""] * (len(heads) - 1)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _mark(change: EnvironmentChange) -> str:
    return counts(change) if change.is_empty and not change.uncertain else f"**{counts(change)}**"


def _distinct(answer: EnvironmentAnswer) -> Iterator[EnvironmentChange]:
    """The stages at which something happens; a promotion that does what the merge does is not shown again."""
    for stage in answer.stages:
        repeats = stage is not answer.on_merge and is_same(stage, answer.on_merge)
        if not repeats and not says_nothing(stage):
            yield stage


def _summary(answer: EnvironmentAnswer, stage: EnvironmentChange) -> Iterator[str]:
    title = f"### {code(answer.environment)} {stage.stage.value}: {counts(stage)}"
    if stage.approximate:
        title += " (approximate: without dry runs)"
    yield title
    moved = revisions(stage)
    if moved:
        yield "\n".join(f"- {code(line)}" for line in moved)
    for heading, lines in highlights(stage):
        shown = lines[:_MOST_HIGHLIGHTS]
        if len(lines) > len(shown):
            shown = [*shown, ReportLine(" ", f"… {len(lines) - len(shown)} more")]
        mark = ":warning: " if heading in ("Dangers", "Not known") else ""
        yield f"{mark}**{heading}**\n\n" + "\n".join(fenced([_signed(line) for line in shown]))


def _add_section(paper: _Paper, where: str, section: Section) -> None:
    opening = (
        f"<details><summary>{html_code(f'{section.sign} {section.title}')} ({html_code(where)})</summary>"
    )
    closing = "</details>"
    parts = list(_parts(section))
    room = paper.room - len(opening) - len(closing) - 4
    kept: list[str] = []
    for part in parts:
        whole = "\n".join(fenced(part))
        block = whole if len(whole) <= room else _cut(part, room)
        if block:
            kept.append(block)
        if block is not whole:
            break
        room -= len(block) + 2
    if kept and paper.add("\n\n".join((opening, *kept, closing))):
        paper.omit(len(parts) - len(kept))
    else:
        paper.omit(len(parts))


def _cut(lines: list[str], room: int) -> str:
    """As many lines as fit in a fence of at most ``room`` characters; empty if none does."""
    # Of two fences and the line that says how much is missing.
    left, count = room - 60, 0
    left -= 2 * longest_ticks(lines)
    while count < len(lines) and left >= len(lines[count]) + 1:
        left -= len(lines[count]) + 1
        count += 1
    return "\n".join(fenced([*lines[:count], f"  … {len(lines) - count} more lines"])) if count else ""


def _parts(section: Section) -> Iterator[list[str]]:
    if section.lines or not section.objects:
        lines = [_signed(line) for line in section.lines]
        yield _limited(lines or [f"{_diff_sign(section.sign)} {section.title}"])
    for each in section.objects:
        yield _limited(_object_lines(each))


def _object_lines(each: ObjectSection) -> list[str]:
    lines = [f"{_diff_sign(each.sign)} {each.title}", *(f"{_signed(line)}" for line in each.lines)]
    if each.alike:
        lines.append(f"  {len(each.alike)} more in the same way:")
        lines += [f"{_diff_sign(each.sign)} {name}" for name in each.alike]
    return lines


def _limited(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return list(lines)
    return [*lines[:_MOST_LINES], f"  … {len(lines) - _MOST_LINES} more lines"]


def _signed(line: ReportLine) -> str:
    return f"{_diff_sign(line.sign)} {visible(line.text)}"


def _diff_sign(sign: str) -> str:
    """A sign that highlighters of differences know."""
    return "!" if sign in "~!?" else sign
