"""The interface between merging lists and merging mappings, which call each other for elements and fields.

:class:`.walk.Walker` implements it. Lists need only this interface, so imports have one direction.
"""

from __future__ import annotations

from typing import Any, Protocol

from headgate.kustomize.schema import SchemaNode

__all__ = ["Merger"]


class Merger(Protocol):
    """Merges values of any kind; a node of None means that the type is unknown."""

    passed: int
    """The number of values walked so far."""

    def walk(self, target: Any, patch: Any, node: SchemaNode | None) -> Any:
        """Return the merged value; either argument may be MISSING, and so may the result."""
        ...

    def merged(
        self, target: dict[str, Any], patch: dict[str, Any], node: SchemaNode | None
    ) -> dict[str, Any]:
        """Merge the fields of two mappings."""
        ...

    def added(self, patch: Any, node: SchemaNode | None, *, strict: bool) -> Any:
        """Return the merged form of a value that only the patch has; MISSING for none."""
        ...

    def kept(self, target: Any, node: SchemaNode | None) -> Any:
        """Return a value that the patch does not change."""
        ...
