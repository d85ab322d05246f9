"""``images``: changes the names, tags and digests of container images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from headgate.kustomize.errors import ResourceError
from headgate.kustomize.fieldspec import Plans, visit
from headgate.kustomize.model import Image
from headgate.kustomize.patterns import BadPattern, searcher
from headgate.kustomize.resmap import ResMap
from headgate.kustomize.resource import Resource
from headgate.kustomize.scalars import rewritten
from headgate.kustomize.yaml.scalars import scalar_text

_TAG_AND_DIGEST = r"(:[a-zA-Z0-9_.{}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{}-]*)?$"


def set_images(resources: ResMap, image: Image, plans: Plans) -> None:
    """Change every image of the given name; raises ResourceError where an image field is no scalar."""
    matches = _matcher(image.name)
    if matches is None:
        return

    def setter(container: Any, key: Any) -> None:
        old = container[key]
        if isinstance(old, (dict, list)):
            raise ResourceError("an image must be a scalar")
        value = scalar_text(old)
        if matches(value):
            container[key] = rewritten(old, changed(value, image))

    for resource in resources:
        if resource.kind == "CustomResourceDefinition":
            continue
        _set_in_containers(resource, setter)
        for plan in plans.of(resource.gvk):
            visit(resource.obj, plan, setter, None, str(resource))


def _matcher(name: str) -> Callable[[str], bool] | None:
    """Return a predicate for images of this name, which kustomize takes as a pattern; None matches nothing."""
    try:
        matches = searcher(f"^{name}{_TAG_AND_DIGEST}")
    except BadPattern:
        return None
    if "|" in name or "\\" in name:
        return matches
    # Most images are not meant; a look at the first characters tells, up to the first that is special.
    literal = name
    for index, char in enumerate(name):
        if not (char.isalnum() or char in "/-_:@"):
            literal = name[: max(index - 1, 0)]
            break
    return lambda text: text.startswith(literal) and matches(text)


def _set_in_containers(resource: Resource, setter: Callable[[Any, Any], None]) -> None:
    """Change the images of all containers, wherever in the object they are."""
    for containers in _find_containers(resource.obj):
        for container in containers:
            if isinstance(container, dict):
                if "image" in container:
                    try:
                        setter(container, "image")
                    except ResourceError as error:
                        raise error.at(object=str(resource), field="containers[].image") from None
            elif container is not None:
                raise ResourceError("a container must be a map", object=str(resource), field="containers")


def _find_containers(node: Any) -> Iterator[list[Any]]:
    if type(node) is dict:
        for key, value in node.items():
            kind = type(value)
            if kind is dict or kind is list:
                yield from _find_containers(value)
                if kind is list and (key == "containers" or key == "initContainers"):
                    yield value
    elif type(node) is list:
        for item in node:
            if type(item) is dict or type(item) is list:
                yield from _find_containers(item)


def changed(value: str, image: Image) -> str:
    """Return an image reference with the name, tag and digest that ``image`` gives."""
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
    """Take an image reference apart: name, tag, digest. A port in the registry's address is no tag."""
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
