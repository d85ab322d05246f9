"""The inventory in a Kustomization's status: which objects it manages. Pure.

An entry is ``{id: <namespace>_<name>_<group>_<kind>, v: <version>}``. A colon, which only names of RBAC objects may
contain, becomes two underscores. Entries are equal when they name the same object, in any version of its API, so a
manifest that moves from ``v1beta1`` to ``v1`` prunes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from headgate.api.errors import InvalidStatus
from headgate.api.order import SortKey, sort_key
from headgate.objects import Obj

_RBAC_GROUP = "rbac.authorization.k8s.io"
_RBAC_KINDS = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One managed object."""

    namespace: str
    name: str
    group: str
    kind: str
    version: str = field(compare=False)

    @classmethod
    def of(cls, api_version: str, kind: str, namespace: str, name: str) -> Entry:
        """The entry of an object with this identity."""
        group, _, version = api_version.rpartition("/")
        return cls(namespace, name, group, kind, version)

    @classmethod
    def of_object(cls, obj: Obj) -> Entry:
        """The entry of a raw object."""
        meta = obj["metadata"]
        return cls.of(obj["apiVersion"], obj["kind"], meta.get("namespace") or "", meta["name"])

    @classmethod
    def parse(cls, id: str, version: str) -> Entry:
        """The entry of an id and version; raises :class:`InvalidStatus` for a malformed id."""
        parts = _split(id)
        if len(parts) != 4 or not parts[1] or not parts[3]:
            raise InvalidStatus(
                "status.inventory", f"{id!r} is not of the form <namespace>_<name>_<group>_<kind>"
            )
        namespace, name, group, kind = parts
        return cls(namespace, name, group, kind, version)

    @property
    def id(self) -> str:
        """The id in the inventory."""
        rbac = self.group == _RBAC_GROUP and self.kind in _RBAC_KINDS
        name = self.name.replace(":", "__") if rbac else self.name
        return f"{self.namespace}_{name}_{self.group}_{self.kind}"

    @property
    def api_version(self) -> str:
        """Group and version."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def sort_key(self) -> SortKey:
        """The key for sorting entries into the order of apply."""
        return sort_key(self.group, self.kind, self.namespace, self.name)


class _Ref(Protocol):
    @property
    def api_version(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...


class _Change(Protocol):
    @property
    def ref(self) -> _Ref: ...


class _Changes(Protocol):
    @property
    def entries(self) -> Iterable[_Change]: ...


def of_refs(refs: Iterable[_Ref]) -> frozenset[Entry]:
    """The entries of references to objects."""
    return frozenset(Entry.of(r.api_version, r.kind, r.namespace, r.name) for r in refs)


def of_changes(changes: _Changes) -> frozenset[Entry]:
    """The entries of the objects in a change set (see :mod:`headgate.apply`)."""
    return of_refs(change.ref for change in changes.entries)


def resolved(entries: Iterable[Entry], is_namespaced: Callable[[str, str], bool | None]) -> frozenset[Entry]:
    """The entries without the namespace of cluster-scoped kinds, so that each object has one name.

    ``is_namespaced`` takes group and kind, and returns None for a kind it does not know.
    """
    return frozenset(
        replace(e, namespace="") if e.namespace and is_namespaced(e.group, e.kind) is False else e
        for e in entries
    )


def of_objects(objects: Iterable[Obj]) -> frozenset[Entry]:
    """The entries of raw objects."""
    return frozenset(Entry.of_object(o) for o in objects)


def from_status(status: Obj) -> frozenset[Entry]:
    """The entries in a raw status; raises :class:`InvalidStatus` for a malformed one."""
    inventory = status.get("inventory") or {}
    return frozenset(Entry.parse(e["id"], e["v"]) for e in inventory.get("entries") or ())


def to_status(status: Obj, entries: Iterable[Entry]) -> None:
    """Replace the inventory in a raw status."""
    status |= listed(entries)


def listed(entries: Iterable[Entry]) -> Obj:
    """The inventory, as a part of a raw status."""
    ordered = sorted(entries, key=lambda e: e.sort_key)
    return {"inventory": {"entries": [{"id": e.id, "v": e.version} for e in ordered]}}


def size_of(entries: Iterable[Entry]) -> int:
    """The size in bytes of an inventory of these entries as JSON."""
    empty = len('{"id":"","v":""},')
    return len('{"entries":[]}') + sum(
        empty + len(e.id.encode("utf-8", "replace")) + len(e.version) for e in entries
    )


def _split(id: str) -> list[str]:
    namespace, _, rest = id.partition("_")
    name, *tail = rest.rsplit("_", 2)
    name = name.replace("__", ":")
    # A remaining underscore in the name means one field too many.
    return [namespace, name, *tail] if "_" not in name else []
