"""Merges lists whose elements do not each have their own key.

These are scalars (finalizers), elements without the key or with only one of several, and elements with equal keys. The
results in kustomize depend on how it edits both lists in place, so this module does the same, step by step, on
:class:`_Cell` objects, which represent the nodes of its tree.

For each element, kustomize searches the whole list. Because elements with different values of the first key do not
affect each other, this module first splits the lists into lanes by that value, and each step searches only its lane. So
the length of a list has no limit, but that of a lane has, and so has that of a list with an element without such a
value, which could belong to any lane.

Reference: ``kyaml/yaml/walk/associative_sequence.go``, and ``ElementSetter``, ``ElementMatcher`` and ``FieldMatcher``
in ``kyaml/yaml/fns.go`` of kustomize.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from headgate.documents.yaml.scalars import scalar_text
from headgate.kustomize.merge.directives import MISSING, Directive, Mismatch, map_directive
from headgate.kustomize.merge.merger import Merger
from headgate.kustomize.schema import SchemaNode

__all__ = ["alone", "merge"]

_Keys = list[str]
_MAX_UNSPLIT = 500
_MAX_STEPS = _MAX_UNSPLIT * _MAX_UNSPLIT


class _Cell:
    """A mutable container of an element; two lists may share one."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Entry(NamedTuple):
    """A cell and its index in the whole list, of which a lane is a part."""

    place: int
    cell: _Cell


@dataclass(slots=True)
class _Lane:
    """Elements that may affect each other: of the target, of the patch, and those merged so far."""

    target: list[_Entry] = field(default_factory=list)
    patch: list[_Entry] = field(default_factory=list)
    items: list[_Entry] = field(default_factory=list)
    found: list[int] = field(default_factory=list)


def merge(merger: Merger, target: list[Any], patch: list[Any], node: SchemaNode) -> list[Any]:
    """Merge two lists, from which the caller has removed the directives of the list itself."""
    return _merge(merger, [_Cell(item) for item in target], [_Cell(item) for item in patch], node)


def alone(merger: Merger, elements: list[Any], node: SchemaNode, *, from_patch: bool) -> list[Any]:
    """Merge a new list with nothing, or with itself when it comes from the patch."""
    cells = [_Cell(item) for item in elements]
    return _merge(merger, cells, cells if from_patch else None, node)


def _merge(merger: Merger, target: list[_Cell], patch: list[_Cell] | None, node: SchemaNode) -> list[Any]:
    keys = list(node.merge_keys) or [""]
    found = _all_values(target, patch, keys)
    lanes = _lanes(target, patch, keys, found)
    merger.passed += _steps(lanes.values(), keys)
    if len(keys) > 1:
        for lane in lanes.values():
            _complete(found, lane.found)
    used = _keys_with_values(found, keys)
    schema = node.elements()
    places = itertools.count()
    for values in found:
        here = lanes[values[0]] if len(lanes) > 1 else next(iter(lanes.values()))
        wanted = [value for value, key in zip(values, keys, strict=True) if value or key in used]
        cell = _walk(merger, _find(here.target, used, wanted), _find(here.patch, used, wanted), schema)
        if cell is None or cell.value is None or cell.value == {}:
            _set(here.target, None, used, wanted, -1)
            continue
        for key, value in zip(used, wanted, strict=True):
            if type(cell.value) is dict and key not in cell.value and value:
                cell.value = {**cell.value, key: value}
        _set(here.items, cell, used, wanted, next(places))
    rest = [(entry, lane) for lane in lanes.values() for entry in lane.target]
    for entry, lane in sorted(rest, key=lambda pair: pair[0].place):
        _append(lane.items, entry.cell, used, places)
    merged = sorted((entry for lane in lanes.values() for entry in lane.items), key=lambda entry: entry.place)
    return [entry.cell.value for entry in merged]


def _lanes(
    target: list[_Cell], patch: list[_Cell] | None, keys: _Keys, found: list[list[str]]
) -> dict[str, _Lane]:
    """Split the lists by the values of the first key, if all elements have one."""
    cells = [*target, *(patch or ())]
    split = all(values[0] for values in found) and all(
        type(cell.value) is dict if keys[0] else type(cell.value) not in (dict, list) for cell in cells
    )
    if not split and len(cells) > _MAX_UNSPLIT:
        what = f"some have no {keys[0]!r}" if keys[0] else "some are not single values"
        raise Mismatch(f"a list of {len(cells)} elements, of which {what}, is too long to be merged")
    lanes: dict[str, _Lane] = {}

    def lane_of(text: str) -> _Lane:
        return lanes.setdefault(text if split else "", _Lane())

    for place, cell in enumerate(target):
        lane_of(_first(cell, keys)).target.append(_Entry(place, cell))
    if patch is target:
        # The same list: what is removed from one is removed from the other.
        for lane in lanes.values():
            lane.patch = lane.target
    else:
        for place, cell in enumerate(patch or ()):
            lane_of(_first(cell, keys)).patch.append(_Entry(place, cell))
    for index, values in enumerate(found):
        lane_of(values[0]).found.append(index)
    return lanes


def _steps(lanes: Iterable[_Lane], keys: _Keys) -> int:
    """Return how many element comparisons the merge takes; raises Mismatch if a lane is too long."""
    steps = 0
    for lane in lanes:
        elements = len(lane.target) + (0 if lane.patch is lane.target else len(lane.patch))
        here = len(lane.found) * elements
        if here > _MAX_STEPS:
            raise Mismatch(
                f"a list with {elements} elements that have the same {keys[0]!r} is too long to be merged"
            )
        steps += 40 * elements + 6 * here
    return steps


def _first(cell: _Cell, keys: _Keys) -> str:
    value = cell.value
    if not keys[0]:
        return scalar_text(value)
    return scalar_text(value.get(keys[0])) if type(value) is dict else ""


def _walk(
    merger: Merger, target: _Cell | None, patch: _Cell | None, schema: SchemaNode | None
) -> _Cell | None:
    """Merge an element; the returned cell is that of the target or of the patch, or None to delete it."""
    if patch is None:
        if target is None:
            return None
        target.value = merger.kept(target.value, schema)
        return target
    if target is None or target.value is None or target is patch:
        patch.value = merger.added(patch.value, schema, strict=target is patch)
        return None if patch.value is MISSING else patch
    if type(target.value) is dict and type(patch.value) is dict:
        directive, fields = map_directive(patch.value, strict=True)
        if directive is Directive.DELETE:
            return None
        if directive is Directive.REPLACE:
            patch.value = merger.added(fields, schema, strict=True)
            return patch
        target.value = merger.merged(target.value, fields, schema)
        return target
    if patch.value is None:
        return None
    value = merger.walk(target.value, patch.value, schema)
    return patch if value is not MISSING else None


def _all_values(target: list[_Cell], patch: list[_Cell] | None, keys: _Keys) -> list[list[str]]:
    """Return the distinct key values of all elements, those of the patch first."""
    found: dict[tuple[str, ...], None] = {}
    for cells in (patch, target):
        for cell in cells or ():
            value = cell.value
            if keys[0]:
                fields = value if type(value) is dict else {}
                found[tuple([scalar_text(fields.get(key)) for key in keys])] = None
            else:
                found[(scalar_text(value),)] = None
    return [list(texts) for texts in found]


def _complete(found: list[list[str]], indexes: list[int]) -> None:
    """Unify elements that agree in one key and lack the others."""
    for i in indexes:
        left = found[i]
        for j in indexes:
            both = _agree(left, found[j])
            if both is not None:
                found[i] = both
                found[j] = both


def _agree(left: list[str], right: list[str]) -> list[str] | None:
    common = False
    both = []
    for a, b in zip(left, right, strict=True):
        if a == b:
            common = True
        elif a and b:
            return None
        both.append(a or b)
    return both if common else None


def _keys_with_values(found: list[list[str]], keys: _Keys) -> _Keys:
    used = {key for values in found for key, value in zip(keys, values, strict=True) if value}
    return [key for key in keys if key in used] if used else keys


def _find(entries: list[_Entry], keys: _Keys, values: list[str]) -> _Cell | None:
    """Return the first element with these values; keys without a value do not count, unless none has one."""
    given = [(key, wanted) for key, wanted in zip(keys, values, strict=True) if wanted]
    given = given or list(zip(keys, values, strict=True))
    for _, cell in entries:
        value = cell.value
        if not keys[0]:
            if (scalar_text(value) if type(value) not in (dict, list) else "") == values[0]:
                return cell
        elif type(value) is dict and all(
            value.get(key) is not None and scalar_text(value[key]) == wanted for key, wanted in given
        ):
            return cell
    return None


def _set(entries: list[_Entry], element: _Cell | None, keys: _Keys, values: list[str], place: int) -> None:
    """Replace all matching elements, or append the element at ``place``; None removes the matching ones.

    Null and empty elements are removed in any case.
    """
    result: list[_Entry] = []
    matched = False
    by_field = bool(keys[0] and values and values[0])
    for entry in entries:
        value = entry.cell.value
        if value is None or value == {}:
            continue
        if by_field and type(value) is not dict:
            result.append(entry)
            continue
        if not _matches(value, keys, values):
            if values:
                result.append(entry)
            continue
        matched = True
        if element is not None:
            result.append(_Entry(entry.place, element))
    if element is not None and element.value is not None and not matched:
        result.append(_Entry(place, element))
    entries[:] = result


def _matches(value: Any, keys: _Keys, values: list[str]) -> bool:
    matched = False
    for index, key in enumerate(keys):
        if index < len(values):
            wanted = values[index]
            if not key:
                if type(value) in (dict, list):
                    raise Mismatch("the list has mappings or lists among single values")
                matched = scalar_text(value) == wanted
            elif type(value) is not dict:
                raise Mismatch("the list has single values among mappings")
            else:
                matched = key in value and (not wanted or scalar_text(value[key]) == wanted)
        if not matched:
            return False
    return True


def _append(items: list[_Entry], cell: _Cell, keys: _Keys, places: Iterator[int]) -> None:
    """Add an element of the target to the merged elements."""
    if not keys[0]:
        text = scalar_text(cell.value) if type(cell.value) not in (dict, list) else ""
        _set(items, cell, keys, [text], next(places))
        return
    if cell.value is not None and type(cell.value) is not dict:
        raise Mismatch("the list has single values among mappings")
    values: list[str] = []
    for key in keys:
        if cell.value is None or key not in cell.value:
            items.append(_Entry(next(places), cell))
        else:
            values.append(scalar_text(cell.value[key]))
    if len(keys) > 1:
        _set(items, None, keys, values, -1)
    _set(items, cell, keys, values, next(places))
