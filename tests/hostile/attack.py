"""The form of an attack on what all teams share, and what attacks use: repositories, loops, waits.

An attack starts something and leaves it running; a steady loop of commits of the other team
(:mod:`tests.hostile.steady`) then shows whether anybody else notices. All objects of an attack have the label
:data:`LABEL`, which :func:`clear` uses to delete them.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from controlplane.rest import RestError
from tests.hostile.attempt import Obj, kustomization, secret, source
from tests.hostile.world import RECEIVER, RECEIVER_VERSION, World
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
    SOURCE_VERSION,
    condition,
    until,
)
from tests.support.gitserver_repository import Repository
from tests.support.workspace import REQUESTED_AT

LABEL = "hostile/attack"
_AT_ONCE = 8


@dataclass(frozen=True)
class Attack:
    """``start`` gets the world, a prefix for names of objects, and a stack for what ends with the attack."""

    name: str
    why: str
    start: Callable[[World, str, ExitStack], None]
    brief: bool
    """It starts and ends quickly, and so is part of every test run."""


def attack(
    *cases: tuple[Any, ...], brief: bool | tuple[str, ...] = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a function to its module's table, once for each case; a case begins with its name.

    ``brief`` is True for all cases, or lists the names of some.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        why = " ".join((function.__doc__ or "").split())
        for case in cases or ((),):
            name = "-".join([function.__name__, *map(str, case[:1])]).replace("_", "-")

            def start(w: World, name: str, stack: ExitStack, rest: tuple[Any, ...] = case[1:]) -> None:
                function(w, name, stack, *rest)

            is_brief = brief if isinstance(brief, bool) else case[0] in brief
            table: list[Attack] = function.__globals__.setdefault("ATTACKS", [])
            table.append(Attack(name, why, start, is_brief))
        return function

    return register


@contextmanager
def under(w: World, attack: Attack) -> Iterator[None]:
    """Run an attack while entered; delete its objects at the end."""
    with ExitStack() as stack:
        attack.start(w, f"x-{attack.name}", stack)
        until("the operator has begun with it", lambda: _begun(w))
        yield
    clear(w)


def _begun(w: World) -> bool:
    """Whether the operator has reconciled an object of the attack, if there are any."""
    found = [
        obj
        for version, kind in ((KUSTOMIZATION_VERSION, KUSTOMIZATION), (SOURCE_VERSION, SOURCE))
        for obj in w.admin.list(version, kind, w.tenant.namespace, selector=LABEL)
    ]
    return not found or any((obj.get("status") or {}).get("conditions") for obj in found)


def clear(w: World) -> None:
    """Delete all objects of attacks and wait until they are gone."""
    kinds = ((KUSTOMIZATION_VERSION, KUSTOMIZATION), (RECEIVER_VERSION, RECEIVER), (SOURCE_VERSION, SOURCE))
    for version, kind in kinds:
        path = w.admin.path(version, kind, w.tenant.namespace)
        w.admin.rest.request("DELETE", path, labelSelector=LABEL)
        until(
            f"each {kind} of the attack is gone",
            lambda path=path: not w.admin.rest.get(path, labelSelector=LABEL, limit="1")["items"],  # type: ignore[misc]
            timeout=300.0,
        )


def put(w: World, *objects: Obj) -> None:
    """Apply objects of an attack, as the tenant. Ignores refusals of the API server."""

    def one(obj: Obj) -> None:
        meta = obj["metadata"]
        meta.setdefault("namespace", w.tenant.namespace)
        meta["labels"] = {**meta.get("labels", {}), LABEL: "true"}
        with suppress(RestError):
            w.tenant.api.apply(obj, manager="kubectl")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, objects))


def tree(w: World, name: str, files: dict[str, str | bytes], **spec: Any) -> Repository:
    """A repository of the tenant with these files, and a source for it."""
    repository = Repository(w.git.root, name)
    repository.commit(dict(files))
    put(w, source(name, w.git.url(repository.name), **spec))
    return repository


def built(w: World, name: str, files: dict[str, str | bytes], **spec: Any) -> None:
    """A repository of the tenant with these files, a source for it, and a Kustomization."""
    tree(w, name, files)
    where = {"sourceRef": {"kind": SOURCE, "name": name}, "path": "./", "targetNamespace": w.tenant.namespace}
    put(w, kustomization(name, **{**where, **spec}))


def forever(stack: ExitStack, step: Callable[[int], object], pause: float = 0.0) -> None:
    """Repeat a step in a thread until the attack ends. Ignores refusals."""
    end = threading.Event()

    def run() -> None:
        turn = 0
        while not end.wait(pause):
            turn += 1
            with suppress(RestError, OSError):
                step(turn)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    stack.callback(thread.join, 30.0)
    stack.callback(end.set)


def request_reconciles(
    w: World, stack: ExitStack, names: list[str], kind: str = KUSTOMIZATION, pause: float = 0.05
) -> None:
    """Request reconciles of the tenant's objects until the attack ends."""
    version = KUSTOMIZATION_VERSION if kind == KUSTOMIZATION else SOURCE_VERSION

    def request(turn: int) -> None:
        meta = {"name": names[turn % len(names)], "namespace": w.tenant.namespace}
        patch = {"metadata": {"annotations": {REQUESTED_AT: str(time.time_ns())}}}
        w.tenant.api.merge({"apiVersion": version, "kind": kind, "metadata": meta}, patch)

    forever(stack, request, pause)


def remote(w: World, name: str, address: str, **spec: Any) -> tuple[Obj, Obj]:
    """A Secret with a kubeconfig, and a Kustomization that uses it."""
    trusted = base64.b64encode(w.servers.authority.certificate).decode()
    cluster = {"server": address, "certificate-authority-data": trusted}
    kubeconfig = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "c", "user": {"token": "x"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "current-context": "c",
    }
    wanted = {"kubeConfig": {"secretRef": {"name": name}}, "path": "./good", **spec}
    return secret(name, value=json.dumps(kubeconfig)), kustomization(name, **wanted)


def settled(w: World, name: str, kind: str) -> Obj:
    """Wait until Ready is True or False; returns the condition."""

    def look() -> Obj | None:
        obj = w.tenant.find(name, kind)
        ready = condition(obj or {})
        return ready if ready.get("status") in ("True", "False") else None

    return until(f"{kind} {name} has settled", look, timeout=120.0)


def refused(w: World, name: str) -> None:
    """Wait until a source of the tenant is not Ready."""
    found = settled(w, name, SOURCE)
    assert found["status"] == "False", found
