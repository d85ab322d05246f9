"""Decoding plain values into the typed model, with errors that name the field at fault.

A :class:`Record` is a table from field names to decoders. Like kustomize's own decoder it matches field names
without regard to case, takes null for "not given", and only where it is told to converts between types or refuses
unknown fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from headgate.documents.errors import BuildError, raise_all
from headgate.documents.yaml.numbers import go_single
from headgate.documents.yaml.scalars import scalar_text
from headgate.kustomize.errors import KustomizationError

T = TypeVar("T")

# Takes the value, the path of its field for messages, and whether unknown fields are refused.
Decoder = Callable[[Any, str, bool], T]

_NAMES = {dict: "a map", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}


def wrong_type(value: Any, where: str, wanted: str) -> KustomizationError:
    """Return the error for a value of another type than the field takes."""
    return KustomizationError(
        f"must be {wanted}, not {_NAMES.get(type(value), type(value).__name__)}", field=where or None
    )


def text(value: Any, where: str, strict: bool) -> str:
    """Decode text; where not ``strict``, a number or a boolean becomes what Flux makes of it, ``1.10`` being "1.1"."""
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
    """Decode a whole number of 64 bits."""
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
    """Return a decoder of lists; a null item becomes ``zero``, or is an error when that is None."""

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


texts = list_of(text, "")


def text_map(value: Any, where: str, strict: bool) -> dict[str, str]:
    """Decode a map of text to text; null values are empty text."""
    if not isinstance(value, dict):
        raise wrong_type(value, where, "a map")
    return {
        str(key): "" if item is None else text(item, f"{where}.{key}", strict) for key, item in value.items()
    }


def _loose_text(value: Any, where: str, strict: bool) -> str:
    return text(scalar_text(value) if isinstance(value, (bool, int, float)) else value, where, strict)


def _loose_map(value: Any, where: str, strict: bool) -> dict[str, str]:
    if not isinstance(value, dict):
        raise wrong_type(value, where, "a map")
    return {
        str(key): "" if item is None else _loose_text(item, f"{where}.{key}", strict)
        for key, item in value.items()
    }


_LOOSE: dict[Decoder[Any], Decoder[Any]] = {
    text: _loose_text,
    text_map: _loose_map,
    texts: list_of(_loose_text, ""),
}


class Record(Generic[T]):
    """A decoder of maps with known fields into a data class.

    ``fields`` maps the name of a field in YAML to the attribute and the decoder.
    """

    def __init__(self, make: Callable[..., T], fields: Mapping[str, tuple[str, Decoder[Any]]]) -> None:
        self._make = make
        self._fields = dict(fields)
        self._folded = {name.lower(): entry for name, entry in fields.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, as they are written."""
        return tuple(self._fields)

    def loose(self) -> Record[T]:
        """Return the decoder that takes numbers and booleans for text in its own fields, not in nested ones.

        kustomize decodes the configuration of plugins this way, and a kustomization file not.
        """
        return Record(self._make, {k: (a, _LOOSE.get(d, d)) for k, (a, d) in self._fields.items()})

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
        return self._make(**found)
