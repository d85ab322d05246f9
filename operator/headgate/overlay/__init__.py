"""What a Flux Kustomization adds to a directory before its build.

``spec.path`` names a directory of the source. :func:`prepare` returns the source tree in which that directory has a
``kustomization.yaml``, found or generated (:mod:`.generate`), with the fields of the Kustomization
(``targetNamespace``, ``patches``, ``images``, ...) (:mod:`.merge`), ready for :func:`headgate.kustomize.build`. Nothing
is written to disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate.documents.contentcache import ContentCache
from headgate.documents.tree import OverlayTree, Tree
from headgate.overlay.generate import find_or_generate
from headgate.overlay.merge import merge_spec

__all__ = ["prepare"]


def prepare(tree: Tree, path: str, spec: Mapping[str, Any], cache: ContentCache | None = None) -> Tree:
    """Return the tree in which ``path`` has the ``kustomization.yaml`` that Flux would build.

    ``path`` is relative to the tree's root and normalized; ``spec`` is the Kustomization's spec from the API server.
    All reads use ``tree``, so that a recording tree records everything that the result depends on. ``cache`` keeps the
    content of kustomization files from one call to the next.

    Raises :class:`headgate.kustomize.BuildError` when the existing file cannot be read, or a field of the spec cannot
    be applied.
    """
    found = find_or_generate(tree, path, cache)
    return OverlayTree(tree, {found.file: merge_spec(tree, path, found, spec)})
