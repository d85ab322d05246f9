"""Follows the Kustomizations that Kustomizations make, at one state of the repository or at two in step.

In step, a Kustomization that is the same at both states, and of which no changed path is within reach, is not built at
either, unless it may itself make Kustomizations: its objects are the same, whatever they are. Should another one need
a variable that it may provide, it is built after all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from headgate.api import InvalidSpec, ObjectKey
from headgate.names import GIT_REPOSITORY
from headgate.objects import Obj
from headgate.postbuild import variable_references
from headgate.promotion.errors import CloneError
from headgate.promotion.fleet.building import Builds, BuiltKustomization
from headgate.promotion.fleet.discovery import Discovery, resolved
from headgate.promotion.fleet.options import FleetOptions
from headgate.promotion.fleet.order import ordered
from headgate.promotion.fleet.rendering import RenderedSource
from headgate.promotion.fleet.sameness import Sameness
from headgate.promotion.fleet.side import FoundKustomization, Side
from headgate.promotion.fleet.sources import Trees

__all__ = ["FleetWalk"]

_PASSES = 4
"""How often what a build reads from others may change before the last result counts."""


class FleetWalk:
    """One walk over one state or two."""

    def __init__(
        self, trees: Trees, builds: Builds, options: FleetOptions, deadline: float, sides: Sequence[Side]
    ) -> None:
        self._trees, self._builds, self._options, self._deadline = trees, builds, options, deadline
        self._sides = sides
        self._discovery, self._sameness = Discovery(trees, options.limits), Sameness(trees)
        self._objects = 0

    def run(self) -> None:
        """Find and build everything; the sides have their roots already."""
        for side in self._sides:
            side.take(side.root)
            self._discovery.objects(side, side.root, None, 0)
        while self._step():
            pass
        for _ in range(_PASSES):
            if not self._settle():
                break
        for side in self._sides:
            for key, each in side.found.items():
                if each.waits and each.built is None and not each.problem:
                    each.problem = self._no_source(each)
                if each.problem:
                    side.problem(each.problem, key)

    def _step(self) -> bool:
        """Decide about every Kustomization that can be decided; return whether there was any."""
        open_keys = self._open()
        lacking = {key for key in open_keys if self._lacks_values(key)}
        # Others may still provide what these read, and then each is built once.
        return self._decide([key for key in open_keys if key not in lacking]) or self._decide(
            [key for key in open_keys if key in lacking]
        )

    def _decide(self, open_keys: Sequence[ObjectKey]) -> bool:
        both = [key for key in open_keys if all(key in side.found for side in self._sides)]
        progress = False
        for key in both or open_keys:
            sides = [side for side in self._sides if key in side.found and side.found[key].is_open]
            if len(sides) == len(self._sides) == 2 and not self._stopped() and self._is_same(key):
                for side in sides:
                    side.found[key].skipped = True
                progress = True
                continue
            for side in sides:
                progress |= self._build(side, key)
        if progress or not both:
            return progress
        known = set(both)
        for key in open_keys:
            for side in self._sides:
                if key not in known and key in side.found and side.found[key].is_open:
                    before = len(side.found), len(side.sources)
                    progress |= self._build(side, key)
                    # What is found now may be at both states, and is then checked first.
                    if before != (len(side.found), len(side.sources)):
                        return True
        return progress

    def _lacks_values(self, key: ObjectKey) -> bool:
        """Whether a Kustomization reads variables that are not known yet."""
        return any(
            side.value(key.namespace, kind, name) is None
            for side in self._sides
            if key in side.found and side.found[key].spec is not None
            for kind, name in _references(side.found[key])
        )

    def _open(self) -> list[ObjectKey]:
        dependencies: dict[ObjectKey, tuple[ObjectKey, ...]] = {}
        for side in self._sides:
            for key, each in side.found.items():
                if each.is_open:
                    dependencies.setdefault(key, each.spec.dependencies if each.spec else ())
        return ordered(dependencies)[0]

    def _build(self, side: Side, key: ObjectKey) -> bool:
        """Build one Kustomization if its source is known; return whether anything became known."""
        each = side.found[key]
        source = self._source(side, each)
        if source is None:
            each.waits = True
            return False
        each.waits = False
        # While it is built, what provides its variables may ask for what it provides.
        each.skipped = False
        stopped = self._stopped()
        if stopped:
            each.problem = f"Kustomization/{key} was not built: {stopped}"
            return True
        try:
            tree = self._trees.of(source, side.sources)
            submodule = self._trees.submodule_of(source, side.sources, each.obj["spec"])
            if submodule:
                raise CloneError(f"it may read the submodule {submodule}, whose files are not in this clone")
        except (CloneError, InvalidSpec) as error:
            each.problem = f"Kustomization/{key} cannot be built: {error}"
            return True
        assert each.spec is not None
        assert source.resolved is not None
        each.source, each.commit = source.key, source.resolved.commit
        self._provide(side, each)
        built = self._builds.build(tree, each.obj["spec"], self._lookup(side, key.namespace))
        return self._take(side, key, built)

    def _take(self, side: Side, key: ObjectKey, built: BuiltKustomization) -> bool:
        each = side.found[key]
        if each.built is built:
            return False
        self._objects += len(built.objects) - (len(each.built.objects) if each.built else 0)
        each.built = built
        each.problem = f"Kustomization/{key} cannot be built: {built.error}" if built.error else ""
        if self._objects > self._options.limits.objects:
            self._discovery.full = f"there are more than {self._options.limits.objects} objects"
        if each.spec is None or each.spec.spec.kube_config is None:
            side.take(built.objects)
            self._discovery.built(side, built, key, each.depth + 1)
        return True

    def _stopped(self) -> str:
        """Why nothing more is built; empty if there is no reason."""
        if time.monotonic() > self._deadline:
            return "there was no time left (--timeout)"
        limit = self._options.limits.objects
        return f"there are more than {limit} objects" if self._objects > limit else ""

    def _source(self, side: Side, each: FoundKustomization) -> RenderedSource | None:
        """The source of a Kustomization if it can be built from; sets the problem if it never can."""
        if each.spec is None:
            return None
        reference = each.spec.source
        where = f"{each.place or 'Kustomization'}: Kustomization/{each.spec.key}"
        if reference.kind != GIT_REPOSITORY:
            each.problem = (
                f"{where} is built from {reference}, which is not a GitRepository: its objects are unknown"
            )
            return None
        source = side.sources.get(reference.key)
        if source is None:
            if side.default_source is None:
                return None
            source = resolved(self._trees, side, replace(side.default_source, key=reference.key))
            side.sources[reference.key] = source
        if source.resolved is None:
            each.problem = (
                f"{where} is built from {reference}, which selects no commit of this repository: its objects are "
                "unknown"
            )
            return None
        return source

    def _no_source(self, each: FoundKustomization) -> str:
        reference = each.spec.source if each.spec else ""
        return (
            f"{each.place or 'Kustomization'}: {reference} does not exist in the environment; if it is not in Git, say "
            "what it follows: 'follows' in headgate.yaml, or --env NAME=FOLDER,branch=main"
        )

    def _lookup(self, side: Side, namespace: str) -> Callable[[str, str], Obj | None]:
        return lambda kind, name: side.value(namespace, kind, name)

    def _is_same(self, key: ObjectKey) -> bool:
        """Whether a Kustomization has the same objects at both states, and makes no Kustomization."""
        before, after = (side.found[key] for side in self._sides)
        if before.obj != after.obj or before.made_by != after.made_by or before.spec is None:
            return False
        first, second = (self._source(side, side.found[key]) for side in self._sides)
        if first is None or second is None or not self._sameness.holds(before.obj["spec"], first, second):
            return False
        for each, source in ((before, first), (after, second)):
            assert source.resolved is not None
            each.source, each.commit = source.key, source.resolved.commit
        return True

    # Variables.

    def _provide(self, side: Side, each: FoundKustomization) -> None:
        """Build skipped Kustomizations until the variables of one that is built are known, or none is left."""
        assert each.spec is not None
        wanted = _references(each)
        if not wanted:
            return
        namespace = each.spec.key.namespace
        nearby = [key for key in each.spec.dependencies if key in side.found]
        for key in dict.fromkeys([*nearby, *side.found]):
            if all(side.value(namespace, kind, name) is not None for kind, name in wanted):
                return
            if side.found[key].skipped and side.found[key] is not each:
                for other in self._sides:
                    if key in other.found and other.found[key].skipped:
                        self._build(other, key)

    def _settle(self) -> bool:
        """Build again what read variables that are others now; return whether there was any."""
        progress = False
        for side in self._sides:
            for key in list(side.found):
                each = side.found[key]
                if each.spec is None or (each.problem and each.built is None) or not _references(each):
                    continue
                if each.skipped:
                    if self._values_differ(each):
                        for other in self._sides:
                            progress |= self._build(other, key)
                else:
                    progress |= self._build(side, key)
        while self._step():
            progress = True
        return progress

    def _values_differ(self, each: FoundKustomization) -> bool:
        assert each.spec is not None
        namespace = each.spec.key.namespace
        return any(
            len({repr(side.value(namespace, kind, name)) for side in self._sides}) > 1
            for kind, name in _references(each)
        )


def _references(each: FoundKustomization) -> list[tuple[str, str]]:
    post_build = each.obj["spec"].get("postBuild")
    if not post_build:
        return []
    return [(reference.kind, reference.name) for reference in variable_references(post_build)]
