"""Merges lists whose elements are not each identified by a key of their own.

Scalars (finalizers), elements that lack the key, or have one of several, and elements with equal keys. What
kustomize makes of these follows from how it edits both lists in place, so this module does the same, step by
step, on :class:`_Cell` objects which stand for the nodes of its tree.

Reference: ``kyaml/yaml/walk/associative_sequence.go``, and ``ElementSetter``, ``ElementMatcher`` and
``FieldMatcher`` in ``kyaml/yaml/fns.go`` of kustomize.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headgate.kustomize.merge.directives import MISSING, Directive, Mismatch, map_directive
from headgate.kustomize.schema import SchemaNode
from headgate.kustomize.yaml.scalars import scalar_text

if TYPE_CHECKING:
    from headgate.kustomize.merge.walk import Walker

__all__ = ["alone", "merge"]

_Keys = list[str]


class _Cell:
    """A place that holds an element; two lists may hold the same one."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def merge(walker: Walker, target: list[Any], patch: list[Any], node: SchemaNode) -> list[Any]:
    """Merge two lists; directives of the list itself have been taken out."""
    return _merge(walker, [_Cell(item) for item in target], [_Cell(item) for item in patch], node)


def alone(walker: Walker, elements: list[Any], node: SchemaNode, *, from_patch: bool) -> list[Any]:
    """Merge a list with nothing, or with itself when it comes from the patch: a list that is new."""
    cells = [_Cell(item) for item in elements]
    return _merge(walker, cells, cells if from_patch else None, node)


def _merge(walker: Walker, target: list[_Cell], patch: list[_Cell] | None, node: SchemaNode) -> list[Any]:
    keys = list(node.merge_keys) or [""]
    found = _all_values(target, patch, keys)
    if len(keys) > 1:
        _complete(found)
    used = _keys_with_values(found, keys)
    schema = node.elements()
    items: list[_Cell] = []
    for values in found:
        wanted = [value for value, key in zip(values, keys, strict=True) if value or key in used]
        cell = _walk(walker, _find(target, used, wanted), _find(patch, used, wanted), schema)
        if cell is None or cell.value is None or cell.value == {}:
            _set(target, None, used, wanted)
            continue
        for key, value in zip(used, wanted, strict=True):
            if type(cell.value) is dict and key not in cell.value and value:
                cell.value = {**cell.value, key: value}
        _set(items, cell, used, wanted)
    if not found:
        return [cell.value for cell in target]
    _append(items, target, used)
    return [cell.value for cell in items]


def _walk(
    walker: Walker, target: _Cell | None, patch: _Cell | None, schema: SchemaNode | None
) -> _Cell | None:
    """Merge an element; the cell that is returned tells whose it is. None when it is to be deleted."""
    if patch is None:
        if target is None:
            return None
        target.value = walker.kept(target.value, schema)
        return target
    if target is None or target.value is None or target is patch:
        patch.value = walker.added(patch.value, schema, strict=target is patch)
        return None if patch.value is MISSING else patch
    if type(target.value) is dict and type(patch.value) is dict:
        directive, fields = map_directive(patch.value, strict=True)
        if directive is Directive.DELETE:
            return None
        if directive is Directive.REPLACE:
            patch.value = walker.added(fields, schema, strict=True)
            return patch
        target.value = walker.merged(target.value, fields, schema)
        return target
    if patch.value is None:
        return None
    value = walker.walk(target.value, patch.value, schema)
    return patch if value is not MISSING else None


def _all_values(target: list[_Cell], patch: list[_Cell] | None, keys: _Keys) -> list[list[str]]:
    """The values of the keys of all elements, each once, those of the patch first."""
    found: list[list[str]] = []
    for cells in (patch, target):
        for cell in cells or ():
            value = cell.value
            if keys[0]:
                fields = value if type(value) is dict else {}
                texts = [scalar_text(fields.get(key)) for key in keys]
            else:
                texts = [scalar_text(value)]
            if texts not in found:
                found.append(texts)
    return found


def _complete(found: list[list[str]]) -> None:
    """Let elements that agree in one key, and lack the others, be the same element."""
    for i in range(len(found)):
        left = found[i]
        for j in range(len(found)):
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


def _find(cells: list[_Cell] | None, keys: _Keys, values: list[str]) -> _Cell | None:
    """The first element with these values; keys without one do not count, unless none has one."""
    given = [(key, wanted) for key, wanted in zip(keys, values, strict=True) if wanted]
    given = given or list(zip(keys, values, strict=True))
    for cell in cells or ():
        value = cell.value
        if not keys[0]:
            if (scalar_text(value) if type(value) not in (dict, list) else "") == values[0]:
                return cell
        elif type(value) is dict and all(
            key in value and scalar_text(value[key]) == wanted for key, wanted in given
        ):
            return cell
    return None


def _set(cells: list[_Cell], element: _Cell | None, keys: _Keys, values: list[str]) -> None:
    """Put the element in the place of all that match, or at the end; None removes these.

    Null and empty elements go, whatever is set.
    """
    result: list[_Cell] = []
    matched = False
    by_field = bool(keys[0] and values and values[0])
    for cell in cells:
        value = cell.value
        if value is None or value == {}:
            continue
        if by_field and type(value) is not dict:
            result.append(cell)
            continue
        if not _matches(value, keys, values):
            if values:
                result.append(cell)
            continue
        matched = True
        if element is not None:
            result.append(element)
    if element is not None and element.value is not None and not matched:
        result.append(element)
    cells[:] = result


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


def _append(items: list[_Cell], target: list[_Cell], keys: _Keys) -> None:
    """Put the target's elements into the list of those that have been merged."""
    for cell in list(target):
        if not keys[0]:
            text = scalar_text(cell.value) if type(cell.value) not in (dict, list) else ""
            _set(items, cell, keys, [text])
            continue
        if cell.value is not None and type(cell.value) is not dict:
            raise Mismatch("the list has single values among mappings")
        values: list[str] = []
        for key in keys:
            if cell.value is None or key not in cell.value:
                items.append(cell)
            else:
                values.append(scalar_text(cell.value[key]))
        if len(keys) > 1:
            _set(items, None, keys, values)
        _set(items, cell, keys, values)
