"""Reads the YAML that manifests are mostly written in, line by line; leaves all else to libyaml.

Reading is half of a build, and most of that is libyaml's events. But nine of ten manifests are nothing but block
mappings and sequences of one-line scalars, where a line can be told from its indentation and one look. Whatever this
module does not know for sure (anchors, tags, escapes, scalars over several lines, braces that hold something, tabs,
keys given twice, all that is wrong) makes it give up, and the document is read by :mod:`.construct`. So it decides
nothing: what it returns is what that would return.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from headgate.kustomize.yaml.known import Known
from headgate.kustomize.yaml.scalars import Quoted

__all__ = ["USUAL", "Block", "read_block"]

USUAL = frozenset(("null", "true", "false"))
"""Nulls and booleans whose spelling says nothing."""

# What libyaml takes for a character of a line, less tabs and what it takes for a line break.
_TEXT = re.compile("[\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff]*")
# No quantifier gives back what it has taken: a hostile line costs no more than its length.
_START = re.compile(r"(?: *+(?:#.*+)?\n)*+(?:---(?: ++(?:#.*+)?)?\n)?")
_REST = r"[^\n:#]*+(?:(?::(?=[^\s])|(?<=[^\s])#)[^\n:#]*+)*+"
_PLAIN = rf"(?:[\w/.$~+=^\\();<\xa0-\ud7ff]|-(?=[^\s])){_REST}"
_DOUBLE = r"""[^"\\\n]*+(?:\\["\\/nt][^"\\\n]*+)*+"""
_SINGLE = r"""[^'\n]*+(?:''[^'\n]*+)*+"""
_WORD = r"[A-Za-z0-9_./+=-]++"
_END = r" *+(?:(?:(?<=[ \n])|^)#.*+)?\n"
_LINE = re.compile(
    r"( *+)"
    r"(?:(- ++)?"
    r"(?:([A-Za-z0-9_$/][\w./$-]{0,200}+|\"[^\"\\\n]{0,200}+\"|'[^'\n]{0,200}+'):(?: ++|(?=\n)))?"
    rf"""(?:({_PLAIN})|"({_DOUBLE})"|'({_SINGLE})(?:'|(?=\n))|(\[[^\]\n]*+\]|\{{\}})|(\|-?))?)?""" + _END,
    re.ASCII,
)
_MORE = re.compile(rf"((?: *+\n)*+)( ++)([^\s#:]{_REST})\n", re.ASCII)
_QUOTED = re.compile(rf"((?:{_SINGLE}\n(?: ++|(?=\n)))++{_SINGLE})'{_END}", re.ASCII)
_ITEM = re.compile(rf""" *+(?:({_WORD})|"([^"\\]*+)"|'([^']*+)') *+(?:,|\Z)""", re.ASCII)
_INDENT = re.compile(r"((?: *+\n)*+)( *+)")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t"}


class Block(NamedTuple):
    """A document: its value, the line it starts at (from 0), and its nulls and booleans of unusual spelling."""

    value: Any
    line: int
    nulls: list[tuple[dict[str, Any], str, str, bool]]


def read_block(text: str, known: Known, max_depth: int) -> Block | None:
    """Return the one document in a text, None when that takes more than this module knows."""
    if not text.endswith("\n"):
        text += "\n"
        open_end = True
    else:
        open_end = False
    if _TEXT.fullmatch(text) is None:
        return None
    start = _START.match(text)
    position = start.end() if start is not None else 0
    end = len(text)
    match_line, values, keys = _LINE.match, known.values, known.keys
    nulls: list[tuple[dict[str, Any], str, str, bool]] = []
    root: dict[str, Any] = {}
    # The innermost open container and its indentation; those around it wait on the stack.
    container: Any = root
    is_map = True
    at = -1
    stack: list[tuple[Any, bool, int]] = []
    # The key whose value has not come yet.
    waiting: str | None = ""
    first = -1
    while position < end:
        match = match_line(text, position)
        if match is None:
            return None
        blanks, dash, key, plain, double, single, flow, literal = match.groups()
        if dash is None and key is None:
            if plain is None and double is None and single is None and flow is None and literal is None:
                position = match.end()
                continue
            return None
        indent = len(blanks)
        if first < 0:
            first = position
        # Find the container that the line belongs to.
        if waiting is not None:
            if indent > at or (dash is not None and indent == at):
                if len(stack) + 3 > max_depth:
                    return None
                stack.append((container, is_map, at))
                is_map, at = dash is None, indent
                inner: Any = {} if is_map else []
                container[waiting] = inner
                container = inner
            else:
                container[waiting] = None
                nulls.append((container, waiting, "", False))
            waiting = None
        elif indent > at:
            return None
        while indent < at or (dash is None and not is_map and indent == at):
            container, is_map, at = stack.pop()
        if indent != at or is_map is (dash is not None):
            return None
        if dash is not None and key is not None:
            if len(stack) + 3 > max_depth:
                return None
            stack.append((container, is_map, at))
            inner = {}
            container.append(inner)
            container, is_map, at = inner, True, indent + len(dash)
        position = match.end()
        # Read the value.
        value: Any
        if plain is not None:
            if text.startswith(" " * (at + 1), position) and match.end(4) + 1 == position:
                plain, position = _continued(plain, text, position, at)
            if plain[-1] == " ":
                plain = plain.rstrip(" ")
            try:
                value = values[plain]
            except KeyError:
                try:
                    value = known.value(plain)
                except ValueError:
                    return None
        elif double is not None:
            value = Quoted(_ESCAPE.sub(_unescaped, double) if "\\" in double else double)
        elif single is not None:
            if text[match.end(6)] == "\n":
                match = _QUOTED.match(text, match.start(6))
                if match is None:
                    return None
                position = match.end()
                single = _joined(match[1].split("\n"))
            value = Quoted(single.replace("''", "'") if "'" in single else single)
        elif flow is not None:
            value = {} if flow == "{}" else _sequence(flow, known)
            if value is None:
                return None
        elif literal is not None:
            found = _literal(text, position, at)
            if found is None:
                return None
            lines, position = found
            if open_end and position == end:
                return None
            value = Quoted("\n".join(lines) if literal == "|-" or not lines else "\n".join(lines) + "\n")
        elif key is None:
            return None
        else:
            value = None
        if key is None:
            container.append(value)
            continue
        try:
            key = keys[key]
        except KeyError:
            name = key[1:-1] if key[0] in "\"'" else known.key(key)
            if name is None or name == "<<":
                return None
            key = name
        if key in container:
            return None
        container[key] = value
        if value is None or value is True or value is False:
            if plain is None:
                waiting = key
            elif plain not in USUAL:
                nulls.append((container, key, plain, False))
    if first < 0:
        return None
    if waiting is not None:
        container[waiting] = None
        nulls.append((container, waiting, "", False))
    return Block(root[""], text.count("\n", 0, first), nulls)


def _sequence(flow: str, known: Known) -> list[Any] | None:
    """Read ``[a, "b", 'c']``."""
    body = flow[1:-1].rstrip(" ")
    items: list[Any] = []
    position = 0
    while position < len(body):
        match = _ITEM.match(body, position)
        if match is None:
            return None
        word, double, single = match.groups()
        if word is not None:
            if word[0] == "-":
                return None
            try:
                items.append(known.value(word))
            except ValueError:
                return None
        else:
            items.append(Quoted(double if single is None else single))
        position = match.end()
    return items


def _continued(plain: str, text: str, position: int, outer: int) -> tuple[str, int]:
    """Read the further lines of a plain scalar: all of it, and where it ends."""
    lines = [plain]
    while True:
        match = _MORE.match(text, position)
        if match is None or len(match[2]) <= outer:
            return _joined(lines) if len(lines) > 1 else plain, position
        lines.extend([""] * match[1].count("\n"))
        lines.append(match[3])
        position = match.end()


def _joined(lines: list[str]) -> str:
    """Fold lines as YAML folds those of plain and quoted scalars: one break is a blank, more are one less."""
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


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPED.get(match[1], match[1])


def _literal(text: str, position: int, outer: int) -> tuple[list[str], int] | None:
    """Read the lines of a ``|`` scalar below something at indentation ``outer``: the lines, and where they end."""
    match = _INDENT.match(text, position)
    assert match is not None
    before, blanks = match.groups()
    indent = len(blanks)
    if indent <= outer or " " in before:
        return None
    lines = [""] * len(before)
    position = match.start(2)
    used = 0
    end = len(text)
    while position < end:
        stop = text.index("\n", position)
        if text.startswith(blanks, position):
            line = text[position + indent : stop]
            if not line.strip(" "):
                if line:
                    return None
                lines.append("")
            else:
                lines.append(line)
                used = len(lines)
        elif text[position:stop].strip(" "):
            break
        else:
            lines.append("")
        position = stop + 1
    return lines[:used], position
