"""Where an object of a cluster comes from: the file and line of its manifest at the commit that was applied."""

from __future__ import annotations

from headgate.api import InvalidSpec, ObjectKey
from headgate.kube import ObjectRef
from headgate.objects import Obj
from headgate.promotion.clone import Clone
from headgate.promotion.errors import CloneError
from headgate.promotion.fleet.building import Builds
from headgate.promotion.fleet.options import FleetOptions
from headgate.promotion.fleet.sources import Trees, shape_of, source_of

__all__ = ["place_of"]


def place_of(clone: Clone, source: Obj, kustomization: Obj, commit: str, ref: ObjectRef) -> str:
    """Return file and line of an object's manifest; without a line if only the file is known.

    ``source`` and ``kustomization`` are raw custom resources, ``commit`` the one that was applied. Raises
    :class:`CloneError`: the clone lacks the commit, it cannot be built, or the build does not have the object.
    """
    meta = source["metadata"]
    try:
        shown = source_of(source, ObjectKey(str(meta.get("namespace") or ""), str(meta["name"])), None)
        shape = shape_of(shown)
    except InvalidSpec as error:
        raise CloneError(f"the spec of the GitRepository is not valid: {error}") from None
    if not shape.is_plain:
        raise CloneError("the GitRepository has includes or submodules, which the clone does not have")
    trees = Trees(clone)
    try:
        tree = trees.plain(clone.resolve(commit), shape)
        built = Builds(FleetOptions(strict_substitutions=False)).build(
            tree, kustomization["spec"], lambda _kind, _name: None
        )
    finally:
        trees.close()
    if built.error:
        raise CloneError(f"{commit[:12]} cannot be built: {built.error}")
    for each in built.objects:
        same = (each.ref.group, each.ref.kind, each.ref.name) == (ref.group, ref.kind, ref.name)
        if same and each.ref.namespace in ("", ref.namespace) and each.place:
            return each.place
    raise CloneError(f"the build of {commit[:12]} has no such object")
