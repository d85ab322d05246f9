"""Name references: when an object was renamed, the fields of others that name it follow.

Runs once, when all names are final. For each field the configuration calls a reference, the objects that ever had
the name in it are looked up, and sieved by kind, namespace and the prefixes and suffixes they share with the
referring object until one remains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from headgate.kustomize.config import References, TransformerConfig
from headgate.kustomize.errors import BuildError, ReferenceFault, ResourceError
from headgate.kustomize.fieldspec import Plan, steps, visit
from headgate.kustomize.ids import CLUSTER_SCOPED, Gvk, ResId
from headgate.kustomize.resmap import ResMap
from headgate.kustomize.resource import Obj, Resource
from headgate.kustomize.scalars import rewritten
from headgate.kustomize.yaml.scalars import scalar_text

# A field and the kinds it may refer to.
_Reference = tuple[Plan, tuple[Gvk, ...]]


def fix_references(resources: ResMap, config: TransformerConfig) -> None:
    """Make every name reference follow the renamed objects; raises ReferenceFault when one is ambiguous."""
    bindings = {id(item): _account_namespaces(item) for item in resources if item.kind == "RoleBinding"}
    renamed = _Targets(resources)
    if not renamed:
        return
    plans = _plans(config)
    for resource in resources:
        references = plans.of(resource.original_gvk)
        if references:
            _Referrer(resource, renamed, bindings.get(id(resource), frozenset())).fix(references)


def _account_namespaces(binding: Resource) -> frozenset[str]:
    """Return the namespaces of the service accounts that a role binding names as its subjects."""
    subjects = binding.obj.get("subjects")
    found = set()
    for subject in subjects if isinstance(subjects, list) else ():
        if isinstance(subject, dict) and subject.get("kind") == "ServiceAccount" and "namespace" in subject:
            namespace = subject["namespace"]
            if not isinstance(namespace, str):
                raise ReferenceFault(
                    "the namespace of a subject is blank or no text", object=str(binding), field="subjects"
                )
            found.add(namespace)
    return frozenset(found)


class _ReferencePlans:
    """The reference fields of each kind, compiled once; fields of several targets are visited once."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._plans: dict[Gvk, tuple[_Reference, ...]] = {}

    def of(self, gvk: Gvk) -> tuple[_Reference, ...]:
        known = self._plans.get(gvk)
        if known is None:
            by_path: dict[str, list[Gvk]] = {}
            for target, specs in self._references:
                for spec in specs:
                    if gvk.selected_by(spec.gvk):
                        by_path.setdefault(spec.path, []).append(target)
            known = self._plans[gvk] = tuple(
                (Plan(path, steps(path), False), tuple(targets)) for path, targets in by_path.items()
            )
        return known


_plans_by_config: dict[int, tuple[TransformerConfig, _ReferencePlans]] = {}


def _plans(config: TransformerConfig) -> _ReferencePlans:
    known = _plans_by_config.get(id(config))
    if known is None or known[0] is not config:
        if len(_plans_by_config) > 64:
            _plans_by_config.clear()
        known = _plans_by_config[id(config)] = (config, _ReferencePlans(config.name_reference))
    return known[1]


class _Target:
    """A renamed object, with what the sieves ask about it worked out once."""

    __slots__ = ("current", "previous", "resource")

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.current = resource.id()
        self.previous = tuple(identity.gvk for identity in resource.previous_ids())


class _Targets:
    """The objects that have had other identities, by each name they had."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_name: dict[str, list[_Target]] = {}
        self._resources = resources
        self._moves: dict[str, set[tuple[str, str]]] | None = None
        for resource in resources:
            if resource.previous:
                target = _Target(resource)
                for name in dict.fromkeys(item.name for item in resource.previous):
                    self._by_name.setdefault(name, []).append(target)

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def named(self, name: str) -> list[_Target]:
        return self._by_name.get(name, [])

    def moved_from(self, namespace: str) -> set[tuple[str, str]]:
        """Return where the objects are now that were in a namespace at first: effective and literal names."""
        if self._moves is None:
            self._moves = {}
            for resource in self._resources:
                place = (resource.id().namespace, resource.namespace)
                self._moves.setdefault(resource.original_id().namespace, set()).add(place)
        return self._moves.get(namespace, set())


class _Referrer:
    """One object whose references are fixed."""

    def __init__(self, resource: Resource, targets: _Targets, account_namespaces: frozenset[str]) -> None:
        self._resource = resource
        self._targets = targets
        self._id = resource.id()
        self._account_namespaces = account_namespaces

    def fix(self, references: tuple[_Reference, ...]) -> None:
        label = str(self._resource)
        for plan, kinds in references:

            def setter(container: Any, key: Any, plan: Plan = plan, kinds: tuple[Gvk, ...] = kinds) -> None:
                for kind in kinds:
                    self._set(container, key, kind, plan.path)

            try:
                visit(self._resource.obj, plan, setter, None, label)
            except BuildError as error:
                raise error.at(object=label, field=plan.path) from None

    def _set(self, container: Any, key: Any, kind: Gvk, path: str) -> None:
        value = container[key]
        if isinstance(value, dict):
            self._set_map(value, kind, path)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    self._set_map(item, kind, path)
                elif isinstance(item, list):
                    raise ResourceError("must be a name or a map with one")
                elif item is not None:
                    self._set_scalar(value, index, kind, path)
        elif value is not None:
            self._set_scalar(container, key, kind, path)

    def _set_scalar(self, container: Any, key: Any, kind: Gvk, path: str) -> None:
        old = scalar_text(container[key])
        found = self._find(old, self._targets.named(old), kind, path, _same_name)
        if found is not None and found.name != old:
            container[key] = rewritten(container[key], found.name)

    def _set_map(self, node: Obj, kind: Gvk, path: str) -> None:
        """Fix a reference that is a map with a name and perhaps a namespace."""
        if "name" not in node:
            raise ResourceError("is configured as a name reference, but the map has no name")
        old = scalar_text(node["name"])
        candidates: Sequence[_Target] = self._targets.named(old)
        if candidates and "namespace" in node:
            candidates = self._in_namespace(candidates, scalar_text(node["namespace"]))
        found = self._find(old, candidates, kind, path, _same_name_and_namespace)
        if found is None:
            return
        namespace = found.namespace
        if found.name == old and not namespace:
            return
        node["name"] = found.name
        if namespace:
            node["namespace"] = namespace

    def _in_namespace(self, candidates: Sequence[_Target], namespace: str) -> list[_Target]:
        """Keep what was in the namespace at first or, when nothing in reach was, what is in it now."""
        if namespace == CLUSTER_SCOPED:
            return []
        if any(self._reaches(*place) for place in self._targets.moved_from(namespace)):
            return [item for item in candidates if item.resource.original_id().namespace == namespace]
        return [item for item in candidates if item.current.namespace == namespace]

    def _reaches(self, effective: str, literal: str) -> bool:
        """Tell whether the referring object could name anything in a namespace at all."""
        mine = self._id.namespace
        return (
            mine in (CLUSTER_SCOPED, effective)
            or effective == CLUSTER_SCOPED
            or literal in self._account_namespaces
        )

    def _find(
        self,
        name: str,
        candidates: Sequence[_Target],
        kind: Gvk,
        path: str,
        identical: Callable[[Sequence[_Target]], bool],
    ) -> Resource | None:
        if not candidates:
            return None
        role = self._role_kind() if path.endswith("roleRef/name") else None
        matching = [
            item
            for item in candidates
            if any(gvk.selected_by(kind) for gvk in item.previous)
            and (role is None or any(gvk.selected_by(role) for gvk in item.previous))
            and self._may_refer_to(item)
        ]
        if len(matching) > 1:
            matching = [item for item in matching if self._shares_affixes(item.resource, True)]
            if len(matching) > 1:
                matching = [item for item in matching if self._shares_affixes(item.resource, False)]
        if not matching:
            return None
        if len(matching) == 1 or identical(matching):
            return matching[0].resource
        ids: Iterable[ResId] = (item.current for item in matching)
        raise ReferenceFault(
            f"the reference to {name!r} could mean any of: {', '.join(map(str, ids))}",
            object=str(self._resource),
            field=path,
        )

    def _may_refer_to(self, target: _Target) -> bool:
        """Tell whether the scopes allow it: cluster-scoped objects and anything in the same namespace."""
        mine, theirs = self._id.namespace, target.current.namespace
        if mine == CLUSTER_SCOPED or theirs in (CLUSTER_SCOPED, mine):
            return True
        # A role binding refers to the service accounts of other namespaces that its subjects name.
        return (
            target.resource.namespace in self._account_namespaces and target.resource.kind == "ServiceAccount"
        )

    def _role_kind(self) -> Gvk | None:
        role = self._resource.obj.get("roleRef")
        if not isinstance(role, dict) or "apiGroup" not in role or "kind" not in role:
            return None
        return Gvk(scalar_text(role["apiGroup"]), "", scalar_text(role["kind"]))

    def _shares_affixes(self, other: Resource, empty_matches: bool) -> bool:
        mine = self._resource
        return all(
            (empty_matches and (not first or not second)) or _same_ending(first, second)
            for first, second in ((other.prefixes, mine.prefixes), (other.suffixes, mine.suffixes))
        )


def _same_ending(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    """Tell whether the shorter one ends the longer one; an empty one ends only another empty one."""
    if not first or not second:
        return not first and not second
    shorter = min(len(first), len(second))
    return first[len(first) - shorter :] == second[len(second) - shorter :]


def _same_name(targets: Sequence[_Target]) -> bool:
    return len({item.current.name for item in targets}) == 1


def _same_name_and_namespace(targets: Sequence[_Target]) -> bool:
    return len({(item.current.name, item.resource.namespace) for item in targets}) == 1
