"""What a replacement's path leads to among the nodes of an embedded text: :mod:`.pathmatch`, for nodes.

Reference: ``PathMatcher`` of kyaml.
"""

from __future__ import annotations

from collections.abc import Callable

from headgate.documents.budget import GLANCE, charge
from headgate.documents.errors import YamlError
from headgate.documents.yaml.nodes import Kind, Node, Page, created, read, written_node
from headgate.kustomize.errors import ReferenceFault
from headgate.kustomize.paths.fieldpath import entry_pattern, is_entry, is_index

__all__ = ["find_nodes", "find_within", "read_text"]

_SCAN = 72
"""What is charged for each character that is read and written as nodes."""


def find_nodes(node: Node, path: list[str], create: Kind | None) -> list[Node]:
    """Return the nodes a path leads to, made where ``create`` is given: what they are; raises BuildError."""
    if not path:
        return [node]
    segment = path[0]
    if is_index(segment):
        return _at_index(node, path, create)
    if is_entry(segment):
        return _matching(node, path, create)
    if segment == "*":
        return [found for item in _entries(node, segment) for found in find_nodes(item, path[1:], create)]
    return _field(node, path, create)


def _field(node: Node, path: list[str], create: Kind | None) -> list[Node]:
    name = path[0]
    if not node.is_null and (node.kind is not Kind.MAPPING or not name):
        raise ReferenceFault(f"the segment {name!r} of the path needs a map, but something else is there")
    child = None if node.is_null else _child(node, name)
    if child is None:
        if create is None:
            return []
        child = _blank(path, create)
        # Into a null as well, where it never shows.
        node.content += created(Kind.SCALAR, name), child
    if child.kind is Kind.SCALAR and len(path) > 1:
        return _within(child, path, create)
    return find_nodes(child, path[1:], create)


def _child(node: Node, name: str) -> Node | None:
    content = node.content
    for at in range(0, len(content), 2):
        if content[at].value == name:
            return content[at + 1]
    return None


def _within(scalar: Node, path: list[str], create: Kind | None) -> list[Node]:
    nodes = find_within(scalar.value, path[1:], create)
    if nodes is None:
        raise ReferenceFault(f"the path leads into {path[0]!r}, which is a scalar")
    return nodes


def find_within(text: str, path: list[str], create: Kind | None) -> list[Node] | None:
    """Return what a path leads to within a text, None when there is nothing but text.

    Only of the first text on its way kustomize remembers where it was; what it finds in others is lost.
    """
    page = read_text(text)
    return None if page is None else find_nodes(page.root, path, create)


def read_text(text: str) -> Page | None:
    """Return the document that a text is, None when it is nothing but text; raises BuildError."""
    charge(_SCAN * len(text))
    try:
        page = read(text)
    except YamlError as error:
        raise ReferenceFault(f"the path leads into a text that {error.message}") from None
    if page is None or (page.root.kind is Kind.SCALAR and not page.root.is_null):
        return None
    return page


def _at_index(node: Node, path: list[str], create: Kind | None) -> list[Node]:
    entries, index = _entries(node, path[0]), int(path[0])
    if index == len(entries) and create is not None:
        entries.append(_blank(path, create))
    if index >= len(entries):
        raise ReferenceFault(f"the index {index} is out of bounds: the list has {len(entries)} entries")
    return find_nodes(entries[index], path[1:], create)


def _matching(node: Node, path: list[str], create: Kind | None) -> list[Node]:
    field, pattern, matches = entry_pattern(path[0])
    entries = _entries(node, path[0])
    found = _among(entries, field, matches, path, create)
    if found or create is None:
        return found
    value = created(Kind.SCALAR, pattern)
    entry = value
    if field:
        entry = created(Kind.MAPPING)
        entry.content = [created(Kind.SCALAR, field), value]
    entries.append(entry)
    # None of the others leads anywhere, as has just been seen.
    found = _among([entry], field, matches, path, create)
    if not found:
        raise ReferenceFault(f"an entry for {path[0]!r} cannot be created, as it would not match itself")
    return found


def _among(
    entries: list[Node], field: str, matches: Callable[[str], bool], path: list[str], create: Kind | None
) -> list[Node]:
    found: list[Node] = []
    charge(2 * GLANCE * len(entries))
    for entry in entries:
        if not field:
            # kustomize ends the path here, whatever follows.
            if matches(written_node(entry)):
                found.append(entry)
            continue
        value = _child(entry, field) if entry.kind is Kind.MAPPING else None
        if value is not None and matches(written_node(value)):
            found.extend(find_nodes(entry, path[1:], create))
    return found


def _entries(node: Node, segment: str) -> list[Node]:
    if node.kind is not Kind.SEQUENCE and not node.is_null:
        raise ReferenceFault(f"the segment {segment!r} of the path needs a list, but something else is there")
    return node.content


def _blank(path: list[str], create: Kind) -> Node:
    """Return a node for what the path does with it next."""
    following = path[1] if len(path) > 1 else ""
    if not following:
        return created(create)
    return created(Kind.SEQUENCE if is_entry(following) or is_index(following) else Kind.MAPPING)
