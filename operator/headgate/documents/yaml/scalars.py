"""The type rules of go-yaml for plain scalars, and values that keep their spelling.

Kubernetes tools read YAML with go-yaml, whose rules are neither YAML 1.1 nor 1.2: version 3 (which kustomize uses for
resources) knows ``true`` but not ``yes``, octal as ``017`` and as ``0o17``, and dates; version 2 (for kustomization
files and JSON patches) reads ``yes``, ``on``, ``y`` and the like as booleans.

kustomize keeps the spelling longer than the type. So a scalar whose value does not determine its text is an instance of
a subclass that keeps the text: :class:`Quoted`, :class:`Folded`, :class:`SpelledStr`, :class:`SpelledInt`,
:class:`SpelledFloat`.
"""

from __future__ import annotations

import datetime
import re
import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from headgate.documents.yaml.folded import refolded
from headgate.documents.yaml.numbers import go_general, go_whole

__all__ = [
    "SURELY_TEXT",
    "TAG_PREFIX",
    "USUAL_WORDS",
    "Binary",
    "Folded",
    "Quoted",
    "SpelledBool",
    "SpelledFloat",
    "SpelledInt",
    "SpelledStr",
    "created_text",
    "created_texts",
    "is_base_60",
    "needs_quotes",
    "plain",
    "printed",
    "resolve_v2",
    "resolve_v3",
    "scalar_text",
]

TAG_PREFIX = "tag:yaml.org,2002:"
"""The start of the long form of YAML's own tags."""
USUAL_WORDS = frozenset(("null", "true", "false"))
"""The usual spellings of nulls and booleans."""


class Quoted(str):
    """A string in quotes or a block scalar."""

    __slots__ = ()


class Folded(Quoted):
    """A string of a resource in a folded block scalar, which kustomize changes."""

    __slots__ = ()


class SpelledStr(str):
    """A string whose ``text``, as written, differs: a date without quotes, whose value is its RFC 3339 form."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, value: str, text: str) -> SpelledStr:
        self = super().__new__(cls, value)
        self.text = text
        return self


class Binary(SpelledStr):
    """A string as base64 after ``!!binary``: annotations use the text, everything else the value."""

    __slots__ = ()


class SpelledInt(int):
    """An integer that is not written in plain decimal digits, such as ``0x1F`` or ``1_000``."""

    text: str

    def __new__(cls, value: int, text: str) -> SpelledInt:
        self = super().__new__(cls, value)
        self.text = text
        return self


class SpelledFloat(float):
    """A float that is not written as Go prints it, such as ``1.10`` or ``1e3``."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, value: float, text: str) -> SpelledFloat:
        self = super().__new__(cls, value)
        self.text = text
        return self


class SpelledBool(NamedTuple):
    """A boolean that is not written as ``true`` or ``false``, within a patch during its merge.

    Python's booleans cannot hold a text, so elsewhere the text is stored next to the object.
    """

    value: bool
    text: str


_PLAIN_TYPES: frozenset[type] = frozenset((str, int, float, bool, type(None)))
_PRINTED_TYPES: frozenset[type] = frozenset((str, int, bool, type(None)))


def plain(value: Any) -> Any:
    """Return the value without marks of spelling; shares what needs no change instead of copying it.

    kustomize prints this value and reads it again, and so folded text changes (:mod:`.folded`).
    """
    return _unmarked(value, _PLAIN_TYPES, refolded)


def printed(value: Any, *, in_braces: bool = False) -> Any:
    """Return the value as it reads back from the output of ``kustomize build``: plain, with whole numbers as integers.

    The applied object has ``2`` for ``replicas: 2.0``, because the API server accepts only that as an integer. Block
    scalars cannot occur within braces, so folded text stays unchanged there.
    """
    return _unmarked(value, _PRINTED_TYPES, str if in_braces else refolded)


def _unmarked(value: Any, done: frozenset[type], folded: Callable[[str], str]) -> Any:
    kind = type(value)
    items: Iterable[tuple[Any, Any]]
    if kind is dict:
        items = value.items()
    elif kind is list:
        items = enumerate(value)
    elif kind in done:
        return value
    elif isinstance(value, str):
        return folded(value) if kind is Folded else str(value)
    elif isinstance(value, int):
        return int(value)
    elif isinstance(value, float):
        whole = None if float in done else go_whole(value)
        return float(value) if whole is None else whole
    else:
        return value
    changed: Any = None
    for key, old in items:
        if type(old) in done:
            continue
        new = _unmarked(old, done, folded)
        if new is not old:
            if changed is None:
                changed = value.copy()
            changed[key] = new
    return value if changed is None else changed


def scalar_text(value: Any) -> str:
    """Return the text of a scalar as its author wrote it, which kustomize compares and copies.

    Null, and anything that is not a scalar, has no text: ``""``.
    """
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return go_general(value)
    if kind is Quoted or kind is Folded:
        return str(value)
    if isinstance(value, (SpelledStr, SpelledInt, SpelledFloat, SpelledBool)):
        return value.text
    return ""


_WORDS_V3: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_WORDS_V2: dict[str, Any] = {
    **_WORDS_V3,
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_FIRST_OF_WORDS = frozenset("yYnNtTfFoO~")
_FIRST_OF_NUMBERS = frozenset("+-0123456789")
_FIRST_OF_OTHERS = _FIRST_OF_WORDS | _FIRST_OF_NUMBERS | {"."}
SURELY_TEXT = frozenset(string.ascii_letters) - _FIRST_OF_WORDS
"""The first characters with which a plain scalar can only be a string."""

_INT = re.compile(
    r"(?P<sign>[+-]?)"
    r"(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[oO](?P<oct>[0-7]+)|0[bB](?P<bin>[01]+)|0(?P<old>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_BASES = (("dec", 10), ("hex", 16), ("oct", 8), ("bin", 2), ("old", 8))
_SIGNED_INSIDE = re.compile(r"0b([+-]?[01]+)|0o([+-]?[0-7]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_POINT_FLOAT = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_TIME = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"(?:(?:[Tt]| +(?P<space>))(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2}):(?P<second>[0-9]{1,2})"
    r"(?:[.,](?P<fraction>[0-9]+))?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


def resolve_v3(text: str) -> Any:
    """Return the value of a plain scalar in a resource (go-yaml v3)."""
    if not text:
        return None
    first = text[0]
    if first in _FIRST_OF_WORDS:
        return _WORDS_V3.get(text, text)
    if first in _FIRST_OF_NUMBERS:
        if text in _WORDS_V3:
            return _WORDS_V3[text]
        time = _time(text)
        return _number(text, v3=True) if time is None else time
    if first == ".":
        return _after_point(text)
    return text


def resolve_v2(text: str) -> Any:
    """Return the value of a plain scalar in a kustomization file or a JSON patch (go-yaml v2).

    Dates stay strings, and no spelling is kept: kustomize converts these files to JSON at once.
    """
    if not text:
        return None
    first = text[0]
    if first in _FIRST_OF_WORDS:
        return _WORDS_V2.get(text, text)
    if first in _FIRST_OF_NUMBERS:
        if text in _WORDS_V2:
            return _WORDS_V2[text]
        return text if _time(text) is not None else plain(_number(text, v3=False))
    return plain(_after_point(text)) if first == "." else text


def needs_quotes(text: str) -> bool:
    """Return whether the text without quotes would not read as the same string."""
    return type(resolve_v2(text)) is not str or _time(text) is not None or is_base_60(text)


def created_text(text: str) -> str:
    """Return a text as kustomize writes it into a new field: in quotes if YAML 1.1 reads it as another type.

    Empty text, dates and the like have no quotes at first, so that a value that replaces them needs none.
    """
    if not text or text[0] not in _FIRST_OF_OTHERS or "\n" in text:
        return text
    return Quoted(text) if type(resolve_v2(text)) is not str else text


def data_text(text: str) -> str:
    """Return a value of a ConfigMap's or Secret's data as kustomize writes it.

    Several lines become a block scalar, which later steps treat like a quoted string.
    """
    return Quoted(text) if "\n" in text else created_text(text)


def created_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Return a map of texts as kustomize writes it into a new field."""
    return {key: created_text(text) for key, text in texts.items()}


_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


def is_base_60(text: str) -> bool:
    """Return whether old YAML parsers would read the text as a number in base 60, such as ``1:30``."""
    return ":" in text and _BASE_60.fullmatch(text) is not None


def _after_point(text: str) -> Any:
    if text in _WORDS_V3:
        return _WORDS_V3[text]
    if _POINT_FLOAT.fullmatch(text):
        return _float(text.replace("_", ""), text)
    return text


def _float(digits: str, text: str) -> Any:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        return text
    return number if go_general(number) == text else SpelledFloat(number, text)


def _integer(number: int, text: str) -> int:
    return number if str(number) == text else SpelledInt(number, text)


def _number(text: str, *, v3: bool) -> Any:
    digits = text.replace("_", "")
    match = _INT.fullmatch(digits)
    if match is not None:
        # More digits than 64 bits can need: Python would parse them slowly, or refuse.
        too_long = match["dec"] is not None and len(match["dec"]) > 20
        number = (
            next(int(match[name], base) for name, base in _BASES if match[name]) if not too_long else 1 << 64
        )
        sign = match["sign"]
        if sign == "-":
            number = -number
        if -(1 << 63) <= number < (1 << 63) or (not sign and number < (1 << 64)):
            return _integer(number, text)
    if _FLOAT.fullmatch(digits):
        return _float(digits, text)
    match = _SIGNED_INSIDE.fullmatch(digits)
    if match is not None and (match[1] is not None or v3):
        number = int(match[1], 2) if match[1] is not None else int(match[2], 8)
        if -(1 << 63) <= number < (1 << 63):
            return _integer(number, text)
    return text


def _time(text: str) -> SpelledStr | None:
    if len(text) < 8 or text[4] != "-":
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    zone = match["zone"]
    with_time = match["hour"] is not None
    # A time zone always follows "T" and never a space.
    if with_time and (zone is None) != (match["space"] is not None):
        return None
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    try:
        # Python does not support the year 0; it is a leap year, as is 2000.
        datetime.date(year or 2000, month, day)
    except ValueError:
        return None
    if not with_time:
        return SpelledStr(f"{year:04}-{month:02}-{day:02}T00:00:00Z", text)
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    if hour > 23 or minute > 59 or second > 59:
        return None
    if zone is None or zone in ("Z", "+00:00", "-00:00"):
        zone = "Z"
    elif int(zone[1:3]) > 24 or int(zone[4:]) > 60:
        return None
    fraction = (match["fraction"] or "")[:9].rstrip("0")
    point = "." if fraction else ""
    return SpelledStr(
        f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{fraction}{zone}", text
    )
