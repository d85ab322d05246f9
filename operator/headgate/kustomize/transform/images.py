"""``images``: changes the names, tags and digests of container images."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from headgate.api.patterns import PatternInvalid, is_literal, searcher
from headgate.documents.budget import NODE, SCAN, Budget
from headgate.documents.yaml.scalars import scalar_text
from headgate.kustomize.errors import ResourceError
from headgate.kustomize.model.kustomization_file import ImageEntry
from headgate.kustomize.paths.fieldspec import Plans, for_each_field
from headgate.kustomize.paths.scalars import rewritten
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource

_TAG_AND_DIGEST = r"(:[a-zA-Z0-9_.{}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{}-]*)?$"
_MAX_SEPARATORS = 16


class _Slot(NamedTuple):
    """A field with an image in it."""

    container: Any
    key: Any


def set_images(resources: ResMap, images: Sequence[ImageEntry], plans: Plans) -> list[int]:
    """Change every image with the given names, entry by entry; returns the indexes of entries without a match.

    Raises ResourceError if an image field is not a scalar.
    """
    wanted = _Images(images, resources.budget)
    if not wanted:
        return list(range(len(images)))
    slots: dict[tuple[int, Any], tuple[_Slot, int]] = {}

    def note(container: Any, key: Any) -> None:
        if isinstance(container[key], (dict, list)):
            what = "a map" if isinstance(container[key], dict) else "a list"
            raise ResourceError(f"an image must be text, not {what}")
        known = slots.get((id(container), key))
        # A field that two paths reach is changed twice, which matters for tagSuffix.
        slots[id(container), key] = (_Slot(container, key), 1 if known is None else known[1] + 1)

    for resource in resources:
        if resource.kind == "CustomResourceDefinition":
            resources.budget.charge(SCAN)
            continue
        _for_each_image(resource, note)
        here = plans.of(resource.gvk)
        resources.budget.charge(NODE * (1 + len(here)))
        for plan in here:
            for_each_field(resource, plan, note, None)
    for (container, key), times in slots.values():
        old = container[key]
        value = scalar_text(old)
        new = wanted.applied(value, times)
        if new is not None:
            resources.budget.charge(len(new))
            container[key] = rewritten(old, new)
    return wanted.idle()


class _Images:
    """Images to change, found by name without trying each entry: a kustomization file may have thousands."""

    def __init__(self, images: Iterable[ImageEntry], budget: Budget) -> None:
        self._budget = budget
        self._entries: list[tuple[ImageEntry, Callable[[str], bool]]] = []
        self._idle: dict[int, int] = {}
        """The entries without a match so far, with their original indexes."""
        self._malformed: list[int] = []
        for place, image in enumerate(images):
            matches = _matcher(image.name)
            if matches is None:
                self._malformed.append(place)
            else:
                self._idle[len(self._entries)] = place
                self._entries.append((image, matches))
        self._applied: dict[tuple[str, int], str | None] = {}
        # Names whose only special character is the dot, by the positions of their dots and then by themselves.
        self._plain: dict[tuple[int, ...], dict[str, list[int]]] = {}
        self._patterns: list[int] = []
        for index, (image, _) in enumerate(self._entries):
            if is_literal(image.name.replace(".", "")):
                dots = tuple(at for at, char in enumerate(image.name) if char == ".")
                self._plain.setdefault(dots, {}).setdefault(image.name, []).append(index)
            else:
                self._patterns.append(index)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def idle(self) -> list[int]:
        """Return the original indexes of the entries without a match."""
        return sorted([*self._malformed, *self._idle.values()])

    def applied(self, value: str, times: int) -> str | None:
        """Return an image after each entry has been applied ``times`` times; None when none matches."""
        key = (value, times)
        if key not in self._applied:
            self._applied[key] = self._apply(value, times)
        return self._applied[key]

    def _apply(self, value: str, times: int) -> str | None:
        result: str | None = None
        index = self._next(value, 0)
        while index is not None:
            image, matches = self._entries[index]
            for _ in range(times):
                if matches(value):
                    self._idle.pop(index, None)
                    value = result = changed(value, image)
            index = self._next(value, index + 1)
        return result

    def _next(self, value: str, start: int) -> int | None:
        """Return the first entry from ``start`` on that matches this image."""
        candidates = self._patterns[bisect_left(self._patterns, start) :]
        ends = [at for at, char in enumerate(value) if char in ":@"]
        if len(ends) > _MAX_SEPARATORS:
            candidates = list(range(start, len(self._entries)))
            ends = []
        for end in (*ends, len(value)):
            candidates.extend(self._named(value[:end], start))
        self._budget.charge(SCAN * len(candidates))
        for index in sorted(candidates):
            self._budget.charge(NODE)
            if self._entries[index][1](value):
                return index
        return None

    def _named(self, name: str, start: int) -> Iterator[int]:
        for dots, by_name in self._plain.items():
            if dots and dots[-1] >= len(name):
                continue
            # A dot of a pattern matches any character.
            key = list(name)
            for at in dots:
                key[at] = "."
            indexes = by_name.get("".join(key), ())
            at = bisect_left(indexes, start)
            if at < len(indexes):
                yield indexes[at]


def _matcher(name: str) -> Callable[[str], bool] | None:
    """Return a predicate for images of this name, which is a pattern in kustomize; None for an invalid one."""
    try:
        matches = searcher(f"^{name}{_TAG_AND_DIGEST}")
    except PatternInvalid:
        return None
    if "|" in name or "\\" in name:
        return matches
    # Most images do not match; a comparison of the characters up to the first special one excludes them.
    literal = name
    for index, char in enumerate(name):
        if not (char.isalnum() or char in "/-_:@"):
            literal = name[: max(index - 1, 0)]
            break
    return lambda text: text.startswith(literal) and matches(text)


def _for_each_image(resource: Resource, setter: Callable[[Any, Any], None]) -> None:
    """Call ``setter`` for the images of all containers anywhere in the object."""
    passed: list[int] = []
    found = list(_find_containers(resource.obj, passed))
    resource.budget.charge(SCAN * sum(passed))
    for containers in found:
        for container in containers:
            if isinstance(container, dict):
                if "image" in container:
                    try:
                        setter(container, "image")
                    except ResourceError as error:
                        field = _path_to(resource.obj, container)
                        raise error.at(object=str(resource), field=f"{field}.image") from None
            elif container is not None:
                raise ResourceError(
                    "a container must be a map",
                    object=str(resource),
                    field=_path_to(resource.obj, containers),
                )


def _path_to(node: Any, wanted: object) -> str:
    """Return the path of a value within an object, found by its identity; only for messages."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        step = f"[{key}]" if isinstance(node, list) else str(key)
        if value is wanted:
            return step
        below = _path_to(value, wanted)
        if below:
            return f"{step}{'' if below.startswith('[') else '.'}{below}"
    return ""


def _find_containers(node: Any, passed: list[int]) -> Iterator[list[Any]]:
    """Find the lists of containers; appends the size of each map and list on the way to ``passed``."""
    passed.append(len(node))
    if type(node) is dict:
        for key, value in node.items():
            kind = type(value)
            if kind is dict or kind is list:
                yield from _find_containers(value, passed)
                if kind is list and (key == "containers" or key == "initContainers"):
                    yield value
    elif type(node) is list:
        for item in node:
            if type(item) is dict or type(item) is list:
                yield from _find_containers(item, passed)


def changed(value: str, image: ImageEntry) -> str:
    """Return an image reference with the name, tag and digest of ``image``."""
    name, tag, digest = split(value)
    name = image.new_name or name
    if image.new_tag and image.digest:
        tag, digest = image.new_tag, image.digest
    elif image.new_tag:
        tag, digest = image.new_tag, ""
    elif image.digest:
        tag, digest = "", image.digest
    elif image.tag_suffix:
        tag, digest = tag + image.tag_suffix, ""
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def split(value: str) -> tuple[str, str, str]:
    """Split an image reference into name, tag and digest. A port in the registry's address is not a tag."""
    slash = max(value.find("/"), 0)
    at = value.find("@", slash)
    colon = value.find(":", slash)
    if at < 0 and colon < 0:
        return value, "", ""
    if at >= 0 and (at < colon or colon < 0):
        return value[:at], "", value[at + 1 :]
    if at >= 0:
        return value[:colon], value[colon + 1 : at], value[at + 1 :]
    return value[:colon], value[colon + 1 :], ""
