"""Finds a directory's kustomization file, or generates the one that Flux would generate.

Rules (Flux documentation, "Generating a kustomization.yaml file"): without a kustomization file, all YAML files below
the directory become resources; a subdirectory with a kustomization file becomes one resource, and its files are not
listed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headgate.documents.contentcache import ContentCache
from headgate.documents.errors import BuildError
from headgate.documents.tree import EntryKind, Tree
from headgate.documents.yaml import Dialect, first_value
from headgate.kustomize.model.kustomization_file import API_VERSION, KIND
from headgate.names import KUSTOMIZATION_FILES

PLACEHOLDER = "_placeholder"
"""The namespace in the file that Flux generates for a directory without resources, so that its build succeeds."""

_USE = "kustomization file"
"""The use under which the cache keeps parsed files."""


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A kustomization file as plain data."""

    file: str
    """Its path in the tree."""
    content: dict[str, Any]
    """Shared by all builds from this file: must not be changed."""
    generated: bool


def find_or_generate(tree: Tree, path: str, cache: ContentCache | None = None) -> PlainFile:
    """Return the kustomization file of directory ``path``, read or generated.

    Raises :class:`BuildError` when the file there is not a YAML mapping.
    """
    file = kustomization_file(tree, path)
    if file is not None:
        return PlainFile(file, _read(tree, file, cache), generated=False)
    resources = ["./" + posixpath.relpath(p, path or ".") for p in _manifests(tree, path)]
    content: dict[str, Any] = {"apiVersion": API_VERSION, "kind": KIND}
    content |= {"resources": resources} if resources else {"namespace": PLACEHOLDER}
    return PlainFile(posixpath.join(path, KUSTOMIZATION_FILES[0]), content, generated=True)


def kustomization_file(tree: Tree, path: str) -> str | None:
    """Return the path of the kustomization file in directory ``path``, None if it has none."""
    for name in KUSTOMIZATION_FILES:
        file = posixpath.join(path, name)
        if tree.kind(file) is EntryKind.FILE:
            return file
    return None


def _read(tree: Tree, file: str, cache: ContentCache | None) -> dict[str, Any]:
    content_id = tree.content_id(file)
    known: dict[str, Any] | None = cache.get(_USE, content_id) if cache is not None else None
    if known is not None:
        return known
    data = tree.read(file)
    content = _parsed(data, file)
    if cache is not None:
        cache.put(_USE, content_id, content, len(data))
    return content


def _parsed(data: bytes, file: str) -> dict[str, Any]:
    # As in kustomize, only the first document counts.
    content = first_value(data, file=file, dialect=Dialect.CONFIG, empty={})
    if not isinstance(content, dict):
        raise BuildError("a kustomization file must be a mapping of fields", file=file)
    return content


def _manifests(tree: Tree, directory: str) -> Iterator[str]:
    for name in tree.list(directory):
        entry = posixpath.join(directory, name)
        if tree.kind(entry) is EntryKind.DIRECTORY:
            if kustomization_file(tree, entry) is not None:
                yield entry
            else:
                yield from _manifests(tree, entry)
        elif name.endswith((".yaml", ".yml")):
            yield entry
