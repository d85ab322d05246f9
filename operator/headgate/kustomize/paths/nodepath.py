"""Finds the nodes of an embedded text at a replacement's path (:mod:`.search`)."""

from __future__ import annotations

from headgate.documents.budget import Budget
from headgate.documents.errors import YamlError
from headgate.documents.yaml.nodes import Node, NodeKind, Page, created, read, written_node
from headgate.kustomize.errors import ReferenceFault
from headgate.kustomize.paths.search import Search

__all__ = ["find_nodes", "find_within", "read_text"]

_SCAN = 72
"""The charge for each character that is read and written as nodes."""


def find_nodes(node: Node, path: list[str], create: NodeKind | None, budget: Budget) -> list[Node]:
    """Return the nodes at a path; creates missing ones of the kind ``create``, if given; raises BuildError."""
    return _NodeSearch(create, budget).find(node, path)


def find_within(text: str, path: list[str], create: NodeKind | None, budget: Budget) -> list[Node] | None:
    """Return the nodes at a path within a text, None when the text is not a document.

    kustomize keeps only the position of the first text along a path; changes in texts within it are lost.
    """
    page = read_text(text, budget)
    return None if page is None else find_nodes(page.root, path, create, budget)


def read_text(text: str, budget: Budget) -> Page | None:
    """Return the document in a text, None when the text is not a document; raises BuildError."""
    budget.charge(_SCAN * len(text))
    try:
        page = read(text)
    except YamlError as error:
        raise ReferenceFault(f"the path leads into a text that {error.message}") from None
    if page is None or (page.root.kind is NodeKind.SCALAR and not page.root.is_null):
        return None
    return page


class _NodeSearch(Search[Node]):
    """A place is a node; what is created in a null is never printed."""

    def member(self, place: Node, name: str) -> Node | None:
        content = place.content
        if place.kind is NodeKind.MAPPING and name:
            for at in range(0, len(content), 2):
                if content[at].value == name:
                    return content[at + 1]
        return None

    def may_have(self, place: Node, name: str) -> bool:
        return place.is_null or (place.kind is NodeKind.MAPPING and bool(name))

    def add_member(self, place: Node, name: str, kind: NodeKind) -> Node:
        child = created(kind)
        place.content += created(NodeKind.SCALAR, name), child
        return child

    def items(self, place: Node) -> list[Node] | None:
        return list(place.content) if place.kind is NodeKind.SEQUENCE or place.is_null else None

    def add_entry(self, place: Node, kind: NodeKind) -> list[Node]:
        place.content.append(created(kind))
        return place.content[-1:]

    def add_matching(self, place: Node, field: str, text: str) -> list[Node]:
        entry = value = created(NodeKind.SCALAR, text)
        if field:
            entry = created(NodeKind.MAPPING)
            entry.content = [created(NodeKind.SCALAR, field), value]
        place.content.append(entry)
        return [entry]

    def written(self, place: Node) -> str:
        return written_node(place)

    def text(self, place: Node) -> str | None:
        return place.value if place.kind is NodeKind.SCALAR else None

    def find_within(self, text: str, path: list[str]) -> list[Node] | None:
        return find_within(text, path, self.create, self.budget)
