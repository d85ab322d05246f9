"""Merges mappings: walks target and patch side by side, following the schema.

Nothing is modified in place. The result shares unpatched parts with the target, after a search for what kustomize
changes even there: elements of merged lists with the same key become one, and text that YAML 1.1 reads as another type
gets quotes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headgate.documents.budget import SCAN, Budget
from headgate.documents.yaml.scalars import Binary, Quoted, created_text, scalar_text
from headgate.kustomize.merge import lists
from headgate.kustomize.merge.directives import MISSING, Directive, Mismatch, map_directive
from headgate.kustomize.resources.sharing import Trail
from headgate.kustomize.schema import Schema, SchemaNode
from headgate.objects import Obj

__all__ = ["Walker", "strategic_merge"]


def strategic_merge(
    target: Obj,
    patch: Obj,
    schema: Schema,
    budget: Budget,
    blanks: Iterable[tuple[Any, str | int]] = (),
    trail: Trail | None = None,
) -> Obj | None:
    """Return the target with the patch merged into it, None when the patch deletes it.

    ``blanks`` are containers within the target and keys in them with a blank null: the merge removes these, but keeps
    an explicit null. ``trail`` records the merged forms of the containers that it follows. Arguments are not modified;
    the result may share parts with both. Raises PatchError, with the field, when values of different types (mapping,
    list, scalar) meet, or a directive is unknown.
    """
    walker = Walker(schema, frozenset((id(container), key) for container, key in blanks), trail)
    try:
        directive, fields = map_directive(patch, strict=True)
        if directive is Directive.DELETE:
            return None
        if directive is Directive.REPLACE:
            return target
        return walker.merged(target, fields, None)
    except Mismatch as error:
        if error.field is None:
            error.field = ".".join(error.path) or None
        raise
    finally:
        budget.charge(SCAN * walker.passed)


class Walker:
    """Merges under one schema. A node of None means that the type is unknown."""

    __slots__ = ("_blanks", "_schema", "_trail", "passed")

    def __init__(
        self,
        schema: Schema,
        blanks: frozenset[tuple[int, str | int]] = frozenset(),
        trail: Trail | None = None,
    ) -> None:
        self._schema = schema
        self._blanks = blanks
        self._trail = trail
        self.passed = 0
        """The number of values walked so far."""

    def walk(self, target: Any, patch: Any, node: SchemaNode | None) -> Any:
        """Return the merged value; either argument may be MISSING, and so may the result."""
        if patch is MISSING:
            return self.kept(target, node)
        if target is MISSING or (target is None and isinstance(patch, (dict, list))):
            return self.added(patch, node, strict=False)
        if patch is None:
            return MISSING
        kind = type(target)
        if kind is dict:
            if type(patch) is not dict:
                raise _conflict(target, patch)
            directive, fields = map_directive(patch, strict=True)
            if directive is Directive.MERGE:
                return self.merged(target, fields, node)
            return MISSING if directive is Directive.DELETE else self.added(fields, node, strict=True)
        if kind is list:
            if type(patch) is not list:
                raise _conflict(target, patch)
            return lists.merged(self, target, patch, node) if node is not None and node.merges else patch
        if type(patch) is dict or type(patch) is list:
            raise _conflict(target, patch)
        return _scalar(target, patch)

    def merged(self, target: Obj, patch: Obj, node: SchemaNode | None) -> Obj:
        """Merge the fields of two mappings."""
        if node is None:
            node = self._node_of(target) or self._node_of(patch)
        self.passed += len(target)
        result: Obj = {}
        for key, old in target.items():
            new = patch.get(key, MISSING)
            kind = type(old)
            if new is MISSING and kind is not dict and kind is not list:
                if old or (id(target), key) not in self._blanks:
                    result[key] = created_text(old) if kind is str else old
                continue
            try:
                value = self.walk(old, new, None if node is None else node.field(key))
            except Mismatch as error:
                error.path.insert(0, key)
                raise
            if value is not MISSING:
                result[key] = value
        for key, new in patch.items():
            if key not in target:
                try:
                    value = self.added(new, None if node is None else node.field(key), strict=False)
                except Mismatch as error:
                    error.path.insert(0, key)
                    raise
                if value is not MISSING:
                    result[key] = value
        if self._trail is not None and id(target) in self._trail.wanted:
            self._trail.moved[id(target)] = result
            self._trail.patched[id(target)] = patch
        return result

    def added(self, patch: Any, node: SchemaNode | None, *, strict: bool) -> Any:
        """Return a value that only the patch has, without nulls and directives; MISSING for none.

        ``strict`` checks directives at this level; all levels below check them in any case.
        """
        if patch is None:
            return MISSING
        kind = type(patch)
        if kind is dict:
            directive, fields = map_directive(patch, strict=strict)
            if directive is Directive.DELETE:
                return MISSING
            if node is None:
                node = self._node_of(fields)
            result: Obj = {}
            for key, item in fields.items():
                try:
                    value = self.added(item, None if node is None else node.field(key), strict=True)
                except Mismatch as error:
                    error.path.insert(0, key)
                    raise
                if value is not MISSING:
                    result[key] = value
            return result
        if kind is list and node is not None and node.merges:
            return lists.added(self, patch, node, strict=strict)
        return created_text(patch) if kind is str else patch

    def kept(self, target: Any, node: SchemaNode | None) -> Any:
        """Return a value that the patch does not change."""
        kind = type(target)
        if kind is dict:
            if node is None:
                node = self._node_of(target)
            changed: Obj | None = None
            self.passed += len(target)
            for key, old in target.items():
                kind = type(old)
                if kind is dict or kind is list:
                    new = self.kept(old, None if node is None else node.field(key))
                elif not old and (id(target), key) in self._blanks:
                    new = MISSING
                else:
                    new = created_text(old) if kind is str else old
                if new is old:
                    continue
                if changed is None:
                    changed = dict(target)
                if new is MISSING:
                    del changed[key]
                else:
                    changed[key] = new
            if changed is None:
                return target
            if self._trail is not None and id(target) in self._trail.wanted:
                self._trail.moved[id(target)] = changed
            return changed
        if kind is list and node is not None and node.merges:
            return lists.kept(self, target, node)
        return target

    def _node_of(self, value: Obj) -> SchemaNode | None:
        """Return the schema of a mapping that has a kind itself."""
        kind = value.get("kind")
        if kind is None:
            return None
        api_version = value.get("apiVersion")
        if api_version is None:
            return None
        return self._schema.node(scalar_text(api_version), scalar_text(kind))


def _scalar(target: Any, patch: Any) -> Any:
    """Return the patch's value in the target's style: a quoted string stays quoted."""
    if isinstance(patch, Binary):
        return patch
    if isinstance(target, Quoted):
        return type(target)(scalar_text(patch))
    return str(patch) if isinstance(patch, Quoted) else patch


_NAMES: dict[type, str] = {dict: "a mapping", list: "a list"}


def _conflict(target: Any, patch: Any) -> Mismatch:
    there, here = _NAMES.get(type(target), "a single value"), _NAMES.get(type(patch), "a single value")
    return Mismatch(f"the patch has {here} where the object has {there}")
