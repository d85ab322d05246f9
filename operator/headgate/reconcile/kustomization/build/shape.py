"""The shape that an object must have before anything reads its fields: names are text, labels are maps of text.

YAML reads ``tier: 1`` as a number and ``on: true`` as a boolean, and the API server accepts neither as a label. Its
message is about Go types; the messages here name the field, and what to change. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict

from headgate.documents.errors import BuildError, raise_all
from headgate.kustomize.errors import ResourceError
from headgate.kustomize.resources.objects import label_of
from headgate.kustomize.resources.places import place_of_field

_MAPS = ("labels", "annotations")
_NAMES: dict[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a map",
    type(None): "null",
}
_SCALARS = (bool, int, float)


def check_shape(obj: Any, place: str | None = None, *, hint: str = "") -> None:
    """Raise :class:`ResourceError` with all faults of an object's identity, labels and annotations.

    ``place`` is ``file`` or ``file:line``; each fault ends with ``hint``.
    """
    if not _is_sound(obj):
        raise_all([_at(error, obj, place, hint) for error in _faults(obj)])


def _is_sound(obj: Any) -> bool:
    """Whether the shape is certainly valid, as in most cases."""
    try:
        meta = obj["metadata"]
        if (
            type(obj["apiVersion"]) is not str
            or type(obj["kind"]) is not str
            or type(meta["name"]) is not str
        ):
            return False
        if (
            not (meta["name"] and obj["kind"] and obj["apiVersion"])
            or type(meta.get("namespace", "")) is not str
        ):
            return False
        for field in _MAPS:
            if field in meta:
                for value in meta[field].values():
                    if type(value) is not str:
                        return False
    except (KeyError, TypeError, AttributeError):
        return False
    return True


def _faults(obj: Any) -> Iterator[BuildError]:
    if not isinstance(obj, dict):
        yield ResourceError(f"an object must be a map, not {named(obj)}")
        return
    for field in ("apiVersion", "kind"):
        yield from _text(obj.get(field), field)
    meta = obj.get("metadata")
    if not isinstance(meta, dict):
        yield _missing("metadata.name") if meta is None else _wrong("metadata", meta, "a map")
        return
    name = meta.get("name")
    if not name and meta.get("generateName"):
        yield ResourceError(
            "an object with metadata.generateName and no name cannot be reconciled: give it metadata.name",
            field="metadata.name",
        )
    else:
        yield from _text(name, "metadata.name")
    namespace = meta.get("namespace")
    if namespace is not None and type(namespace) is not str:
        yield _wrong("metadata.namespace", namespace, "text")
    for field in _MAPS:
        yield from _text_map(meta.get(field), f"metadata.{field}")


def _text(value: Any, field: str) -> Iterator[BuildError]:
    if type(value) is str and value:
        return
    if value is None or value == "":
        yield _missing(field)
    elif not isinstance(value, str):
        yield _wrong(field, value, "text")


def _text_map(value: Any, field: str) -> Iterator[BuildError]:
    if value is None:
        return
    if not isinstance(value, dict):
        yield _wrong(field, value, "a map of text")
        return
    for key, item in value.items():
        if type(item) is not str and item is not None and not isinstance(item, str):
            yield _wrong(f"{field}.{key}" if key.isalnum() else f"{field}[{key!r}]", item, "text")


def _missing(field: str) -> BuildError:
    return ResourceError(
        f"is missing {field}: an object needs apiVersion, kind and metadata.name", field=field
    )


def _wrong(field: str, value: Any, wanted: str) -> BuildError:
    quote = ": quote it" if isinstance(value, _SCALARS) and wanted == "text" else ""
    return ResourceError(f"must be {wanted}, not {named(value)}{quote}", field=field)


def _at(error: BuildError, obj: Any, place: str | None, hint: str) -> BuildError:
    error.message += hint
    error.object = (label_of(obj) or None) if isinstance(obj, dict) else None
    return error.at(**located(place, error.field))


class FilePlace(TypedDict):
    """The arguments of errors that name the file and line of a fault."""

    file: str | None
    line: int | None


def located(place: str | None, field: str | None = None) -> FilePlace:
    """The arguments for a place, which is ``file`` or ``file:line``; for the patch that set the ``field``, if any."""
    place = place_of_field(place, field)
    file, _, line = (place or "").rpartition(":")
    if file and line.isdigit():
        return {"file": file, "line": int(line)}
    return {"file": place or None, "line": None}


def named(value: Any) -> str:
    """The type of a JSON value, in words.

    >>> named(True), named([])
    ('a boolean', 'a list')
    """
    return _NAMES.get(type(value)) or next(
        (name for kind, name in _NAMES.items() if isinstance(value, kind)), type(value).__name__
    )
