"""The styles in which go-yaml v3 can write a scalar; reference: ``yaml_emitter_analyze_scalar``."""

from __future__ import annotations

import re
from typing import NamedTuple

from headgate.documents.yaml.scalars import TAG_PREFIX

__all__ = ["BREAKS", "Allowed", "allowed", "tag_text"]

BREAKS = ("\n", "\r", "\x85", "\u2028", "\u2029")

_BREAK = "[\r\n\x85\u2028\u2029]"
_ANY_BREAK = re.compile(_BREAK)
_SPACE_THEN_BREAK = re.compile(" " + _BREAK)
_BREAK_THEN_SPACE = re.compile(_BREAK + " ")
_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
# Text that has another meaning outside of brackets, and within them.
_BLOCK = re.compile(
    r"""\A(?:---|\.\.\.|[#,\[\]{}&*!|>'"%@`]|[?:-](?:[ \t]|\Z))"""
    r"""|(?<!\A):(?:[ \t]|\Z)|(?<=[ \t\r\n\x85\u2028\u2029\0])#"""
)
_FLOW = re.compile(r"""\A[?:]|(?<!\A)[,?\[\]{}:]""")
_IN_TAG = re.compile(r"[^0-9A-Za-z_;/?:@&=+$,.~*'()\[\]-]")


class Allowed(NamedTuple):
    """The styles that can hold a text."""

    block_plain: bool
    flow_plain: bool
    single: bool
    block: bool
    has_breaks: bool


def allowed(text: str) -> Allowed:
    """Return the styles that can hold a text."""
    if not text:
        return Allowed(True, False, True, False, False)
    has_breaks = _ANY_BREAK.search(text) is not None
    loses_space = _SPACE_THEN_BREAK.search(text) is not None
    special = _UNPRINTABLE.search(text) is not None
    single = not (loses_space or special or "\t" in text or _BREAK_THEN_SPACE.search(text))
    plain = single and not has_breaks and text[0] != " " and text[-1] != " "
    block_plain = plain and _BLOCK.search(text) is None
    return Allowed(
        block_plain,
        block_plain and _FLOW.search(text) is None,
        single,
        text[-1] != " " and not loses_space and not special,
        has_breaks,
    )


def tag_text(tag: str) -> str:
    """Return a tag as the writer prints it, from its short form."""
    if tag.startswith("!!"):
        return "!!" + _IN_TAG.sub(_percent, tag[2:])
    if tag.startswith("!"):
        return "!" + _IN_TAG.sub(_percent, tag[1:])
    if tag.startswith(TAG_PREFIX):
        return "!!" + _IN_TAG.sub(_percent, tag[len(TAG_PREFIX) :])
    return "!<" + _IN_TAG.sub(_percent, tag) + ">"


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())
