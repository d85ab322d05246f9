"""Writes nodes as kustomize does: two spaces per level, lists not indented below their key, no folded lines.

A writer keeps its position and the comments that are not written yet; its odd rules are those of go-yaml's state
machine. Reference: ``emitterc.go`` of go-yaml v3 and ``node`` of its ``encode.go``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from headgate.documents.errors import YamlError
from headgate.documents.yaml.nodes.node import STR, Node, NodeKind, Page, tag_of
from headgate.documents.yaml.nodes.style import BREAKS, allowed, tag_text
from headgate.documents.yaml.text import MAX_SIMPLE_KEY, escaped

__all__ = ["write", "written_node"]


def write(page: Page) -> str:
    """Return the text of a document, with a newline at the end; raises YamlError for an alias without an anchor."""
    return _Writer().page(page)


def written_node(node: Node) -> str:
    """Return the text of a node alone, which kustomize uses for comparisons."""
    return _Writer().page(Page(node)).strip()


class _Waiting:
    """Comments that are not written yet, by their part."""

    __slots__ = ("foot", "head", "key_line", "line", "tail")

    def __init__(self) -> None:
        self.head = self.line = self.foot = self.tail = self.key_line = ""

    def take(self, node: Node, *, tail: str = "", foot: str | None = None) -> None:
        self.head = node.head or self.head
        self.line = node.line or self.line
        self.foot = (node.foot if foot is None else foot) or self.foot
        self.tail = tail or self.tail

    @property
    def follows(self) -> bool:
        """Whether something follows the value."""
        return bool(self.line or self.foot or self.tail)


class _Writer:
    def __init__(self) -> None:
        self._out: list[str] = []
        self._column = 0
        self._whitespace = True
        self._indention = True
        self._indent = -1
        self._foot_indent = -1
        self._flow = 0
        self._waiting = _Waiting()
        self._anchors: set[str] = set()

    def page(self, page: Page) -> str:
        waiting = self._waiting
        if page.head:
            waiting.head = page.head
            self._head_comment()
            self._break()
        try:
            self._event(page.root)
            self._head_comment()
            self._node(page.root, self._behind)
        except RecursionError:
            raise YamlError("is nested too deeply to be printed") from None
        waiting.foot = page.foot or waiting.foot
        self._foot_indent = 0
        self._foot_comment()
        self._foot_indent = -1
        self._indent = -1
        self._write_indent()
        return "".join(self._out)

    # Nodes

    def _event(self, node: Node, tail: str = "", foot: str | None = None) -> None:
        """Take the comments at the beginning of a node; those of a collection come last, except its head comment."""
        if node.kind in (NodeKind.MAPPING, NodeKind.SEQUENCE):
            self._waiting.head = node.head or self._waiting.head
            self._waiting.tail = tail or self._waiting.tail
        else:
            self._waiting.take(node, tail=tail, foot=foot)

    def _node(
        self,
        node: Node,
        then: Callable[[], None],
        *,
        in_list: bool = False,
        in_map: bool = False,
        key: bool = False,
    ) -> None:
        """Write a node; ``then`` runs after a scalar, or right after the beginning of a collection."""
        if node.kind is NodeKind.ALIAS:
            if node.value not in self._anchors:
                raise YamlError(
                    f"the anchor {node.value!r} was written over, but an alias still refers to it"
                )
            self._indicator("*" + node.value, spaced=True)
            self._indention = False
            then()
            return
        tag, forced = _printed_tag(node)
        if node.anchor:
            self._anchors.add(node.anchor)
            self._indicator("&" + node.anchor, spaced=True)
            self._indention = False
        if tag:
            self._indicator(tag_text(tag), spaced=True)
            self._indention = False
        if node.kind is NodeKind.SCALAR:
            before = self._indent
            self._increase(flow=True, in_list=in_list)
            self._scalar(node.value, _scalar_style(node, forced=forced, key=key, in_flow=self._flow > 0))
            self._indent = before
            then()
            return
        then()
        in_braces = self._flow > 0 or node.style == "{" or not node.content
        if node.kind is NodeKind.MAPPING:
            (self._flow_mapping if in_braces else self._block_mapping)(node, in_list)
        elif in_braces:
            self._flow_sequence(node, in_list)
        else:
            self._block_sequence(node, in_list, in_map)

    def _increase(self, *, flow: bool, in_list: bool, compact: bool = False) -> None:
        if self._indent < 0:
            self._indent = 2 if flow else 0
        elif in_list:
            self._indent += 2
        else:
            self._indent = 2 * ((self._indent + 2) // 2) - (2 if compact else 0)

    def _block_sequence(self, node: Node, in_list: bool, in_map: bool) -> None:
        before = self._indent
        compact = in_map and (self._column == 0 or not self._indention)
        self._increase(flow=False, in_list=in_list, compact=compact)
        for item in node.content:
            self._event(item)
            self._head_comment()
            self._write_indent()
            self._indicator("-", spaced=True, indention=True)
            self._node(item, self._behind, in_list=True)
        self._end(node)
        self._indent = before

    def _block_mapping(self, node: Node, in_list: bool) -> None:
        before = self._indent
        waiting = self._waiting
        self._increase(flow=False, in_list=in_list)
        tail = ""
        for key, value in node.pairs:
            self._event(key, tail, "")
            tail = key.foot
            self._head_comment()
            self._write_indent()
            if waiting.line:
                waiting.key_line, waiting.line = waiting.line, ""
            simple = _is_simple_key(key)
            if simple:
                self._node(key, _nothing, in_map=True, key=True)
                self._event(value)
                self._indicator(":")
            else:
                self._indicator("?", spaced=True, indention=True)
                self._node(key, _nothing, in_map=True)
                self._event(value)
                self._write_indent()
                self._indicator(":", spaced=True, indention=True)
            if waiting.key_line:
                self._key_line(value)
            self._node(value, self._behind, in_map=True)
        self._end(node, tail)
        self._head_comment()
        self._indent = before

    def _key_line(self, value: Node) -> None:
        """Write the comment after a key's colon, or leave it to the scalar that follows."""
        waiting = self._waiting
        if value.kind is NodeKind.SCALAR:
            if not waiting.line:
                waiting.line, waiting.key_line = waiting.key_line, ""
        elif value.kind in (NodeKind.MAPPING, NodeKind.SEQUENCE) and value.style != "{":
            waiting.line, waiting.key_line = waiting.key_line, waiting.line
            self._line_comment()
            waiting.line, waiting.key_line = waiting.key_line, waiting.line

    def _end(self, node: Node, tail: str = "") -> None:
        waiting = self._waiting
        waiting.line = node.line or waiting.line
        waiting.foot = node.foot or waiting.foot
        waiting.tail = tail or waiting.tail

    def _flow_sequence(self, node: Node, in_list: bool) -> None:
        before = self._indent
        waiting = self._waiting
        self._indicator("[", spaced=True, whitespace=True)
        self._increase(flow=True, in_list=in_list)
        self._flow += 1
        first, trail = True, False
        for item in node.content:
            self._event(item)
            if not first and not trail:
                self._indicator(",")
            self._head_comment()
            if self._column == 0:
                self._write_indent()
            first, trail = False, waiting.follows
            self._node(item, self._behind_entry)
        self._end(node)
        self._flow -= 1
        self._indent = before
        if self._column == 0:
            self._write_indent()
        self._indicator("]")
        self._behind()

    def _flow_mapping(self, node: Node, in_list: bool) -> None:
        before = self._indent
        waiting = self._waiting
        self._indicator("{", spaced=True, whitespace=True)
        self._increase(flow=True, in_list=in_list)
        self._flow += 1
        first, trail = True, False
        tail = ""
        for key, value in node.pairs:
            self._event(key, tail, "")
            tail = key.foot
            if not first and not trail:
                self._indicator(",")
            self._head_comment()
            if self._column == 0:
                self._write_indent()
            if _is_simple_key(key):
                self._node(key, _nothing, in_map=True, key=True)
                self._event(value)
                self._indicator(":")
            else:
                self._indicator("?", spaced=True)
                self._node(key, _nothing, in_map=True)
                self._event(value)
                self._indicator(":", spaced=True)
            first, trail = False, waiting.follows
            self._node(value, self._behind_entry, in_map=True)
        self._end(node, tail)
        if (waiting.head or waiting.foot or waiting.tail) and not first and not trail:
            self._indicator(",")
        self._head_comment()
        self._flow -= 1
        self._indent = before
        self._indicator("}")
        self._behind()

    # Comments

    def _behind(self) -> None:
        self._line_comment()
        self._foot_comment()

    def _behind_entry(self) -> None:
        if self._waiting.follows:
            self._indicator(",")
        self._behind()

    def _head_comment(self) -> None:
        waiting = self._waiting
        if waiting.tail:
            self._write_indent()
            self._comment(waiting.tail)
            waiting.tail = ""
            self._foot_indent = max(self._indent, 0)
        if waiting.head:
            self._write_indent()
            self._comment(waiting.head)
            waiting.head = ""

    def _line_comment(self, *, breaks: bool = False) -> None:
        if self._waiting.line:
            if not self._whitespace:
                self._put(" ")
            self._comment(self._waiting.line)
            self._waiting.line = ""
        elif breaks:
            self._break()

    def _foot_comment(self) -> None:
        if self._waiting.foot:
            self._write_indent()
            self._comment(self._waiting.foot)
            self._waiting.foot = ""
            self._foot_indent = max(self._indent, 0)

    def _comment(self, text: str) -> None:
        breaks = False
        for line, end in _lines(text):
            if line:
                if breaks:
                    self._write_indent()
                self._put(line if line.startswith("#") else "# " + line)
                self._indention = False
                breaks = False
            if end:
                self._break(end)
                breaks = True
        if not breaks:
            self._break()
        self._whitespace = True

    # Characters

    def _put(self, text: str) -> None:
        self._out.append(text)
        self._column += len(text)

    def _break(self, mark: str = "\n") -> None:
        self._out.append(mark)
        self._column = 0
        self._indention = True

    def _write_indent(self) -> None:
        indent = max(self._indent, 0)
        if not self._indention or self._column > indent or (self._column == indent and not self._whitespace):
            self._break()
        if self._foot_indent == indent:
            self._break()
        if self._column < indent:
            self._put(" " * (indent - self._column))
        self._whitespace = True
        self._foot_indent = -1

    def _indicator(
        self, text: str, *, spaced: bool = False, whitespace: bool = False, indention: bool = False
    ) -> None:
        if spaced and not self._whitespace:
            self._put(" ")
        self._put(text)
        self._whitespace = whitespace
        self._indention = self._indention and indention

    # Scalars

    def _scalar(self, value: str, style: str) -> None:
        if style == "":
            if value:
                if not self._whitespace:
                    self._put(" ")
                self._put(value)
                self._whitespace = False
            self._indention = False
        elif style == '"':
            self._indicator('"' + escaped(value) + '"', spaced=True)
            self._indention = False
        elif style == "'":
            self._indicator("'", spaced=True)
            self._single_quoted(value)
            self._indicator("'")
            self._indention = False
        else:
            self._block_scalar(value, style)

    def _single_quoted(self, value: str) -> None:
        breaks = False
        for line, end in _lines(value):
            if line:
                if breaks and not line.startswith(" "):
                    self._write_indent()
                self._put(line.replace("'", "''"))
                self._indention = False
                breaks = False
            if end:
                if not breaks and end == "\n":
                    self._break()
                self._break(end)
                breaks = True

    def _block_scalar(self, value: str, style: str) -> None:
        hint = "2" if value[0] == " " or value[0] in BREAKS else ""
        if value[-1] not in BREAKS:
            hint += "-"
        elif len(value) == 1 or value[-2] in BREAKS:
            hint += "+"
        self._indicator(style + hint, spaced=True)
        self._line_comment(breaks=True)
        self._whitespace = True
        breaks = leading = True
        # The check for doubled breaks reads the start of the text, not the current line.
        rest = value.lstrip("".join(BREAKS))
        doubles = style == ">" and bool(rest) and rest[0] not in " \t\0"
        for line, end in _lines(value):
            if line:
                if breaks:
                    self._write_indent()
                    leading = line[0] in " \t"
                self._put(line)
                self._indention = False
                breaks = False
            if end:
                if doubles and not breaks and not leading and end == "\n":
                    self._break()
                self._break(end)
                breaks = True


def _nothing() -> None:
    """Write nothing after a key."""


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a text, each with its line break."""
    start = 0
    for at, char in enumerate(text):
        if char in BREAKS:
            yield text[start:at], char
            start = at + 1
    if start < len(text):
        yield text[start:], ""


def _printed_tag(node: Node) -> tuple[str, bool]:
    """Return the tag to write, and whether the text needs quotes to be a string."""
    tag = node.tag
    if not tag or node.tagged:
        return tag, False
    if node.kind is NodeKind.MAPPING:
        return ("" if tag == "!!map" else tag), False
    if node.kind is NodeKind.SEQUENCE:
        return ("" if tag == "!!seq" else tag), False
    if tag == STR:
        return "", not node.style and tag_of(node.value) != STR
    return ("" if tag_of(node.value) == tag else tag), False


def _scalar_style(node: Node, *, forced: bool, key: bool, in_flow: bool) -> str:
    """Return the style of a scalar."""
    value = node.value
    style = node.style or ("|" if "\n" in value else '"' if forced else "")
    may = allowed(value)
    if key and may.has_breaks:
        style = '"'
    if style == "" and (
        not (may.flow_plain if in_flow else may.block_plain) or (not value and (in_flow or key))
    ):
        style = "'"
    if style == "'" and not may.single:
        style = '"'
    if style in ("|", ">") and (not may.block or in_flow or key):
        style = '"'
    return style


def _is_simple_key(node: Node) -> bool:
    tag, _ = _printed_tag(node)
    length = len(node.anchor.encode()) + len(tag_text(tag).encode() if tag else b"")
    if node.kind is NodeKind.ALIAS:
        length = len(node.value.encode())
    elif node.kind is NodeKind.SCALAR:
        if any(char in BREAKS for char in node.value):
            return False
        length += len(node.value.encode())
    elif node.content:
        return False
    return length <= MAX_SIMPLE_KEY
