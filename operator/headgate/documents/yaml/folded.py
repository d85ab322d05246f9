"""How kustomize changes folded text (``>``) in a resource.

kustomize prints each object once with go-yaml v3 and reads that text again before it writes its output. Only folded
scalars change: the printer doubles a line break without checking the line that follows, and where that line is
indented, or the break ends the text, the reader keeps the doubled break. What kustomize applies has the extra lines, so
ours has them, too. Reference: ``yaml_emitter_write_folded_scalar`` and ``yaml_parser_scan_block_scalar`` of go-yaml v3.
"""

from __future__ import annotations

import re

__all__ = ["refolded"]

# The printer uses double quotes, which lose nothing, for a space before a break or at the end, and for unprintable
# characters. The only line break that a file's folded text can contain is the line feed.
_NOT_AS_A_BLOCK = re.compile(" (?:\n|\\Z)|[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_BLANK = (" ", "\t")


def refolded(text: str) -> str:
    """Return the text of a folded scalar after go-yaml v3 has printed and read it."""
    if "\n" not in text[:-1] or _NOT_AS_A_BLOCK.search(text):
        return text
    lines = _printed(text).split("\n")
    if text[-1] != "\n":
        return _read(lines)[0]
    body, end = _read(lines[:-1])
    return body + (end if text.endswith("\n\n") else "\n")


def _printed(text: str) -> str:
    """Return the lines of the block, without their indentation."""
    # The lookahead for the second break always checks the start of the text, not the current line.
    doubles = not text.lstrip("\n").startswith(_BLANK)
    out: list[str] = []
    for line in text.split("\n"):
        out.append(line)
        if doubles and line and not line.startswith(_BLANK):
            out.append("")
    if doubles and out[-1] == "" and not text.endswith("\n"):
        out.pop()
    return "\n".join(out)


def _read(lines: list[str]) -> tuple[str, str]:
    """Return the text that the lines fold to, and the breaks after its last line."""
    out: list[str] = []
    pending = ""
    indented = False
    first = True
    for line in lines:
        if not line:
            pending += "\n"
            continue
        more = line.startswith(_BLANK)
        if not first:
            # The break that ends a line counts only next to an indented one, or as the space between two lines.
            out.append("\n" if indented or more else "" if pending else " ")
        out += pending, line
        pending, indented, first = "", more, False
    return "".join(out), ("" if first else "\n") + pending
