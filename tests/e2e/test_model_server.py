"""The API server in memory that the worlds of ``tests/model`` are made of answers as a real one does.

The same sequences of requests in every run; ``MODEL_SEQUENCES="500 7"`` in the environment compares 500 others,
generated from seed 7.
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any
from urllib.parse import urlencode

from tests.model import clock, kinds
from tests.model.cluster import Cluster
from tests.model.requests import LABEL, VERSIONS, Answers, Ask, Scope, sequence
from tests.model.store import Request
from tests.model.watches import Watch
from tests.support.cluster import Api, condition, until
from tests.support.workspace import MARK

Obj = dict[str, Any]

SEQUENCES, SEED = map(int, os.environ.get("MODEL_SEQUENCES", "60 0").split())
AT_ONCE = 6
"""Sequences that are compared at the same time; what takes long is to wait for the cluster's controllers."""
DEFINITIONS = ("things", "globes", "otherthings")
DEFINED = ("thing", "globe")


class Real:
    """A sequence on the real API server."""

    def __init__(self, api: Api, scope: Scope) -> None:
        self._api, self._scope = api, scope
        self._answers = Answers(scope)
        self._going = False
        """Whether a definition is being deleted that cannot go yet."""

    def send(self, request: Request) -> tuple[int, Any]:
        target = request.path + ("?" + urlencode(request.query) if request.query else "")
        body = None if request.body is None else json.dumps(request.body)
        headers = {"Accept": "application/json", "Content-Type": request.content_type or "application/json"}
        status, text = self._api.rest.exchange(request.method, target, body, headers)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def run(self, asks: list[Ask]) -> list[Any]:
        since = self._api.resource_version()
        found = []
        for ask in asks:
            _, live = self.send(Ask("get", ask.what, ask.version).request(self._scope, None))
            found.append(
                self._answers.of(
                    ask, *self.send(ask.request(self._scope, live if _is_object(live) else None))
                )
            )
            if ask.what in DEFINITIONS or (self._going and ask.what in DEFINED):
                until(f"the definitions after {ask} are settled", self._settled)
        return [*found, self._watched(since)]

    def _settled(self) -> bool:
        """The controllers have decided on each definition of the group, and what is served follows from it."""
        there = {w: self._definition(w) for w in DEFINITIONS}
        holders = {
            crd["spec"]["names"]["kind"]: crd["metadata"]["name"]
            for crd in there.values()
            if crd and condition(crd, "Established").get("status") == "True"
        }
        going = [crd for crd in there.values() if crd and crd["metadata"].get("deletionTimestamp")]
        if not all(map(self._is_held, going)):
            return False
        self._going = bool(going)
        for what, crd in there.items():
            if crd is not None:
                accepted = condition(crd, "NamesAccepted").get("status")
                if accepted == "True" and condition(crd, "Established").get("status") != "True":
                    return False
                if accepted is None or (accepted == "False" and crd["spec"]["names"]["kind"] not in holders):
                    return False
            served = [v["name"] for v in crd["spec"]["versions"] if v["served"]] if crd else []
            if crd is None or condition(crd, "Established").get("status") != "True":
                served = []
            for version in VERSIONS:
                path = f"/apis/{self._scope.group}/{version}/{what}"
                status, _ = self.send(Request("GET", path, {"limit": "1"}))
                if (status == 200) != (version in served):
                    return False
        return True

    def _is_held(self, crd: Obj) -> bool:
        """Whether all that is left of a definition's objects waits for finalizers, and something is left."""
        plural = crd["spec"]["names"]["plural"]
        for version in VERSIONS:
            path = f"/apis/{self._scope.group}/{version}/{plural}"
            status, body = self.send(Request("GET", path, {}))
            if status == 200:
                left = [item["metadata"] for item in body["items"]]
                return bool(left) and all("deletionTimestamp" in m and m.get("finalizers") for m in left)
        return False

    def _definition(self, what: str) -> Obj | None:
        status, body = self.send(Ask("get", what).request(self._scope, None))
        return body if status == 200 else None

    def _watched(self, since: str) -> list[tuple[str, str]]:
        path = self._scope.path("config")
        query = {"watch": "1", "resourceVersion": since, "timeoutSeconds": "1", "labelSelector": LABEL}
        _, text = self.send(Request("GET", path, query))
        lines = text.splitlines() if isinstance(text, str) else [json.dumps(text)]
        return [(e["type"], e["object"]["metadata"]["name"]) for e in map(json.loads, filter(None, lines))]

    def clean(self) -> None:
        for what in ("config", "role", "thing", "globe"):
            for version in VERSIONS:
                self.send(Ask("release", what, version).request(self._scope, None))
                self.send(Ask("delete", what, version).request(self._scope, None))
        for what in DEFINITIONS:
            self.send(Ask("delete", what).request(self._scope, None))


def in_memory(scope: Scope, asks: list[Ask]) -> list[Any]:
    """The same sequence on the server in memory."""
    found: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.VirtualLoop)
        server, answers = Cluster(loop, Random(0)).server, Answers(scope)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": scope.namespace}}
        path = f"/api/v1/namespaces/{scope.namespace}"
        server.handle(Request("PATCH", path, {"fieldManager": "user"}, body, "application/apply-patch+yaml"))
        target = kinds.find(server.served, scope.path("config"))
        assert target is not None
        watch = Watch(server, target, {"resourceVersion": str(server.version), "labelSelector": LABEL})
        for ask in asks:
            live = server.handle(Ask("get", ask.what, ask.version).request(scope, None)).body
            reply = server.handle(ask.request(scope, live if _is_object(live) else None))
            found.append(answers.of(ask, reply.status, reply.body))
            await asyncio.sleep(10.0)
        events = [json.loads(line) for line in watch.take()]
        found.append([(e["type"], e["object"]["metadata"]["name"]) for e in events])

    clock.run(main)
    return found


def _is_object(body: Any) -> bool:
    return isinstance(body, dict) and body.get("kind") != "Status"


def really(api: Api, number: int, asks: list[Ask]) -> tuple[Scope, list[Any]]:
    """Where a sequence took place on the real server, and its answers."""
    namespace = f"model-{uuid.uuid4().hex[:6]}"
    scope = Scope(namespace, f"m{number}-{namespace}.example.org")
    api.create_namespace(namespace, {MARK: "true"})
    real = Real(api, scope)
    try:
        return scope, real.run(asks)
    finally:
        real.clean()
        api.delete("v1", "Namespace", namespace)


def difference(scope: Scope, asks: list[Ask], expected: list[Any]) -> str:
    """The first answer in which the server in memory differs, and what led to it; empty when none does."""
    answers = in_memory(scope, asks)
    for n, (ask, one, other) in enumerate(zip((*asks, "the watch"), expected, answers, strict=True)):
        if other != one:
            before = "\n".join(f"  {a}" for a in asks[:n])
            return f"after\n{before}\n{ask}\n  real:   {one}\n  memory: {other}"
    return ""


def test_it_answers_as_a_real_one_does(api: Api) -> None:
    asked = [sequence(Random(f"{SEED} {n}")) for n in range(SEQUENCES)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(really, [api] * SEQUENCES, range(SEQUENCES), asked))
    differences = [
        difference(scope, asks, expected) for asks, (scope, expected) in zip(asked, found, strict=True)
    ]
    assert not any(differences), "\n\n".join(filter(None, differences))
