"""Decodes plain values into the typed model, with errors that name the field at fault.

The class of a record is the only declaration of its fields: :func:`record` derives the decoder from the names (camel
case in YAML), the types and the defaults. Like kustomize's own decoder it ignores the case of field names and reads
null as "not given"; it converts between types, or refuses unknown fields, only if configured to.
"""

from __future__ import annotations

import enum
import functools
import types
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from headgate.documents.errors import BuildError, raise_all
from headgate.documents.yaml.numbers import go_single
from headgate.documents.yaml.scalars import scalar_text
from headgate.kustomize.errors import KustomizationError
from headgate.kustomize.resources.ids import Gvk

T = TypeVar("T")

# Arguments: the value, the path of its field for messages, and whether to refuse unknown fields.
Decoder = Callable[[Any, str, bool], T]


class Mark(enum.Enum):
    """What the annotation of a field adds to its type, as in ``Annotated[tuple[Selector, ...], Mark.NO_NULLS]``."""

    NO_NULLS = enum.auto()
    """A null in the list is an error; without the mark, it means empty text, or a record without fields."""
    LOOSE = enum.auto()
    """The record accepts numbers and booleans for text in its own fields, not in nested ones.

    kustomize decodes the configuration of plugins this way, but not a kustomization file.
    """


_NAMES = {dict: "a map", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}


def wrong_type(value: Any, where: str, wanted: str) -> KustomizationError:
    """Return the error for a value of the wrong type."""
    return KustomizationError(
        f"must be {wanted}, not {_NAMES.get(type(value), type(value).__name__)}", field=where or None
    )


def text(value: Any, where: str, strict: bool) -> str:
    """Decode text; unless ``strict``, convert a number or a boolean as Flux does (``1.10`` becomes "1.1")."""
    if isinstance(value, str):
        return value
    if strict or not isinstance(value, (bool, int, float)):
        raise wrong_type(value, where, "text")
    return go_single(value) if isinstance(value, float) else scalar_text(value)


def boolean(value: Any, where: str, strict: bool) -> bool:
    """Decode a boolean."""
    if not isinstance(value, bool):
        raise wrong_type(value, where, "true or false")
    return value


def integer(value: Any, where: str, strict: bool) -> int:
    """Decode a 64-bit whole number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(value, where, "a whole number")
    if not -(2**63) <= value < 2**63:
        raise KustomizationError("is out of range", field=where)
    return value


def anything(value: Any, where: str, strict: bool) -> Any:
    """Accept any value."""
    return value


def list_of(item: Decoder[T], zero: T | None = None) -> Decoder[tuple[T, ...]]:
    """Return a decoder of lists; a null item becomes ``zero``, or is an error if that is None."""

    def decode(value: Any, where: str, strict: bool) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise wrong_type(value, where, "a list")
        result = []
        errors: list[BuildError] = []
        for index, entry in enumerate(value):
            place = f"{where}[{index}]"
            if entry is not None:
                try:
                    result.append(item(entry, place, strict))
                except KustomizationError as error:
                    errors.append(error)
            elif zero is not None:
                result.append(zero)
            else:
                errors.append(KustomizationError("is empty", field=place))
        raise_all(errors)
        return tuple(result)

    return decode


def text_map(value: Any, where: str, strict: bool) -> dict[str, str]:
    """Decode a map of text to text; null values become empty text."""
    return _text_map(value, where, strict, text)


def _loose_text(value: Any, where: str, strict: bool) -> str:
    return text(scalar_text(value) if isinstance(value, (bool, int, float)) else value, where, strict)


def _loose_map(value: Any, where: str, strict: bool) -> dict[str, str]:
    return _text_map(value, where, strict, _loose_text)


def _text_map(value: Any, where: str, strict: bool, item_text: Decoder[str]) -> dict[str, str]:
    if not isinstance(value, dict):
        raise wrong_type(value, where, "a map")
    return {
        str(key): "" if item is None else item_text(item, f"{where}.{key}", strict)
        for key, item in value.items()
    }


class Record(Generic[T]):
    """A decoder of maps into a named tuple or data class, all of whose fields have defaults; see :func:`record`.

    A field of type Gvk reads its parts from fields of the record itself, as in kustomize's types.
    """

    def __init__(self, make: type[T], *, loose: bool = False) -> None:
        self._make, self._loose = make, loose

    # Computed when the first value of the type is decoded: a build uses few of the types.
    @functools.cached_property
    def _fields(self) -> dict[str, tuple[str, Decoder[Any]]]:
        fields: dict[str, tuple[str, Decoder[Any]]] = {}
        for name, hint in self._hints.items():
            if hint is Gvk:
                fields |= {part: (part, _loose_text if self._loose else text) for part in Gvk._fields}
            else:
                fields[camel_case(name)] = name, _decoder(hint, loose=self._loose)
        return fields

    @functools.cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self._make, include_extras=True)

    @functools.cached_property
    def _gvk(self) -> str | None:
        return next((name for name, hint in self._hints.items() if hint is Gvk), None)

    @functools.cached_property
    def _folded(self) -> dict[str, tuple[str, Decoder[Any]]]:
        return {name.lower(): entry for name, entry in self._fields.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields in YAML; the tests of coverage ask for them."""
        return tuple(self._fields)

    def __call__(self, value: Any, where: str, strict: bool) -> T:
        if not isinstance(value, dict):
            raise wrong_type(value, where, "a map")
        found: dict[str, Any] = {}
        errors: list[BuildError] = []
        for key, item in value.items():
            entry = self._fields.get(key) or self._folded.get(str(key).lower())
            place = f"{where}.{key}" if where else str(key)
            if entry is None:
                if strict:
                    errors.append(KustomizationError("is not a known field", field=place))
                continue
            if item is not None:
                try:
                    found[entry[0]] = entry[1](item, place, strict)
                except KustomizationError as error:
                    errors.append(error)
        raise_all(errors)
        if self._gvk is not None:
            found[self._gvk] = Gvk(*[found.pop(part, "") for part in Gvk._fields])
        return self._make(**found)


def record(make: type[T], *, loose: bool = False) -> Record[T]:
    """Return the decoder of a record; see :class:`Record` and :attr:`Mark.LOOSE`."""
    known: Record[T] = _record(make, loose=loose)
    return known


_record: Callable[..., Record[Any]] = functools.cache(Record)


def _decoder(hint: Any, *, loose: bool, marks: tuple[Any, ...] = ()) -> Decoder[Any]:
    """Return the decoder for the type of a field."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _decoder(args[0], loose=loose, marks=args[1:])
    if origin in (Union, types.UnionType):
        # The union with None means that the field may be missing.
        return _decoder(args[0], loose=loose, marks=marks)
    if origin is tuple:
        item = _decoder(args[0], loose=loose)
        return list_of(item, None if args[0] is Any or Mark.NO_NULLS in marks else args[0]())
    if origin is dict:
        return _loose_map if loose else text_map
    if hint is str:
        return _loose_text if loose else text
    return _SIMPLE.get(hint) or record(hint, loose=Mark.LOOSE in marks)


_SIMPLE: dict[Any, Decoder[Any]] = {bool: boolean, int: integer, Any: anything}


def camel_case(name: str) -> str:
    """Return the name in YAML of a field: ``newTag`` for ``new_tag``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
