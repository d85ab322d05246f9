"""What merging lists asks of merging mappings: each does the other's elements.

:class:`.walk.Walker` is the implementation. As lists need no more than this, imports go one way.
"""

from __future__ import annotations

from typing import Any, Protocol

from headgate.kustomize.schema import SchemaNode

__all__ = ["Merger"]


class Merger(Protocol):
    """Merges values of any kind; a node of None means that nothing is known of the type."""

    passed: int
    """How many values were looked at."""

    def walk(self, target: Any, patch: Any, node: SchemaNode | None) -> Any:
        """Return what becomes of a value; either side may be MISSING, and so may be the result."""
        ...

    def merged(
        self, target: dict[str, Any], patch: dict[str, Any], node: SchemaNode | None
    ) -> dict[str, Any]:
        """Merge the fields of two mappings."""
        ...

    def added(self, patch: Any, node: SchemaNode | None, *, strict: bool) -> Any:
        """Return a value that comes from the patch alone; MISSING for none."""
        ...

    def kept(self, target: Any, node: SchemaNode | None) -> Any:
        """Return a value that the patch does not touch."""
        ...
