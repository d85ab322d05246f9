"""Edits of single scalars in YAML files that keep every other byte: comments, quotes, order and line ends.

The positions are those of :func:`headgate.documents.yaml.nodes.read_placed`. A field is named by a path such as
``spec.ref.tag``, ``images[].newTag`` (each entry, paired by its ``name``) or ``images[name=my-app].newTag``. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headgate.documents.errors import YamlError
from headgate.documents.yaml.nodes import STR, Node, NodeKind, PlacedDocument, read_placed
from headgate.documents.yaml.nodes.node import tag_of
from headgate.documents.yaml.nodes.style import allowed
from headgate.promotion.errors import PromotionError

__all__ = ["SelectedScalar", "copied", "find", "pinned", "replaced"]

MAX_FILE = 1024 * 1024
"""Bytes of a file that is edited."""
MAX_FOUND = 10_000
"""Scalars that one path may select."""

_SEGMENT = re.compile(r"([^.\[\]]+)((?:\[[^\[\]]*\])*)(?:\.|$)")
_INDEX = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class SelectedScalar:
    """A scalar that a path selects."""

    path: str
    """With the names of list entries: ``images[name=my-app].newTag``."""
    node: Node

    @property
    def value(self) -> str:
        """Its text."""
        return self.node.value


def find(content: bytes, path: str, file: str) -> list[SelectedScalar]:
    """Return the scalars that a path selects in the documents of a file, in their order.

    Raises :class:`PromotionError` for a file that cannot be edited: one with Secrets or encrypted values, too.
    """
    segments = _segments(path)
    if any(name == "secretGenerator" for name, _ in segments):
        raise PromotionError(f"{file}: '{path}' leads to a Secret, which a promotion does not copy")
    found: list[SelectedScalar] = []
    for document in _documents(content, file):
        for each in _walk(document.root, segments, ""):
            found.append(each)
            if len(found) > MAX_FOUND:
                raise PromotionError(f"{file}: '{path}' selects more than {MAX_FOUND} values")
    return found


def pinned(content: bytes, file: str, namespace: str, name: str, field: str) -> SelectedScalar | None:
    """Return the field ``spec.ref.<field>`` of a GitRepository in a file; None if the file does not have it."""
    for document in _documents(content, file):
        root = document.root
        is_this = (_text(root, "kind"), _text(root, "metadata", "name")) == ("GitRepository", name)
        if is_this and _text(root, "metadata", "namespace") in ("", namespace):
            for each in _walk(root, _segments(f"spec.ref.{field}"), ""):
                return each
    return None


def copied(
    source: Sequence[SelectedScalar], target: Sequence[SelectedScalar]
) -> list[tuple[SelectedScalar, SelectedScalar]]:
    """Return the pairs of source and target whose values differ, paired by their paths."""
    by_path = {each.path: each for each in source}
    pairs = [(by_path[each.path], each) for each in target if each.path in by_path]
    return [(new, old) for new, old in pairs if (new.value, new.node.tag) != (old.value, old.node.tag)]


def replaced(content: bytes, changes: Sequence[tuple[SelectedScalar, str, str]], file: str) -> bytes:
    """Return the file with scalars replaced: each a scalar of it, the new text and the tag of the new value."""
    # A byte order mark counts in no position.
    head = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    text = content[len(head) :].decode()
    for found, value, tag in sorted(changes, key=lambda each: each[0].node.start, reverse=True):
        node = found.node
        if node.style in ("|", ">") or node.kind is not NodeKind.SCALAR:
            raise PromotionError(
                f"{file}: {found.path} is a text of several lines, which a promotion does not edit"
            )
        text = text[: node.start] + _written(node, value, tag) + text[node.end :]
    return head + text.encode()


def _written(node: Node, value: str, tag: str) -> str:
    """The new scalar in the style of the old one where this keeps its meaning."""
    if tag != STR:
        return value
    if node.style == '"':
        return json.dumps(value, ensure_ascii=False)
    styles = allowed(value)
    if not styles.single:
        return json.dumps(value, ensure_ascii=False)
    # Flow-plain is the stricter rule, right within brackets and outside of them.
    if not node.style and styles.flow_plain and value and tag_of(value) == STR:
        return value
    quoted: str = "'" + value.replace("'", "''") + "'"
    return quoted if node.style == "'" else json.dumps(value, ensure_ascii=False)


def _documents(content: bytes, file: str) -> list[PlacedDocument]:
    if len(content) > MAX_FILE:
        raise PromotionError(f"{file}: is larger than {MAX_FILE} bytes, which a promotion does not edit")
    try:
        documents = read_placed(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise PromotionError(f"{file}: is not UTF-8") from None
    except YamlError as error:
        error.file = file
        raise PromotionError(str(error)) from None
    for each in documents:
        if _text(each.root, "kind") == "Secret" or _child(each.root, "sops") is not None:
            raise PromotionError(
                f"{file}: holds a Secret or encrypted values, which a promotion does not copy"
            )
    return documents


def _segments(path: str) -> list[tuple[str, list[str]]]:
    found, at = [], 0
    while at < len(path):
        match = _SEGMENT.match(path, at)
        if match is None:
            break
        found.append((match[1], _INDEX.findall(match[2])))
        at = match.end()
    if not found or at < len(path) or path.endswith("."):
        raise PromotionError(f"'{path[:100]}' is not a path of a field such as images[].newTag")
    return found


def _walk(node: Node, segments: Sequence[tuple[str, list[str]]], path: str) -> Iterator[SelectedScalar]:
    if not segments:
        if node.kind is NodeKind.SCALAR:
            yield SelectedScalar(path, node)
        return
    (name, indexes), rest = segments[0], segments[1:]
    child = _child(node, name)
    if child is not None:
        yield from _entries(child, indexes, rest, f"{path}.{name}" if path else name)


def _entries(
    node: Node, indexes: Sequence[str], rest: Sequence[tuple[str, list[str]]], path: str
) -> Iterator[SelectedScalar]:
    if not indexes:
        yield from _walk(node, rest, path)
        return
    if node.kind is not NodeKind.SEQUENCE:
        return
    key, equals, wanted = indexes[0].partition("=")
    names = [_text(each, key if equals else "name") for each in node.content]
    for position, (each, name) in enumerate(zip(node.content, names, strict=True)):
        if equals and name != wanted:
            continue
        # Entries without a name, or with one that is there twice, are paired by their position.
        by_name = f"[{key if equals else 'name'}={name}]"
        label = by_name if name and names.count(name) == 1 else f"[{position}]"
        yield from _entries(each, indexes[1:], rest, path + label)


def _child(node: Node, name: str) -> Node | None:
    if node.kind is not NodeKind.MAPPING:
        return None
    return next((value for key, value in node.pairs if key.value == name), None)


def _text(node: Node, *names: str) -> str:
    found: Node | None = node
    for name in names:
        found = _child(found, name) if found is not None else None
    return found.value if found is not None and found.kind is NodeKind.SCALAR else ""
