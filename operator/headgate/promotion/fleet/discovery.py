"""The GitRepositories and Kustomizations among objects, within the limits of a rendering."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.api import InvalidSpec, Kustomization, ObjectKey
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION, KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.objects import Obj
from headgate.promotion.errors import CloneError
from headgate.promotion.fleet.building import BuiltKustomization
from headgate.promotion.fleet.options import FleetLimits
from headgate.promotion.fleet.rendering import RenderedObject, RenderedSource
from headgate.promotion.fleet.side import FoundKustomization, Side, key_of
from headgate.promotion.fleet.sources import Trees, source_of

__all__ = ["Discovery", "resolved"]


class Discovery:
    """Adds to a side what objects of it declare."""

    def __init__(self, trees: Trees, limits: FleetLimits) -> None:
        self._trees, self._limits = trees, limits
        self._specs: dict[int, tuple[Obj, Kustomization]] = {}
        self.full = ""
        """Why no more Kustomizations are added; empty if there is no reason."""

    def objects(
        self, side: Side, objects: Sequence[RenderedObject], made_by: ObjectKey | None, depth: int
    ) -> None:
        """Find the GitRepositories and Kustomizations among objects."""
        for each in objects:
            group = each.ref.group
            if group == SOURCE_GROUP and each.ref.kind == GIT_REPOSITORY:
                self._add_source(side, each)
            elif group == KUSTOMIZE_GROUP and each.ref.kind == KUSTOMIZATION:
                self._add(side, each, made_by, depth)

    def built(self, side: Side, built: BuiltKustomization, made_by: ObjectKey, depth: int) -> None:
        """Find what a build makes. Of a result that several Kustomizations share, only the first time finds anything.

        Each of the others is a problem, of which one says enough.
        """
        known = side.discovered.get(id(built))
        if known is None or known[1] > depth:
            side.discovered[id(built)] = built, depth
            self.objects(side, built.objects, made_by, depth)
            return
        for each in built.objects:
            is_one = each.ref.group == KUSTOMIZE_GROUP and each.ref.kind == KUSTOMIZATION
            if is_one and key_of(each.ref) != made_by:
                self._add(side, each, made_by, depth)
                return

    def _add_source(self, side: Side, each: RenderedObject) -> None:
        key = key_of(each.ref)
        if key in side.sources:
            return
        try:
            source = source_of(each.obj, key, each.place)
        except InvalidSpec as error:
            side.problem(f"{each.place or 'GitRepository'}: GitRepository/{key}: {error}")
            return
        side.sources[key] = resolved(self._trees, side, source)

    def _add(self, side: Side, each: RenderedObject, made_by: ObjectKey | None, depth: int) -> None:
        key = key_of(each.ref)
        known = side.found.get(key)
        if known is not None:
            if (
                known.made_by != made_by
                and made_by is not None
                and known.made_by is not None
                and key != made_by
            ):
                side.problem(f"Kustomization/{key} is made by {known.made_by} and by {made_by}", key)
            return
        limits = self._limits
        if len(side.found) >= limits.kustomizations:
            self.full = f"there are more than {limits.kustomizations} Kustomizations"
        if depth > limits.depth:
            side.problem(
                f"Kustomization/{key}: Kustomizations make each other more than {limits.depth} deep", key
            )
            return
        if self.full:
            side.problem(f"not everything was rendered: {self.full}")
            return
        found = side.found[key] = FoundKustomization(each.obj, each.place, made_by, depth)
        try:
            found.spec = self._parsed(key, each.obj)
        except InvalidSpec as error:
            found.problem = f"{each.place or 'Kustomization'}: Kustomization/{key}: {error}"

    def _parsed(self, key: ObjectKey, obj: Obj) -> Kustomization:
        """The spec of a Kustomization; both sides often have one object."""
        known = self._specs.get(id(obj))
        if known is None or known[0] is not obj:
            meta = {"namespace": key.namespace, "name": key.name}
            known = obj, Kustomization.from_object({"metadata": meta, "spec": obj.get("spec")})
            self._specs[id(obj)] = known
        return known[1]


def resolved(trees: Trees, side: Side, source: RenderedSource) -> RenderedSource:
    """The source with its commit, if it is this repository and selects one."""
    if not trees.is_ours(source):
        return source
    try:
        return trees.resolved(source, side.state)
    except CloneError as error:
        side.problem(f"GitRepository/{source.key}: {error}")
        return source
