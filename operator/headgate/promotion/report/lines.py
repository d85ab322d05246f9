"""One changed field as lines with a sign, for all formats that people read. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from headgate.promotion.changes.model import FieldChange, Hidden
from headgate.visible import visible

__all__ = ["ReportLine", "field_lines", "shown"]

LONGEST_VALUE = 160
"""Characters of a value on one line."""
_LONGEST_PATH = 300
_MOST_LINES = 40
"""Lines of the difference of two texts."""
_MOST_COMPARED = 2000
"""Lines up to which texts are compared line by line; the time grows with the square."""


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line: a sign (``+``, ``-``, ``~`` or a blank) and a text, in which a format escapes what nobody sees."""

    sign: str
    text: str


# As YAML would read them, or with a blank at an end.
_AMBIGUOUS = re.compile(
    r"|~|null|true|false|yes|no|on|off|[-+.]?[0-9][-+0-9_.eE:xXa-fA-F]*|\s.*|.*\s|\(.*\)|[\[{\"'&*!|>%@`#].*",
    re.IGNORECASE | re.DOTALL,
)


def shown(value: Any) -> str:
    """Return a value on one line, as complete as it is long; texts that look like something else have quotes."""
    if isinstance(value, Hidden):
        return f"({value.value})"
    if isinstance(value, str) and not _AMBIGUOUS.fullmatch(value) and visible(value) == value:
        return value
    return visible(json.dumps(value, ensure_ascii=False, default=_hidden))


def _hidden(value: Any) -> str:
    return f"({value.value})" if isinstance(value, Hidden) else str(value)


def field_lines(field: FieldChange) -> list[ReportLine]:
    """Return the lines of one changed field, a limited number of limited length."""
    path = _cut(visible(field.path), _LONGEST_PATH) or "(everything)"
    unknown = f" (unknown: {', '.join(map(visible, field.unknown))})" if field.unknown else ""
    if field.order:
        before, after = _windows(_names(field.before), _names(field.after))
        return [ReportLine("~", f"{path}: other order: {before} → {after}")]
    if not field.before_present or not field.after_present:
        return _one_sided(path, field, unknown)
    if isinstance(field.before, Hidden) and field.before is field.after:
        return [ReportLine("~", f"{path}: {field.before.value} changed{unknown}")]
    if _is_text(field.before) and _is_text(field.after) and field.before != field.after:
        return [ReportLine("~", f"{path}:{unknown}"), *_text_lines(str(field.before), str(field.after))]
    before, after = _windows(shown(field.before), shown(field.after))
    hidden = " (what *** hides differs)" if before == after and "***" in before else ""
    return [ReportLine("~", f"{path}: {before} → {after}{hidden}{unknown}")]


def _names(elements: Any) -> str:
    return ", ".join(visible(str(each)) for each in elements)


def _one_sided(path: str, field: FieldChange, unknown: str) -> list[ReportLine]:
    sign, value = ("+", field.after) if field.after_present else ("-", field.before)
    if _is_text(value):
        lines = str(value).splitlines()
        more = len(lines) - _MOST_LINES
        found = [ReportLine(sign, f"{path}:{unknown}")]
        found += [ReportLine(sign, f"  {_cut(visible(line), LONGEST_VALUE)}") for line in lines[:_MOST_LINES]]
        return [*found, ReportLine(" ", f"  … {more} more lines")] if more > 0 else found
    return [ReportLine(sign, f"{path}: {_cut(shown(value), LONGEST_VALUE)}{unknown}")]


def _is_text(value: Any) -> bool:
    """Whether a value is a text of several lines."""
    return isinstance(value, str) and "\n" in value.strip("\n")


def _text_lines(before: str, after: str) -> Iterator[ReportLine]:
    old, new = before.splitlines(), after.splitlines()
    if len(old) > _MOST_COMPARED or len(new) > _MOST_COMPARED:
        yield ReportLine(" ", f"  … {len(old)} lines become {len(new)} lines")
        return
    changes = list(unified_diff(old, new, n=1, lineterm=""))[2:]
    for each in changes[:_MOST_LINES]:
        sign, text = ("…", "") if each.startswith("@@") else (each[0], each[1:])
        if sign != "…":
            yield ReportLine(sign, f"  {_cut(visible(text), LONGEST_VALUE)}")
        elif each is not changes[0]:
            yield ReportLine(" ", "  …")
    if len(changes) > _MOST_LINES:
        yield ReportLine(" ", f"  … {len(changes) - _MOST_LINES} more lines")
    if old == new:
        yield ReportLine(" ", "  (only the ends of lines differ)")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def _windows(before: str, after: str) -> tuple[str, str]:
    """Return both values, or the parts where long ones begin to differ."""
    if len(before) <= LONGEST_VALUE and len(after) <= LONGEST_VALUE:
        return before, after
    same = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        same += 1
    start = max(0, same - 20)
    mark = "…" if start else ""
    return mark + _cut(before[start:], LONGEST_VALUE), mark + _cut(after[start:], LONGEST_VALUE)
