"""The directive ``$patch`` in a mapping or a list of a patch.

Reference: ``kyaml/yaml/merge2/smpdirective.go`` of kustomize.
"""

from __future__ import annotations

import enum
from typing import Any

from headgate.documents.yaml.scalars import scalar_text
from headgate.kustomize.errors import PatchError

__all__ = ["DIRECTIVE", "MISSING", "Directive", "Mismatch", "list_directive", "map_directive"]

DIRECTIVE = "$patch"


class _Missing(enum.Enum):
    MISSING = enum.auto()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing.MISSING
"""A missing field or element; None is the null with which a patch removes fields."""


class Mismatch(PatchError):
    """A patch does not fit its target; ``path`` is the field at fault, which callers complete."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path: list[str] = []


class Directive(enum.Enum):
    """The value of ``$patch``."""

    MERGE = "merge"
    REPLACE = "replace"
    DELETE = "delete"


_BY_NAME = {directive.value: directive for directive in Directive}


def map_directive(patch: dict[str, Any], *, strict: bool) -> tuple[Directive, dict[str, Any]]:
    """Return the directive of a mapping, and the mapping without it.

    An unknown directive is an error if ``strict``, and otherwise stays in the mapping.
    """
    value = patch.get(DIRECTIVE, MISSING)
    if value is MISSING:
        return Directive.MERGE, patch
    directive = _BY_NAME.get(scalar_text(value))
    if directive is None:
        if strict:
            raise _unknown(value)
        return Directive.MERGE, patch
    return directive, {key: item for key, item in patch.items() if key != DIRECTIVE}


def list_directive(patch: list[Any]) -> tuple[Directive, list[Any]]:
    """Return the directive of a list, and the list without it.

    Only the first element with ``$patch`` counts, and only if it has no other field.
    """
    for element in patch:
        if type(element) is dict and DIRECTIVE in element:
            if len(element) > 1:
                break
            text = scalar_text(element[DIRECTIVE])
            directive = _BY_NAME.get(text)
            if directive is None:
                raise _unknown(element[DIRECTIVE])
            return directive, [item for item in patch if not _says(item, text)]
    return Directive.MERGE, patch


def _says(element: Any, text: str) -> bool:
    """Return whether the element is removed with the directive: empty ones are, too."""
    if element is None or element == {}:
        return True
    return type(element) is dict and DIRECTIVE in element and scalar_text(element[DIRECTIVE]) == text


def _unknown(value: Any) -> Mismatch:
    error = Mismatch(f"the directive $patch must be delete, replace or merge, not {scalar_text(value)!r}")
    error.path.append(DIRECTIVE)
    return error
