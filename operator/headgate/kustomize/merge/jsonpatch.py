"""JSON patches (RFC 6902) with the semantics of kustomize.

    patch = parse_json_patch("[{op: replace, path: /spec/replicas, value: 3}]", file="patch.yaml", budget=budget)
    patched = patch.apply(obj, budget)

Pointers and their escapes come from the jsonpatch library's ``jsonpointer``; the operations are our own, because
kustomize's library (evanphx/json-patch v4) deviates from the RFC nearly everywhere: ``replace`` sets a missing key,
negative indices count from the end, ``add`` to an object overwrites, ``test`` of a missing key succeeds for null, and
numbers compare as they are written.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from headgate.documents.budget import NODE, SCAN, Budget, count_of
from headgate.documents.copying import converted, copied
from headgate.documents.errors import YamlError
from headgate.documents.yaml import Dialect, first_value, plain, to_json
from headgate.documents.yaml.numbers import go_general, go_json
from headgate.documents.yaml.scalars import Quoted, SpelledInt
from headgate.documents.yaml.text import is_plain
from headgate.kustomize.errors import PatchError
from headgate.objects import Obj

__all__ = ["JsonPatch", "Operation", "parse_json_patch"]

_ABSENT: Any = object()
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_DIGITS = 20
_FIRST_WITH_EXPONENT = 1_000_000
"""The first whole number that Go writes with an exponent."""
_FROM = ("move", "copy")


class Operation(NamedTuple):
    """One operation: ``path`` and ``source`` (``from``) are the parts of their pointers, unescaped."""

    op: str
    path: str
    parts: tuple[str, ...]
    value: Any = _ABSENT
    from_path: str = ""
    from_parts: tuple[str, ...] = ()


class JsonPatch(NamedTuple):
    """A parsed patch: operations that apply in order, all or none."""

    operations: tuple[Operation, ...]
    file: str

    def touches(self, parts: tuple[str, ...]) -> bool:
        """Return whether an operation may read or write the field with these parts, or anything within it."""
        return any(
            parts[: len(named)] == named[: len(parts)]
            for operation in self.operations
            for named in (
                (operation.parts, operation.from_parts) if operation.op in _FROM else (operation.parts,)
            )
        )

    def written(self) -> list[tuple[str, ...]]:
        """The parts of the fields that the operations write or remove."""
        paths = [operation.parts for operation in self.operations if operation.op != "test"]
        return paths + [operation.from_parts for operation in self.operations if operation.op == "move"]

    def apply(self, obj: Obj, budget: Budget) -> Obj:
        """Return a patched copy of the object, which stays unchanged.

        As in kustomize, all numbers become 64-bit floats. Raises PatchError naming operation, path and file when an
        operation does not apply.
        """
        # The whole object is copied, and all scalars are converted.
        budget.charge(4 * SCAN * count_of(obj))
        document: Any = copied(obj)
        for operation in self.operations:
            budget.charge(NODE)
            try:
                document = _OPERATIONS[operation.op](document, operation, budget)
            except _Inapplicable as error:
                raise PatchError(
                    f"{operation.op} {operation.path!r}: {error}",
                    file=self.file,
                    field=".".join(operation.parts) or None,
                ) from None
        if type(document) is not dict:
            raise PatchError("the patched value is not an object", file=self.file)
        return converted(document, _read_back)  # type: ignore[no-any-return]


def parse_json_patch(data: bytes | str | list[Any], *, file: str, budget: Budget) -> JsonPatch:
    """Parse a patch from YAML or JSON text, or from a parsed list.

    Raises PatchError or YamlError when it is not a list of operations.
    """
    if isinstance(data, list):
        entries: Any = data
    else:
        entries = _entries(data.encode() if isinstance(data, str) else data, file, budget)
    if not isinstance(entries, list) or not entries:
        raise PatchError("a JSON patch must be a list of operations", file=file)
    return JsonPatch(tuple(_operation(entry, index, file) for index, entry in enumerate(entries)), file)


def _entries(data: bytes, file: str, budget: Budget) -> Any:
    """Read the text: JSON if it begins with a bracket, otherwise the first document as YAML."""
    if data.startswith(b"["):
        budget.charge_reading(data)
        try:
            value = json.loads(data, parse_constant=_no_number, parse_int=_whole, parse_float=_float)
            return _well_formed(value)
        except RecursionError:
            raise YamlError("is nested too deeply", file=file) from None
        except ValueError as error:
            line = error.lineno if isinstance(error, json.JSONDecodeError) else None
            raise YamlError(
                f"a JSON patch that begins with '[' must be JSON, with all strings in quotes: {error}",
                file=file,
                line=line,
            ) from None
    return first_value(data, file=file, dialect=Dialect.CONFIG, budget=budget)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text[:40]} is not a JSON number, or is too large")


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_DIGITS else _float(text)


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _well_formed(value: Any) -> Any:
    """Return the value with unpaired surrogates, which JSON can contain, replaced as Go replaces them."""
    if type(value) is str:
        return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    if type(value) is dict:
        return {_well_formed(key): _well_formed(item) for key, item in value.items()}
    return [_well_formed(item) for item in value] if type(value) is list else value


def _operation(entry: Any, index: int, file: str) -> Operation:
    where = f"operation {index + 1}"
    if not isinstance(entry, dict):
        raise PatchError(f"{where} of the JSON patch must be a mapping with op and path", file=file)
    op = entry.get("op")
    if op not in _OPERATIONS:
        known = ", ".join(_OPERATIONS)
        raise PatchError(f"{where} of the JSON patch: op must be one of {known}, not {op!r}", file=file)
    path, parts = _pointer(entry, "path", f"{where} ({op})", file)
    value = plain(entry["value"]) if "value" in entry else _ABSENT
    if op in _FROM:
        source, source_parts = _pointer(entry, "from", f"{where} ({op})", file)
        return Operation(op, path, parts, value, source, source_parts)
    return Operation(op, path, parts, value)


def _pointer(entry: Obj, name: str, where: str, file: str) -> tuple[str, tuple[str, ...]]:
    path = entry.get(name)
    if not isinstance(path, str):
        raise PatchError(f"{where} of the JSON patch: {name} must be a string", file=file)
    # The reference ignores text before the first slash, and keeps a ~ that escapes nothing.
    pointer = path[path.find("/") :] if "/" in path else ""
    # Imported here, because most builds have no such patch.
    from jsonpatch import JsonPointer, JsonPointerException

    try:
        return path, tuple(JsonPointer(pointer).parts)
    except JsonPointerException:
        return path, tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


class _Inapplicable(Exception):
    """The operation does not apply to the document; the text says why."""


def _parent(document: Any, parts: tuple[str, ...]) -> Any:
    """Return the container of the last part; all parts before it must exist."""
    if not parts:
        raise _Inapplicable("the path does not name a field")
    container = document
    for depth, part in enumerate(parts[:-1]):
        try:
            container = _get(container, part)
        except _Inapplicable:
            container = None
        if type(container) is not dict and type(container) is not list:
            missing = "/".join(("", *parts[: depth + 1]))
            raise _Inapplicable(f"there is no object or list at {missing!r}")
    return container


def _index(part: str, container: list[Any], end: int) -> int:
    """Return the position that a part of a path names in a list; negative ones count back from ``end``."""
    try:
        digits = part.lstrip("+-")
        index = int(part) if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS else None
    except ValueError:
        index = None
    if index is None:
        raise _Inapplicable(f"{part!r} is not an index of a list")
    if index < 0:
        index += end
    if not 0 <= index < end:
        raise _Inapplicable(f"index {part} is outside of the list, which has {len(container)} elements")
    return index


def _get(container: Any, part: str) -> Any:
    if type(container) is list:
        return container[_index(part, container, len(container))]
    return container.get(part)


def _insert(container: Any, part: str, value: Any, budget: Budget) -> None:
    if type(container) is dict:
        container[part] = value
    elif part == "-":
        container.append(value)
    else:
        budget.charge(len(container) // 8)
        container.insert(_index(part, container, len(container) + 1), value)


def _delete(container: Any, part: str, budget: Budget) -> None:
    if type(container) is dict:
        if part not in container:
            raise _Inapplicable(f"there is no field {part!r}")
        del container[part]
    else:
        # All elements after it move.
        budget.charge(len(container) // 8)
        del container[_index(part, container, len(container))]


def _value(operation: Operation, budget: Budget) -> Any:
    if operation.value is _ABSENT:
        return None
    budget.charge_value(operation.value)
    return copied(operation.value)


def _add(document: Any, operation: Operation, budget: Budget) -> Any:
    _insert(_parent(document, operation.parts), operation.parts[-1], _value(operation, budget), budget)
    return document


def _remove(document: Any, operation: Operation, budget: Budget) -> Any:
    _delete(_parent(document, operation.parts), operation.parts[-1], budget)
    return document


def _replace(document: Any, operation: Operation, budget: Budget) -> Any:
    if operation.path == "":
        value = _value(operation, budget)
        if type(value) is not dict and type(value) is not list:
            raise _Inapplicable("the whole object can only be replaced by another one")
        return value
    container = _parent(document, operation.parts)
    part = operation.parts[-1]
    if type(container) is dict:
        container[part] = _value(operation, budget)
    else:
        container[_index(part, container, len(container))] = _value(operation, budget)
    return document


def _move(document: Any, operation: Operation, budget: Budget) -> Any:
    source = _parent(document, operation.from_parts)
    part = operation.from_parts[-1]
    value = _get(source, part)
    _delete(source, part, budget)
    _insert(_parent(document, operation.parts), operation.parts[-1], value, budget)
    return document


def _copy(document: Any, operation: Operation, budget: Budget) -> Any:
    value = _get(_parent(document, operation.from_parts), operation.from_parts[-1])
    budget.charge_value(value)
    _insert(_parent(document, operation.parts), operation.parts[-1], copied(value), budget)
    return document


def _test(document: Any, operation: Operation, budget: Budget) -> Any:
    budget.charge_value(operation.value)
    if operation.path == "":
        found = document
    else:
        found = _get(_parent(document, operation.parts), operation.parts[-1])
    if not _equal(found, None if operation.value is _ABSENT else operation.value):
        raise _Inapplicable("the value there is different")
    return document


_OPERATIONS: dict[str, Callable[[Any, Operation, Budget], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _equal(left: Any, right: Any) -> bool:
    """Compare as the reference does, which compares the JSON text of scalars: 1 is neither 1.5 nor true."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(item, right[key]) for key, item in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, (dict, list)) or isinstance(right, (dict, list)):
        return False
    return to_json(left) == to_json(right)


def _read_back(value: Any) -> Any:
    """Return a scalar after a round trip through Go's JSON, in which all numbers are 64-bit floats.

    The result is quoted if and only if the text needs quotes, whatever its quotes were before.
    """
    kind = type(value)
    if isinstance(value, str):
        text = value if kind is str else plain(value)
        return text if is_plain(text) else Quoted(text)
    if kind is bool or value is None:
        return value
    if kind is int and -_FIRST_WITH_EXPONENT < value < _FIRST_WITH_EXPONENT:
        return value
    number = float(value)
    text = go_json(number)
    if "." in text or "e" in text or abs(number) >= 1 << 63:
        return number
    whole = int(text)
    written = go_general(number)
    return whole if written == str(whole) else SpelledInt(whole, written)
