"""YAML texts: decrypted in place, so that comments, order and layout are those of SOPS.

SOPS writes an encrypted file in the layout of the plain one, so replacing each encrypted scalar and comment and
removing the metadata gives exactly the bytes that SOPS gives. That matters because a Secret's content determines its
generated name.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Any

from headgate.documents.errors import YamlError
from headgate.documents.yaml.nodes import STR, Node, NodeKind, PlacedDocument, read_placed
from headgate.documents.yaml.scalars import resolve_v3
from headgate.postbuild.sops.errors import NotSops
from headgate.postbuild.sops.values import SopsComment
from headgate.postbuild.sops.walk import Branch, Walk
from headgate.postbuild.sops.yaml_comments import COMMENT, Collections
from headgate.postbuild.sops.yaml_scalar import literal_indent, scalar

__all__ = ["YamlText"]

_Edit = tuple[int, int, str]
"""Start, end and replacement of an edit."""


class YamlText:
    """An encrypted text. Raises :class:`NotSops` for another text."""

    def __init__(self, data: bytes) -> None:
        try:
            self._text = data.decode().removeprefix("\ufeff").replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise NotSops("is not text in UTF-8") from None
        try:
            documents = read_placed(self._text)
        except YamlError as error:
            raise NotSops(error.message + ("" if error.line is None else f" (line {error.line})")) from None
        self._documents = [document for document in documents if _has_values(document.root)]
        section = _find(documents[0].root, "sops") if documents else None
        if section is None:
            raise NotSops("has no sops metadata")
        self.section: Any = self._plain(section, nested=True)
        """The ``sops`` section, nested."""

    def branch(self) -> Branch:
        """Return the encrypted values, without comments, to write them in another format."""
        merged = Branch()
        for document in self._documents:
            merged.extend(entry for entry in self._plain(document.root) if entry[0] != "sops")
        return merged

    def _plain(self, node: Node, *, nested: bool = False) -> Any:
        if node.kind is NodeKind.SCALAR:
            return node.value if nested and node.value not in ("true", "false") else _value(node)
        if node.kind is NodeKind.SEQUENCE:
            return [self._plain(item, nested=nested) for item in node.content]
        entries = [(key.value, self._plain(item, nested=nested)) for key, item in node.pairs]
        return dict(entries) if nested else Branch(entries)

    def decrypt(self, walk: Walk) -> bytes:
        """Return the plain text."""
        edits: list[_Edit] = []
        for document in self._documents:
            edits.extend(self._leaves(document.root, (), walk))
            edits.extend(self._without_metadata(document))
        edits.extend(self._comments(walk, [(start, end) for start, end, _ in edits]))
        parts: list[str] = []
        at = 0
        for start, end, text in sorted(edits, key=lambda edit: edit[:2]):
            parts.append(self._text[at:start])
            parts.append(text)
            at = end
        parts.append(self._text[at:])
        return "".join(parts).encode("utf-8", "surrogateescape")

    def _leaves(self, node: Node, path: tuple[str, ...], walk: Walk) -> Iterator[_Edit]:
        if node.kind is NodeKind.MAPPING:
            column = self._column(node)
            for key, item in node.pairs:
                if not path and key.value == "sops":
                    continue
                below = (*path, key.value)
                if item.kind is NodeKind.SCALAR:
                    old = _value(item)
                    yield from self._scalar_edits(item, old, walk.leaf(old, below), column, False)
                elif item.kind is NodeKind.SEQUENCE:
                    yield from self._item_edits(item, below, walk, key.end)
                else:
                    yield from self._leaves(item, below, walk)
        elif node.kind is NodeKind.SEQUENCE:
            yield from self._item_edits(node, path, walk, None)

    def _item_edits(
        self, node: Node, path: tuple[str, ...], walk: Walk, key_end: int | None
    ) -> Iterator[_Edit]:
        """Yield the edits for comments in a list, which are items of it while encrypted."""
        comments = 0
        column = self._column(node)
        for at, item in enumerate(node.content):
            if item.kind is not NodeKind.SCALAR:
                yield from self._leaves(item, path, walk)
                continue
            old = _value(item)
            new = walk.leaf(old, path)
            if isinstance(new, SopsComment) and column >= 0:
                comments += 1
                yield from self._comment_item(node, at, new)
            else:
                yield from self._scalar_edits(item, old, new, column, True)
        if comments and comments == len(node.content) and key_end is not None:
            colon = self._text.index(":", key_end) + 1
            yield colon, colon, " []"

    def _comment_item(self, node: Node, at: int, text: str) -> Iterator[_Edit]:
        item, column = node.content[at], self._column(node)
        line = self._line_start(item.start)
        dash = line + column
        margin = self._text[line:dash]
        if not margin.strip():
            yield dash, item.end, f"#{text}"
        elif at + 1 < len(node.content):
            # The dashes of outer lists are on its line; they now belong to the next item.
            yield line, line, f"{margin[: len(margin) - len(margin.lstrip())]}#{text}\n"
            yield dash, self._line_start(node.content[at + 1].start) + column, ""
        else:
            yield item.start, item.end, f"[] #{text}"

    def _scalar_edits(
        self, node: Node, old: Any, new: Any, column: int, in_sequence: bool
    ) -> Iterator[_Edit]:
        # Values that are not encrypted stay unchanged, including their notation.
        if new is old:
            return
        head, lines = scalar(new, block=column >= 0)
        yield node.start, node.end, head
        if lines:
            margin = " " * literal_indent(column, in_sequence=in_sequence)
            end = self._text.find("\n", node.end)
            end = len(self._text) if end < 0 else end
            yield end, end, "".join(f"\n{margin}{line}" if line else "\n" for line in lines)

    def _column(self, node: Node) -> int:
        """Return the column of a block's keys or dashes; -1 for a flow collection."""
        return -1 if node.style == "{" else node.start - self._line_start(node.start)

    def _line_start(self, position: int) -> int:
        return self._text.rfind("\n", 0, position) + 1

    def _without_metadata(self, document: PlacedDocument) -> Iterator[_Edit]:
        root = document.root
        keys = root.content[::2]
        for at, key in enumerate(keys):
            if key.value != "sops":
                continue
            if root.style == "{":
                raise NotSops("is written in flow style, which SOPS does not use for YAML")
            last = at + 1 == len(keys)
            yield key.start, document.end if last else keys[at + 1].start, "{}\n" if len(keys) == 1 else ""

    def _comments(self, walk: Walk, taken: list[tuple[int, int]]) -> Iterator[_Edit]:
        taken.sort()
        collections: Collections | None = None
        for match in COMMENT.finditer(self._text):
            start, end = match.span()
            at = bisect.bisect_left(taken, (end, 0))
            if at and taken[at - 1][1] > start:
                continue
            if collections is None:
                collections = Collections([document.root for document in self._documents])
            plain = walk.comment(match[0], collections.around(start))
            line = self._line_start(start)
            before = self._text[line : start - 1].rstrip()
            if not before or plain == match[0]:
                yield start, end, plain
            else:
                # SOPS writes a comment after an encrypted value above the key.
                margin = before[: len(before) - len(before.lstrip())]
                yield line, line, f"{margin}#{plain}\n"
                yield line + len(before), end, ""


def _has_values(root: Node) -> bool:
    """Return whether the root is a mapping; False for an empty text; raises :class:`NotSops` for other values."""
    if root.kind is not NodeKind.MAPPING and not (root.is_null and not root.tagged):
        raise NotSops("is YAML, but not a mapping")
    return root.kind is NodeKind.MAPPING


def _value(node: Node) -> Any:
    return node.value if node.tag == STR or node.tagged else resolve_v3(node.value)


def _find(root: Node, name: str) -> Node | None:
    return next((item for key, item in root.pairs if key.value == name), None)
