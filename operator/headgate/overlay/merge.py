"""Writes the fields of a Flux Kustomization into a kustomization file's content.

A field of the spec replaces that of the file (``namespace``, ``namePrefix``, ``nameSuffix``, ``buildMetadata``),
extends it (``patches``, ``components``) or is merged by name (``images``), as in Flux's generator.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from headgate.documents.errors import BuildError
from headgate.documents.tree import EntryKind, Tree
from headgate.documents.yaml import dump
from headgate.kustomize.model.decode import wrong_type
from headgate.kustomize.model.kustomization_file import API_VERSION, KIND
from headgate.overlay.generate import PlainFile

_SCALARS = (("targetNamespace", "namespace"), ("namePrefix", "namePrefix"), ("nameSuffix", "nameSuffix"))
_SELECTOR = ("group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector")


def merge_spec(tree: Tree, path: str, found: PlainFile, spec: Mapping[str, Any]) -> bytes:
    """Return the content of ``found`` with the spec's fields, as text.

    Raises :class:`BuildError` for a component whose path is not local and relative, or a field of the file that is not
    a list.
    """
    content = dict(found.content)
    content.setdefault("apiVersion", API_VERSION)
    content.setdefault("kind", KIND)
    if not found.generated and not content.get("resources"):
        # As Flux does: otherwise kustomize calls a file with only generators or components empty.
        content["buildMetadata"] = ["originAnnotations"]
    for field, target in _SCALARS:
        if spec.get(field):
            content[target] = spec[field]
    _append(found, content, "patches", [_patch(p) for p in spec.get("patches") or ()])
    _append(found, content, "components", _components(tree, path, spec))
    if spec.get("images"):
        content["images"] = _images(_listed(found, "images"), spec["images"])
    if spec.get("buildMetadata"):
        content["buildMetadata"] = list(spec["buildMetadata"])
    return dump(content).encode()


def _append(found: PlainFile, content: dict[str, Any], field: str, items: list[Any]) -> None:
    if items:
        content[field] = [*_listed(found, field), *items]


def _listed(found: PlainFile, field: str) -> list[Any]:
    """Return the list in a field of the file, empty if the field is missing."""
    value = found.content.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type(value, field, "a list").at(file=found.file)
    return value


def _patch(patch: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"patch": patch.get("patch", "")}
    if patch.get("target") is not None:
        out["target"] = {k: patch["target"][k] for k in _SELECTOR if patch["target"].get(k)}
    return out


def _components(tree: Tree, path: str, spec: Mapping[str, Any]) -> list[str]:
    out: list[str] = []
    for component in spec.get("components") or ():
        if component.startswith(("/", "git@")) or "://" in component:
            raise BuildError(
                f"component path '{component}' must be local and relative", field="spec.components"
            )
        target = posixpath.normpath(posixpath.join(path, component))
        missing = target.startswith("..") or tree.kind("" if target == "." else target) is EntryKind.MISSING
        if not (missing and spec.get("ignoreMissingComponents")):
            out.append(component)
    return out


def _images(existing: list[Any], wanted: list[Mapping[str, Any]]) -> list[Any]:
    """Merge by name; a tag and a digest both select the version, so setting one clears the other."""
    out = [dict(i) if isinstance(i, dict) else i for i in existing]
    by_name = {i["name"]: i for i in reversed(out) if isinstance(i, dict) and isinstance(i.get("name"), str)}
    for image in wanted:
        values = {k: image[k] for k in ("newName", "newTag", "digest") if image.get(k)}
        target = by_name.get(image["name"])
        if target is None:
            out.append({"name": image["name"]} | values)
            continue
        if "newTag" in values or "digest" in values:
            target.pop("newTag", None)
            target.pop("digest", None)
        target.update(values)
    return out
