"""The controllers next to the API server: they establish definitions and empty deleted namespaces.

They act a moment after the change, in order of time, as the real ones do: a definition is established, then served; of
two that claim the same names, the first one wins; a deleted definition or namespace disappears once it is empty.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from tests.model import kinds
from tests.model.apiserver import ApiServer
from tests.model.clock import VirtualLoop, timestamp
from tests.model.kinds import BUILT_IN, CRDS, NAMESPACES, Kind
from tests.model.store import Change

Obj = dict[str, Any]

_CRD = next(k for k in BUILT_IN if k.store == CRDS)
_NAMESPACE = BUILT_IN[0]


class Cluster:
    """An API server with its controllers, in virtual time. ``random`` decides how long things take."""

    def __init__(self, loop: VirtualLoop, random: Random) -> None:
        self._loop, self._random = loop, random
        self.server = ApiServer(lambda: timestamp(loop.wall))
        self.server.observers.append(self._react)
        self._handles: set[asyncio.TimerHandle] = set()

    def _later(self, action: Any, *args: Any) -> None:
        self._loop.call_later(self._random.choice((0.0, 0.01, 0.05, 0.3)), action, *args)

    def _react(self, change: Change) -> None:
        if change.kind.store == CRDS:
            self._later(self._definitions)
        elif (change.kind.store == NAMESPACES or change.new is None) and any(
            n["metadata"].get("deletionTimestamp") for n in self.server.objects[NAMESPACES].values()
        ):
            self._later(self._namespaces)
        if change.new is None and change.kind.custom:
            self._later(self._definitions)

    # Definitions.

    def _definitions(self) -> None:
        for crd in list(self.server.objects[CRDS].values()):
            if crd["metadata"].get("deletionTimestamp"):
                self._empty(crd)
            else:
                self._establish(crd)
        self._later(self._serve)

    def _establish(self, crd: Obj) -> None:
        clash = self._clash(crd)
        before = {c["type"]: c for c in crd["status"]["conditions"]}
        established = before.get("Established", {}).get("status") == "True" or not clash
        names = crd["spec"]["names"]
        if clash:
            accepted = _condition("NamesAccepted", "False", "KindConflict", f'"{clash}" is already in use')
        else:
            accepted = _condition("NamesAccepted", "True", "NoConflicts", "no conflicts found")
        reason = ("InitialNamesAccepted" if established else "NotAccepted")  # fmt: skip
        conditions = [accepted, _condition("Established", str(established), reason, "")]
        status = {
            **crd["status"],
            "conditions": conditions,
            "acceptedNames": crd["status"]["acceptedNames"] if clash else names,
        }
        self.server.write(_CRD, crd, {**crd, "status": status})

    def _clash(self, crd: Obj) -> str:
        """The name that another definition of the group has already; empty when there is none."""
        names, name = crd["spec"]["names"], crd["metadata"]["name"]
        for other in self.server.objects[CRDS].values():
            if other["spec"]["group"] != crd["spec"]["group"] or other["metadata"]["name"] == name:
                continue
            taken = other["status"]["acceptedNames"]
            for field in ("kind", "listKind"):
                if taken.get(field) and taken[field] == names.get(field):
                    return str(names[field])
        return ""

    def _empty(self, crd: Obj) -> None:
        """Delete what a definition that goes defines, then the definition."""
        kind = _kind_of(crd)
        self._delete_all(kind, "")
        empty = not self.server.objects[kind.store]
        if empty and not crd["metadata"].get("finalizers"):
            self.server.write(_CRD, crd, None)

    def _serve(self) -> None:
        served = [
            kind
            for crd in self.server.objects[CRDS].values()
            if any(c["type"] == "Established" and c["status"] == "True" for c in crd["status"]["conditions"])
            for kind in kinds.of_crd(crd)
        ]
        self.server.served = [*BUILT_IN, *served]

    # Namespaces.

    def _namespaces(self) -> None:
        for namespace in list(self.server.objects[NAMESPACES].values()):
            if not namespace["metadata"].get("deletionTimestamp"):
                continue
            name, left = namespace["metadata"]["name"], False
            for kind in self._stored_kinds():
                self._delete_all(kind, name)
                left = left or any(where == name for where, _ in self.server.objects[kind.store])
            if not left:
                self.server.write(_NAMESPACE, namespace, None)
            elif namespace["status"]["phase"] != "Terminating":
                self.server.write(_NAMESPACE, namespace, {**namespace, "status": {"phase": "Terminating"}})

    def _stored_kinds(self) -> list[Kind]:
        custom = [_kind_of(crd) for crd in self.server.objects[CRDS].values()]
        return [k for k in (*BUILT_IN, *custom) if k.namespaced]

    def _delete_all(self, kind: Kind, namespace: str) -> None:
        for (where, _), obj in list(self.server.objects[kind.store].items()):
            if namespace and where != namespace:
                continue
            if not obj["metadata"].get("finalizers"):
                self.server.write(kind, obj, None)
            elif not obj["metadata"].get("deletionTimestamp"):
                meta = {**obj["metadata"], "deletionTimestamp": timestamp(self._loop.wall)}
                if "generation" in meta:
                    meta["generation"] += 1
                self.server.write(kind, obj, {**obj, "metadata": meta})


def _kind_of(crd: Obj) -> Kind:
    spec = crd["spec"]
    names, version = spec["names"], next(v["name"] for v in spec["versions"] if v["storage"])
    return Kind(
        spec["group"],
        version,
        names["kind"],
        names["plural"],
        spec["scope"] == "Namespaced",
        status=True,
        custom=True,
        generations=True,
    )


def _condition(type: str, status: str, reason: str, message: str) -> Obj:
    return {"type": type, "status": status, "reason": reason, "message": message}
