"""Sequences of requests to which a real API server and the one in memory must respond alike, and the comparison.

The comparison removes natural differences: a UID or resource version becomes the number of its first appearance, times
are dropped, and of a definition's status only what its controllers decide remains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.model.fields import Entry
from tests.model.kinds import definition_spec
from tests.model.store import Request

Obj = dict[str, Any]

APPLY, MERGE, JSON = (
    "application/apply-patch+yaml",
    "application/merge-patch+json",
    "application/json-patch+json",
)
LABEL = "model.example.org/label"
MANAGERS = ("kustomize-controller", "other")
VERSIONS = ("v1alpha1", "v1")
SERVED = (("v1alpha1",), ("v1alpha1", "v1"), ("v1",))


@dataclass(frozen=True)
class Scope:
    """Where a sequence takes place: names that no other sequence has."""

    namespace: str
    group: str

    def path(self, what: str, version: str = "v1") -> str:
        """The path of a kind's collection."""
        return {
            "config": f"/api/v1/namespaces/{self.namespace}/configmaps",
            "role": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            "thing": f"/apis/{self.group}/{version}/namespaces/{self.namespace}/things",
            "globe": f"/apis/{self.group}/{version}/globes",
        }.get(what, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")

    def name(self, what: str) -> str:
        """The name of an object."""
        if what in ("things", "globes", "otherthings"):
            return f"{what}.{self.group}"
        return f"{self.namespace}-{what}"

    def object(self, what: str, version: str, content: int) -> Obj:
        """An object; ``content`` is one of a few variants of it."""
        meta: Obj = {"name": self.name(what)}
        if content == 2:
            meta["labels"] = {LABEL: "on"}
        number = {"n": str(content)} | ({"more": "x"} if content == 1 else {})
        if what == "config":
            return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": number}
        if what == "role":
            rule = {"apiGroups": [""], "resources": [f"r{content}"], "verbs": ["get"]}
            api_version = "rbac.authorization.k8s.io/v1"
            return {"apiVersion": api_version, "kind": "ClusterRole", "metadata": meta, "rules": [rule]}
        if what in ("thing", "globe"):
            kind = what.capitalize()
            return {"apiVersion": f"{self.group}/{version}", "kind": kind, "metadata": meta, "spec": number}
        return self.definition(what, SERVED[content])

    def definition(self, what: str, served: tuple[str, ...]) -> Obj:
        """A CustomResourceDefinition; that of ``otherthings`` wants the kind of ``things``."""
        globes = what == "globes"
        spec = definition_spec(
            self.group,
            "Globe" if globes else "Thing",
            what,
            namespaced=not globes,
            versions=VERSIONS,
            served=served,
        )
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name(what)},
            "spec": spec,
        }


OBJECTS = ("config", "role", "things", "thing", "globes", "globe", "otherthings")


@dataclass(frozen=True)
class Ask:
    """One request, except for what depends on earlier responses."""

    verb: str
    what: str
    version: str = "v1"
    content: int = 0
    manager: str = MANAGERS[0]
    flag: bool = False
    """Of an apply: a dry run; of a list: selected by label."""
    force: bool = True
    condition: str = ""
    """``current`` or ``other``: the resource version (of a deletion: and the uid) that the object must have."""

    def request(self, scope: Scope, live: Obj | None) -> Request:
        """The request to a server whose object is ``live``."""
        collection = scope.path(self.what, self.version)
        path, meta = f"{collection}/{scope.name(self.what)}", (live or {}).get("metadata", {})
        version = {"current": meta.get("resourceVersion", "7"), "other": "7"}.get(self.condition)
        if self.verb == "apply":
            body = scope.object(self.what, self.version, self.content)
            if version:
                body["metadata"]["resourceVersion"] = version
            query = {"fieldManager": self.manager} | ({"force": "true"} if self.force else {})
            return Request("PATCH", path, query | ({"dryRun": "All"} if self.flag else {}), body, APPLY)
        if self.verb == "delete":
            wanted = {"resourceVersion": version, "uid": meta.get("uid", "7")} if version else {}
            options: Obj = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
            body = {**options, "preconditions": wanted} if wanted else options
            return Request("DELETE", path, {}, body, "application/json")
        if self.verb == "list":
            return Request("GET", collection, {"labelSelector": LABEL} if self.flag else {})
        if self.verb == "get":
            return Request("GET", path, {})
        if self.verb == "take over":
            owning = [e for e in meta.get("managedFields") or () if _owned(Entry.parse(e))]
            books = [e for e in owning if e["manager"] != self.manager]
            if books == owning:
                return Request("GET", path, {})
            patch = [{"op": "replace", "path": "/metadata/managedFields", "value": books or [{}]}]
            patch.append(
                {
                    "op": "replace",
                    "path": "/metadata/resourceVersion",
                    "value": version or meta.get("resourceVersion", "7"),
                }
            )
            return Request("PATCH", path, {"fieldManager": self.manager}, patch, JSON)
        return self._merge(path, version)

    def _merge(self, path: str, version: str | None) -> Request:
        patches: dict[str, Obj] = {
            "label": {"metadata": {"labels": {LABEL: "on"}}},
            "unlabel": {"metadata": {"labels": {LABEL: None}}},
            "hold": {"metadata": {"finalizers": ["model.example.org/held"]}},
            "release": {"metadata": {"finalizers": []}},
            "edit": {"data" if self.what == "config" else "spec": {"n": "edited"}},
            "status": {"status": {"n": str(self.content)}},
        }
        patch = patches[self.verb]
        if version:
            patch = {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": version}}
        if self.verb == "status":
            path += "/status"
        return Request("PATCH", path, {"fieldManager": self.manager}, patch, MERGE)


_VERBS = (
    "apply",
    "apply",
    "apply",
    "delete",
    "get",
    "list",
    "label",
    "unlabel",
    "hold",
    "release",
    "take over",
)
BEGINNING = (Ask("apply", "things", content=1), Ask("apply", "thing"), Ask("apply", "config"))
"""What each sequence begins with, so that most requests meet something."""


def sequence(random: Random) -> list[Ask]:
    """Some requests to some of the objects: few, so that they meet what others before them did."""
    about = random.sample(OBJECTS, random.randint(2, 4))
    return [*BEGINNING, *(_ask(random, random.choice(about)) for _ in range(random.randint(10, 25)))]


def _ask(random: Random, what: str) -> Ask:
    verbs: tuple[str, ...] = _VERBS
    if what in ("config", "thing", "globe"):
        verbs += ("edit", "edit")
    if what in ("thing", "globe"):
        verbs += ("status", "status")
    verb = random.choice(verbs)
    if what in ("things", "globes", "otherthings") and verb in ("hold", "take over"):
        verb = "apply"
    return Ask(
        verb,
        what,
        random.choice(VERSIONS),
        random.randint(0, 2),
        random.choice(MANAGERS),
        flag=random.choice((False, False, True)),
        force=random.choice((True, True, False)),
        condition=random.choice(("", "", "current", "other")),
    )


@dataclass
class Answers:
    """The answers of one server as they compare."""

    scope: Scope
    _numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    _settled: bool = False
    """Whether the answer shows what the controllers of definitions have decided on."""

    def of(self, ask: Ask, status: int, body: Any) -> Any:
        """What of an answer must be the same."""
        self._settled = ask.verb in ("get", "list")
        if not isinstance(body, dict):
            return status, "text"
        if body.get("kind") == "Status":
            details = body.get("details") or {}
            return status, body.get("reason", ""), details.get("kind", "") if status >= 300 else ""
        if "items" in body:
            names = {self.scope.name(what) for what in OBJECTS}
            return status, [self.of_object(i) for i in body["items"] if i["metadata"]["name"] in names]
        return status, self.of_object(body)

    def of_object(self, obj: Obj) -> Obj:
        """What of an object must be the same."""
        meta = {k: v for k, v in obj["metadata"].items() if k not in _DIFFERS}
        result = {**obj, "going": "deletionTimestamp" in obj["metadata"], "books": _books(obj["metadata"])}
        if "versions" in (obj.get("spec") or {}):
            # The controllers of definitions write to them at any time.
            meta = {k: v for k, v in meta.items() if k not in ("resourceVersion", "finalizers", "generation")}
            names = obj["spec"]["names"]
            result["spec"] = {**obj["spec"], "names": {k: names[k] for k in ("kind", "plural")}}
            status = result.pop("status", None) or {}
            if self._settled:
                result["conditions"] = {
                    c["type"]: c["status"] for c in status.get("conditions") or () if c["type"] in _DECIDED
                }
        for key in ("uid", "resourceVersion"):
            if key in meta:
                seen = self._numbers.setdefault(key, {})
                meta[key] = seen.setdefault(meta[key], len(seen))
        return {**result, "metadata": meta}


_DECIDED = ("NamesAccepted", "Established")
_DIFFERS = ("creationTimestamp", "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds")
_HOLLOW = {("spec",), ("data",), ("status",), ("metadata", "labels")}
"""Mappings that an entry of the real server may still name when it no longer owns anything in them; the server in
memory forgets such entries."""


def _books(meta: Obj) -> list[tuple[Any, ...]]:
    entries = [Entry.parse(e) for e in meta.get("managedFields") or ()]
    shown = [(e.manager, e.operation, e.api_version, e.subresource, _owned(e)) for e in entries]
    return sorted(e for e in shown if e[-1] and e[0] != "kube-apiserver")


def _owned(entry: Entry) -> list[tuple[str, ...]]:
    return sorted({_leaf(p) for p in entry.paths} - _HOLLOW)


def _leaf(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path of the list where it leads into one."""
    return next((path[:n] for n, part in enumerate(path) if part.startswith(("v:", "k:"))), path)
