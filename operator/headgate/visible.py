"""Makes what others have written harmless to readers. Pure.

Names, values and messages are whatever an author wrote. Characters that nobody sees, that move the cursor or that turn
the direction of writing become escapes. Who prints a text escapes it for its format as well.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["visible"]

_PLAIN = re.compile(r"[\x20-\x7e]*")
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters and symbols without ink."""
_SPACES = frozenset(" \u3000")


def visible(text: str) -> str:
    """Return a text as one line, with escapes for what a reader would not see.

    >>> visible("a\\x1b[31m\\u202eb")
    'a\\\\x1b[31m\\\\u202eb'
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(each if _is_visible(each) else _escape(each) for each in text)


def _is_visible(character: str) -> bool:
    """Whether a reader sees a character as what it is."""
    category = unicodedata.category(character)
    if category == "Zs":
        return character in _SPACES
    return category not in _HIDDEN and character not in _BLANK


def _escape(character: str) -> str:
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    if named is not None:
        return named
    number = ord(character)
    return (
        f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
    )
