"""Values that several maps of an object share, as kustomize has it with labels and annotations.

kustomize puts a new label into all places of an object as one and the same YAML node. Whatever changes the label
later in one of them, be it another label, a patch or a replacement, changes it in all. That is seldom what the author
meant (an overlay that only relabels a Deployment changes its selector, too), but it is what kustomize builds.

Only containers are kept here, by identity. What rewrites an object as a whole (a JSON patch) ends the sharing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from headgate.documents.budget import GLANCE
from headgate.kustomize.resources.resource import Resource, SharedValue
from headgate.objects import Obj


@dataclass(slots=True)
class Trail:
    """What a strategic merge made of the containers in question, by the identity they had before."""

    wanted: frozenset[int]
    moved: dict[int, Obj] = field(default_factory=dict)
    patched: dict[int, Obj] = field(default_factory=dict)


def share(resource: Resource, created: dict[str, list[Obj]]) -> None:
    """Note in which maps each key has just been created with one value."""
    for key, maps in created.items():
        if len(maps) > 1:
            resource.shared.append(SharedValue(key, maps, resource.notes_state()))


def spread(resource: Resource, container: Obj, key: str) -> None:
    """Carry a value that was just changed in one map into those that share it."""
    if not resource.shared:
        return
    resource.budget.charge(GLANCE * len(resource.shared))
    _part_annotations(resource)
    for shared in resource.shared:
        if shared.key == key and any(item is container for item in shared.maps):
            _put(shared, container[key])


def trail_for(resource: Resource) -> Trail | None:
    """Return what a strategic merge has to keep track of, None when nothing is shared."""
    if not resource.shared:
        return None
    resource.budget.charge(2 * GLANCE * len(resource.shared))
    _part_annotations(resource)
    return Trail(frozenset(id(item) for shared in resource.shared for item in shared.maps))


def follow(resource: Resource, before: Obj, trail: Trail) -> None:
    """After a merge: find the shared containers again, and carry what the patch changed into all of them."""
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
    """kustomize writes all annotations anew whenever it takes a note of its own there."""
    notes = resource.notes_state()
    metadata = resource.obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    for shared in resource.shared:
        if shared.notes != notes:
            shared.maps = [item for item in shared.maps if item is not annotations]
            shared.notes = notes


def _last(value: Any, maps: Iterable[Obj]) -> Obj | None:
    """The one of several maps that a walk in the order of field names meets last."""
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
