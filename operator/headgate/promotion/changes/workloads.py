"""What readers look for first in a changed object: its images and its replicas. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headgate.objects import Obj
from headgate.promotion.changes.hiding import Curtain
from headgate.promotion.changes.model import ImageChange

__all__ = ["image_changes", "images_of", "replica_change"]

_CONTAINERS = frozenset(("containers", "initContainers", "ephemeralContainers"))
_DEEPEST = 40
_LONGEST = 500
"""Characters; a longer text is not an image."""


def images_of(obj: Obj) -> dict[str, str]:
    """The image of each container of an object, by its name, wherever its kind has containers.

    In custom kinds, a text in a field ``image`` counts as well, by the path of the field; so do volumes of images.
    """
    found: dict[str, str] = {}
    for name, image in _images(obj.get("spec"), "spec", 0):
        key, again = name, 2
        while key in found:
            key, again = f"{name} ({again})", again + 1
        found[key] = image
    return found


def image_changes(before: Obj | None, after: Obj | None, curtain: Curtain) -> tuple[ImageChange, ...]:
    """The images that differ; all of them for an object that is new or gone."""
    old = images_of(before) if before is not None else {}
    new = images_of(after) if after is not None else {}
    return tuple(
        ImageChange(curtain.text(name), curtain.text(old.get(name, "")), curtain.text(new.get(name, "")))
        for name in dict.fromkeys((*new, *old))
        if old.get(name) != new.get(name)
    )


def replica_change(before: Obj, after: Obj) -> tuple[int | None, int | None] | None:
    """``spec.replicas`` before and after, None where it is absent; None if it does not differ or is not a number."""
    counts = []
    for obj in (before, after):
        spec = obj.get("spec")
        count = spec.get("replicas") if isinstance(spec, dict) else None
        if isinstance(count, bool) or not (count is None or isinstance(count, int)):
            return None
        counts.append(count)
    return None if counts[0] == counts[1] else (counts[0], counts[1])


def _images(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for index, each in enumerate(value):
            name = each.get("name") if isinstance(each, dict) else None
            yield from _images(each, f"{path}[{name if isinstance(name, str) else index}]", depth + 1)
        return
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if key in _CONTAINERS and isinstance(each, list):
            for container in each:
                if isinstance(container, dict) and isinstance(container.get("image"), str):
                    yield str(container.get("name") or "?"), container["image"]
        elif key == "image" and isinstance(each, str) and 0 < len(each) <= _LONGEST:
            yield f"{path}.image", each
        elif key == "image" and isinstance(each, dict) and isinstance(each.get("reference"), str):
            yield f"{path}.image", each["reference"]
        elif isinstance(each, dict | list):
            yield from _images(each, f"{path}.{key}", depth + 1)
