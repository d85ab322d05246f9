"""Paths of fields in ``vars`` and ``replacements``: ``spec.template.spec.containers.[name=web].image``.

Dots separate segments; ``\\.`` is a dot inside a name, and so is one in ``[brackets]``. ``[name=web]`` selects list
entries by a field, ``[=text]`` plain entries, a number by position.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from headgate.api.patterns import PatternInvalid, searcher
from headgate.documents.errors import BuildError
from headgate.documents.yaml.scalars import scalar_text
from headgate.kustomize.errors import ReferenceFault
from headgate.kustomize.paths.fieldspec import split_path

# As many digits as 64 bits can always hold; kustomize does not read longer ones as a number, either.
_INDEX = re.compile(r"[-+]?[0-9]{1,18}\Z")
_INDEXED = re.compile(r"(.*)\[([0-9]+)\]\Z", re.DOTALL)

# The result of `look_up` when nothing exists at the path: null is a value.
MISSING: Any = object()


def split_dotted(path: str) -> list[str]:
    """Split a path at its dots, keeping bracketed segments whole; remove brackets around a plain name."""
    parts = split_path(path, ".")
    result: list[str] = []
    index = 0
    while index < len(parts):
        part = parts[index]
        index += 1
        if not part.startswith("[") or part.endswith("]"):
            result.append(part)
            continue
        pieces = [part]
        while index < len(parts):
            pieces.append(parts[index])
            index += 1
            if pieces[-1].endswith("]"):
                break
        joined = ".".join(pieces)
        result.append(joined if "=" in joined else joined.strip("[]"))
    return result


def clean(path: list[str]) -> list[str]:
    """Remove blanks around segments, and empty segments."""
    return [stripped for segment in path if (stripped := segment.strip())]


def is_index(segment: str) -> bool:
    """Return whether a segment is a position in a list."""
    return bool(_INDEX.match(segment)) and int(segment) >= 0


def is_entry(segment: str) -> bool:
    """Return whether a segment selects list entries by content."""
    return segment.startswith("[") and segment.endswith("]")


def split_entry(segment: str) -> tuple[str, str]:
    """Return the field and value of a ``[field=value]`` segment; raises ReferenceFault without ``=``."""
    field, separator, value = segment[1:-1].partition("=")
    if not separator:
        raise ReferenceFault(f"the list entry {segment!r} must have the form [field=value]")
    return field, value


def with_indexes(path: list[str]) -> list[str]:
    """Split ``ports[0]`` into ``ports`` and ``0``, a notation that only ``vars`` allow."""
    result: list[str] = []
    for segment in path:
        match = _INDEXED.match(segment)
        if match is None:
            result.append(segment)
            continue
        if match.group(1):
            result.append(match.group(1))
        result.append(match.group(2))
    return result


def entry_pattern(segment: str) -> tuple[str, str, Callable[[str], bool]]:
    """Split ``[field=pattern]``, and compile the pattern, which in replacements may match anywhere in the text.

    Raises ReferenceFault for an invalid pattern.
    """
    field, pattern = split_entry(segment)
    try:
        return field, pattern, searcher(pattern)
    except PatternInvalid as error:
        raise ReferenceFault(str(error)) from None


def look_up(node: Any, path: list[str]) -> Any:
    """Return the one value at a path, or MISSING; raises ReferenceFault when a segment does not fit the value."""
    for segment in clean(path):
        node = _step(node, segment)
        if node is MISSING:
            return MISSING
    return node


def look_up_slot(root: Any, path: list[str]) -> tuple[Any, Any]:
    """Return the container and the key of the value that :func:`look_up` has found."""
    *outer, last = clean(path)
    container = look_up(root, outer)
    if isinstance(container, dict):
        return container, last
    if is_entry(last):
        found = _step(container, last)
        return container, next(index for index, item in enumerate(container) if item is found)
    return container, len(container) - 1 if last == "-" else int(last)


def _step(node: Any, segment: str) -> Any:
    if _INDEX.match(segment) or segment == "-":
        if node is None:
            return MISSING
        if not isinstance(node, list):
            raise _misfit(segment, "a list")
        index = -1 if segment == "-" else int(segment)
        if index < 0 and segment != "-":
            raise ReferenceFault(f"the index {segment} is negative")
        if segment == "-" and not node:
            raise ReferenceFault("the list is empty, it has no last entry")
        return node[index] if index < len(node) else MISSING
    if segment == "*":
        raise ReferenceFault("a wildcard cannot be used here")
    if is_entry(segment):
        if node is None:
            return MISSING
        if not isinstance(node, list):
            raise _misfit(segment, "a list")
        return _entry(node, *split_entry(segment))
    if node is None:
        return MISSING
    if not isinstance(node, dict):
        raise _misfit(segment, "a map")
    return node.get(segment, MISSING)


def _entry(items: list[Any], field: str, value: str) -> Any:
    for item in items:
        if not field:
            if not isinstance(item, (dict, list)) and scalar_text(item) == value:
                return item
        elif isinstance(item, dict) and field in item:
            content = item[field]
            if not isinstance(content, (dict, list)) and scalar_text(content) == value:
                return item
    return MISSING


def _misfit(segment: str, wanted: str) -> BuildError:
    return ReferenceFault(f"the segment {segment!r} needs {wanted}, but something else is there")
