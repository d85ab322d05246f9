"""Nulls and booleans of unusual spelling, on their way from a patch into an object.

kustomize keeps the text of a value that replaces another, not its meaning: ``True`` in a patch becomes ``"True"`` where
the object has a quoted string, and in annotations, which become text.
"""

from __future__ import annotations

from typing import Any

from headgate.documents.copying import copied
from headgate.documents.yaml.scalars import SpelledBool
from headgate.kustomize.resources.resource import Resource
from headgate.objects import Obj


def spelled(patch: Resource) -> Obj:
    """Return a copy of the patch in which booleans of unusual spelling keep their text."""
    body: Obj = copied(patch.obj)
    for path, word in patch.words.items():
        container: Any = body
        for step in path[:-1]:
            container = container[step]
        if isinstance(container[path[-1]], bool):
            container[path[-1]] = SpelledBool(container[path[-1]], word)
    return body


def take_words(target: Resource, patch: Resource) -> None:
    """Add the spellings of a patch, and drop those of values that it replaces."""
    target.words = {
        **{path: word for path, word in target.words.items() if not _reaches(patch.obj, path)},
        **patch.words,
    }
    if patch.words:
        _settle(target.obj)


def _reaches(value: Any, path: tuple[str | int, ...]) -> bool:
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def _settle(value: Any) -> None:
    """Convert booleans that keep their text to plain booleans."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, SpelledBool):
            value[key] = item.value
        elif isinstance(item, (dict, list)):
            _settle(item)
