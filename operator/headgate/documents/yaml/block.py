"""Reads the YAML that most manifests consist of, line by line; leaves everything else to libyaml.

Reading takes half of the time of a build, and the events of libyaml most of that. But four of five manifests consist
only of block mappings and sequences of scalars, where indentation and one regular expression give the meaning of a
line. This module gives up on whatever it does not know for sure (anchors, tags, most escapes, folded blocks, brackets
over several lines, tabs, duplicate keys, anything invalid), and :mod:`.construct` reads the document. So it decides
nothing: it returns what :mod:`.construct` would return.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from headgate.documents.copying import copied
from headgate.documents.yaml.known import Holds, Known
from headgate.documents.yaml.line import FLOW_DEPTH, SINGLE, further, line_of, single_quoted
from headgate.documents.yaml.scalars import Quoted

__all__ = ["Block", "read_block"]

# The characters that libyaml accepts in a line, without tabs and what it treats as a line break.
_TEXT = re.compile("[\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff]*+")
_BEFORE = re.compile(r"(?: *+(?:#.*+)?\n)*+(?:---(?: ++(?:#.*+)?)?\n)?")
_CLOSING = re.compile(rf"( *+{SINGLE})' *+(?:(?<= )#.*+)?\Z")
_OPEN = re.compile(rf"(?: {SINGLE})?\Z")

# Looked up once instead of for each line.
_NOTHING, _NO_VALUE, _VALUE, _OPEN_VALUE = Holds.NOTHING, Holds.NO_VALUE, Holds.VALUE, Holds.OPEN_VALUE
_FLOW, _LITERAL = Holds.FLOW, Holds.LITERAL


class Block(NamedTuple):
    """A document: its value, its first line (from 0), and its nulls and booleans of unusual spelling."""

    value: Any
    line: int
    words: list[tuple[dict[str, Any], str, str, bool]]


def read_block(text: str, known: Known, max_depth: int) -> Block | None:
    """Return the one document in a text, None when it needs more than this module knows."""
    if _TEXT.fullmatch(text) is None:
        return None
    before = _BEFORE.match(text)
    assert before is not None
    lines = text.split("\n")
    said_before = known.lines
    words: list[tuple[dict[str, Any], str, str, bool]] = []
    root: dict[str, Any] = {}
    # The innermost open container and its indentation; the stack holds the outer ones.
    container: Any = root
    is_map = True
    at = -1
    stack: list[tuple[Any, bool, int]] = []
    # The key whose value is still missing.
    waiting: str | None = ""
    first = -1
    number = text.count("\n", 0, before.end())
    count = len(lines)
    lines.append("")
    while number < count:
        line = lines[number]
        number += 1
        try:
            said = said_before[line]
        except KeyError:
            said = line_of(line, known)
        if said is None:
            return None
        indent, dash, key, holds, value, part, odd = said
        if holds is _NOTHING:
            continue
        if first < 0:
            first = number - 1
        # Find the container that the line belongs to.
        if waiting is not None:
            if indent > at or (dash and indent == at):
                if len(stack) + 3 > max_depth:
                    return None
                stack.append((container, is_map, at))
                is_map, at = not dash, indent
                inner: Any = {} if is_map else []
                container[waiting] = inner
                container = inner
            else:
                container[waiting] = None
                words.append((container, waiting, "", False))
            waiting = None
        elif indent > at:
            return None
        while indent < at or (not dash and not is_map and indent == at):
            container, is_map, at = stack.pop()
        if indent != at or is_map is (dash > 0):
            return None
        if dash and key is not None:
            if len(stack) + 3 > max_depth:
                return None
            stack.append((container, is_map, at))
            inner = {}
            container.append(inner)
            container, is_map, at = inner, True, indent + dash
        # Complete the value.
        if holds is _OPEN_VALUE:
            if lines[number].startswith(" " * (at + 1)):
                whole, number = _continued(part, lines, number, at)
                if whole is not part:
                    try:
                        value = known.value(whole)
                    except ValueError:
                        return None
                    odd = None
        elif holds is _VALUE:
            pass
        elif holds is _NO_VALUE:
            waiting = key
        elif holds is _FLOW:
            if len(stack) + FLOW_DEPTH + 2 > max_depth:
                return None
            value = copied(value)
        else:
            found = (_literal if holds is _LITERAL else _quoted)(part, lines, number, at)
            if found is None:
                return None
            value, number = found
        # Store it in its container.
        if key is None:
            container.append(value)
        elif key in container:
            return None
        else:
            container[key] = value
            if odd is not None:
                words.append((container, key, odd, False))
    if first < 0:
        return None
    if waiting is not None:
        container[waiting] = None
        words.append((container, waiting, "", False))
    return Block(root[""], first, words)


def _continued(text: str, lines: list[str], number: int, outer: int) -> tuple[str, int]:
    """Read the continuation lines of a plain scalar; return the whole text and the line where it ends."""
    parts = [text]
    blank = 0
    for at in range(number, len(lines)):
        line = lines[at]
        part = further(line, outer)
        if part is not None:
            parts.extend([""] * blank)
            parts.append(part)
            blank = 0
            number = at + 1
        elif line.strip(" "):
            break
        else:
            blank += 1
    return (_folded(parts).rstrip(" ") if len(parts) > 1 else text), number


def _quoted(text: str, lines: list[str], number: int, _outer: int) -> tuple[Quoted, int] | None:
    """Read the continuation lines of a scalar in single quotes; return the whole text and the line where it ends."""
    parts = [text]
    for at in range(number, len(lines)):
        line = lines[at]
        if line and line[0] != " ":
            return None
        match = _CLOSING.match(line)
        if match is not None:
            parts.append(match[1])
            return single_quoted(_folded(parts)), at + 1
        if _OPEN.match(line) is None:
            return None
        parts.append(line)
    return None


def _folded(lines: list[str]) -> str:
    """Fold lines as YAML folds those of plain and quoted scalars: one break becomes a space, n breaks become n - 1."""
    result = [lines[0].rstrip(" ")]
    breaks = 0
    last = len(lines) - 1
    for number in range(1, last + 1):
        line = lines[number].strip(" ") if number < last else lines[number].lstrip(" ")
        breaks += 1
        if line or number == last:
            result.append(" " if breaks == 1 else "\n" * (breaks - 1))
            result.append(line)
            breaks = 0
    return "".join(result)


def _literal(mark: str, lines: list[str], number: int, outer: int) -> tuple[Quoted, int] | None:
    """Read the lines of a ``|`` scalar below indentation ``outer``; return the text and the line where it ends."""
    first = number
    while first < len(lines) and not lines[first]:
        first += 1
    if first == len(lines):
        return None
    indent = len(lines[first]) - len(lines[first].lstrip(" "))
    if indent <= outer:
        return None
    blanks = " " * indent
    end = used = first
    for end in range(first, len(lines)):
        line = lines[end]
        if line.startswith(blanks):
            if line.strip(" "):
                used = end + 1
            elif len(line) > indent:
                return None
        elif line.strip(" "):
            break
    else:
        end = len(lines)
    if used == len(lines) - 1:
        # The text ends in the middle of a line.
        return None
    text = "\n".join([line[indent:] for line in lines[number:used]])
    return Quoted(text if mark == "|-" else text + "\n"), end
