"""Parses YAML into nodes that know where in the text they stand, for texts that are edited and not rewritten.

Anchors and aliases are refused: SOPS never writes them, and a value that stands at two places cannot be bound
to one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from yaml import YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from headgate.postbuild.sops.errors import NotSops

__all__ = ["Mapping", "Node", "Scalar", "Sequence", "documents"]

_MAX_DEPTH = 200


@dataclass(slots=True)
class Scalar:
    """A scalar; ``start`` and ``end`` are positions in the text, in characters."""

    text: str
    plain: bool
    """Whether it was written without quotes and tag, so that its type follows from its text."""
    start: int
    end: int
    column: int
    line: int


@dataclass(slots=True)
class Mapping:
    """A mapping, its entries in order."""

    flow: bool
    column: int
    start: int
    entries: list[tuple[Scalar, Node]] = field(default_factory=list)


@dataclass(slots=True)
class Sequence:
    """A sequence; ``column`` is that of its dashes."""

    flow: bool
    column: int
    start: int
    items: list[Node] = field(default_factory=list)


Node = Scalar | Mapping | Sequence


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its root, None when it is empty, and the position where it ends in the text."""

    root: Mapping | None
    end: int


def documents(text: str) -> list[Document]:
    """Return the documents of a text; raises :class:`NotSops` with the line at fault."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    found: list[Document] = []
    parser = CParser(text)
    try:
        events: Iterator[Event] = iter(parser.get_event, None)
        for event in events:
            if isinstance(event, DocumentStartEvent):
                root = _root(_node(next(events), events, starts, 0))
                end = next(event for event in events if isinstance(event, DocumentEndEvent))
                found.append(Document(root, _position(end.start_mark, starts, len(text))))
    except YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1})"
        raise NotSops(f"is no valid YAML{where}") from None
    return found


def _root(node: Node) -> Mapping | None:
    if isinstance(node, Scalar) and node.plain and node.text in ("", "~", "null"):
        return None
    if not isinstance(node, Mapping):
        raise NotSops("is YAML, but no mapping")
    return node


def _position(mark: Any, starts: list[int], size: int) -> int:
    position: int = starts[min(mark.line, len(starts) - 1)] + mark.column
    return min(position, size)


def _line(event: Event) -> int:
    mark: Any = event.start_mark
    return int(mark.line) + 1


def _node(event: Event, events: Iterator[Event], starts: list[int], depth: int) -> Node:
    mark: Any = event.start_mark
    if depth > _MAX_DEPTH:
        raise NotSops(f"is nested too deeply (line {mark.line + 1})")
    if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
        raise NotSops(f"has an anchor or alias (line {mark.line + 1}), which an encrypted file cannot have")
    size = starts[-1]
    if isinstance(event, ScalarEvent):
        return Scalar(
            event.value,
            bool(event.implicit[0]) and not event.style,
            _position(mark, starts, size),
            _position(event.end_mark, starts, size),
            mark.column,
            mark.line + 1,
        )
    if isinstance(event, SequenceStartEvent):
        sequence = Sequence(bool(event.flow_style), mark.column, _position(mark, starts, size))
        while not isinstance(event := next(events), SequenceEndEvent):
            sequence.items.append(_node(event, events, starts, depth + 1))
        return sequence
    assert isinstance(event, MappingStartEvent)
    mapping = Mapping(bool(event.flow_style), mark.column, _position(mark, starts, size))
    names: set[str] = set()
    while not isinstance(event := next(events), MappingEndEvent):
        key = _node(event, events, starts, depth + 1)
        if not isinstance(key, Scalar):
            raise NotSops(f"has a key that is no text (line {_line(event)})")
        if key.text in names:
            raise NotSops(f"has the key {key.text!r} twice (line {key.line})")
        names.add(key.text)
        mapping.entries.append((key, _node(next(events), events, starts, depth + 1)))
    return mapping
