"""What must hold at each write, whoever makes it and whatever went wrong before.

1. **Recorded before it is made.** Every object that the operator may have created is in an inventory: at the moment in
   which the API server creates it, the status of its Kustomization lists it.
2. **Never pruned while it is rendered.** Nothing that the present revision of any Kustomization renders is deleted, by
   the pruning of another or by its own.
3. **Never forgotten while it is alive.** Nothing leaves an inventory while it is alive and ours, unless another
   inventory has it, or its Kustomization is not to prune.
4. **Ready is true.** A Kustomization is not marked Ready while a definition that it renders is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.model.git import Id, id_of
from tests.model.state import KUSTOMIZATIONS, NOT_MANAGED, State, condition, inventory, owner
from tests.model.store import Change

Obj = dict[str, Any]

GRACE = 2.0
"""Seconds for which an object must have been rendered before its deletion counts: a decision for the previous revision
may still be in progress."""


class Watchman:
    """Checks each change and records which invariants it breaks."""

    def __init__(self, state: State, now: Callable[[], float], broken: list[str]) -> None:
        self._state, self._now, self._broken = state, now, broken
        self._since: dict[tuple[str, Id], float] = {}

    def look(self, change: Change) -> None:
        """A write has taken place."""
        self._remember()
        if change.kind.store == KUSTOMIZATIONS:
            self._forgotten(change)
            if change.new is not None:
                self._untrue(change.new)
            return
        request = change.request
        if change.kind.store in NOT_MANAGED or request is None or request.who != "operator":
            return
        id = id_of(change.kind, change.object)
        if change.old is None:
            self._unrecorded(id, change.object)
        elif request.method == "DELETE":
            self._deleted(id)

    def _remember(self) -> None:
        """Since when each object is rendered without a break."""
        rendered = {
            (obj["metadata"]["name"], id)
            for obj in self._state.kustomizations()
            if not obj["metadata"].get("deletionTimestamp")
            for id in self._state.rendering(obj)
        }
        now = self._now()
        self._since = {key: self._since.get(key, now) for key in rendered}

    def _unrecorded(self, id: Id, obj: Obj) -> None:
        kustomization = self._state.kustomization(owner(obj))
        if kustomization is None or id not in inventory(kustomization):
            self._say(f"{id} was created, and the inventory of {owner(obj) or 'nobody'} does not list it")

    def _deleted(self, id: Id) -> None:
        for obj in self._state.kustomizations():
            name = obj["metadata"]["name"]
            since = self._since.get((name, id))
            if since is None or self._now() - since < GRACE or id not in inventory(obj):
                continue
            if (obj.get("status") or {}).get("lastAttemptedRevision") == self._state.revision:
                self._say(f"{id} was deleted, and {name} renders it at the present revision")

    def _forgotten(self, change: Change) -> None:
        before = change.old or {}
        after = change.new or {}
        kustomization = change.object
        name, spec = kustomization["metadata"]["name"], kustomization["spec"]
        for id in inventory(before) - inventory(after):
            live = self._state.live(id)
            if live is None or owner(live) != name or live["metadata"].get("deletionTimestamp"):
                continue
            others = [o for o in self._state.kustomizations() if o["metadata"]["name"] != name]
            if not spec["prune"] or id in self._state.released or any(id in inventory(o) for o in others):
                continue
            how = "went away" if change.new is None else "dropped it from its inventory"
            self._say(f"{name} {how}, and {id} is alive and nobody else's")

    def _untrue(self, kustomization: Obj) -> None:
        status = kustomization.get("status") or {}
        if condition(kustomization, "Ready").get("status") != "True":
            return
        if status.get("lastAppliedRevision") != self._state.revision:
            return
        for id in self._state.rendering(kustomization):
            live = self._state.live(id) if id.kind == "CustomResourceDefinition" else None
            if live is not None and condition(live, "NamesAccepted").get("status") == "False":
                self._say(f"{kustomization['metadata']['name']} says Ready, and {id} is refused")

    def _say(self, what: str) -> None:
        line = f"{self._now():.3f}: {what}"
        if what not in {b.partition(": ")[2] for b in self._broken}:
            self._broken.append(line)
