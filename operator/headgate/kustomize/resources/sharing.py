"""Values that several maps of an object share, as labels and annotations do in kustomize.

kustomize puts the same YAML node of a new label into all its places in an object. A later change of the label in one
place, by another label, a patch or a replacement, changes it in all of them. Authors seldom intend that (an overlay
that only relabels a Deployment changes its selector, too), but kustomize builds it.

This module stores only containers, by identity. Operations that rewrite the whole object (a JSON patch) end the
sharing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from headgate.documents.budget import SCAN
from headgate.kustomize.resources.resource import Resource, SharedValue
from headgate.objects import Obj


@dataclass(slots=True)
class Trail:
    """The merged forms of the followed containers, by the identity of the old ones."""

    wanted: frozenset[int]
    moved: dict[int, Obj] = field(default_factory=dict)
    patched: dict[int, Obj] = field(default_factory=dict)


def share(resource: Resource, created: dict[str, list[Obj]]) -> None:
    """Record the maps in which each key was created with one value."""
    for key, maps in created.items():
        if len(maps) > 1:
            resource.shared.append(SharedValue(key, maps, resource.notes_state()))


def spread(resource: Resource, container: Obj, key: str) -> None:
    """Copy a value that has changed in one map into the maps that share it."""
    if not resource.shared:
        return
    resource.budget.charge(SCAN * len(resource.shared))
    _part_annotations(resource)
    for shared in resource.shared:
        if shared.key == key and any(item is container for item in shared.maps):
            _put(shared, container[key])


def trail_for(resource: Resource) -> Trail | None:
    """Return the record for a strategic merge, None when nothing is shared."""
    if not resource.shared:
        return None
    resource.budget.charge(2 * SCAN * len(resource.shared))
    _part_annotations(resource)
    return Trail(frozenset(id(item) for shared in resource.shared for item in shared.maps))


def follow(resource: Resource, before: Obj, trail: Trail) -> None:
    """After a merge, find the shared containers again, and copy what the patch changed into all of them."""
    for shared in resource.shared:
        written = [item for item in shared.maps if shared.key in trail.patched.get(id(item), ())]
        last = written[0] if len(written) == 1 else _last(before, written) if written else None
        shared.maps = [trail.moved.get(id(item), item) for item in shared.maps]
        if last is not None:
            changed = trail.moved.get(id(last), last)
            if shared.key in changed:
                _put(shared, changed[shared.key])
        shared.maps = [item for item in shared.maps if shared.key in item]
    resource.shared = [shared for shared in resource.shared if len(shared.maps) > 1]


def _put(shared: SharedValue, value: Any) -> None:
    for item in shared.maps:
        if shared.key in item:
            item[shared.key] = value


def _part_annotations(resource: Resource) -> None:
    """Stop sharing of annotations, all of which kustomize rewrites whenever it adds bookkeeping to them."""
    notes = resource.notes_state()
    metadata = resource.obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    for shared in resource.shared:
        if shared.notes != notes:
            shared.maps = [item for item in shared.maps if item is not annotations]
            shared.notes = notes


def _last(value: Any, maps: Iterable[Obj]) -> Obj | None:
    """Return the one of several maps that comes last in the order of field names."""
    wanted = {id(item) for item in maps}
    last: Obj | None = None
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if id(item) in wanted:
                last = item
            stack.extend(item[key] for key in sorted(item, reverse=True))
        elif isinstance(item, list):
            stack.extend(reversed(item))
    return last
