"""One state of the repository, and what a walk found there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from headgate.api import Kustomization, ObjectKey
from headgate.kube import ObjectRef
from headgate.objects import Obj
from headgate.promotion.fleet.building import BuiltKustomization
from headgate.promotion.fleet.order import ordered
from headgate.promotion.fleet.rendering import Problem, RenderedKustomization, RenderedObject, RenderedSource
from headgate.promotion.fleet.state import RefState
from headgate.promotion.fleet.variables import shown

__all__ = ["FoundKustomization", "Side", "key_of"]

_MAX_PROBLEMS = 1_000
"""Problems of one side that are listed."""


@dataclass(slots=True)
class FoundKustomization:
    """A Kustomization that was found."""

    obj: Obj
    place: str | None
    made_by: ObjectKey | None
    depth: int
    spec: Kustomization | None = None
    problem: str = ""
    built: BuiltKustomization | None = None
    commit: str = ""
    source: ObjectKey | None = None
    skipped: bool = False
    waits: bool = False
    """Whether its source is not found yet."""

    @property
    def is_open(self) -> bool:
        """Whether nothing has been decided about it."""
        return self.built is None and not self.skipped and not self.problem


@dataclass(slots=True)
class Side:
    """One state, and what was found there."""

    state: RefState
    sources: dict[ObjectKey, RenderedSource] = field(default_factory=dict)
    found: dict[ObjectKey, FoundKustomization] = field(default_factory=dict)
    root: tuple[RenderedObject, ...] = ()
    problems: dict[Problem, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    default_source: RenderedSource | None = None
    """The GitRepository that a caller describes because it is not in Git."""
    discovered: dict[int, tuple[BuiltKustomization, int]] = field(default_factory=dict)
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

    def rendered(self) -> tuple[RenderedKustomization, ...]:
        """The Kustomizations, each after those that it depends on; adds problems with that order."""
        dependencies = {key: each.spec.dependencies if each.spec else () for key, each in self.found.items()}
        keys, cycles = ordered(dependencies)
        for cycle in cycles:
            names = " → ".join(str(key) for key in (*cycle, cycle[0]))
            self.problem(
                f"Kustomizations depend on each other in a circle, so none is applied: {names}", cycle[0]
            )
        for key, wanted in dependencies.items():
            for other in wanted:
                if other not in self.found:
                    self.problem(
                        f"{self.found[key].place or 'Kustomization'}: Kustomization/{key} depends on {other}, which "
                        "the environment does not have",
                        key,
                    )
        return tuple(_one(key, self.found[key]) for key in keys)

    def unknown_variables(self) -> tuple[str, ...]:
        """The variables that were used and are not known."""
        return tuple(
            dict.fromkeys(
                name for each in self.found.values() if each.built is not None for name in each.built.unknown
            )
        )


def _one(key: ObjectKey, each: FoundKustomization) -> RenderedKustomization:
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


def key_of(ref: ObjectRef) -> ObjectKey:
    """Namespace and name of an object; without a namespace, that of a client that names none."""
    return ObjectKey(ref.namespace or "default", ref.name)
