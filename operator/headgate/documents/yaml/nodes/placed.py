"""Reads a text into nodes with positions, for edits in place that keep the rest of the text.

Comments stay in the text; this module does not read them. It refuses anchors and aliases, because an edit of a
shared value would change it in all its places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from yaml import MarkedYAMLError, YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from headgate.documents.errors import YamlError
from headgate.documents.yaml.nodes.node import MAX_DEPTH, Node, NodeKind, scalar_node, set_tag

__all__ = ["PlacedDocument", "read_placed"]


@dataclass(frozen=True, slots=True)
class PlacedDocument:
    """A document: its root (a null if the document is empty), and its end position in the text."""

    root: Node
    end: int


def read_placed(text: str) -> list[PlacedDocument]:
    """Return the documents of a text, with ``start`` and ``end`` of each scalar and ``start`` of each collection.

    Raises YamlError, with the line if known and never with a value, for text that is not YAML, is nested more than 200
    levels deep, has anchors or aliases, or has mappings with duplicate keys or keys that are not scalars.
    """
    found: list[PlacedDocument] = []
    parser = CParser(text)
    # Any: the stubs do not know that every event of a parser has marks.
    events: Iterator[Any] = iter(parser.get_event, None)
    try:
        for event in events:
            if isinstance(event, DocumentStartEvent):
                root = _node(next(events), events, 0)
            elif isinstance(event, DocumentEndEvent):
                mark: Any = event.start_mark
                found.append(PlacedDocument(root, mark.index))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        raise YamlError("is not valid YAML", line=None if mark is None else mark.line + 1) from None
    except YAMLError:
        raise YamlError("is not valid YAML") from None
    return found


def _node(event: Any, events: Iterator[Any], depth: int) -> Node:
    mark = event.start_mark
    if depth > MAX_DEPTH:
        raise YamlError("is nested too deeply", line=mark.line + 1)
    if isinstance(event, AliasEvent) or event.anchor is not None:
        raise YamlError("has an anchor or alias, which is not allowed here", line=mark.line + 1)
    tag = event.tag or ""
    if isinstance(event, ScalarEvent):
        end: Any = event.end_mark
        node = scalar_node(event.value, event.style or "", tag)
        node.start, node.end = mark.index, end.index
        return node
    is_list = isinstance(event, SequenceStartEvent)
    node = Node(NodeKind.SEQUENCE if is_list else NodeKind.MAPPING, style="{" if event.flow_style else "")
    set_tag(node, tag, "!!seq" if is_list else "!!map")
    node.start = mark.index
    if is_list:
        while not isinstance(event := next(events), SequenceEndEvent):
            node.content.append(_node(event, events, depth + 1))
        return node
    assert isinstance(event, MappingStartEvent)
    names: set[str] = set()
    while not isinstance(event := next(events), MappingEndEvent):
        line = event.start_mark.line + 1
        key = _node(event, events, depth + 1)
        if key.kind is not NodeKind.SCALAR:
            raise YamlError("has a key that is not text", line=line)
        if key.value in names:
            raise YamlError(f"has the key {key.value!r} twice", line=line)
        names.add(key.value)
        node.content += key, _node(next(events), events, depth + 1)
    return node
