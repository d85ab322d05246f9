"""Finds comments and the tokens that they belong to, as the scanner of go-yaml v3 does.

libyaml skips comments, but marks the position of each token; comments are between tokens. go-yaml has three kinds. A
line comment follows a token on the same line. A head comment is above the token that follows it; a foot comment is
directly below the token before it, and a blank line follows it or it is indented less than its surroundings. The mark
of a comment is the position of its token, or a later one when no token starts there. Reference:
``yaml_parser_scan_comments``, ``yaml_parser_scan_line_comment`` and ``yaml_parser_unroll_indent``.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_right
from typing import NamedTuple

__all__ = ["Between", "Comment", "Part", "SourceText"]

_BREAKS = "\n\x85\u2028\u2029"
_LINE = re.compile("[^\n\x85\u2028\u2029]*")
_BLANKS = re.compile("[ \t]*")
_GAP = re.compile("[ \t\n\x85\u2028\u2029]*")


class Part(enum.Enum):
    """The position of a comment relative to its token."""

    HEAD = "head"
    LINE = "line"
    FOOT = "foot"


class Comment(NamedTuple):
    """A comment, and the first position from which a token takes it."""

    mark: int
    part: Part
    text: str


class _Found(NamedTuple):
    """The place of a comment between two tokens; columns count from 0."""

    comment: Comment
    scanned_from: int
    start: int
    column: int
    end: int


class Between(NamedTuple):
    """The comments between two tokens, and their positions."""

    start: int
    end: int
    found: list[_Found]

    @property
    def comments(self) -> list[Comment]:
        return [item.comment for item in self.found]

    def ends(self, indents: list[int], scanned_from: int) -> list[int]:
        """Return the end positions of the blocks with these indentations, innermost first.

        A block ends before the comments at its own indentation, because these belong to the surrounding block.
        """
        result = []
        mark = scanned_from - 1
        for indent in indents:
            stop = mark
            for item in reversed(self.found):
                if item.end < stop:
                    break
                if item.column == indent:
                    mark = item.start
                stop = item.scanned_from
            result.append(mark)
        return result


class SourceText:
    """A text with its line starts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in re.finditer(f"[{_BREAKS}]", text))]

    def column(self, at: int) -> int:
        """Return the column of a position, from 0."""
        return at - self._starts[bisect_right(self._starts, at) - 1]

    def line(self, at: int) -> int:
        """Return the line of a position, from 0."""
        return bisect_right(self._starts, at) - 1

    def newlines(self, at: int) -> int:
        """Count the line breaks before a position, back to the last character that is not blank."""
        count = 0
        while at > 0 and (self.text[at - 1] in _BREAKS or self.text[at - 1] in " \t"):
            at -= 1
            count += self.text[at] in _BREAKS
        return count

    def skip_gap(self, at: int) -> int:
        """Return the position after blanks and line breaks."""
        match = _GAP.match(self.text, at)
        assert match is not None
        return match.end()

    def line_comment(self, at: int) -> tuple[str, int] | None:
        """Return the comment on the rest of a line, and its end."""
        match = _BLANKS.match(self.text, at)
        assert match is not None
        start = match.end()
        if not self.text.startswith("#", start) or self.newlines(at):
            return None
        end = self._end_of_line(start)
        return self.text[start:end], end

    def _end_of_line(self, at: int) -> int:
        match = _LINE.match(self.text, at)
        assert match is not None
        return match.end()

    def between(self, start: int, *, token: int, is_value: bool, indent: int, in_flow: bool) -> Between:
        """Return the comments between a token's end and the next token; ``token`` is the position of the former.

        ``is_value`` says that it is a colon; ``indent`` is the indentation of the block, -1 for none.
        """
        at = self.skip_gap(start)
        if not self.text.startswith("#", at):
            return Between(start, at, [])
        scan = _Scan(self, start, at, token, is_value, max(indent, 0), in_flow)
        return Between(start, scan.at, scan.found)


class _Scan:
    """Reads the comments between two tokens, the first of which is at ``at``."""

    def __init__(
        self, text: SourceText, start: int, at: int, token: int, is_value: bool, indent: int, in_flow: bool
    ) -> None:
        self._text = text
        self.found: list[_Found] = []
        self.at = at
        self._scanned_from = start
        self._token = token
        self._start = -1
        self._column = -1
        self._lines: list[str] = []
        self._scan(start, is_value, indent, in_flow)

    def _scan(self, start: int, is_value: bool, indent: int, in_flow: bool) -> None:
        text = self._text.text
        newlines = self._text.newlines(self.at)
        first_empty = newlines <= 1
        # The reference counts lines so that the second comment counts as directly below, too.
        below = 2 if newlines == 1 and self._text.line(start) > 0 and not is_value else 0
        starts_below = False
        recent_empty = False
        last = self.at
        while True:
            char = text[self.at : self.at + 1]
            closes = in_flow and char in ("]", "}") and char != ""
            if char == "" or char in _BREAKS or closes:
                if closes or not recent_empty:
                    dedented = self._column < indent
                    if closes or (first_empty and (starts_below or dedented)):
                        if self._lines:
                            if dedented:
                                self._token = self._start
                            self._flush(Part.FOOT, self.at)
                    elif self._lines and char:
                        self._lines.append("")
                if char == "" or closes:
                    break
                first_empty = False
                recent_empty = True
                below = 0
                self.at += 1
            elif char in " \t":
                self.at += 1
                continue
            else:
                column = self._text.column(self.at)
                if self._lines and column < indent and column != self._column:
                    self._flush(Part.FOOT, self.at)
                if char != "#":
                    break
                if not self._lines:
                    self._start, self._column, starts_below = self.at, column, below > 0
                below -= 1
                recent_empty = False
                end = self._text._end_of_line(self.at)
                self._lines.append(text[self.at : end])
                last = end
                self.at = min(end + 1, len(text))
        if self._lines:
            self._token = self._start
            self._flush(Part.HEAD, max(last, self.at - 1))

    def _flush(self, part: Part, end: int) -> None:
        comment = Comment(self._token, part, "\n".join(self._lines))
        self.found.append(_Found(comment, self._scanned_from, self._start, self._column, end))
        self._lines = []
        self._scanned_from = self._token = end
