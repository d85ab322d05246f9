"""Which Kustomizations have an object in their inventory: an index over all of them, which follows the store.

Two Kustomizations may render the same object. When one of them drops it, or is deleted, the object must stay for the
other. So a Kustomization asks this index before it deletes an object (:class:`Claim`). Another Kustomization that has
the object is its *heir*: the object gets the heir's owner labels, and the heir is woken and applies the object.

An inventory is part of a status that a tenant may be able to edit, so it can list objects that the service account of
the Kustomization may not touch. A Kustomization counts as heir only if it acts with the operator's own rights, if it
acts as the same account in the same namespace as the one that releases the object, or if the API server has accepted
its apply of this very object since the operator started. Every other Kustomization with the object in its inventory is
woken after the deletion, and creates the object again if it may.

Everything here runs on the event loop, and no decision awaits anything: that makes decisions atomic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headgate.api import ObjectKey
from headgate.api import inventory as inv
from headgate.apply import Owner
from headgate.kube import ObjectRef
from headgate.objects import Obj
from headgate.reconcile.core.store import Store
from headgate.reconcile.core.wakeups import Wakeups

Place = tuple[str, ...]
"""The cluster of an object as a spec names it: empty for the operator's own, else the namespace and parts of
``spec.kubeConfig``. Two kubeconfigs count as two clusters."""


def place_of(kustomization: Obj) -> Place:
    """The cluster to which a raw Kustomization applies its objects."""
    found = _spec(kustomization).get("kubeConfig")
    if not found:
        return ()
    refs = ((kind, found.get(kind) or {}) for kind in ("secretRef", "configMapRef"))
    parts = [f"{kind}/{ref.get('name')}/{ref.get('key') or ''}" for kind, ref in refs if ref]
    return (kustomization["metadata"]["namespace"], *parts)


class Inventories:
    """The index. It subscribes to the store."""

    def __init__(self, store: Store, wakeups: Wakeups, default_account: str = "") -> None:
        """``default_account``: the service account of Kustomizations that name none; empty: the operator's own."""
        self.kustomization, self.object_given = store.kustomization, wakeups.object_given
        self._default_account = default_account
        self._holders: dict[Place, dict[str, tuple[ObjectKey, ...]]] = {}
        self._released: dict[ObjectKey, set[str]] = {}
        """Entries that a Kustomization has released, although its stored status still has them."""
        self._accepted: dict[ObjectKey, tuple[Place, str, set[str]]] = {}
        """Cluster and account of a Kustomization, and the objects that the API server let it apply."""
        self._given: dict[tuple[Place, str], ObjectKey] = {}
        """Objects that are being handed to an heir at this moment."""
        store.subscribe(on_kustomization=self.put)

    def account_of(self, kustomization: Obj) -> str:
        """The service account that a raw Kustomization acts as, empty for the operator."""
        return _spec(kustomization).get("serviceAccountName") or self._default_account

    def put(self, key: ObjectKey, old: Obj | None, new: Obj | None) -> None:
        """Record that the Kustomization was created, changed or deleted."""
        if old is not None and new is not None and place_of(old) == place_of(new):
            if _inventory(old) == _inventory(new):
                return
            before, after = _ids(old), _ids(new)
            self._remove(key, place_of(old), before - after)
            self._add(key, place_of(new), after - before)
            return
        if old is not None:
            self._remove(key, place_of(old), _ids(old))
        if new is not None:
            self._add(key, place_of(new), _ids(new))
        else:
            self._released.pop(key, None)
            self._accepted.pop(key, None)

    def keep(self, key: ObjectKey) -> None:
        """Count all entries again: an attempt begins, and may render any of them."""
        self._released.pop(key, None)

    def let_go(self, key: ObjectKey, entries: Iterable[inv.Entry]) -> None:
        """Release these entries, which the present revision does not render: nobody must keep the objects for it."""
        self._released.setdefault(key, set()).update(e.id for e in entries)

    def left(self, kustomization: Obj, entries: Iterable[inv.Entry]) -> None:
        """Wake the other Kustomizations that have these objects: this one leaves them alive, with its owner labels."""
        claim = self.claim(kustomization)
        for e in entries:
            claim.deleted(ObjectRef(e.api_version, e.kind, e.name, e.namespace))

    def accepted(self, key: ObjectKey, kustomization: Obj, refs: Iterable[ObjectRef]) -> None:
        """Record that the API server let the Kustomization's account apply these objects."""
        account, place = self.account_of(kustomization), place_of(kustomization)
        if not account:
            return
        known = self._accepted.get(key)
        if known is None or known[:2] != (place, account):
            known = self._accepted[key] = (place, account, set())
        known[2].update(_id(ref) for ref in refs)

    def claim(self, kustomization: Obj) -> Claim:
        """The view of the index that the Kustomization needs before it deletes objects."""
        meta = kustomization["metadata"]
        return Claim(self, ObjectKey(meta["namespace"], meta["name"]), kustomization)

    def others(self, place: Place, id: str, but: ObjectKey) -> list[ObjectKey]:
        """Other Kustomizations with the object in their inventory, unreleased, and without a deletion timestamp."""
        return [
            key
            for key in sorted(self._holders.get(place, {}).get(id, ()))
            if key != but
            and id not in self._released.get(key, ())
            and (obj := self.kustomization(key)) is not None
            and not obj["metadata"].get("deletionTimestamp")
        ]

    def is_accepted(self, key: ObjectKey, place: Place, account: str, id: str) -> bool:
        """Whether the API server let this account of the Kustomization apply the object."""
        known = self._accepted.get(key)
        return known is not None and known[:2] == (place, account) and id in known[2]

    @property
    def given(self) -> dict[tuple[Place, str], ObjectKey]:
        """Objects that are being handed over, and to which Kustomization."""
        return self._given

    def _add(self, key: ObjectKey, place: Place, ids: Iterable[str]) -> None:
        holders = self._holders.setdefault(place, {})
        alone = (key,)
        for id in ids:
            present = holders.get(id)
            if present is None:
                holders[id] = alone
            elif key not in present:
                holders[id] = (*present, key)

    def _remove(self, key: ObjectKey, place: Place, ids: Iterable[str]) -> None:
        holders, released = self._holders.get(place, {}), self._released.get(key)
        accepted = self._accepted.get(key)
        for id in ids:
            left = tuple(k for k in holders.get(id, ()) if k != key)
            if left:
                holders[id] = left
            else:
                holders.pop(id, None)
            if released is not None:
                released.discard(id)
            if accepted is not None:
                accepted[2].discard(id)
        if not holders:
            self._holders.pop(place, None)


class Claim:
    """One Kustomization's view of the index: the :class:`~headgate.apply.options.Claims` of its deletions."""

    def __init__(self, inventories: Inventories, key: ObjectKey, kustomization: Obj) -> None:
        self._all, self._key = inventories, key
        self._place, self._account = place_of(kustomization), inventories.account_of(kustomization)

    def heir(self, ref: ObjectRef) -> Owner | None:
        """The Kustomization that takes the object over; one that is not suspended if there is one."""
        id = _id(ref)
        believed = [k for k in self._all.others(self._place, id, self._key) if self._believes(k, id)]
        if not believed:
            return None
        chosen = min(believed, key=lambda k: (self._is_suspended(k), k))
        self._all.given[self._place, id] = chosen
        return Owner(chosen.name, chosen.namespace)

    def is_heir(self, ref: ObjectRef) -> bool:
        """Whether another Kustomization is handing the object to this one at this moment."""
        return self._all.given.get((self._place, _id(ref))) == self._key

    def given(self, ref: ObjectRef) -> None:
        """Wake the heir: it has the object now, or handing it over failed."""
        heir = self._all.given.pop((self._place, _id(ref)), None)
        if heir is not None:
            self._all.object_given(heir, ref)

    def deleted(self, ref: ObjectRef) -> None:
        """Wake all others that have the object in their inventory: this Kustomization is done with it."""
        for key in self._all.others(self._place, _id(ref), self._key):
            self._all.object_given(key, ref)

    def _believes(self, key: ObjectKey, id: str) -> bool:
        obj = self._all.kustomization(key)
        assert obj is not None
        account = self._all.account_of(obj)
        same = key.namespace == self._key.namespace and account == self._account
        return not account or same or self._all.is_accepted(key, self._place, account, id)

    def _is_suspended(self, key: ObjectKey) -> bool:
        obj = self._all.kustomization(key)
        return obj is not None and bool(_spec(obj).get("suspend"))


def _id(ref: ObjectRef) -> str:
    return inv.Entry.of(ref.api_version, ref.kind, ref.namespace, ref.name).id


def _spec(obj: Obj) -> Obj:
    """The spec; empty if the object has none, as the schema does not require it."""
    return obj.get("spec") or {}


def _inventory(obj: Obj) -> Any:
    return (obj.get("status") or {}).get("inventory")


def _ids(obj: Obj) -> set[str]:
    entries = (_inventory(obj) or {}).get("entries") or ()
    return {id for e in entries if isinstance(e, dict) and isinstance(id := e.get("id"), str)}
