"""Plain objects: their metadata, their labels and data as text, and their names in messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate.documents.yaml.scalars import scalar_text
from headgate.objects import Obj


def metadata_of(obj: Obj) -> Obj:
    """Return the metadata map; if missing, an empty one that is not part of the object."""
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


NO_WORDS: Mapping[tuple[str | int, ...], str] = {}


def written_text(value: Any, words: Mapping[tuple[str | int, ...], str], path: tuple[str | int, ...]) -> str:
    """Return the text of a scalar as written, nulls and booleans included.

    ``words`` has, by the path from the object's root, the text of nulls that are not written ``null`` and of booleans
    that are not written ``true`` or ``false``.
    """
    if value is None or value is True or value is False:
        word = words.get(path)
        return word if word is not None else "null" if value is None else scalar_text(value)
    return scalar_text(value)


def string_map(
    value: Any,
    words: Mapping[tuple[str | int, ...], str] = NO_WORDS,
    path: tuple[str | int, ...] = (),
) -> dict[str, str]:
    """Return a map of labels, annotations or data with every value as text; an empty map for other values.

    Nulls and booleans keep their text as written: kustomize converts ``note: null`` to the text "null".
    """
    if not isinstance(value, dict):
        return {}
    texts = {}
    for key, item in value.items():
        texts[key] = item if type(item) is str else written_text(item, words, (*path, key))
    return texts


def label_of(obj: Obj) -> str:
    """Return the name of an object in messages: ``Kind.group/namespace/name``."""
    metadata = metadata_of(obj)
    group = scalar_text(obj.get("apiVersion", "")).rpartition("/")[0]
    kind = scalar_text(obj.get("kind", ""))
    parts = [f"{kind}.{group}" if group else kind]
    if metadata.get("namespace"):
        parts.append(scalar_text(metadata["namespace"]))
    parts.append(scalar_text(metadata.get("name", "")))
    return "/".join(parts)
