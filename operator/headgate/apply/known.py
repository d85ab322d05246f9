"""Caches which objects are in place, so that they need no request. Plain data; does no I/O.

Two sources fill it: the responses to Headgate's own applies (:meth:`KnownObjects.record`) and the watches of managed
objects (:meth:`KnownObjects.observe`, :meth:`KnownObjects.observe_gone`). An object needs no request if its desired
digest is the recorded one and the watch has shown no change by others since. The loss of the cache costs one dry run
per object; an entry is never wrong for longer than a watch is late.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from headgate.api import labels
from headgate.apply.changeset import Action
from headgate.apply.fields.drift import content_digest, fingerprint
from headgate.apply.fields.managers import FieldManager, overridden
from headgate.apply.fields.pointers import Pointer
from headgate.apply.objects.definitions import is_usable
from headgate.apply.options import Owner
from headgate.kube.refs import ObjectRef
from headgate.names import KUSTOMIZE_CONTROLLER
from headgate.objects import Obj, is_newer, version_of


class KnownState(NamedTuple):
    """The last cached state of one object."""

    desired: bytes
    """Digest of the object as it was last applied."""
    uid: str
    resource_version: str
    """The newest one that a response or watch showed."""
    fingerprint: bytes
    """The digest of what must stay unchanged in the live object (see :mod:`headgate.apply.fields.drift`)."""
    in_place: bool
    """Nobody has changed the object since its apply, according to the watch."""
    outcome: Action
    """What an apply reports when the object is in place: unchanged, or skipped if the apply must not touch it."""
    ignored: tuple[Pointer, ...] = ()
    """The ignored fields."""
    inherited: bool = False
    """An apply would change field owners and nothing else, and is therefore omitted."""
    owner: Owner | None = None
    """The Kustomization whose attempt put it in place or found it so: the only evidence of its owner."""
    content: tuple[str, bytes] | None = None
    """A resource version, and the digest of the object's content in that version."""
    usable: bool = True
    """It is not a definition, or it is one that objects can use (see :mod:`headgate.apply.objects.definitions`)."""


class Observation(Enum):
    """The meaning of a state that a watch shows."""

    UNTRACKED = "untracked"
    """The object has no record."""
    IN_PLACE = "in place"
    OLD = "old"
    """Older than the record."""
    DRIFTED = "drifted"
    """Somebody changed what Headgate applied: its owner must reconcile."""
    GONE = "gone"
    """It was deleted: its owner must reconcile."""


class KnownObjects:
    """Cached states by cluster and object. The parameters are those of :class:`.ApplyOptions`."""

    def __init__(
        self,
        *,
        field_manager: str = KUSTOMIZE_CONTROLLER,
        disallowed_managers: tuple[str, ...] = (),
    ) -> None:
        self._own = field_manager
        self._managers: tuple[FieldManager, ...] = overridden(field_manager, disallowed_managers)
        self._known: dict[str, dict[ObjectRef, KnownState]] = {}
        self._owned: dict[tuple[str, Owner], set[ObjectRef]] = {}
        self._sending: dict[tuple[str, ObjectRef], Obj | None] = {}
        """Objects of running writes, and the newest state that a watch showed in the meantime."""
        self._lost: dict[tuple[str, ObjectRef], set[str]] = {}
        """For these objects, the UIDs that a watch reported as deleted in the meantime."""

    def get(self, cluster: str, ref: ObjectRef) -> KnownState | None:
        """The last cached state of an object."""
        return self._known.get(cluster, {}).get(ref)

    def of_kind(self, cluster: str, api_version: str, kind: str) -> list[tuple[ObjectRef, KnownState]]:
        """The last cached states of all objects of a kind."""
        known = self._known.get(cluster, {})
        return [(r, k) for r, k in known.items() if (r.api_version, r.kind) == (api_version, kind)]

    def record(
        self,
        cluster: str,
        ref: ObjectRef,
        desired: bytes,
        live: Obj,
        outcome: Action = Action.UNCHANGED,
        ignored: tuple[Pointer, ...] = (),
        *,
        inherited: bool = False,
        owner: Owner | None = None,
    ) -> None:
        """Record that ``live``, a response of the API server, matches the object with this digest.

        ``ignored`` are its ignored fields; ``inherited`` and ``owner`` as in :class:`KnownState`.
        """
        known = self.get(cluster, ref)
        self.forget(cluster, ref)
        if known is not None and _is_same_state(known, live, ignored):
            state = known._replace(desired=desired, outcome=outcome, inherited=inherited, owner=owner)
        else:
            meta = live["metadata"]
            state = KnownState(
                desired,
                meta["uid"],
                meta["resourceVersion"],
                self._fingerprint(live, ignored),
                not meta.get("deletionTimestamp"),
                outcome,
                ignored,
                inherited,
                owner,
                (meta["resourceVersion"], content_digest(live)),
                is_usable(live),
            )
        self._put(cluster, ref, state)

    def sending(self, cluster: str, ref: ObjectRef) -> None:
        """A write of the object begins: a watch may show the result before the response arrives."""
        self._sending[cluster, ref] = None
        self._lost.pop((cluster, ref), None)

    def sent(self, cluster: str, ref: ObjectRef) -> Obj | None:
        """The write has ended: returns the newer state that a watch showed meanwhile, for the caller to observe."""
        shown, known = self._sending.pop((cluster, ref), None), self.get(cluster, ref)
        lost = self._lost.pop((cluster, ref), ())
        if shown is None or shown["metadata"]["uid"] in lost:
            return None
        if known is None:
            return shown
        return shown if is_newer(version_of(shown), known.resource_version) else None

    def observe(self, cluster: str, ref: ObjectRef, live: Obj) -> Observation:
        """Store a state from a watch and return its meaning; OLD during a write, when :meth:`sent` returns it later.

        A response may arrive after the deletion of the object that it shows: that is GONE, and a case for
        :meth:`observe_gone`.
        """
        if (cluster, ref) in self._sending:
            if live["metadata"]["uid"] in self._lost.get((cluster, ref), ()):
                return Observation.GONE
            shown = self._sending[cluster, ref]
            if shown is None or is_newer(version_of(live), version_of(shown)):
                self._sending[cluster, ref] = live
            return Observation.OLD
        known = self.get(cluster, ref)
        if known is None:
            return Observation.UNTRACKED
        meta = live["metadata"]
        version = meta["resourceVersion"]
        if not is_newer(version, known.resource_version):
            return Observation.OLD
        in_place = self._fingerprint(live, known.ignored) == known.fingerprint
        self._known[cluster][ref] = known._replace(
            resource_version=version, usable=is_usable(live), in_place=in_place
        )
        return Observation.IN_PLACE if in_place else Observation.DRIFTED

    def observe_gone(self, cluster: str, ref: ObjectRef, uid: str) -> Observation:
        """Record that the object with this UID is deleted."""
        if (cluster, ref) in self._sending:
            # The response to the running write may still show it.
            self._lost.setdefault((cluster, ref), set()).add(uid)
        known = self.get(cluster, ref)
        if known is None:
            return Observation.UNTRACKED
        if known.uid != uid:
            return Observation.OLD
        self.forget(cluster, ref)
        return Observation.GONE

    def mark_usable(self, cluster: str, ref: ObjectRef) -> None:
        """Record that a definition is ready for use."""
        known = self.get(cluster, ref)
        if known is not None:
            self._known[cluster][ref] = known._replace(usable=True)

    def invalidate(self, cluster: str, ref: ObjectRef) -> None:
        """Something failed for the object: the next apply checks it again."""
        known = self.get(cluster, ref)
        if known is not None:
            self._known[cluster][ref] = known._replace(in_place=False)

    def adopt(self, cluster: str, ref: ObjectRef, desired: bytes, owner: Owner) -> None:
        """Record that the object matches this digest too, and differs only in the owners of fields."""
        known = self.get(cluster, ref)
        if known is not None:
            self.forget(cluster, ref)
            self._put(cluster, ref, known._replace(desired=desired, owner=owner, inherited=True))

    def forget(self, cluster: str, ref: ObjectRef) -> None:
        """Forget an object."""
        known = self._known.get(cluster, {}).pop(ref, None)
        if known is not None and known.owner is not None:
            owned = self._owned.get((cluster, known.owner), set())
            owned.discard(ref)
            if not owned:
                self._owned.pop((cluster, known.owner), None)

    def owned(self, cluster: str, owner: Owner) -> frozenset[ObjectRef]:
        """The objects that one Kustomization has put in place or found so."""
        return frozenset(self._owned.get((cluster, owner), ()))

    def forget_owner(self, cluster: str, owner: Owner) -> None:
        """Forget the Kustomization: it is gone, or has another target cluster now."""
        for ref in self.owned(cluster, owner):
            self.forget(cluster, ref)

    def forget_of(self, cluster: str, ref: ObjectRef, owner: Owner) -> None:
        """Forget an object, unless another owner put it in place: that owner still needs its events."""
        known = self.get(cluster, ref)
        if known is not None and known.owner in (None, owner):
            self.forget(cluster, ref)

    def __len__(self) -> int:
        return sum(len(objects) for objects in self._known.values())

    def _put(self, cluster: str, ref: ObjectRef, state: KnownState) -> None:
        if state.owner is not None:
            self._owned.setdefault((cluster, state.owner), set()).add(ref)
        self._known.setdefault(cluster, {})[ref] = state

    def _fingerprint(self, live: Obj, ignored: tuple[Pointer, ...]) -> bytes:
        return fingerprint(live, self._own, self._managers, labels.RESTRICTING, ignored)


def _is_same_state(known: KnownState, live: Obj, ignored: tuple[Pointer, ...]) -> bool:
    """Whether the cached digests are those of ``live``: an object has one content in each resource version."""
    version = live["metadata"]["resourceVersion"]
    return (
        known.in_place
        and known.uid == live["metadata"]["uid"]
        and known.resource_version == version
        and known.content is not None
        and known.content[0] == version
        and known.ignored == ignored
    )
