"""Follows the Kustomizations that Kustomizations make, at one state of the repository or at two in step.

In step, a Kustomization that is the same at both states, and of which no changed path is within reach, is not built at
either, unless it may itself make Kustomizations: its objects are the same, whatever they are. Should another one need
a variable that it may provide, it is built after all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from headgate.api import InvalidSpec, Kustomization, ObjectKey
from headgate.kube import ObjectRef
from headgate.names import KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.objects import Obj
from headgate.postbuild import variable_references
from headgate.promotion.errors import CloneError
from headgate.promotion.fleet.building import Builds, Built
from headgate.promotion.fleet.options import FleetOptions
from headgate.promotion.fleet.order import ordered
from headgate.promotion.fleet.rendering import Problem, RenderedKustomization, RenderedObject, RenderedSource
from headgate.promotion.fleet.sources import Shape, Trees, shape_of, source_of
from headgate.promotion.fleet.state import State
from headgate.promotion.fleet.variables import shown

__all__ = ["Side", "Walk"]

_PASSES = 4
"""How often what a build reads from others may change before the last result counts."""
_MAX_PROBLEMS = 1_000
"""Problems of one side that are listed."""
_MAKERS = (
    # The group of Flux's Kustomizations and GitRepositories, and ways of YAML to write it otherwise.
    r"toolkit\.fluxcd\.io",
    r"\\[xuU]",
    r"\\$",
    # Names in other encodings than UTF-8.
    "\udcff\udcfe|\udcfe\udcff",
)
_COMPOSERS = (
    # Lines in which a variable may become the kind of an object, or an object.
    r"^[^:#]*\$[^:]*:",
    r"(apiVersion|kind|items)[^:]*:.*\$",
    r"^[-[:space:]]*\$",
)


@dataclass(slots=True)
class _Found:
    """A Kustomization that was found."""

    obj: Obj
    place: str | None
    made_by: ObjectKey | None
    depth: int
    spec: Kustomization | None = None
    problem: str = ""
    built: Built | None = None
    commit: str = ""
    source: ObjectKey | None = None
    skipped: bool = False
    waits: bool = False
    """Whether its source is not found yet."""


@dataclass(slots=True)
class Side:
    """One state, and what was found there."""

    state: State
    sources: dict[ObjectKey, RenderedSource] = field(default_factory=dict)
    found: dict[ObjectKey, _Found] = field(default_factory=dict)
    root: tuple[RenderedObject, ...] = ()
    problems: dict[Problem, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    default_source: RenderedSource | None = None
    """The GitRepository that a caller describes because it is not in Git."""
    discovered: dict[int, tuple[Built, int]] = field(default_factory=dict)
    """The builds whose Kustomizations were looked for, by identity, and how deep they were made."""
    _values: dict[tuple[str, str, str], Obj | None] = field(default_factory=dict)

    def problem(self, message: str, key: ObjectKey | None = None) -> None:
        """Record a problem; of very many, only the first are listed."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems[Problem(shown(message), key)] = None
        else:
            self.problems[
                Problem(f"there are more than {_MAX_PROBLEMS} problems: the others are not listed")
            ] = None

    def value(self, namespace: str, kind: str, name: str) -> Obj | None:
        """The rendered ConfigMap or Secret of this name whose content is known."""
        return self._values.get((namespace, kind, name))

    def take(self, objects: Sequence[RenderedObject]) -> None:
        """Remember ConfigMaps and Secrets that may hold variables."""
        for each in objects:
            if (
                each.ref.kind in ("ConfigMap", "Secret")
                and each.ref.api_version == "v1"
                and not each.encrypted
            ):
                self._values[each.ref.namespace or "default", each.ref.kind, each.ref.name] = each.obj


class Walk:
    """One walk over one state or two."""

    def __init__(
        self, trees: Trees, builds: Builds, options: FleetOptions, deadline: float, sides: Sequence[Side]
    ) -> None:
        self._trees, self._builds, self._options, self._deadline = trees, builds, options, deadline
        self._sides = sides
        self._shapes: dict[int, tuple[RenderedSource, Shape]] = {}
        self._specs: dict[int, tuple[Obj, Kustomization]] = {}
        self._objects = 0
        self._full: str = ""

    def run(self) -> None:
        """Find and build everything; the sides have their roots already."""
        for side in self._sides:
            side.take(side.root)
            self._discover(side, side.root, None, 0)
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

    # Discovery.

    def _discover(
        self, side: Side, objects: Sequence[RenderedObject], made_by: ObjectKey | None, depth: int
    ) -> None:
        for each in objects:
            group = each.ref.group
            if group == SOURCE_GROUP and each.ref.kind == "GitRepository":
                self._add_source(side, each)
            elif group == KUSTOMIZE_GROUP and each.ref.kind == "Kustomization":
                self._add(side, each, made_by, depth)

    def _discover_built(self, side: Side, built: Built, made_by: ObjectKey, depth: int) -> None:
        """Find what a build makes. Of a result that several Kustomizations share, only the first time finds anything.

        Each of the others is a problem, of which one says enough.
        """
        known = side.discovered.get(id(built))
        if known is None or known[1] > depth:
            side.discovered[id(built)] = built, depth
            self._discover(side, built.objects, made_by, depth)
            return
        for each in built.objects:
            is_one = each.ref.group == KUSTOMIZE_GROUP and each.ref.kind == "Kustomization"
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
        side.sources[key] = self.resolved(side, source)

    def resolved(self, side: Side, source: RenderedSource) -> RenderedSource:
        """The source with its commit, if it is this repository and selects one."""
        if not self._trees.is_ours(source):
            return source
        try:
            return self._trees.resolved(source, side.state)
        except CloneError as error:
            side.problem(f"GitRepository/{source.key}: {error}")
            return source

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
        limits = self._options.limits
        if len(side.found) >= limits.kustomizations:
            self._full = f"there are more than {limits.kustomizations} Kustomizations"
        if depth > limits.depth:
            side.problem(
                f"Kustomization/{key}: Kustomizations make each other more than {limits.depth} deep", key
            )
            return
        if self._full:
            side.problem(f"not everything was rendered: {self._full}")
            return
        found = side.found[key] = _Found(each.obj, each.place, made_by, depth)
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

    # Building.

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
            sides = [side for side in self._sides if key in side.found and _is_open(side.found[key])]
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
                if key not in known and key in side.found and _is_open(side.found[key]):
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
                if _is_open(each):
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

    def _take(self, side: Side, key: ObjectKey, built: Built) -> bool:
        each = side.found[key]
        if each.built is built:
            return False
        self._objects += len(built.objects) - (len(each.built.objects) if each.built else 0)
        each.built = built
        each.problem = f"Kustomization/{key} cannot be built: {built.error}" if built.error else ""
        if self._objects > self._options.limits.objects:
            self._full = f"there are more than {self._options.limits.objects} objects"
        if each.spec is None or each.spec.spec.kube_config is None:
            side.take(built.objects)
            self._discover_built(side, built, key, each.depth + 1)
        return True

    def _stopped(self) -> str:
        """Why nothing more is built; empty if there is no reason."""
        if time.monotonic() > self._deadline:
            return "there was no time left (--timeout)"
        limit = self._options.limits.objects
        return f"there are more than {limit} objects" if self._objects > limit else ""

    def _source(self, side: Side, each: _Found) -> RenderedSource | None:
        """The source of a Kustomization if it can be built from; sets the problem if it never can."""
        if each.spec is None:
            return None
        reference = each.spec.source
        where = f"{each.place or 'Kustomization'}: Kustomization/{each.spec.key}"
        if reference.kind != "GitRepository":
            each.problem = (
                f"{where} is built from {reference}, which is not a GitRepository: its objects are unknown"
            )
            return None
        source = side.sources.get(reference.key)
        if source is None:
            if side.default_source is None:
                return None
            source = self.resolved(side, replace(side.default_source, key=reference.key))
            side.sources[reference.key] = source
        if source.resolved is None:
            each.problem = (
                f"{where} is built from {reference}, which selects no commit of this repository: its objects are "
                "unknown"
            )
            return None
        return source

    def _no_source(self, each: _Found) -> str:
        reference = each.spec.source if each.spec else ""
        return (
            f"{each.place or 'Kustomization'}: {reference} does not exist in the environment; if it is not in Git, say "
            "what it follows: 'follows' in headgate.yaml, or --env NAME=FOLDER,branch=main"
        )

    def _lookup(self, side: Side, namespace: str) -> Callable[[str, str], Obj | None]:
        return lambda kind, name: side.value(namespace, kind, name)

    # What is the same at both states.

    def _is_same(self, key: ObjectKey) -> bool:
        """Whether a Kustomization has the same objects at both states, and makes no Kustomization."""
        before, after = (side.found[key] for side in self._sides)
        if before.obj != after.obj or before.made_by != after.made_by or before.spec is None:
            return False
        sources = [self._source(side, side.found[key]) for side in self._sides]
        first, second = sources
        if first is None or second is None or first.resolved is None or second.resolved is None:
            return False
        try:
            shapes = (self._shape(first), self._shape(second))
        except InvalidSpec:
            return False
        if shapes[0] != shapes[1] or not shapes[0].is_plain:
            return False
        commits = first.resolved.commit, second.resolved.commit
        changed = self._trees.changed(*commits)
        if ".sourceignore" in changed.names:
            return False
        spec = before.obj["spec"]
        try:
            reach = self._trees.reaches(commits[0], shapes[0]).of(spec)
        except CloneError:
            return False
        if reach is None or reach.meets(changed) or _computes(spec):
            return False
        substituted = spec.get("postBuild") is not None
        marked = self._trees.files_with(commits[0], (*_MAKERS, *_COMPOSERS) if substituted else _MAKERS)
        if marked is None or reach.meets(marked):
            return False
        for side, source in zip(self._sides, (first, second), strict=True):
            each = side.found[key]
            each.source, each.commit = source.key, commits[0 if side is self._sides[0] else 1]
        return True

    def _shape(self, source: RenderedSource) -> Shape:
        """The shape of a source; raises :class:`headgate.api.InvalidSpec`."""
        known = self._shapes.get(id(source))
        if known is None or known[0] is not source:
            known = self._shapes[id(source)] = source, shape_of(source)
        return known[1]

    # Variables.

    def _provide(self, side: Side, each: _Found) -> None:
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

    def _values_differ(self, each: _Found) -> bool:
        assert each.spec is not None
        namespace = each.spec.key.namespace
        return any(
            len({repr(side.value(namespace, kind, name)) for side in self._sides}) > 1
            for kind, name in _references(each)
        )

    # Results.

    def rendered(self, side: Side) -> tuple[RenderedKustomization, ...]:
        """The Kustomizations of a side, each after those that it depends on; adds problems with that order."""
        dependencies = {key: each.spec.dependencies if each.spec else () for key, each in side.found.items()}
        keys, cycles = ordered(dependencies)
        for cycle in cycles:
            names = " → ".join(str(key) for key in (*cycle, cycle[0]))
            side.problem(
                f"Kustomizations depend on each other in a circle, so none is applied: {names}", cycle[0]
            )
        for key, wanted in dependencies.items():
            for other in wanted:
                if other not in side.found:
                    side.problem(
                        f"{side.found[key].place or 'Kustomization'}: Kustomization/{key} depends on {other}, which "
                        "the environment does not have",
                        key,
                    )
        return tuple(self._one(side, key) for key in keys)

    @staticmethod
    def _one(side: Side, key: ObjectKey) -> RenderedKustomization:
        each = side.found[key]
        built = each.built
        problem = Problem(shown(each.problem), key) if each.problem else None
        spec = each.obj.get("spec")
        return RenderedKustomization(
            key=key,
            spec=spec if isinstance(spec, dict) else {},
            source=each.source,
            commit=each.commit if built is not None and not built.error else "",
            objects=built.objects if built is not None else (),
            inputs=built.inputs if built is not None else None,
            depends_on=each.spec.dependencies if each.spec else (),
            made_by=each.made_by,
            place=each.place,
            problem=problem,
            suspended=bool(each.spec and each.spec.spec.suspend),
            prunes=bool(each.spec and each.spec.spec.prune),
            skipped=each.skipped,
            masks=built.masks if built is not None else None,
            secrets=built.secrets if built is not None else frozenset(),
        )

    def unknown_variables(self, side: Side) -> tuple[str, ...]:
        """The variables of a side that were used and are not known."""
        return tuple(
            dict.fromkeys(
                name for each in side.found.values() if each.built is not None for name in each.built.unknown
            )
        )


def key_of(ref: ObjectRef) -> ObjectKey:
    """Namespace and name of an object; without a namespace, that of a client that names none."""
    return ObjectKey(ref.namespace or "default", ref.name)


def _is_open(each: _Found) -> bool:
    return each.built is None and not each.skipped and not each.problem


def _references(each: _Found) -> list[tuple[str, str]]:
    post_build = each.obj["spec"].get("postBuild")
    if not post_build:
        return []
    return [(reference.kind, reference.name) for reference in variable_references(post_build)]


def _computes(spec: Mapping[str, Any]) -> bool:
    """Whether a Kustomization may itself turn an object into a Kustomization."""
    texts = list(_texts(spec.get("patches")))
    return any("fluxcd" in text or "\\" in text for text in texts)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
