"""Why an evaluation failed, in words that reveal nothing of the data.

The library's messages quote the data: a key that a map lacks, a regular expression, an index. The reader of the message
may not be allowed to read the object. So each message becomes one of a fixed set of reasons. A reason has a name only
if the name can come from the expression's text alone: a field that is selected by name, in an expression that computes
no keys. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

UNKNOWN: Final = "it cannot be evaluated"
NO_KEY: Final = "no such key"
NO_ATTRIBUTE: Final = "no such attribute(s)"
NO_OVERLOAD: Final = "no such overload"

_REASONS: Final = (
    # Patterns for the library's message, with their reasons; the first match counts. The wording is that of cel-go.
    (r"^([A-Z_]+: )?Key not found in map", NO_KEY),
    (r"^([A-Z_]+: )?No value with name", NO_ATTRIBUTE),
    (r"^([A-Z_]+: )?(No matching overloads found|Applying SELECT to non-message)", NO_OVERLOAD),
    (
        r"Invalid container type|expected integer type",
        "the value is not a list or map that has such an index",
    ),
    (r"Index error|index out of range|greater than <string>|substring\(|charAt\(", "index out of range"),
    (r"divide by zero", "division by zero"),
    (r"modulus by zero", "modulus by zero"),
    (r"overflow|out of .* range", "the value is out of range"),
    (r"(?i)invalid regular expression|regex|regular expression", "invalid regular expression"),
    (r"base64", "invalid base64 data"),
    (r"UTF-8", "malformed UTF-8"),
    (r"(?i)conver", "the value cannot be converted to that type"),
    (r"(?i)optional\.none", "optional.none() dereference"),
    (r"duplicate key", "duplicate key in a map"),
    (r"(?i)struct creation|type info", "no such type"),
    (r"clause|format", "the format does not match its values"),
    (r"(?i)iteration budget", "iteration budget exceeded"),
    (r"(?i)exceeded|too (large|long|deep|many)", "it takes too much to evaluate"),
)
_TYPES: Final = frozenset(
    (
        *(
            "bool",
            "bytes",
            "double",
            "int",
            "int64",
            "uint",
            "uint64",
            "string",
            "list",
            "map",
            "null",
            "null_type",
        ),
        *(
            "google.protobuf.Timestamp",
            "google.protobuf.Duration",
            "timestamp",
            "duration",
            "message",
            "type",
        ),
        *("optional", "optional_type", "any", "dyn", "error", "unknown"),
    )
)
_OPERATORS: Final = frozenset(
    (
        *(
            "_+_",
            "_-_",
            "_*_",
            "_/_",
            "_%_",
            "_==_",
            "_!=_",
            "_<_",
            "_<=_",
            "_>_",
            "_>=_",
            "_&&_",
            "_||_",
            "!_",
            "-_",
        ),
        *("_[_]", "_[?_]", "_?._", "_?_:_", "@in"),
    )
)
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<text>(?:[rR][bB]?|[bB][rR]?)?(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''
        |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_OVERLOAD: Final = re.compile(
    r"No matching overloads found : (\((?P<target>[^()]*)\)\.)?(?P<name>[^()]+)(\((?P<types>[^()]*)\))?$"
)
_QUOTED: Final = re.compile(r'(?:map|name) : ?"(?P<first>[^"\\]*)"|name "(?P<second>[^"\\]*)"')

Token = tuple[str, str]
"""Its type (``text``, ``name``, ``number`` or ``sign``) and its text."""


def reason_for(expression: str, message: str) -> str:
    """The reason for a failed evaluation of ``expression``, from the library's ``message``."""
    reason = next((words for pattern, words in _REASONS if re.search(pattern, message)), UNKNOWN)
    if reason not in (NO_KEY, NO_ATTRIBUTE, NO_OVERLOAD):
        return reason
    tokens = _tokens(expression)
    if reason == NO_OVERLOAD:
        detail = _overload(tokens, message)
    else:
        quoted = _QUOTED.search(message)
        name = (quoted["first"] or quoted["second"] or "") if quoted else ""
        detail = _path(tokens, name) if reason == NO_ATTRIBUTE else _field(tokens, name)
    return f"{reason}: {detail}" if detail else reason


def _tokens(expression: str) -> Sequence[Token]:
    found = ((m.lastgroup or "", m[0]) for m in _TOKEN.finditer(expression))
    return [token for token in found if token[0] != "space"]


def _path(tokens: Sequence[Token], name: str) -> str:
    """The first path of fields that begins with the variable of this name; empty without one."""
    for place, token in enumerate(tokens):
        if token != ("name", name) or (place and tokens[place - 1][1] in (".", "?")):
            continue
        end = place + 1
        while _is_selection(tokens, end):
            end += 2
        return "".join(written for _, written in tokens[place:end])
    return ""


def _is_selection(tokens: Sequence[Token], at: int) -> bool:
    """Whether the tokens are ``.field``, and not a method call."""
    if len(tokens) <= at + 1 or tokens[at][1] != "." or tokens[at + 1][0] != "name":
        return False
    return len(tokens) == at + 2 or tokens[at + 2][1] != "("


def _field(tokens: Sequence[Token], name: str) -> str:
    """The name if the text selects a field of that name and computes no keys; else empty."""
    if _computes_keys(tokens):
        return ""
    for place, (sort, written) in enumerate(tokens):
        before = tokens[place - 1][1] if place else ""
        if sort == "name" and written == name and before in (".", "?"):
            return name
        if sort == "text" and written[1:-1] == name and before in ("[", "?"):
            return name
    return ""


def _computes_keys(tokens: Sequence[Token]) -> bool:
    """Whether any index is not a literal."""
    for place, token in enumerate(tokens):
        if token != ("sign", "[") or not place or not _ends_operand(tokens[place - 1]):
            continue
        inside = tokens[place + 1 : place + 4]
        if inside[:1] == [("sign", "?")]:
            inside = inside[1:]
        if len(inside) < 2 or inside[0][0] not in ("text", "number") or inside[1] != ("sign", "]"):
            return True
    return False


def _ends_operand(token: Token) -> bool:
    sort, written = token
    return (sort in ("name", "text", "number") and written != "in") or written in (")", "]", "}")


def _overload(tokens: Sequence[Token], message: str) -> str:
    """The function and its operand types; empty unless the name is CEL's or in the text, and all are types."""
    found = _OVERLOAD.search(message)
    if found is None:
        return ""
    name = found["name"].strip()
    written = {each for sort, each in tokens if sort == "name"}
    if name not in _OPERATORS and not all(part in written for part in name.split(".")):
        return ""
    types = [t.strip() for part in (found["target"], found["types"]) if part for t in part.split(",")]
    if not all(each in _TYPES for each in types):
        return name
    target = f"({found['target']})." if found["target"] else ""
    operands = f"({found['types']})" if found["types"] is not None else ""
    return f"{target}{name}{operands}"
