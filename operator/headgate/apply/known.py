"""Remembers which objects are in place, so that they cost no request. Plain data; does no I/O.

Two sources keep it: the answers to our own applies (:meth:`KnownObjects.record`) and the watches of managed
objects (:meth:`KnownObjects.observe`, :meth:`KnownObjects.observe_gone`). An object whose desired digest is
the recorded one, and which the watch has not seen changed by others since, costs no request. Losing the store
costs one dry run per object; it is never wrong for longer than a watch is late.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from headgate.apply.changeset import Action
from headgate.apply.fields.drift import content_digest, fingerprint
from headgate.apply.fields.managers import FieldManager, overridden
from headgate.apply.fields.pointers import Pointer
from headgate.apply.objects.definitions import is_usable
from headgate.apply.options import Marks, Owner
from headgate.kube.refs import ObjectRef
from headgate.names import KUSTOMIZE_CONTROLLER
from headgate.objects import Obj, is_newer, version_of


class KnownState(NamedTuple):
    """The last known state of one object."""

    desired: bytes
    """Digest of the object as it was last applied."""
    uid: str
    resource_version: str
    """The newest one seen."""
    fingerprint: bytes
    """What of the live object must stay (see :mod:`headgate.apply.fields.drift`)."""
    in_place: bool
    """Nobody changed the object since it was applied, as far as was seen."""
    outcome: Action
    """What a pass reports that finds it in place: unchanged, or skipped for an object that is left alone."""
    ignored: tuple[Pointer, ...] = ()
    """Fields that are left to others."""
    inherited: bool = False
    """Applying it would change who owns which field, and nothing else: it is not applied for that."""
    owner: Owner | None = None
    """Whose attempt it was that found or put it in place: the only word on whose the object is."""
    content: tuple[str, bytes] | None = None
    """A resource version, and the digest of what the object held then."""
    usable: bool = True
    """It is not a definition, or one that objects may use already (see :mod:`headgate.apply.objects.definitions`)."""


class WatchNews(Enum):
    """What a watched state of an object means."""

    UNTRACKED = "untracked"
    """Nothing is recorded of this object."""
    IN_PLACE = "in place"
    OLD = "old"
    """Older than what is recorded."""
    DRIFTED = "drifted"
    """Somebody changed what we applied: its owner should look."""
    GONE = "gone"
    """It was deleted: its owner should look."""


class KnownObjects:
    """KnownState states by cluster and object. The parameters are those of ApplyOptions."""

    def __init__(
        self,
        *,
        field_manager: str = KUSTOMIZE_CONTROLLER,
        disallowed_managers: tuple[str, ...] = (),
        marks: Marks | None = None,
    ) -> None:
        self._own = field_manager
        self._managers: tuple[FieldManager, ...] = overridden(field_manager, disallowed_managers)
        self._marks = (marks or Marks()).keys
        self._known: dict[str, dict[ObjectRef, KnownState]] = {}
        self._owned: dict[tuple[str, Owner], set[ObjectRef]] = {}
        self._sending: dict[tuple[str, ObjectRef], Obj | None] = {}
        """Objects that are being written at this moment, and the newest state that a watch showed meanwhile."""
        self._lost: dict[tuple[str, ObjectRef], set[str]] = {}
        """Of those, the uids that a watch reported as deleted meanwhile."""

    def get(self, cluster: str, ref: ObjectRef) -> KnownState | None:
        """The last known state of an object."""
        return self._known.get(cluster, {}).get(ref)

    def of_kind(self, cluster: str, api_version: str, kind: str) -> list[tuple[ObjectRef, KnownState]]:
        """The last known states of all objects of a kind."""
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
        """Note that ``live``, an answer of the API server, is how the object with this digest should be.

        ``ignored`` are the fields of it that are left to others; ``inherited`` and ``owner`` as in :class:`KnownState`.
        """
        meta = live["metadata"]
        self.forget(cluster, ref)
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
        """We are about to write the object: a watch may show the outcome before the answer comes."""
        self._sending[cluster, ref] = None
        self._lost.pop((cluster, ref), None)

    def sent(self, cluster: str, ref: ObjectRef) -> Obj | None:
        """The answer is there, or none will come: what a watch showed meanwhile that is newer, to be observed now."""
        shown, known = self._sending.pop((cluster, ref), None), self.get(cluster, ref)
        lost = self._lost.pop((cluster, ref), ())
        if shown is None or shown["metadata"]["uid"] in lost:
            return None
        if known is None:
            return shown
        return shown if is_newer(version_of(shown), known.resource_version) else None

    def observe(self, cluster: str, ref: ObjectRef, live: Obj) -> WatchNews:
        """Take in a watched state and say what it means. What we are writing at this moment is judged after that.

        An answer may come when the object that it shows is deleted already: that is GONE, and for
        :meth:`observe_gone`.
        """
        if (cluster, ref) in self._sending:
            if live["metadata"]["uid"] in self._lost.get((cluster, ref), ()):
                return WatchNews.GONE
            shown = self._sending[cluster, ref]
            if shown is None or is_newer(version_of(live), version_of(shown)):
                self._sending[cluster, ref] = live
            return WatchNews.OLD
        known = self.get(cluster, ref)
        if known is None:
            return WatchNews.UNTRACKED
        meta = live["metadata"]
        version = meta["resourceVersion"]
        if not is_newer(version, known.resource_version):
            return WatchNews.OLD
        in_place = self._fingerprint(live, known.ignored) == known.fingerprint
        self._known[cluster][ref] = known._replace(
            resource_version=version, usable=is_usable(live), in_place=in_place
        )
        return WatchNews.IN_PLACE if in_place else WatchNews.DRIFTED

    def observe_gone(self, cluster: str, ref: ObjectRef, uid: str) -> WatchNews:
        """Take in that the object with this uid is deleted."""
        if (cluster, ref) in self._sending:
            # The answer to what we are writing may still bring it.
            self._lost.setdefault((cluster, ref), set()).add(uid)
        known = self.get(cluster, ref)
        if known is None:
            return WatchNews.UNTRACKED
        if known.uid != uid:
            return WatchNews.OLD
        self.forget(cluster, ref)
        return WatchNews.GONE

    def mark_usable(self, cluster: str, ref: ObjectRef) -> None:
        """Note that a definition is ready for use."""
        known = self.get(cluster, ref)
        if known is not None:
            self._known[cluster][ref] = known._replace(usable=True)

    def invalidate(self, cluster: str, ref: ObjectRef) -> None:
        """Something went wrong with the object: the next apply asks about it again."""
        known = self.get(cluster, ref)
        if known is not None:
            self._known[cluster][ref] = known._replace(in_place=False)

    def adopt(self, cluster: str, ref: ObjectRef, desired: bytes, owner: Owner) -> None:
        """Note that the recorded object matches this digest too, and differs only in who owns which field."""
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
        """The objects that are known by the attempts of one Kustomization."""
        return frozenset(self._owned.get((cluster, owner), ()))

    def forget_owner(self, cluster: str, owner: Owner) -> None:
        """The Kustomization is gone, or applies to another cluster now."""
        for ref in self.owned(cluster, owner):
            self.forget(cluster, ref)

    def forget_of(self, cluster: str, ref: ObjectRef, owner: Owner) -> None:
        """Forget an object, unless another owner put it in place: that owner still needs to hear of it."""
        known = self.get(cluster, ref)
        if known is not None and known.owner in (None, owner):
            self.forget(cluster, ref)

    def forget_cluster(self, cluster: str) -> None:
        """Forget a cluster."""
        self._known.pop(cluster, None)
        for key in [key for key in self._owned if key[0] == cluster]:
            del self._owned[key]

    def __len__(self) -> int:
        return sum(len(objects) for objects in self._known.values())

    def _put(self, cluster: str, ref: ObjectRef, state: KnownState) -> None:
        if state.owner is not None:
            self._owned.setdefault((cluster, state.owner), set()).add(ref)
        self._known.setdefault(cluster, {})[ref] = state

    def _fingerprint(self, live: Obj, ignored: tuple[Pointer, ...]) -> bytes:
        return fingerprint(live, self._own, self._managers, self._marks, ignored)
