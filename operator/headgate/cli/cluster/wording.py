"""Reports, causes and trees as blocks of text."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.cli.cluster.output import Block, Cell, Rows, Text
from headgate.insight import Cause, Link, Report, State, Verdict
from headgate.insight.tree import Node, walk
from headgate.insight.values import WORST_FIRST, Relation, RootType
from headgate.names import KUSTOMIZATION

__all__ = ["cause_blocks", "status_blocks", "tree_blocks", "why_blocks"]

MAX_CAUSES = 5
"""Causes on the screen of ``status``."""
MAX_ROWS = 20
MAX_NAMES = 5
_FIRST_LINE = 160


def status_blocks(report: Report, shown: Sequence[Verdict], *, everything: bool) -> list[Block]:
    """How a fleet stands, on one screen; ``everything``: list all verdicts, because a filter has chosen them."""
    blocks: list[Block] = [_counts(shown)]
    chosen = {each.ref for each in shown}
    causes = [
        each for each in report.causes if chosen & {each.root, *each.blocked, *each.cycle} and each.is_failure
    ]
    if causes and not everything:
        blocks += [Text(Cell("")), Text(Cell(_heading(causes), "title"))]
        blocks.append(Rows([_cause_row(each) for each in causes[:MAX_CAUSES]], 2))
        blocks += _more(len(causes) - MAX_CAUSES, "causes: headgate why", 2)
        blocks.append(Text(Cell("headgate why shows the messages and what to do", "hint"), 2))
    listed = [each for each in shown if everything or each.state is not State.READY]
    if listed:
        ordered = sorted(listed, key=lambda each: (WORST_FIRST.index(each.state), each.ref))
        limit = len(ordered) if everything else MAX_ROWS
        blocks += [Text(Cell("")), Rows([_verdict_row(each) for each in ordered[:limit]])]
        blocks += _more(len(ordered) - limit, "objects: headgate status --state STATE")
    return blocks + _notes(report.notes)


def why_blocks(
    causes: Sequence[Cause], notes: Sequence[str], verdict: Verdict | None, chain: Sequence[Link]
) -> list[Block]:
    """The chain of one object and its cause, or all causes."""
    blocks: list[Block] = []
    if verdict is not None:
        state = verdict.state.value
        blocks.append(Rows([[Cell(str(verdict.ref), "title"), Cell(state, state), Cell(verdict.reason)]]))
        if verdict.message:
            blocks.append(Text(Cell(verdict.message), 2))
        if verdict.note:
            blocks.append(Text(Cell(f"{state}: {verdict.note}"), 2))
        ways = [each for each in chain if each.relation is not Relation.SELF]
        if ways:
            blocks += [Text(Cell("")), Rows([_link_row(each) for each in ways], 2)]
    elif causes:
        blocks.append(Text(Cell(_heading(causes), "title")))
    else:
        blocks.append(Text(Cell("Nothing fails.")))
    for cause in causes:
        blocks += [Text(Cell("")), *cause_blocks(cause)]
    return blocks + _notes(notes)


def cause_blocks(cause: Cause) -> list[Block]:
    """One root cause with its remedy."""
    title = [Cell("Cause:", "title"), Cell(str(cause.root)), _kind_of(cause), Cell(cause.reason)]
    blocks: list[Block] = [Rows([title])]
    if cause.message:
        blocks.append(Text(Cell(cause.message), 2))
    for link in cause.objects:
        blocks.append(Rows([_link_row(link)], 2))
        if link.message:
            blocks.append(Text(Cell(link.message), 4))
    facts = []
    if cause.file:
        facts.append(("file", f"{cause.file}:{cause.line}" if cause.line else cause.file))
    if cause.referrer is not None:
        facts.append(("named by", str(cause.referrer)))
    if cause.remedy:
        facts.append(("do", cause.remedy))
    if cause.blocked:
        facts.append(("blocks" if cause.is_failure else "awaited by", _names(cause)))
    if facts:
        blocks.append(Rows([[Cell(name, "hint"), Cell(text)] for name, text in facts], 2, wrap=True))
    return blocks


def tree_blocks(nodes: tuple[Node, ...], notes: Sequence[str]) -> list[Block]:
    """Trees with state and reason."""
    rows = []
    for depth, node in walk(nodes):
        state = node.state or "-"
        rows.append(
            [
                Cell(f"{'  ' * min(depth, 30)}{node.ref}"),
                Cell(state, state),
                Cell(node.reason),
                Cell("" if state in ("ready", "Current") else _first_line(node.message)),
            ]
        )
        if node.omitted:
            rows.append([Cell(f"{'  ' * min(depth + 1, 30)}and {node.omitted} more objects", "hint")])
    return [Rows(rows) if rows else Text(Cell("No objects.")), *_notes(notes)]


def _counts(verdicts: Sequence[Verdict]) -> Rows:
    kinds = sorted({each.ref.kind for each in verdicts}, key=lambda kind: (kind != KUSTOMIZATION, kind))
    rows = []
    for kind in kinds:
        states = [each.state for each in verdicts if each.ref.kind == kind]
        cells = [
            Cell(f"{states.count(state)} {state.value}", state.value)
            for state in WORST_FIRST
            if state in states
        ]
        rows.append([Cell(kind, "title"), Cell(str(len(states))), *cells])
    return Rows(rows or [[Cell("No GitRepositories or Kustomizations.")]])


def _heading(causes: Sequence[Cause]) -> str:
    blocked = len({ref for cause in causes for ref in cause.blocked})
    verb = "blocks" if len(causes) == 1 else "block"
    return f"{len(causes)} cause{'s' if len(causes) > 1 else ''} {verb} {blocked} object{'' if blocked == 1 else 's'}"


def _cause_row(cause: Cause) -> list[Cell]:
    return [
        _kind_of(cause),
        Cell(str(cause.root)),
        Cell(cause.reason),
        Cell(f"blocks {len(cause.blocked)}"),
        Cell(_first_line(cause.message)),
    ]


def _kind_of(cause: Cause) -> Cell:
    word = cause.type.value if cause.type is RootType.CYCLE else cause.state
    return Cell(word, word)


def _link_row(link: Link) -> list[Cell]:
    return [
        Cell(link.relation.value, "hint"),
        Cell(str(link.ref)),
        Cell(link.state, link.state),
        Cell(link.reason),
    ]


def _verdict_row(verdict: Verdict) -> list[Cell]:
    state = verdict.state.value
    return [
        Cell(state, state),
        Cell(str(verdict.ref)),
        Cell(verdict.reason),
        Cell(_first_line(verdict.note or verdict.message)),
    ]


def _names(cause: Cause) -> str:
    shown = ", ".join(map(str, cause.blocked[:MAX_NAMES]))
    left = len(cause.blocked) - MAX_NAMES
    return f"{len(cause.blocked)}: {shown}" + (f" and {left} more" if left > 0 else "")


def _first_line(message: str) -> str:
    line = message.partition("\n")[0]
    return line if len(line) <= _FIRST_LINE else f"{line[: _FIRST_LINE - 1]}…"


def _more(left: int, what: str, indent: int = 0) -> list[Block]:
    return [Text(Cell(f"and {left} more {what}", "hint"), indent)] if left > 0 else []


def _notes(notes: Sequence[str]) -> list[Block]:
    return [Text(Cell("")), *(Text(Cell(f"Not known: {each}", "hint")) for each in notes)] if notes else []
