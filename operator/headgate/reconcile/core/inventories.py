"""Who has which object in its inventory: an index over all Kustomizations, kept as the store changes.

Two Kustomizations may render the same object. When one of them drops it, or goes, the object must stay for the other.
So before an object is deleted, this index is asked who else has it (:class:`Claim`); that one is its *heir*: it gets
the object's owner labels and is woken, so that it applies it as its own.

An inventory is what a Kustomization says of itself, and a tenant can make its own say anything: an object that is in
it need not be one that its account may touch. An heir is believed when it acts with the operator's own rights, when it
acts as the same account in the same namespace as the one that lets go, or when the API server accepted its apply of
this very object since the operator started. Whoever else has the object in its inventory is woken after the deletion,
and creates it again if it may.

Everything here happens on the event loop, and decisions do not wait for anything: that makes them atomic.
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
"""The cluster of an object as a spec names it: empty for the operator's own, else namespace and parts of
``spec.kubeConfig``. Two kubeconfigs count as two clusters."""


def place_of(kustomization: Obj) -> Place:
    """Where a raw Kustomization applies its objects."""
    found = _spec(kustomization).get("kubeConfig")
    if not found:
        return ()
    refs = ((kind, found.get(kind) or {}) for kind in ("secretRef", "configMapRef"))
    parts = [f"{kind}/{ref.get('name')}/{ref.get('key') or ''}" for kind, ref in refs if ref]
    return (kustomization["metadata"]["namespace"], *parts)


class Inventories:
    """The index. It follows the store by itself."""

    def __init__(self, store: Store, wakeups: Wakeups, default_account: str = "") -> None:
        """``default_account``: the service account of Kustomizations that name none; empty: the operator's own."""
        self.kustomization, self.object_given = store.kustomization, wakeups.object_given
        self._default_account = default_account
        self._holders: dict[Place, dict[str, tuple[ObjectKey, ...]]] = {}
        self._released: dict[ObjectKey, set[str]] = {}
        """Entries that a Kustomization has let go of, though they are still in its stored status."""
        self._accepted: dict[ObjectKey, tuple[Place, str, set[str]]] = {}
        """By whom (place, account), and which objects the API server let it apply."""
        self._given: dict[tuple[Place, str], ObjectKey] = {}
        """Objects that are being given to somebody at this moment."""
        store.subscribe(on_kustomization=self.put)

    def account_of(self, kustomization: Obj) -> str:
        """The service account that a raw Kustomization acts as, empty for the operator."""
        return _spec(kustomization).get("serviceAccountName") or self._default_account

    def put(self, key: ObjectKey, old: Obj | None, new: Obj | None) -> None:
        """The Kustomization has changed, come or gone."""
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
        """An attempt begins: whatever is in the inventory may be rendered again."""
        self._released.pop(key, None)

    def let_go(self, key: ObjectKey, entries: Iterable[inv.Entry]) -> None:
        """The present revision does not render these: they are no reason for others to keep anything."""
        self._released.setdefault(key, set()).update(e.id for e in entries)

    def left(self, kustomization: Obj, entries: Iterable[inv.Entry]) -> None:
        """The Kustomization leaves these alive, with its labels: whoever else has one makes it its own at once."""
        claim = self.claim(kustomization)
        for e in entries:
            claim.deleted(ObjectRef(e.api_version, e.kind, e.name, e.namespace))

    def accepted(self, key: ObjectKey, kustomization: Obj, refs: Iterable[ObjectRef]) -> None:
        """The API server let the Kustomization's account apply these objects."""
        account, place = self.account_of(kustomization), place_of(kustomization)
        if not account:
            return
        known = self._accepted.get(key)
        if known is None or known[:2] != (place, account):
            known = self._accepted[key] = (place, account, set())
        known[2].update(_id(ref) for ref in refs)

    def claim(self, kustomization: Obj) -> Claim:
        """What the Kustomization must know before it deletes something."""
        meta = kustomization["metadata"]
        return Claim(self, ObjectKey(meta["namespace"], meta["name"]), kustomization)

    def others(self, place: Place, id: str, but: ObjectKey) -> list[ObjectKey]:
        """Who else has the object in its inventory and has not let it go; those that are being deleted do not count."""
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
        """See above."""
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
        """Who is to have the object; one that is not suspended if there is one."""
        id = _id(ref)
        believed = [k for k in self._all.others(self._place, id, self._key) if self._believes(k, id)]
        if not believed:
            return None
        chosen = min(believed, key=lambda k: (self._is_suspended(k), k))
        self._all.given[self._place, id] = chosen
        return Owner(chosen.name, chosen.namespace)

    def is_heir(self, ref: ObjectRef) -> bool:
        """Whether somebody is just giving the object to us."""
        return self._all.given.get((self._place, _id(ref))) == self._key

    def given(self, ref: ObjectRef) -> None:
        """The heir has it, or could not be given it; either way it has a look."""
        heir = self._all.given.pop((self._place, _id(ref)), None)
        if heir is not None:
            self._all.object_given(heir, ref)

    def deleted(self, ref: ObjectRef) -> None:
        """Whoever else has the object in its inventory looks at once: we have nothing more to do with it."""
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
    """The spec, empty where there is none: the schema asks for its fields, and not for itself."""
    return obj.get("spec") or {}


def _inventory(obj: Obj) -> Any:
    return (obj.get("status") or {}).get("inventory")


def _ids(obj: Obj) -> set[str]:
    entries = (_inventory(obj) or {}).get("entries") or ()
    return {id for e in entries if isinstance(e, dict) and isinstance(id := e.get("id"), str)}
