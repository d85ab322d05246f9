"""The nodes of a document."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from headgate.documents.yaml.scalars import (
    TAG_PREFIX,
    Binary,
    Folded,
    Quoted,
    SpelledStr,
    resolve_v3,
    scalar_text,
)

__all__ = [
    "MAX_DEPTH",
    "STR",
    "Node",
    "NodeKind",
    "Page",
    "created",
    "kind_of",
    "made_of",
    "scalar_node",
    "set_tag",
    "tag_of",
]

MAX_DEPTH = 200
"""The nesting of mappings and sequences that the readers accept."""
STR = "!!str"
_NULL = "!!null"
_WANTED = {
    _NULL: "null",
    "!!bool": "true or false",
    "!!int": "a whole number",
    "!!float": "a number",
    "!!timestamp": "a date",
}


class NodeKind(enum.Enum):
    """What a node is."""

    MAPPING = "mapping"
    SEQUENCE = "sequence"
    SCALAR = "scalar"
    ALIAS = "alias"


@dataclass(slots=True, eq=False)
class Node:
    """A node; ``content`` holds the alternating keys and values of a mapping, or the entries of a sequence.

    ``style`` is the first character of a styled scalar (``"``, ``'``, ``|`` or ``>``), ``{`` for a collection in
    brackets, and empty otherwise. ``tag`` is the short form, set by the reader and empty for created nodes; ``tagged``
    says that the text contains it. ``start`` and ``end`` are positions in the text, in characters, set by
    :mod:`.placed`.
    """

    kind: NodeKind
    value: str = ""
    style: str = ""
    tag: str = ""
    tagged: bool = False
    anchor: str = ""
    content: list[Node] = field(default_factory=list)
    head: str = ""
    line: str = ""
    foot: str = ""
    start: int = -1
    end: int = -1

    @property
    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Yield the keys and values of a mapping."""
        content = iter(self.content)
        return zip(content, content, strict=True)

    @property
    def is_null(self) -> bool:
        return self.tag == _NULL

    @property
    def misfit(self) -> str | None:
        """Return what the node's tag requires of the text if the text does not satisfy it, None otherwise."""
        wanted = _WANTED.get(self.tag)
        if self.kind is not NodeKind.SCALAR or wanted is None:
            return None
        found = tag_of(self.value)
        return None if found == self.tag or (self.tag == "!!float" and found == "!!int") else wanted

    def become(self, other: Node) -> None:
        """Become a copy of the other node, comments and anchor included."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))


@dataclass(slots=True)
class Page:
    """A document, and the comments that belong to the document itself."""

    root: Node
    head: str = ""
    foot: str = ""


def created(kind: NodeKind, value: str = "") -> Node:
    """Return a node without style and tag, so that readers resolve its text as a plain scalar."""
    return Node(kind, value)


def scalar_node(value: str, style: str, tag: str) -> Node:
    """Return a scalar from a text; ``tag`` is its explicit tag in the long form, "" if it has none."""
    node = Node(NodeKind.SCALAR, value, style)
    set_tag(node, tag, STR if style else "!!merge" if value == "<<" else tag_of(value))
    return node


def set_tag(node: Node, tag: str, default: str) -> None:
    """Set the tag of a node from a text: its explicit tag in the long form, or else the default."""
    if tag and tag != "!":
        node.tag = "!!" + tag.removeprefix(TAG_PREFIX) if tag.startswith(TAG_PREFIX) else tag
        node.tagged = True
    else:
        node.tag = default


def tag_of(text: str) -> str:
    """Return the tag that a plain scalar resolves to, without regard to the merge key."""
    return _tag_of(resolve_v3(text))


def _tag_of(value: Any) -> str:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return "!!bool"
    if isinstance(value, int):
        return "!!int"
    if isinstance(value, float):
        return "!!float"
    if isinstance(value, Binary):
        return "!!binary"
    return "!!timestamp" if isinstance(value, SpelledStr) else STR


def kind_of(value: Any) -> NodeKind:
    """Return the kind of node that represents a value."""
    return (
        NodeKind.MAPPING
        if isinstance(value, dict)
        else NodeKind.SEQUENCE
        if isinstance(value, list)
        else NodeKind.SCALAR
    )


def made_of(value: Any, text: str | None = None) -> Node:
    """Return the node of a resource's value; ``text`` overrides the text of a scalar.

    Values know whether they were in quotes, but not in which, and nothing about brackets and comments.
    """
    if isinstance(value, dict):
        node = Node(NodeKind.MAPPING, tag="!!map")
        for key, item in value.items():
            node.content += Node(NodeKind.SCALAR, str(key), tag=STR), made_of(item)
        return node
    if isinstance(value, list):
        return Node(NodeKind.SEQUENCE, tag="!!seq", content=[made_of(item) for item in value])
    if text is None:
        text = "null" if value is None else scalar_text(value)
    style = ""
    if isinstance(value, Quoted):
        style = ">" if isinstance(value, Folded) else "|" if "\n" in value else '"'
    return Node(NodeKind.SCALAR, text, style, _tag_of(value), isinstance(value, Binary))
