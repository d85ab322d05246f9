"""A small API server in memory that behaves like the real one in everything that the operator relies on.

A request consists of method, path, query, body and content type. The server answers it at once, and nothing happens
meanwhile. It keeps objects by kind, with resource versions, generations, field owners, finalizers and preconditions,
and a history for watches (:mod:`tests.model.watches`). :mod:`tests.model.cluster` has the controllers of namespaces and
of CustomResourceDefinitions. ``tests/e2e/test_model_server.py`` sends the same requests to this server and to a real
one and compares the responses.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jsonpatch
import jsonpointer

from tests.model import fields, kinds, objects
from tests.model.kinds import CRDS, EVENTS, NAMESPACES, Kind, Target
from tests.model.refusals import Refused, conflict, invalid, no_path, not_found, precondition, terminating
from tests.model.store import Reply, Request, Store

Obj = dict[str, Any]
Key = tuple[str, str]
Clock = Callable[[], str]


class ApiServer(Store):
    """See the module's text. ``clock`` tells the time as Kubernetes writes it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.served: list[Kind] = list(kinds.BUILT_IN)
        self._uids = itertools.count(1)

    def handle(self, request: Request) -> Reply:
        """Answer a request."""
        try:
            return self._answer(request)
        except Refused as refused:
            return Reply(refused.status, refused.body)

    # Requests.

    def _answer(self, request: Request) -> Reply:
        if request.path in ("/api", "/apis"):
            return Reply(200, kinds.discovery(self.served, core=request.path == "/api"))
        target = kinds.find(self.served, request.path)
        if target is None or (
            target.subresource and not (target.subresource == "status" and target.kind.status)
        ):
            raise no_path()
        match request.method:
            case "GET" if target.name:
                return Reply(200, self._shown(target, self._present(target)))
            case "GET":
                return Reply(200, self._list(target, request))
            case "POST":
                return self._create(target, request)
            case "PATCH":
                return self._patch(target, request)
            case "DELETE" if target.name:
                return self._delete(target, request)
        raise no_path()

    def _present(self, target: Target) -> Obj:
        found = self.find(target.kind.store, target.namespace, target.name)
        if found is None:
            raise not_found(target.kind, target.name)
        return found

    def _shown(self, target: Target, obj: Obj) -> Obj:
        shown: Obj = objects.copied(obj)
        shown["apiVersion"] = target.kind.api_version
        return shown

    def _list(self, target: Target, request: Request) -> Obj:
        items = [
            self._shown(target, obj)
            for (namespace, _), obj in sorted(self.objects[target.kind.store].items())
            if target.namespace in ("", namespace) and objects.selected(obj, request.query)
        ]
        if not target.kind.custom:
            items = [{k: v for k, v in i.items() if k not in ("apiVersion", "kind")} for i in items]
        meta = {"resourceVersion": str(self.version)}
        api_version = target.kind.api_version
        return {
            "apiVersion": api_version,
            "kind": f"{target.kind.kind}List",
            "metadata": meta,
            "items": items,
        }

    def _create(self, target: Target, request: Request) -> Reply:
        obj = {**request.body, "apiVersion": target.kind.api_version, "kind": target.kind.kind}
        if target.kind.store == EVENTS:
            return Reply(201, obj)  # nobody reads them
        if self.find(target.kind.store, target.namespace, obj["metadata"]["name"]) is not None:
            raise conflict(target.kind, obj["metadata"]["name"], "AlreadyExists", "already exists")
        entry = self._entry(target, request, "Update")
        entry.paths = fields.leaves(obj)
        return Reply(
            201, self._shown(target, self._begin(target, fields.with_entries(obj, [entry]), request))
        )

    def _patch(self, target: Target, request: Request) -> Reply:
        if target.kind.store == EVENTS:
            raise not_found(target.kind, target.name)
        live = self.find(target.kind.store, target.namespace, target.name)
        if live is not None:
            live = {**live, "apiVersion": target.kind.api_version}
        if request.content_type.startswith("application/apply-patch"):
            return self._apply(target, request, live)
        if live is None:
            raise not_found(target.kind, target.name)
        if request.content_type.startswith("application/json-patch"):
            try:
                new = jsonpatch.apply_patch(live, request.body)
            except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
                raise invalid(target.kind, target.name, str(error)) from None
        else:
            new = objects.merge_patched(live, request.body)
        _check_version(target, live, new["metadata"].get("resourceVersion"))
        given = new["metadata"].get("managedFields") != live["metadata"].get("managedFields")
        new = objects.in_scope(target, live, new)
        new = fields.updated(live, new, self._entry(target, request, "Update"), given=given)
        return Reply(200, self._shown(target, self._change(target, live, new, request)))

    def _apply(self, target: Target, request: Request, live: Obj | None) -> Reply:
        wanted = request.body
        name = wanted["metadata"].get("name")
        if name not in (None, target.name):
            raise invalid(
                target.kind, target.name, "the name of the object does not match the name on the URL"
            )
        version = wanted["metadata"].get("resourceVersion")
        # The response to a dry run that would create an object holds even the version in the request.
        dropped = ("uid",) if request.dry_run and live is None else ("uid", "resourceVersion")
        meta = {k: v for k, v in wanted["metadata"].items() if k not in dropped}
        meta["name"] = target.name
        if target.namespace:
            meta["namespace"] = target.namespace
        wanted = {**wanted, "metadata": meta}
        if target.kind.status and not target.subresource:
            wanted = {k: v for k, v in wanted.items() if k != "status"}
        entry = self._entry(target, request, "Apply")
        try:
            new = fields.applied(live, wanted, entry, force=request.query.get("force") == "true")
        except fields.FieldConflict as clash:
            said = f"conflicts with {clash}"
            raise conflict(target.kind, target.name, "Conflict", said, cause="FieldManagerConflict") from None
        if live is None:
            return Reply(201, self._shown(target, self._begin(target, new, request)))
        _check_version(target, live, version)
        return Reply(200, self._shown(target, self._change(target, live, new, request)))

    def _begin(self, target: Target, obj: Obj, request: Request) -> Obj:
        """Bring an object to be."""
        self._check_namespace(target, obj["metadata"]["name"])
        if target.kind.custom and self._is_going(target.kind):
            raise Refused(
                405, "MethodNotAllowed", "create not allowed while custom resource definition is terminating"
            )
        meta = {
            **obj["metadata"],
            "uid": f"uid-{next(self._uids)}",
            "creationTimestamp": self._clock(),
        }
        if target.namespace:
            meta["namespace"] = target.namespace
        if target.kind.generations:
            meta["generation"] = 1
        obj = objects.defaulted(target.kind, {**obj, "metadata": meta})
        return obj if request.dry_run else self.write(target.kind, None, obj, request)

    def _change(self, target: Target, live: Obj, new: Obj, request: Request) -> Obj:
        """Store a changed object, which may be gone by that."""
        kept = (
            "uid",
            "creationTimestamp",
            "generation",
            "resourceVersion",
            "deletionTimestamp",
            "namespace",
            "name",
        )
        meta = {k: v for k, v in new["metadata"].items() if k not in kept}
        meta |= {k: live["metadata"][k] for k in kept if k in live["metadata"]}
        meta = {k: v for k, v in meta.items() if v not in ({}, [])}
        new = objects.defaulted(target.kind, {**new, "metadata": meta})
        if target.kind.generations and objects.spec(new) != objects.spec(live):
            meta["generation"] = meta.get("generation", 0) + 1
        if meta.get("deletionTimestamp"):
            added = set(meta.get("finalizers") or ()) - set(live["metadata"].get("finalizers") or ())
            if added:
                said = "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted"
                raise invalid(target.kind, target.name, said)
        if request.dry_run:
            return live if objects.bare(live) == objects.bare(new) else new
        if meta.get("deletionTimestamp") and not meta.get("finalizers") and target.kind.store != NAMESPACES:
            self.write(target.kind, new, None, request)
            return new  # the response is the object that it would have stored
        return self.write(target.kind, live, new, request)

    def _delete(self, target: Target, request: Request) -> Reply:
        live = self._present(target)
        meta = live["metadata"]
        for name, wanted in ((request.body or {}).get("preconditions") or {}).items():
            if wanted != meta[name]:
                said = f"Precondition failed: {name} in precondition: {wanted}, {name} in object meta: {meta[name]}"
                raise precondition(target.kind, target.name, said)
        if request.dry_run:
            return Reply(200, self._shown(target, live))
        held = meta.get("finalizers") or target.kind.store in (NAMESPACES, CRDS)
        if not held:
            self.write(target.kind, live, None, request)
            details = {"name": target.name, "kind": target.kind.plural, "uid": meta["uid"]}
            return Reply(200, {"kind": "Status", "apiVersion": "v1", "status": "Success", "details": details})
        if not meta.get("deletionTimestamp"):
            meta = {**meta, "deletionTimestamp": self._clock(), "deletionGracePeriodSeconds": 0}
            if "generation" in meta:
                meta["generation"] += 1
            live = self.write(target.kind, live, {**live, "metadata": meta}, request)
        return Reply(200, self._shown(target, live))

    # Small parts.

    def _entry(self, target: Target, request: Request, operation: str) -> fields.Entry:
        manager = request.query.get("fieldManager") or request.who
        return fields.Entry(manager, operation, target.kind.api_version, self._clock(), target.subresource)

    def _check_namespace(self, target: Target, name: str) -> None:
        if not target.kind.namespaced:
            return
        namespace = self.find(NAMESPACES, "", target.namespace)
        if namespace is None:
            raise not_found(kinds.BUILT_IN[0], target.namespace)
        if namespace["metadata"].get("deletionTimestamp"):
            raise terminating(target.kind, name, target.namespace)

    def _is_going(self, kind: Kind) -> bool:
        crd = self.find(CRDS, "", f"{kind.plural}.{kind.group}")
        return crd is None or bool(crd["metadata"].get("deletionTimestamp"))


def _check_version(target: Target, live: Obj, version: str | None) -> None:
    if version and version != live["metadata"]["resourceVersion"]:
        said = "the object has been modified; please apply your changes to the latest version and try again"
        raise conflict(target.kind, target.name, "Conflict", said)
