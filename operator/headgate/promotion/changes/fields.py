"""The fields in which two versions of one object differ, before anything is hidden. Pure.

Elements of lists are paired as the API server pairs them: by their keys, by value in sets, otherwise by position. In a
list that is atomic, or of a kind without a schema, elements are aligned by content, and elements that all have a
unique name are paired by it; a different order is then a difference, as it is for the API server. Where a whole mapping
is new or gone, each of its leaves is a difference, so that a pattern can cover some of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from headgate.promotion.changes.paths import Element, Path
from headgate.promotion.changes.shapes import NOTHING, ListKind, Shape
from headgate.promotion.changes.values import DEEPEST, MISSING, equal, frozen, is_quantity_place, quantity

__all__ = ["Difference", "differences", "leaves"]

_ALIGNED = 400
"""Elements up to which atomic lists are aligned by content; the time grows with the square."""
_NAMES = ("name", "key", "id", "type", "path", "host", "alert", "record", "job_name")
"""Fields that identify elements of lists without a schema, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference; ``before`` or ``after`` is :data:`MISSING` where the field is absent."""

    path: Path
    before: Any
    after: Any
    order: bool = False
    immutable: bool = False
    """Whether the custom kind's definition forbids it."""


def differences(
    before: Any, after: Any, shape: Shape = NOTHING, *, built_in: bool = False
) -> list[Difference]:
    """Return all differences of two values, in the order of the fields."""
    return list(_Comparison(built_in).values((), before, after, shape, False))


def leaves(path: Path, value: Any, shape: Shape = NOTHING) -> Iterator[tuple[Path, Any]]:
    """Return the leaves of a value with their paths; an empty mapping or list is a leaf."""
    if isinstance(value, dict) and value and len(path) < DEEPEST:
        for key, each in value.items():
            yield from leaves((*path, str(key)), each, shape.field(str(key)))
    elif (
        isinstance(value, list) and value and len(path) < DEEPEST and all(isinstance(v, dict) for v in value)
    ):
        keys = _keys(shape, value, [])
        for index, each in enumerate(value):
            step = _element(keys, each) if keys else Element(index=index)
            yield from leaves((*path, step), each, shape.elements())
    else:
        yield path, value


class _Comparison:
    """One comparison; the kind decides whether quantities are compared by amount."""

    def __init__(self, built_in: bool) -> None:
        self._built_in = built_in

    def values(
        self, path: Path, before: Any, after: Any, shape: Shape, frozen_above: bool
    ) -> Iterator[Difference]:
        """Compare two values at ``path``; ``frozen_above`` says that a definition forbids changes here."""
        if before is after:
            return
        fixed = frozen_above or shape.immutable
        if len(path) >= DEEPEST:
            if not equal(before, after):
                yield Difference(path, before, after, immutable=fixed)
        elif isinstance(before, dict) and isinstance(after, dict):
            yield from self._mappings(path, before, after, shape, fixed)
        elif isinstance(before, list) and isinstance(after, list):
            yield from self._lists(path, before, after, shape, fixed)
        elif before is MISSING or after is MISSING:
            # A rule about a change does not concern what appears or goes.
            yield from self._one_sided(path, before, after, shape, frozen_above)
        elif not self._same(path, before, after):
            yield Difference(path, before, after, immutable=fixed)

    def _one_sided(
        self, path: Path, before: Any, after: Any, shape: Shape, fixed: bool
    ) -> Iterator[Difference]:
        for at, value in leaves(path, after if before is MISSING else before, shape):
            pair = (MISSING, value) if before is MISSING else (value, MISSING)
            yield Difference(at, *pair, immutable=fixed)

    def _same(self, path: Path, before: Any, after: Any) -> bool:
        if equal(before, after):
            return True
        if not self._built_in or not is_quantity_place(path):
            return False
        amount = quantity(before)
        return amount is not None and amount == quantity(after)

    def _mappings(
        self, path: Path, before: dict[str, Any], after: dict[str, Any], shape: Shape, fixed: bool
    ) -> Iterator[Difference]:
        # In the order of the new version; what is gone follows.
        for key in dict.fromkeys((*after, *before)):
            yield from self.values(
                (*path, str(key)),
                before.get(key, MISSING),
                after.get(key, MISSING),
                shape.field(str(key)),
                fixed,
            )

    def _lists(
        self, path: Path, before: list[Any], after: list[Any], shape: Shape, fixed: bool
    ) -> Iterator[Difference]:
        if shape.list_kind is ListKind.SET and not _are_mappings(before + after):
            yield from _sets(path, before, after, fixed)
            yield from _order_of_values(path, before, after, fixed)
            return
        keys = _keys(shape, before, after)
        if keys:
            yield from self._keyed(path, before, after, shape, keys, fixed)
        elif len(before) > _ALIGNED or len(after) > _ALIGNED:
            yield from self._by_position(path, before, after, shape, fixed)
        else:
            yield from self._aligned(path, before, after, shape, fixed)

    def _keyed(
        self,
        path: Path,
        before: list[Any],
        after: list[Any],
        shape: Shape,
        keys: Sequence[str],
        fixed: bool,
    ) -> Iterator[Difference]:
        old = {_element(keys, each): each for each in before}
        new = {_element(keys, each): each for each in after}
        inner = shape.elements()
        for element in dict.fromkeys((*new, *old)):
            yield from self.values(
                (*path, element), old.get(element, MISSING), new.get(element, MISSING), inner, fixed
            )
        yield from _order(path, [e for e in old if e in new], [e for e in new if e in old], fixed)

    def _by_position(
        self, path: Path, before: list[Any], after: list[Any], shape: Shape, fixed: bool
    ) -> Iterator[Difference]:
        inner = shape.elements()
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else MISSING
            new = after[index] if index < len(after) else MISSING
            yield from self.values((*path, Element(index=index)), old, new, inner, fixed)

    def _aligned(
        self, path: Path, before: list[Any], after: list[Any], shape: Shape, fixed: bool
    ) -> Iterator[Difference]:
        inner = shape.elements()
        old, new = [frozen(each) for each in before], [frozen(each) for each in after]
        matcher = SequenceMatcher(None, old, new, autojunk=False)
        for _, start, end, new_start, new_end in (o for o in matcher.get_opcodes() if o[0] != "equal"):
            both = min(end - start, new_end - new_start)
            for offset in range(both):
                at = (*path, Element(index=new_start + offset))
                yield from self.values(at, before[start + offset], after[new_start + offset], inner, fixed)
            for index in range(start + both, end):
                yield from self.values((*path, Element(index=index)), before[index], MISSING, inner, fixed)
            for index in range(new_start + both, new_end):
                yield from self.values((*path, Element(index=index)), MISSING, after[index], inner, fixed)


def _sets(path: Path, before: list[Any], after: list[Any], fixed: bool) -> Iterator[Difference]:
    old, new = {frozen(v): v for v in before}, {frozen(v): v for v in after}
    for key in dict.fromkeys((*new, *old)):
        if (key in old) != (key in new):
            value = new.get(key, old.get(key))
            at = (*path, Element((("", _plain(value)),)))
            yield Difference(at, old.get(key, MISSING), new.get(key, MISSING), immutable=fixed)


def _order_of_values(path: Path, before: list[Any], after: list[Any], fixed: bool) -> Iterator[Difference]:
    """A set in another order is a difference: the API server stores the order."""
    old, new = ([Element((("", _plain(value)),)) for value in side] for side in (before, after))
    shared = set(old) & set(new)
    yield from _order(path, [e for e in old if e in shared], [e for e in new if e in shared], fixed)


def _order(path: Path, before: list[Element], after: list[Element], fixed: bool) -> Iterator[Difference]:
    if before != after:
        yield Difference(path, [str(e) for e in before], [str(e) for e in after], order=True, immutable=fixed)


def _keys(shape: Shape, before: list[Any], after: list[Any]) -> tuple[str, ...]:
    """The fields that identify the elements of both lists; none if the elements are not unique by any."""
    both = (before, after)
    if not (before or after) or not all(isinstance(each, dict) for each in before + after):
        return ()
    if shape.list_kind is ListKind.KEYED:
        # As the API server: elements may lack a key that has a default.
        if all(any(k in each for k in shape.keys) for side in both for each in side) and _unique(
            shape.keys, both
        ):
            return shape.keys
        return ()
    for name in _NAMES:
        scalars = all(isinstance(each.get(name), str) for side in both for each in side)
        if scalars and _unique((name,), both):
            return (name,)
    return ()


def _unique(keys: Sequence[str], sides: tuple[list[Any], list[Any]]) -> bool:
    return all(max(Counter(_element(keys, each) for each in side).values(), default=1) == 1 for side in sides)


def _element(keys: Sequence[str], value: dict[str, Any]) -> Element:
    return Element(tuple((key, _plain(value[key])) for key in keys if key in value))


def _plain(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def _are_mappings(values: list[Any]) -> bool:
    return any(isinstance(value, dict) for value in values)
