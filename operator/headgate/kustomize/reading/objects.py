"""From the text of a file to the objects in it, with a cache that builds share.

A file may contain several documents; lists of objects (``kind: List`` and the like) are split. Every object needs a
kind and, unless it is itself such a list, a name.

Parsing is most of the work of a build, so a cache keeps the objects of a file by the id of its content. Builds copy
them from there: a copy takes a hundredth of the time of parsing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from headgate.documents.budget import Budget
from headgate.documents.copying import converted
from headgate.documents.errors import BuildError, raise_all
from headgate.documents.yaml import Dialect, load_documents
from headgate.documents.yaml.numbers import go_json
from headgate.documents.yaml.scalars import Quoted, resolve_v3, scalar_text
from headgate.kustomize.errors import ResourceError
from headgate.kustomize.resources.objects import label_of, metadata_of
from headgate.objects import Obj

Path = tuple[str | int, ...]


class SpelledWord(NamedTuple):
    """A null that is not written ``null``, or a boolean that is not written ``true`` or ``false``.

    Its path, its text (often empty for a null), and whether it is within braces.
    """

    path: Path
    text: str
    in_braces: bool


class Placed(NamedTuple):
    """An object and the first line of its document."""

    obj: Obj
    line: int
    words: tuple[SpelledWord, ...] = ()
    in_braces: bool = False


_UNWRAPPED = ("List", "ResourceList")


def objects_in(
    data: bytes, *, file: str, budget: Budget, dialect: Dialect = Dialect.RESOURCE
) -> list[Placed]:
    """Return the objects in a file; raises YamlError or ResourceError."""
    loaded = load_documents(data, file=file, dialect=dialect, budget=budget)
    words = {(id(box), key): (text, flow) for document in loaded for box, key, text, flow in document.words}
    documents = [(document.value, document.line) for document in loaded]
    if len(documents) == 1:
        documents = _unwrap(*documents[0])
    in_braces = {id(document.value) for document in loaded if document.in_braces}
    if len(loaded) == 1 and in_braces:
        in_braces = {id(value) for value, _ in documents}
    queue = _checked(documents, file)
    result: list[Placed] = []
    index = 0
    while index < len(queue):
        obj, line = queue[index][:2]
        index += 1
        kind = scalar_text(obj["kind"])
        if not kind.endswith("List") or "items" not in obj:
            found = tuple(_words(obj, words, ())) if words else ()
            result.append(Placed(obj, line, found, id(obj) in in_braces))
            continue
        items = obj["items"]
        if items is None:
            continue
        if not isinstance(items, list):
            raise ResourceError("must be a list", file=file, line=line, object=kind, field="items")
        # Items follow all other objects of the file, as in kustomize.
        for item in (converted(item, _through_json) for item in items):
            queue.extend(_checked(_unwrap(item, line), file))
    return result


def _unwrap(value: Any, line: int) -> list[tuple[Any, int]]:
    """Split a generic list, which kustomize does for any apiVersion."""
    if isinstance(value, dict) and value.get("kind") in _UNWRAPPED:
        items = value.get("items")
        if isinstance(items, list):
            return [(item, line) for item in items]
        if items is None and ("items" in value or "functionConfig" in value):
            return []
    return [(value, line)]


def _through_json(value: Any) -> Any:
    """Return a scalar after kustomize's conversion through JSON, which it applies to the items of such lists."""
    if type(value) is bool or value is None:
        return value
    if isinstance(value, str):
        return Quoted(value)
    return resolve_v3(go_json(value)) if isinstance(value, float) else int(value)


def _checked(documents: list[tuple[Any, int]], file: str) -> list[Placed]:
    result = []
    errors: list[BuildError] = []
    for value, line in documents:
        if value is None or value == {} or value == []:
            continue
        if not isinstance(value, dict):
            errors.append(ResourceError("the document is not a Kubernetes object", file=file, line=line))
            continue
        kind = value.get("kind")
        if kind is None or not scalar_text(kind):
            errors.append(
                ResourceError("the object has no kind", file=file, line=line, object=_name_only(value))
            )
        elif not scalar_text(kind).endswith("List") and not scalar_text(metadata_of(value).get("name", "")):
            message = "the object has no metadata.name"
            if metadata_of(value).get("generateName"):
                message += (
                    "; metadata.generateName is not enough, because only a named object can be reconciled"
                )
            errors.append(ResourceError(message, file=file, line=line, object=label_of(value)))
        else:
            result.append(Placed(value, line))
    raise_all(errors)
    return result


def _words(value: Any, words: dict[tuple[int, str], tuple[str, bool]], path: Path) -> Iterator[SpelledWord]:
    if isinstance(value, dict):
        for key, item in value.items():
            if item is None or item is True or item is False:
                if (id(value), key) in words:
                    yield SpelledWord((*path, key), *words[id(value), key])
            elif isinstance(item, (dict, list)):
                yield from _words(item, words, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, (dict, list)):
                yield from _words(item, words, (*path, index))


def _name_only(obj: Obj) -> str | None:
    return scalar_text(metadata_of(obj).get("name", "")) or None
