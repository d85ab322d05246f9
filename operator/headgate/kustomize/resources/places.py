"""Where an object comes from: its own file and line, and the patches and replacements that changed it.

What is wrong with an object may be the fault of a patch. Then its file is the one to open, not that of the base.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

__all__ = ["Patched", "PatchedPlace", "described", "json_sets", "merge_sets", "place_of_field"]

SHOWN = 3
"""Patches that a message names: the last ones."""

_PART = re.compile(r"\[(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([^\]]*))\]|([^.\[\]/]+)")


class Patched(NamedTuple):
    """A patch or replacement that changed an object."""

    file: str
    sets: Callable[[Sequence[str]], bool]
    """Whether it sets the field with these parts, something in it, or what it is in."""


class PatchedPlace(str):
    """``file`` or ``file:line`` of an object that patches changed."""

    __slots__ = ("patches",)
    patches: tuple[Patched, ...]

    def __new__(cls, place: str, patches: Sequence[Patched]) -> PatchedPlace:
        """The place of the object itself, and its patches in the order in which they were applied."""
        made = super().__new__(cls, place)
        made.patches = tuple(patches)
        return made


def described(place: str) -> str:
    """Return a place for people, with the patches of the object.

    >>> described("a.yaml:1"), described(PatchedPlace("a.yaml:1", [Patched("p.yaml", bool)]))
    ('a.yaml:1', 'a.yaml:1, changed by p.yaml')
    """
    if not isinstance(place, PatchedPlace):
        return place
    files = list(dict.fromkeys(each.file for each in place.patches))
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return f"{place}, changed by {', '.join(files[-SHOWN:])}{more}"


def place_of_field(place: str | None, field: str | None) -> str | None:
    """Return the file of the last patch that set a field of an object; else the place of the object.

    ``field`` is written as in messages: ``metadata.labels``, ``spec.containers[0].image``, ``metadata.labels['a/b']``.
    """
    if not field or not isinstance(place, PatchedPlace):
        return place
    parts = [next(filter(None, match.groups()), "") for match in _PART.finditer(field)]
    return next((each.file for each in reversed(place.patches) if each.sets(parts)), place)


def merge_sets(body: Any, parts: Sequence[str]) -> bool:
    """Whether a strategic merge patch sets a field, something in it, or what it is in."""
    for at, part in enumerate(parts):
        if isinstance(body, dict):
            if part not in body:
                # A directive may replace or delete what the patch does not name.
                return "$patch" in body
            body = body[part]
        elif isinstance(body, list):
            # Elements are merged by their keys, so that an index says nothing.
            rest = parts[at + 1 :] if part.isdigit() else parts[at:]
            return any(merge_sets(each, rest) for each in body)
        else:
            return True
    return True


def json_sets(operations: Sequence[Sequence[str]], parts: Sequence[str]) -> bool:
    """Whether one of the paths that a JSON patch or replacement writes is a field, in it, or leads to it."""
    return any(all(map(_is_one, path, parts)) for path in operations)


def _is_one(written: str, part: str) -> bool:
    """Whether a part of a path may be this one: of lists, it is not known which element."""
    return written == part or written in ("*", "-") or written.startswith("[") or part.isdigit()
