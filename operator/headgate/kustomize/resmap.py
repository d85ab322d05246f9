"""The ordered collection of resources a build works on, with lookups by identity.

Identity lookups are answered from indexes that are built on demand and dropped by :meth:`ResMap.changed` when a
transformer may have renamed, moved, added or removed something, so that a build stays linear in its objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headgate.kustomize.errors import IdConflict, ResourceError
from headgate.kustomize.ids import ResId
from headgate.kustomize.resource import Resource, string_map


class ResMap:
    """Resources in load order."""

    __slots__ = ("_any", "_by_name", "_current", "resources")

    def __init__(self) -> None:
        self.resources: list[Resource] = []
        self._current: set[ResId] | None = set()
        self._any: dict[ResId, list[Resource]] | None = None
        self._by_name: dict[str, list[Resource]] | None = None

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources)

    def __len__(self) -> int:
        return len(self.resources)

    def changed(self) -> None:
        """Forget what is known about identities; to be called after anything that may have changed them."""
        self._current = self._any = self._by_name = None

    def append(self, resource: Resource) -> None:
        """Add a resource; raises IdConflict when its identity is taken."""
        current = self._current
        if current is None:
            current = self._current = {item.id() for item in self.resources}
        identity = resource.id()
        if identity in current:
            raise IdConflict("may not add a resource with an id that is already taken", object=str(identity))
        current.add(identity)
        self.resources.append(resource)
        self._by_name = None
        if self._any is not None:
            self._note(self._any, resource)

    def append_all(self, resources: Iterable[Resource]) -> None:
        """Add resources in order; raises IdConflict."""
        for resource in resources:
            self.append(resource)

    def with_any_id(self, identity: ResId) -> list[Resource]:
        """Return the resources that have, or once had, this identity."""
        if self._any is None:
            self._any = {}
            for resource in self.resources:
                if resource.obj:
                    self._note(self._any, resource)
        return self._any.get(identity, [])

    @staticmethod
    def _note(index: dict[ResId, list[Resource]], resource: Resource) -> None:
        for identity in {*resource.previous_ids(), resource.id()}:
            index.setdefault(identity, []).append(resource)

    def named(self, name: str) -> list[Resource]:
        """Return the resources whose original or current name is this one."""
        if self._by_name is None:
            self._by_name = {}
            for resource in self.resources:
                current = resource.name
                original = resource.previous[0].name if resource.previous else current
                self._by_name.setdefault(current, []).append(resource)
                if original != current:
                    self._by_name.setdefault(original, []).append(resource)
        return self._by_name.get(name, [])

    def absorb(self, resource: Resource) -> None:
        """Add a generated resource, or merge it into or put it in the place of the one it names.

        Raises ResourceError when its ``behavior`` does not fit what is there.
        """
        identity = resource.id()
        matches = self.with_any_id(identity)
        if not matches:
            if resource.behavior in ("merge", "replace"):
                raise ResourceError(
                    f"does not exist; cannot {resource.behavior} a generated object into it",
                    object=str(identity),
                )
            self.append(resource)
            return
        if len(matches) > 1:
            raise ResourceError(
                "several objects have or had the id that a generated object is to be merged into",
                object=str(identity),
            )
        old = matches[0]
        if resource.behavior not in ("merge", "replace"):
            raise ResourceError(
                f"exists already; behavior {resource.behavior or 'unspecified'!r} cannot be used on it, "
                "it must be merge or replace",
                object=str(identity),
            )
        merges = resource.behavior == "merge"
        _inherit(resource, old)
        if merges:
            _merge_data(resource, old)
        self.resources[self.resources.index(old)] = resource
        self.changed()

    def drop_empty(self) -> None:
        """Drop the resources that a patch has deleted or emptied."""
        if not all(resource.obj for resource in self.resources):
            self.resources = [resource for resource in self.resources if resource.obj]
            self.changed()

    def recheck(self) -> None:
        """Check identities again if they may have changed; raises IdConflict."""
        if self._current is None:
            self.check_unique()

    def check_unique(self) -> None:
        """Raise IdConflict when two resources have the same identity; keep the index otherwise."""
        seen: set[ResId] = set()
        for resource in self.resources:
            identity = resource.id()
            if identity in seen:
                raise IdConflict("two resources end up with the same id", object=str(identity))
            seen.add(identity)
        self._current = seen


def _inherit(new: Resource, old: Resource) -> None:
    """Give a generated object the metadata and history of the one it takes the place of."""
    new.set_map("labels", {**old.labels, **new.labels})
    new.set_map("annotations", {**old.annotations, **new.annotations})
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


def _merge_data(new: Resource, old: Resource) -> None:
    for field in ("data", "binaryData"):
        merged = {**string_map(old.obj.get(field)), **string_map(new.obj.get(field))}
        if merged:
            new.obj[field] = merged
        else:
            new.obj.pop(field, None)
