"""Reads the first document of a text into nodes, with its comments where go-yaml v3 puts them.

libyaml produces the tokens. go-yaml attaches comments to the event of the next scalar, alias, end of a mapping or start
or end of a collection in brackets, and moves some from there. Reference: ``parserc.go`` and the ``parser`` of
``decode.go``.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from yaml import MarkedYAMLError, YAMLError
from yaml import tokens as t
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from headgate.documents.errors import YamlError
from headgate.documents.yaml.nodes.comments import Comment, Part, SourceText
from headgate.documents.yaml.nodes.node import MAX_DEPTH, Node, NodeKind, Page, scalar_node, set_tag, tag_of
from headgate.documents.yaml.scalars import TAG_PREFIX

__all__ = ["read"]

_HEADER = re.compile(r"[|>][-+0-9]*")

# Tokens without a character of the text.
_STRUCTURE = (t.BlockMappingStartToken, t.BlockSequenceStartToken, t.BlockEndToken)
_MARKERS = (t.DocumentStartToken, t.DocumentEndToken, t.DirectiveToken, t.StreamStartToken, t.StreamEndToken)
_BLOCK_STARTS = (t.BlockMappingStartToken, t.BlockSequenceStartToken)
_FLOW_STARTS = (t.FlowMappingStartToken, t.FlowSequenceStartToken)
_FLOW_ENDS = (t.FlowMappingEndToken, t.FlowSequenceEndToken)
_NO_CONTENT = (t.DirectiveToken, t.DocumentStartToken, t.DocumentEndToken, t.StreamEndToken)


class _Token(NamedTuple):
    """A token: its class, its start for the attachment of comments, and its attributes from libyaml."""

    kind: type
    start: int
    # Any: the stubs do not know the attributes of each kind of token.
    said: Any


def read(text: str) -> Page | None:
    """Return the first document of a text, None when there is none; raises YamlError."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        tokens, comments = _Scanner(text).scan()
    except MarkedYAMLError as error:
        raise YamlError(f"is not valid YAML: {error.problem or error.context}") from None
    except (YAMLError, UnicodeError):
        raise YamlError("has characters that YAML does not allow") from None
    try:
        return _Parser(tokens, comments).page()
    except RecursionError:
        raise YamlError("is nested too deeply") from None


class _Scanner:
    """Reads the tokens of the first document and the comments between them."""

    def __init__(self, text: str) -> None:
        self._text = SourceText(text)
        self._parser = CParser(text)
        self._tokens: list[_Token] = []
        self._comments: list[Comment] = []
        self._indents: list[int] = []
        self._flow = 0
        # The last two tokens that have text.
        self._last: Any = None
        self._before: Any = None
        self._at = 0

    def scan(self) -> tuple[list[_Token], list[Comment]]:
        """Return the tokens up to a few after the document, where the reference stops reading."""
        waiting: list[Any] = []
        begun = False
        left = -1
        while left != 0 and self._parser.check_token():
            token = self._parser.get_token()
            waiting.append(token)
            left -= 1
            if isinstance(token, (t.DocumentStartToken, t.DocumentEndToken)):
                if left < 0 and (begun or isinstance(token, t.DocumentEndToken)):
                    left = 2
                begun = True
            elif not isinstance(token, (t.StreamStartToken, t.DirectiveToken)):
                begun = True
            if not isinstance(token, _STRUCTURE) and not self._is_implicit_key(token):
                self._take(waiting)
                waiting = []
        self._tokens += [_Token(type(token), token.start_mark.index, token) for token in waiting]
        return self._tokens, self._comments

    @staticmethod
    def _is_implicit_key(token: Any) -> bool:
        return isinstance(token, t.KeyToken) and token.start_mark.index == token.end_mark.index

    def _take(self, tokens: list[Any]) -> None:
        """Take a token with text and the tokens without text before it."""
        token = tokens[-1]
        if isinstance(token, t.StreamStartToken):
            self._tokens.append(_Token(type(token), 0, token))
            return
        ends = sum(isinstance(item, t.BlockEndToken) for item in tokens)
        marks = self._gap(token, ends)
        for item in tokens:
            if isinstance(item, t.BlockEndToken):
                self._tokens.append(_Token(type(item), marks.pop(0), item))
                continue
            if isinstance(item, _BLOCK_STARTS):
                self._indents.append(item.start_mark.column)
            self._tokens.append(_Token(type(item), item.start_mark.index, item))
        self._flow += isinstance(token, _FLOW_STARTS) - isinstance(token, _FLOW_ENDS)
        self._at = self._end(token)
        if not isinstance(token, (*_MARKERS, t.BlockEntryToken)):
            self._line_comment(token)
        self._before, self._last = self._last, token

    def _gap(self, token: Any, ends: int) -> list[int]:
        """Record the comments before a token; return the end positions of the blocks that it ends."""
        if self._text.skip_gap(self._at) >= token.start_mark.index and not ends:
            return []
        prior = self._last
        if isinstance(prior, t.FlowEntryToken) and self._before is not None:
            prior = self._before
        gap = self._text.between(
            self._at,
            token=prior.start_mark.index if prior is not None else 0,
            is_value=isinstance(prior, t.ValueToken),
            indent=self._indents[-1] if self._indents else -1,
            in_flow=self._flow > 0,
        )
        self._comments += gap.comments
        ended = [self._indents.pop() for _ in range(ends)]
        column = self._text.column(gap.end)
        here = [indent for indent in ended if indent > column]
        # The end of the document ends these blocks at its own position.
        return [*gap.ends(here, gap.start), *gap.ends(ended[len(here) :], gap.end)]

    def _end(self, token: Any) -> int:
        end: int = token.end_mark.index
        if isinstance(token, t.ScalarToken) and token.plain:
            return self._text.skip_gap(end)
        return end

    def _line_comment(self, token: Any) -> None:
        start: int = token.start_mark.index
        if isinstance(token, t.ScalarToken) and token.style and token.style in "|>":
            header = _HEADER.match(self._text.text, start)
            found = self._text.line_comment(header.end() if header else start)
            if found is not None:
                self._comments.append(Comment(start, Part.LINE, found[0]))
            return
        found = self._text.line_comment(self._at)
        if found is None:
            return
        goes_back = isinstance(token, t.FlowEntryToken if self._flow else t.ValueToken)
        if goes_back and self._last is not None:
            start = self._last.start_mark.index
        self._comments.append(Comment(start, Part.LINE, found[0]))
        self._at = found[1]


class _Parser:
    """Parses tokens into a document."""

    def __init__(self, tokens: list[_Token], comments: list[Comment]) -> None:
        self._tokens = tokens
        self._at = 0
        self._comments = comments
        self._next_comment = 0
        self._head = ""
        self._line = ""
        self._foot = ""
        self._stem = ""
        self._depth = 0
        self._anchors: set[str] = set()
        self._prefixes = {"!": "!", "!!": TAG_PREFIX}

    def page(self) -> Page | None:
        """Return the document."""
        self._skip()
        token = self._peek()
        if token.kind is t.StreamEndToken:
            return None
        head = ""
        if token.kind in (t.DirectiveToken, t.DocumentStartToken):
            while token.kind is t.DirectiveToken:
                if token.said.name == "TAG":
                    handle, prefix = token.said.value
                    self._prefixes[handle] = prefix
                self._skip()
                token = self._peek()
            if token.kind is not t.DocumentStartToken:
                raise YamlError("a document must follow the directives")
            self._skip()
            root = self._empty() if self._peek().kind in _NO_CONTENT else self._node(block=True)
        else:
            head = self._page_head()
            root = self._node(block=True)
        self._peek()
        foot = self._foot or self._head
        if any(token.kind not in _NO_CONTENT for token in self._tokens[self._at :]):
            # kustomize would lose it.
            raise YamlError("holds more than one document")
        return Page(root, head, foot)

    def _page_head(self) -> str:
        """Cut off the part above the last blank line of the comment that starts the document."""
        comment = self._head
        if comment.endswith("\n") and len(comment) > 1:
            self._head = ""
            return comment[:-1]
        above, blank, below = comment.rpartition("\n\n")
        if not blank or not above:
            return ""
        self._head = below
        return above

    def _peek(self) -> _Token:
        if self._at >= len(self._tokens):
            raise YamlError("ends too early")
        token = self._tokens[self._at]
        comments = self._comments
        while self._next_comment < len(comments):
            mark, part, text = comments[self._next_comment]
            if token.start < mark or (part is Part.HEAD and token.kind is t.BlockEndToken):
                break
            if part is Part.HEAD:
                self._head = f"{self._head}\n{text}" if self._head else text
            elif part is Part.LINE:
                self._line = f"{self._line}\n{text}" if self._line else text
            else:
                self._foot = f"{self._foot}\n{text}" if self._foot else text
            self._next_comment += 1
        return token

    def _skip(self) -> None:
        self._at += 1

    def _take_comments(self) -> tuple[str, str, str]:
        taken = self._head, self._line, self._foot
        self._head = self._line = self._foot = self._stem = ""
        return taken

    def _end(self, node: Node) -> None:
        """End a collection: it takes the comments there, except a head comment."""
        _, node.line, node.foot = self._take_comments()

    def _node(self, *, block: bool, indentless: bool = False) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise YamlError(f"is nested more than {MAX_DEPTH} levels deep")
        node = self._any(block, indentless)
        self._depth -= 1
        return node

    def _any(self, block: bool, indentless: bool) -> Node:
        token = self._peek()
        if token.kind is t.AliasToken:
            if token.said.value not in self._anchors:
                raise YamlError(f"the alias {token.said.value!r} has no anchor")
            node = Node(NodeKind.ALIAS, token.said.value)
            node.head, node.line, node.foot = self._take_comments()
            self._skip()
            return node
        anchor, tag = self._properties()
        token = self._peek()
        if token.kind is t.ScalarToken:
            node = self._scalar(token.said, tag)
            node.head, node.line, node.foot = self._take_comments()
            self._anchor(node, anchor)
            self._skip()
            return node
        is_mapping = token.kind in (t.BlockMappingStartToken, t.FlowMappingStartToken)
        is_flow = token.kind in _FLOW_STARTS
        is_indentless = indentless and token.kind is t.BlockEntryToken
        if not (is_flow or is_indentless or (block and token.kind in _BLOCK_STARTS)):
            if not anchor and not tag:
                raise YamlError("a value is missing")
            node = scalar_node("", "", tag)
            self._anchor(node, anchor)
            return node
        node = Node(NodeKind.MAPPING if is_mapping else NodeKind.SEQUENCE, style="{" if is_flow else "")
        set_tag(node, tag, "!!map" if is_mapping else "!!seq")
        self._anchor(node, anchor)
        if is_flow:
            node.head, node.line, node.foot = self._take_comments()
        elif not is_indentless:
            node.head, self._stem = self._stem, ""
        if is_flow and is_mapping:
            self._flow_mapping(node)
        elif is_flow:
            self._flow_sequence(node)
        elif is_mapping:
            self._block_mapping(node)
        else:
            self._block_sequence(node, is_indentless)
        return node

    def _properties(self) -> tuple[str, str]:
        anchor = tag = ""
        while True:
            token = self._peek()
            if token.kind is t.AnchorToken and not anchor:
                anchor = token.said.value
            elif token.kind is t.TagToken and not tag:
                handle, suffix = token.said.value
                if handle and handle not in self._prefixes:
                    raise YamlError(f"the tag handle {handle!r} is not defined")
                tag = (self._prefixes[handle] if handle else "") + (suffix or "")
            else:
                return anchor, tag
            self._skip()

    def _anchor(self, node: Node, anchor: str) -> None:
        if anchor:
            node.anchor = anchor
            self._anchors.add(anchor)

    @staticmethod
    def _scalar(token: Any, tag: str) -> Node:
        return scalar_node(token.value, "" if token.plain else token.style or "", tag)

    def _empty(self) -> Node:
        return Node(NodeKind.SCALAR, tag=tag_of(""))

    def _block_sequence(self, node: Node, indentless: bool) -> None:
        ends: tuple[type, ...] = (t.BlockEntryToken, t.BlockEndToken)
        if not indentless:
            self._skip()
        else:
            ends += (t.KeyToken, t.ValueToken)
        while self._peek().kind is t.BlockEntryToken:
            stem = len(self._head)
            self._skip()
            self._split_stem(stem)
            if self._peek().kind in ends:
                node.content.append(self._empty())
            else:
                node.content.append(self._node(block=True))
        if indentless:
            return
        if self._peek().kind is not t.BlockEndToken:
            raise YamlError("an entry of a list is expected")
        self._skip()

    def _split_stem(self, length: int) -> None:
        """Keep the comment above an entry for the collection in it, so that its first value does not take it."""
        if length and self._peek().kind in _BLOCK_STARTS:
            self._stem, self._head = self._head[:length], self._head[length + 1 :]

    def _block_mapping(self, node: Node) -> None:
        self._skip()
        absent = (t.KeyToken, t.ValueToken, t.BlockEndToken)
        while (token := self._peek()).kind is not t.BlockEndToken:
            if token.kind is t.KeyToken:
                self._skip()
                key = (
                    self._empty() if self._peek().kind in absent else self._node(block=True, indentless=True)
                )
            elif token.kind is t.ValueToken:
                key = self._empty()
            else:
                raise YamlError("a key is expected")
            content = node.content
            content.append(key)
            if key.foot and len(content) > 2:
                content[-3].foot, key.foot = key.foot, ""
            value = self._empty()
            if self._peek().kind is t.ValueToken:
                self._skip()
                if self._peek().kind not in absent:
                    value = self._node(block=True, indentless=True)
            content.append(value)
            _hand_up(key, value)
        self._end(node)
        self._skip()
        if node.foot and len(node.content) > 1:
            node.content[-2].foot, node.foot = node.foot, ""

    def _flow_mapping(self, node: Node) -> None:
        self._skip()
        while (token := self._peek()).kind is not t.FlowMappingEndToken:
            if node.content:
                self._comma(token)
                token = self._peek()
            if token.kind is t.FlowMappingEndToken:
                break
            absent = (t.ValueToken, t.FlowEntryToken, t.FlowMappingEndToken)
            is_pair = token.kind is t.KeyToken
            if is_pair:
                self._skip()
                key = self._empty() if self._peek().kind in absent else self._node(block=False)
            else:
                key = self._node(block=False)
            value = self._flow_value(t.FlowMappingEndToken) if is_pair else self._empty()
            node.content += key, value
            _hand_up(key, value)
        self._end(node)
        self._skip()

    def _flow_value(self, end: type) -> Node:
        if self._peek().kind is t.ValueToken:
            self._skip()
            if self._peek().kind not in (t.FlowEntryToken, end):
                return self._node(block=False)
        return self._empty()

    def _flow_sequence(self, node: Node) -> None:
        self._skip()
        while (token := self._peek()).kind is not t.FlowSequenceEndToken:
            if node.content:
                self._comma(token)
                token = self._peek()
            if token.kind is t.FlowSequenceEndToken:
                break
            if token.kind is not t.KeyToken:
                node.content.append(self._node(block=False))
                continue
            # A mapping of one pair, without braces.
            self._skip()
            pair = Node(NodeKind.MAPPING, style="{", tag="!!map")
            absent = (t.ValueToken, t.FlowEntryToken, t.FlowSequenceEndToken)
            key = self._empty() if self._peek().kind in absent else self._node(block=False)
            value = self._flow_value(t.FlowSequenceEndToken)
            pair.content = [key, value]
            _hand_up(key, value)
            node.content.append(pair)
        self._end(node)
        self._skip()

    def _comma(self, token: _Token) -> None:
        if token.kind is not t.FlowEntryToken:
            raise YamlError("a comma is expected")
        self._skip()


def _hand_up(key: Node, value: Node) -> None:
    if not key.foot and value.foot:
        key.foot, value.foot = value.foot, ""
