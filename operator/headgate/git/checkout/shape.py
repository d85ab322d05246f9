"""From a fetched commit to the source tree: sparse checkout, submodules, includes and ignore rules.

shape = ArtifactShape(ignore=spec.ignore, sparse=spec.sparse_checkout, includes=...)
tree = check_out(remote, cache, commit, shape)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.git.cache.bare import BareCache
from headgate.git.checkout.submodules import fetch_submodules
from headgate.git.limits import DEFAULT_LIMITS, TreeLimits
from headgate.git.remote.client import Remote
from headgate.git.tree.commit import GitTree
from headgate.git.tree.compose import ComposedTree, PackableTree, TreeLayer

__all__ = ["ArtifactShape", "Included", "check_out"]


@dataclass(frozen=True, slots=True)
class Included:
    """Another source's tree, the part to copy and its target (``spec.include``)."""

    name: str
    tree: PackableTree
    from_path: str
    to_path: str


@dataclass(frozen=True, slots=True)
class ArtifactShape:
    """What determines an artifact in addition to the commit."""

    ignore: str | None = None
    sparse: Sequence[str] = ()
    submodules: bool = False
    includes: Sequence[Included] = ()


def check_out(
    remote: Remote,
    cache: BareCache,
    commit: str,
    shape: ArtifactShape,
    *,
    offline: bool = False,
    limits: TreeLimits = DEFAULT_LIMITS,
) -> PackableTree:
    """Return the tree of ``commit``, which is in ``cache``; the caller closes it.

    Each included tree is shared, so that it stays open as long as this one. ``offline``: submodules come from the cache
    only. Raises :class:`GitError`.
    """
    if not shape.submodules and not shape.includes:
        return GitTree(cache, commit, ignore=shape.ignore, sparse=shape.sparse, limits=limits)
    top = GitTree(cache, commit, sparse=shape.sparse, filtered=False, limits=limits)
    layers = [TreeLayer(top)]
    try:
        if shape.submodules:
            layers += fetch_submodules(remote, cache, top, offline=offline, limits=limits)
        layers += [
            TreeLayer(each.tree.share(), each.to_path, each.from_path, each.name) for each in shape.includes
        ]
    except BaseException:
        for layer in layers:
            layer.tree.close()
        raise
    return ComposedTree(layers, ignore=shape.ignore, limits=limits)
