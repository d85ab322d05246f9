"""Name references: updates the fields that name a renamed object.

Runs once, when all names are final. For each field that the configuration defines as a reference, it finds the objects
that have ever had the name in it, and filters them by kind, namespace and the prefixes and suffixes that they share
with the referring object until one remains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from headgate.caching import keep
from headgate.documents.budget import SCAN
from headgate.documents.errors import BuildError
from headgate.documents.yaml.scalars import scalar_text
from headgate.kustomize.errors import ReferenceFault, ResourceError
from headgate.kustomize.model.transformer_config import References, TransformerConfig
from headgate.kustomize.paths.fieldspec import FieldPlan, for_each_field, steps
from headgate.kustomize.paths.routes import RouteEnd, Routes, can_share
from headgate.kustomize.paths.scalars import rewritten
from headgate.kustomize.resources.ids import Gvk, ResId
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.transform.renamed import Candidates, Referrer, Renamed, RenamedObject
from headgate.objects import Obj


class _References(NamedTuple):
    """The references of one kind: the path of each and the kinds that it may refer to, and how to find them.

    ``alone`` lists the numbers of the paths that need a separate walk.
    """

    all: tuple[tuple[FieldPlan, tuple[Gvk, ...]], ...]
    routes: Routes
    alone: tuple[int, ...]


def fix_references(resources: ResMap, config: TransformerConfig) -> None:
    """Update every name reference to a renamed object; raises ReferenceFault when one is ambiguous."""
    bindings = {id(item): _account_namespaces(item) for item in resources if item.kind == "RoleBinding"}
    renamed = Renamed(resources)
    plans = _plans(config)
    for resource in resources:
        references = plans.of(resource.original_gvk)
        if references.all:
            _Referrer(resource, renamed, bindings.get(id(resource), frozenset())).fix(references)


def _account_namespaces(binding: Resource) -> frozenset[str]:
    """Return the namespaces of the service accounts in the subjects of a role binding."""
    subjects = binding.obj.get("subjects")
    found = set()
    for subject in subjects if isinstance(subjects, list) else ():
        if isinstance(subject, dict) and subject.get("kind") == "ServiceAccount" and "namespace" in subject:
            namespace = subject["namespace"]
            if not isinstance(namespace, str):
                raise ReferenceFault(
                    "the namespace of a subject is empty or not a string",
                    object=str(binding),
                    field="subjects",
                )
            found.add(namespace)
    return frozenset(found)


class _ReferencePlans:
    """The reference fields of each kind, compiled once; a field with several possible targets occurs once."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._plans: dict[Gvk, _References] = {}

    def of(self, gvk: Gvk) -> _References:
        known = self._plans.get(gvk)
        if known is None:
            by_path: dict[str, list[Gvk]] = {}
            for target, specs in self._references:
                for spec in specs:
                    if gvk.selected_by(spec.gvk):
                        by_path.setdefault(spec.path, []).append(target)
            found = tuple(
                (FieldPlan(path, steps(path), False), tuple(kinds)) for path, kinds in by_path.items()
            )
            numbered = [(number, plan) for number, (plan, _) in enumerate(found)]
            known = self._plans[gvk] = _References(
                found,
                Routes(item for item in numbered if can_share(item[1])),
                tuple(number for number, plan in numbered if not can_share(plan)),
            )
        return known


_MAX_CONFIGS = 64
_plans_by_config: dict[int, tuple[TransformerConfig, _ReferencePlans]] = {}


def _plans(config: TransformerConfig) -> _ReferencePlans:
    known = _plans_by_config.get(id(config))
    if known is None or known[0] is not config:
        known = (config, _ReferencePlans(config.name_reference))
        keep(_plans_by_config, id(config), known, _MAX_CONFIGS)
    return known[1]


class _Referrer:
    """One object and the update of its references."""

    def __init__(self, resource: Resource, renamed: Renamed, account_namespaces: frozenset[str]) -> None:
        self._resource = resource
        self._renamed = renamed
        self._self = Referrer(
            resource.id().namespace, account_namespaces, resource.prefixes, resource.suffixes
        )

    def fix(self, references: _References) -> None:
        obj = self._resource.obj
        try:
            found = references.routes.arrivals(obj)
        except BuildError as error:
            raise error.at(object=str(self._resource)) from None
        for number in references.alone:
            for_each_field(self._resource, references.all[number][0], _note(found, number), None)
        found.sort(key=lambda arrival: arrival.number)
        for number, container, key in found:
            plan, kinds = references.all[number]
            held = container[key]
            self._resource.budget.charge(3 * SCAN * len(kinds) * (len(held) if type(held) is list else 1))
            try:
                for kind in kinds:
                    self._set(container, key, kind, plan.path)
            except BuildError as error:
                raise error.at(object=str(self._resource), field=plan.path) from None

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
        found = self._find(old, self._renamed.named(old), kind, path, _same_name)
        if found is not None and found.name != old:
            container[key] = rewritten(container[key], found.name)

    def _set_map(self, node: Obj, kind: Gvk, path: str) -> None:
        """Update a reference that is a map with a name and perhaps a namespace."""
        if "name" not in node:
            raise ResourceError("is configured as a name reference, but the map has no name")
        old = scalar_text(node["name"])
        if "namespace" in node:
            pool = self._renamed.named_in(old, scalar_text(node["namespace"]), self._self)
        else:
            pool = self._renamed.named(old)
        found = self._find(old, pool, kind, path, _same_name_and_namespace)
        if found is None:
            return
        namespace = found.namespace
        if found.name == old and not namespace:
            return
        node["name"] = found.name
        if namespace:
            node["namespace"] = namespace

    def _find(
        self,
        name: str,
        pool: Candidates,
        kind: Gvk,
        path: str,
        identical: Callable[[Sequence[RenamedObject]], bool],
    ) -> Resource | None:
        if not pool.targets:
            return None
        role = self._role_kind() if path.endswith("roleRef/name") else None
        group = pool.matching(kind, role, self._self)
        matching = group.targets
        if len(matching) > 1:
            matching = group.sharing_affixes(self._self)
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

    def _role_kind(self) -> Gvk | None:
        role = self._resource.obj.get("roleRef")
        if not isinstance(role, dict) or "apiGroup" not in role or "kind" not in role:
            return None
        return Gvk(scalar_text(role["apiGroup"]), "", scalar_text(role["kind"]))


def _note(found: list[RouteEnd], number: int) -> Callable[[Any, Any], None]:
    return lambda container, key: found.append(RouteEnd(number, container, key))


def _same_name(targets: Sequence[RenamedObject]) -> bool:
    return len({item.current.name for item in targets}) == 1


def _same_name_and_namespace(targets: Sequence[RenamedObject]) -> bool:
    return len({(item.current.name, item.resource.namespace) for item in targets}) == 1
