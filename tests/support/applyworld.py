"""A cluster in memory for the unit tests of :mod:`headgate.apply`: real client, no network, virtual time.

Client, retries and RESTMapper are the product's; the API server and its controllers are those of :mod:`tests.model`,
which are compared with real ones. A test writes to the cluster as somebody else (:meth:`ApplyWorld.edit`), makes
requests fail (``faults``) or answers them itself (``policies``), and reads which requests an apply cost.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from random import Random
from typing import Any, Concatenate, ParamSpec

from headgate.api import labels
from headgate.apply import (
    Action,
    ApplyOptions,
    ApplyResult,
    ChangeSet,
    DeleteOptions,
    DeleteResult,
    KnownObjects,
    Owner,
    apply_all,
    delete_all,
)
from headgate.kube import Answer, Client, ObjectRef, ref_of
from headgate.kube.transport import RequestLabel
from tests.model import clock, kinds
from tests.model.border import Fault, Line, sort_of
from tests.model.cluster import Cluster
from tests.model.kinds import definition_spec
from tests.model.store import Change, Reply, Request

Obj = dict[str, Any]
P = ParamSpec("P")
Policy = Callable[[Request], Reply | None]
"""Answers a request in place of the API server; None leaves it to the server."""

OWNER = Owner("apps", "flux-system")
PREFIX = labels.GROUP
AGES = 300.0
"""Seconds after which a write is surely not of this moment."""


def in_a_world(test: Callable[Concatenate[ApplyWorld, P], Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test, a coroutine, with its own cluster, in virtual time: an hour of waiting takes no time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def main() -> None:
            world = ApplyWorld()
            try:
                await test(world, *args, **kwargs)
            finally:
                await world.client.close()

        clock.run(main)

    # pytest must not look for a fixture named as the world is.
    signature = inspect.signature(test)
    run.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    return run


class ApplyWorld:
    """See the module's text. Made by :func:`in_a_world`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.VirtualLoop)
        random = Random(1)
        self._cluster = Cluster(loop, random)
        self.server = self._cluster.server
        self.faults: list[Fault] = []
        self.policies: list[Policy] = []
        self.line = _Line(self, loop, random)
        self.client = Client(self.line)
        self.known = KnownObjects()
        self.requests: list[str] = []
        """Those of the operator: ``dry run ConfigMap/one/a``."""
        self.recorded: list[list[ObjectRef]] = []
        """What each stage announced that it would write."""
        self.observed: list[ObjectRef] = []
        self.warnings: dict[str, str] = {}
        """What the API server warns of, by the name of the object."""
        self.edit({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "one"}})

    async def apply(self, *objects: Obj, **options: Any) -> ApplyResult:
        """Apply objects; afterwards :attr:`requests` are those of this apply."""
        self.requests.clear()
        self.recorded.clear()
        return await apply_all(
            self.client,
            objects,
            ApplyOptions(OWNER, **options),
            self.known,
            lambda ref, live: self._observe(ref, live),
            self._record,
        )

    async def prune(self, *objects: Obj, **options: Any) -> DeleteResult:
        """Delete objects; afterwards :attr:`requests` are those of this deletion."""
        self.requests.clear()
        refs = [ref_of(obj) for obj in objects]
        return await delete_all(self.client, refs, DeleteOptions(OWNER, **options), self.known)

    async def age(self, seconds: float = AGES) -> None:
        """Let time pass, so that every earlier write is old."""
        await asyncio.sleep(seconds)

    def watch(self) -> None:
        """From now on a watch shows every change at once, as those of the operator do a moment later."""
        self.server.observers.append(self._changed)

    def restart(self) -> None:
        """Forget every known object."""
        self.known = KnownObjects()

    def live(self, obj: Obj) -> Obj | None:
        """The object in the cluster."""
        reply = self._as_user("GET", obj)
        return reply.body if reply.status == 200 else None

    def edit(self, obj: Obj, *, manager: str = "somebody", apply: bool = True) -> Obj:
        """Write as somebody else: an apply, or an update such as ``kubectl edit`` sends."""
        kind = "apply-patch+yaml" if apply else "merge-patch+json"
        reply = self._as_user("PATCH", obj, manager, f"application/{kind}")
        assert reply.status < 300, reply.body
        return reply.body  # type: ignore[no-any-return]

    def delete(self, obj: Obj) -> None:
        """Delete as somebody else."""
        reply = self._as_user("DELETE", obj)
        assert reply.status < 300, reply.body

    def _as_user(self, method: str, obj: Obj, manager: str = "", content_type: str = "") -> Reply:
        query = {"fieldManager": manager, "force": "true"}
        body = obj if method == "PATCH" else None
        return self.server.handle(Request(method, self._path(ref_of(obj)), query, body, content_type, "user"))

    def _path(self, ref: ObjectRef) -> str:
        kind = next(k for k in self.server.served if (k.api_version, k.kind) == (ref.api_version, ref.kind))
        root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
        where = f"/namespaces/{ref.namespace}" if kind.namespaced else ""
        return f"{root}{where}/{kind.plural}/{ref.name}"

    async def _record(self, refs: Iterable[ObjectRef]) -> None:
        self.recorded.append(list(refs))

    def _observe(self, ref: ObjectRef, live: Obj) -> None:
        self.observed.append(ref)
        self.known.observe(self.client.cluster, ref, live)

    def _changed(self, change: Change) -> None:
        obj = {**change.object, "apiVersion": change.kind.api_version, "kind": change.kind.kind}
        ref = ref_of(obj)
        if change.new is None:
            self.known.observe_gone(self.client.cluster, ref, obj["metadata"]["uid"])
        else:
            self.known.observe(self.client.cluster, ref, obj)


class _Line(Line):
    """The connection of the model, which also lists the requests and counts those in progress."""

    def __init__(self, world: ApplyWorld, loop: clock.VirtualLoop, random: Random) -> None:
        super().__init__(world.server, loop, random, world.faults)
        self._world = world
        self.under_way = self.most_under_way = 0

    async def _once(
        self,
        method: str,
        path: str,
        label: RequestLabel,
        headers: Mapping[str, str],
        body: bytes | None,
        within: float,
        authorization: str | None,
    ) -> Answer:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            answer = await super()._once(method, path, label, headers, body, within, authorization)
        finally:
            self.under_way -= 1
        name = path.partition("?")[0].rpartition("/")[2]
        text = self._world.warnings.get(name)
        warning = {"Warning": f'299 - "{text}"'} if text else {}
        return Answer(answer.status, answer.body, {**answer.headers, **warning})

    def _exchange(self, request: Request) -> Reply:
        if sort_of(request) != "discovery":
            target = kinds.find(self._api.served, request.path)
            where = "/".join(filter(None, (target.namespace, target.name))) if target else request.path
            sort = "patch" if _is_json_patch(request) else sort_of(request)
            self._world.requests.append(f"{sort} {target.kind.kind if target else '?'}/{where}")
        for policy in self._world.policies:
            if (reply := policy(request)) is not None:
                return reply
        return super()._exchange(request)


def _is_json_patch(request: Request) -> bool:
    return request.method == "PATCH" and request.content_type.startswith("application/json-patch")


def config(name: str = "a", n: str = "1", /, *, marks: Mapping[str, str] | None = None, **data: str) -> Obj:
    """A ConfigMap; ``marks`` are annotations without their prefix."""
    annotations = {f"{PREFIX}/{k}": v for k, v in (marks or {}).items()}
    meta: Obj = {"name": name, "namespace": "one"} | ({"annotations": annotations} if annotations else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"n": n, **data}}


def definition(plural: str = "things", kind: str = "Thing") -> Obj:
    """A CustomResourceDefinition of objects that live in a namespace."""
    spec = definition_spec("example.org", kind, plural, namespaced=True, versions=["v1"], served=["v1"])
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.org"},
        "spec": spec,
    }


def thing(name: str = "t", n: str = "1") -> Obj:
    """An object of :func:`definition`."""
    meta = {"name": name, "namespace": "one"}
    return {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": meta, "spec": {"n": n}}


def refs(changes: ChangeSet, *actions: Action) -> tuple[ObjectRef, ...]:
    """The objects with one of these actions; all if none is given."""
    return tuple(change.ref for change in changes if not actions or change.action in actions)


def refused(status: int, reason: str, message: str, *causes: str) -> Reply:
    """A refusal as the API server writes it."""
    details = {"causes": [{"reason": "FieldValueInvalid", "message": c, "field": "data.n"} for c in causes]}
    body = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": status}
    return Reply(status, {**body, "details": details})


def immutable(world: ApplyWorld, obj: Obj, field: str = "n") -> Policy:
    """The API server refuses to change one field of an object's data, as it does for immutable ones."""
    name = obj["metadata"]["name"]

    def policy(request: Request) -> Reply | None:
        if request.method != "PATCH" or not request.path.endswith(f"/{name}"):
            return None
        live = world.live(obj)
        if live is None or live["data"].get(field) == request.body["data"].get(field):
            return None
        said = f'ConfigMap "{name}" is invalid: data.{field}: Invalid value: field is immutable'
        return refused(422, "Invalid", said, "Invalid value: field is immutable")

    return policy
