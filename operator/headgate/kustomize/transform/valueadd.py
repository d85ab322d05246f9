"""``ValueAddTransformer``: writes a value into fields, or inserts it into the file paths in them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Any, NamedTuple

from headgate.documents.budget import NODE
from headgate.documents.yaml.scalars import scalar_text
from headgate.kustomize.errors import ResourceError
from headgate.kustomize.model.kustomization_file import ObjectSelector
from headgate.kustomize.paths.fieldpath import MISSING, look_up
from headgate.kustomize.paths.fieldspec import Plans, split_path
from headgate.kustomize.paths.scalars import rewritten
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.transform.namespace import move_one
from headgate.kustomize.transform.selection import select


class ValueTarget(NamedTuple):
    """The target field; a ``file_path_position`` above 0 inserts the value there into the field's path."""

    selector: ObjectSelector | None = None
    field_path: str = ""
    file_path_position: int = 0


def add_value(resources: ResMap, value: str, targets: Iterable[ValueTarget]) -> None:
    """Write ``value`` to every target; raises ResourceError for a field that is not a scalar."""
    for target in targets:
        chosen = list(resources) if target.selector is None else select(resources, target.selector)
        for resource in chosen:
            if target.field_path == "metadata/namespace":
                move_one(resource, value, Plans(()))
            else:
                _write(resource, value, target)
    resources.changed()


def _write(resource: Resource, value: str, target: ValueTarget) -> None:
    *parents, name = _split(target.field_path)
    node: Any = resource.obj
    for segment in parents:
        child = look_up(node, [segment])
        if child is MISSING or child is None:
            if not isinstance(node, dict):
                raise ResourceError("cannot be created", object=str(resource), field=target.field_path)
            child = node[segment] = {}
        node = child
    if not isinstance(node, dict):
        raise ResourceError("must be a field of a map", object=str(resource), field=target.field_path)
    old = node.get(name)
    if isinstance(old, (dict, list)):
        raise ResourceError("must be a scalar", object=str(resource), field=target.field_path)
    if target.file_path_position > 0:
        value = insert_part(scalar_text(old), target.file_path_position - 1, value)
    resource.budget.charge(2 * NODE + len(value))
    node[name] = rewritten(old, value)


def _split(path: str) -> list[str]:
    """Split at slashes, except those after a backslash; unlike elsewhere, a leading slash is ignored."""
    return [part.strip() for part in split_path(path, "/") if part.strip()]


def insert_part(path: str, position: int, part: str) -> str:
    """Insert ``part`` into a file path, after ``position`` others; a leading slash stays in front."""
    parts = [item for item in path.split("/") if item]
    position = min(position, len(parts))
    joined = posixpath.normpath("/".join((*parts[:position], part, *parts[position:])))
    return "/" + joined if path.startswith("/") else joined
