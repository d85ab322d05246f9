"""YAML texts: decrypted in place, so that comments, order and layout stay as SOPS would write them.

SOPS writes an encrypted file in the layout of the plain one, so replacing each encrypted scalar and comment
and cutting out the metadata gives, byte for byte, what SOPS gives. That matters: a Secret's content decides
its generated name.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Any

from headgate.postbuild.sops.errors import NotSops
from headgate.postbuild.sops.values import Comment
from headgate.postbuild.sops.walk import Branch, Walk
from headgate.postbuild.sops.yaml_comments import COMMENT, Collections
from headgate.postbuild.sops.yaml_nodes import Document, Mapping, Node, Scalar, Sequence, documents
from headgate.postbuild.sops.yaml_scalar import Resolve, literal_indent, scalar

__all__ = ["YamlText"]

_Edit = tuple[int, int, str]
"""From and to where the text is replaced, and by what."""


class YamlText:
    """An encrypted text. Raises :class:`NotSops` when it is none."""

    def __init__(self, data: bytes, resolve: Resolve) -> None:
        try:
            self._text = data.decode().removeprefix("\ufeff").replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise NotSops("is no text in UTF-8") from None
        self._resolve = resolve
        self._documents = documents(self._text)
        root = self._documents[0].root if self._documents else None
        section = _find(root, "sops") if root is not None else None
        if section is None:
            raise NotSops("has no sops metadata")
        self.section: Any = self._plain(section, nested=True)
        """The ``sops`` section, nested."""

    def branch(self) -> Branch:
        """Return the encrypted values, without comments, for writing them in another format."""
        merged = Branch()
        for document in self._documents:
            if document.root is not None:
                merged.extend(entry for entry in self._plain(document.root) if entry[0] != "sops")
        return merged

    def _value(self, node: Scalar) -> Any:
        return self._resolve(node.text) if node.plain else node.text

    def _plain(self, node: Node, *, nested: bool = False) -> Any:
        if isinstance(node, Scalar):
            return node.text if nested and node.text not in ("true", "false") else self._value(node)
        if isinstance(node, Sequence):
            return [self._plain(item, nested=nested) for item in node.items]
        entries = [(key.text, self._plain(item, nested=nested)) for key, item in node.entries]
        return dict(entries) if nested else Branch(entries)

    def decrypt(self, walk: Walk) -> bytes:
        """Return the plain text."""
        edits: list[_Edit] = []
        for document in self._documents:
            if document.root is not None:
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
        if isinstance(node, Mapping):
            for key, item in node.entries:
                if not path and key.text == "sops":
                    continue
                below = (*path, key.text)
                if isinstance(item, Scalar):
                    old = self._value(item)
                    column = -1 if node.flow else node.column
                    yield from self._scalar_edits(item, old, walk.leaf(old, below), column, False)
                elif isinstance(item, Sequence):
                    yield from self._item_edits(item, below, walk, key.end)
                else:
                    yield from self._leaves(item, below, walk)
        elif isinstance(node, Sequence):
            yield from self._item_edits(node, path, walk, None)

    def _item_edits(
        self, node: Sequence, path: tuple[str, ...], walk: Walk, key_end: int | None
    ) -> Iterator[_Edit]:
        """Comments in a list are items of it while they are encrypted."""
        comments = 0
        for at, item in enumerate(node.items):
            if not isinstance(item, Scalar):
                yield from self._leaves(item, path, walk)
                continue
            old = self._value(item)
            new = walk.leaf(old, path)
            if isinstance(new, Comment) and not node.flow:
                comments += 1
                yield from self._comment_item(node, at, item, new)
            else:
                column = -1 if node.flow else node.column
                yield from self._scalar_edits(item, old, new, column, True)
        if comments and comments == len(node.items) and key_end is not None:
            colon = self._text.index(":", key_end) + 1
            yield colon, colon, " []"

    def _comment_item(self, node: Sequence, at: int, item: Scalar, text: str) -> Iterator[_Edit]:
        line = self._line_start(item.start)
        dash = line + node.column
        margin = self._text[line:dash]
        if not margin.strip():
            yield dash, item.end, f"#{text}"
        elif at + 1 < len(node.items):
            # The dashes of lists around this one are on its line; they are the next item's now.
            yield line, line, f"{margin[: len(margin) - len(margin.lstrip())]}#{text}\n"
            yield dash, self._line_start(node.items[at + 1].start) + node.column, ""
        else:
            yield item.start, item.end, f"[] #{text}"

    def _scalar_edits(
        self, node: Scalar, old: Any, new: Any, column: int, in_sequence: bool
    ) -> Iterator[_Edit]:
        # Values that are not encrypted come back as they are, and keep their spelling.
        if new is old:
            return
        head, lines = scalar(new, self._resolve, block=column >= 0)
        yield node.start, node.end, head
        if lines:
            margin = " " * literal_indent(column, in_sequence=in_sequence)
            end = self._text.find("\n", node.end)
            end = len(self._text) if end < 0 else end
            yield end, end, "".join(f"\n{margin}{line}" if line else "\n" for line in lines)

    def _line_start(self, position: int) -> int:
        return self._text.rfind("\n", 0, position) + 1

    def _without_metadata(self, document: Document) -> Iterator[_Edit]:
        root = document.root
        assert root is not None
        for at, (key, _) in enumerate(root.entries):
            if key.text != "sops":
                continue
            if root.flow:
                raise NotSops("is written in flow style, which SOPS does not do for YAML")
            last = at + 1 == len(root.entries)
            end = document.end if last else root.entries[at + 1][0].start
            yield key.start, end, "{}\n" if len(root.entries) == 1 else ""

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
                # Behind a value while encrypted, SOPS puts it above the key.
                margin = before[: len(before) - len(before.lstrip())]
                yield line, line, f"{margin}#{plain}\n"
                yield line + len(before), end, ""


def _find(root: Mapping, name: str) -> Node | None:
    return next((item for key, item in root.entries if key.text == name), None)
