"""The ordered collection of a build's resources, with lookups by identity.

Lookups use indexes, so that a build takes time linear in its objects however many patches, generators and replacements
name single ones. An index is built for the first lookup. Code that changes one resource calls :meth:`ResMap.touched`,
which updates the indexes; code that may have changed all of them calls :meth:`ResMap.changed`, which drops the indexes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from headgate.documents.budget import Budget
from headgate.documents.yaml.scalars import data_text, scalar_text
from headgate.kustomize.errors import IdConflict, ResourceError
from headgate.kustomize.resources.ids import ResId
from headgate.kustomize.resources.index import Index
from headgate.kustomize.resources.resource import Resource


class ResMap:
    """Resources in load order."""

    __slots__ = ("_any", "_by_name", "_current", "_next", "_resources", "_shared", "budget")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        # By position, so that a removal does not move the others.
        self._resources: dict[int, Resource] = {}
        self._next = 0
        self._current: Index[ResId] | None = Index(_current)
        self._any: Index[ResId] | None = None
        self._by_name: Index[str] | None = None
        # Identities that several resources have, or had at the last check.
        self._shared: set[ResId] = set()

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def __len__(self) -> int:
        return len(self._resources)

    def changed(self) -> None:
        """Drop the indexes of identities; must be called after changes to several resources."""
        self._current = self._any = self._by_name = None
        self._shared.clear()

    def touched(self, resource: Resource) -> None:
        """Update the indexes for one resource with a new identity; remove the resource if it is empty."""
        if not resource.obj:
            del self._resources[resource.position]
        self._note(resource)

    def _note(self, resource: Resource) -> None:
        self._note_history(resource)
        if self._current is not None:
            self._note_current(self._current, resource)

    def _note_history(self, resource: Resource) -> None:
        if self._any is not None:
            self._any.note(resource)
        if self._by_name is not None:
            self._by_name.note(resource)

    def _note_current(self, index: Index[ResId], resource: Resource) -> None:
        for identity in index.note(resource):
            if len(index.positions(identity)) > 1:
                self._shared.add(identity)

    def _current_ids(self) -> Index[ResId]:
        index = self._current
        if index is None:
            index = self._current = Index(_current)
            for resource in self:
                self._note_current(index, resource)
        return index

    def append(self, resource: Resource) -> None:
        """Add a resource; raises IdConflict when its identity is taken."""
        identity, current = resource.id(), self._current_ids()
        if current.positions(identity):
            raise IdConflict("may not add a resource with an id that is already taken", object=str(resource))
        position = resource.position = self._next
        self._resources[position] = resource
        self._next += 1
        current.put(position, (identity,) if resource.obj else ())
        self._note_history(resource)

    def _put(self, resource: Resource, position: int) -> None:
        resource.position = position
        self._resources[position] = resource
        self._note(resource)

    def append_all(self, resources: Iterable[Resource]) -> None:
        """Add resources in order; raises IdConflict."""
        for resource in resources:
            self.append(resource)

    def with_any_id(self, identity: ResId) -> list[Resource]:
        """Return the resources that have, or once had, this identity."""
        if self._any is None:
            self._any = Index(_any, self)
        return self._at(self._any.positions(identity))

    def named(self, name: str) -> list[Resource]:
        """Return the resources that have, or once had, this name."""
        return self._at(self._names().positions(name))

    def with_prefix(self, prefix: str) -> list[Resource]:
        """Return the resources that have, or once had, a name with this prefix."""
        return self._at(self._names().starting_with(prefix)) if prefix else list(self)

    def _names(self) -> Index[str]:
        if self._by_name is None:
            self._by_name = Index(_names, self)
        return self._by_name

    def _at(self, positions: Collection[int]) -> list[Resource]:
        return [self._resources[position] for position in sorted(positions)]

    def absorb(self, resource: Resource) -> None:
        """Add a generated resource, merge it into the resource with its identity, or replace that.

        Raises ResourceError when its ``behavior`` does not fit the existing resources.
        """
        identity = resource.id()
        matches = self.with_any_id(identity)
        if not matches:
            if resource.behavior in ("merge", "replace"):
                raise ResourceError(
                    f"does not exist; cannot {resource.behavior} a generated object into it",
                    object=str(resource),
                )
            self.append(resource)
            return
        if len(matches) > 1:
            raise ResourceError(
                "several objects have or had the id of this generated object, so it cannot be merged",
                object=str(resource),
            )
        old = matches[0]
        if resource.behavior not in ("merge", "replace"):
            raise ResourceError(
                f"exists already; behavior {resource.behavior or 'unspecified'!r} cannot be used on it, "
                "it must be merge or replace",
                object=str(resource),
            )
        merges = resource.behavior == "merge"
        _inherit(resource, old)
        if merges:
            _merge_data(resource, old)
        self._put(resource, old.position)

    def keep(self, wanted: Callable[[Resource], bool]) -> None:
        """Keep only the wanted resources."""
        kept = {position: resource for position, resource in self._resources.items() if wanted(resource)}
        if len(kept) != len(self._resources):
            self._resources = kept
            self.changed()

    def sort(self, key: Callable[[Resource], tuple[int, str, str]]) -> None:
        """Sort the resources by their keys; the sort is stable."""
        self._resources = dict(enumerate(sorted(self, key=key)))
        for position, resource in self._resources.items():
            resource.position = position
        self._next = len(self._resources)
        self.changed()

    def check_unique(self) -> None:
        """Raise IdConflict when two resources have the same identity."""
        index = self._current_ids()
        self._shared = {identity for identity in self._shared if len(index.positions(identity)) > 1}
        if not self._shared:
            return
        second = min(sorted(index.positions(identity))[1] for identity in self._shared)
        raise IdConflict("two resources end up with the same id", object=str(self._resources[second]))


def _current(resource: Resource) -> Collection[ResId]:
    return (resource.id(),)


def _any(resource: Resource) -> Collection[ResId]:
    return frozenset((*resource.previous_ids(), resource.id())) if resource.previous else (resource.id(),)


def _names(resource: Resource) -> Collection[str]:
    if not resource.previous:
        return (resource.name,)
    return frozenset((resource.name, *(item.name for item in resource.previous)))


def _inherit(new: Resource, old: Resource) -> None:
    """Give a generated object the metadata and history of the one that it replaces."""
    new.write_texts("labels", {**old.labels, **new.labels})
    new.write_texts("annotations", {**old.annotations, **new.annotations})
    needs_hash = new.needs_hash and old.needs_hash
    origin, transformations = new.origin or old.origin, new.transformations or old.transformations
    wanted = new.behavior
    new.metadata["name"] = old.metadata.get("name", "")
    if old.namespace:
        new.metadata["namespace"] = old.namespace
    else:
        new.metadata.pop("namespace", None)
    new.copy_history(old)
    new.needs_hash = needs_hash
    new.origin, new.transformations = origin, transformations
    if wanted == "merge" and old.origin is not None:
        new.origin = old.origin


def _data(resource: Resource, field: str) -> dict[str, str]:
    values = resource.obj.get(field)
    if not isinstance(values, dict):
        return {}
    return {key: data_text(scalar_text(value)) for key, value in values.items()}


def _merge_data(new: Resource, old: Resource) -> None:
    for field in ("data", "binaryData"):
        merged = {**_data(old, field), **_data(new, field)}
        if merged:
            new.obj[field] = merged
        else:
            new.obj.pop(field, None)
