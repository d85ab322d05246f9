"""Attacks with CEL expressions that take long."""

from __future__ import annotations

import json
from contextlib import ExitStack

from tests.hostile.attack import (
    Attack,
    attack,
    built,
    forever,
    put,
    request_reconciles,
)
from tests.hostile.attempt import kustomization, secret
from tests.hostile.objects import own_map
from tests.hostile.servers import http
from tests.hostile.world import RECEIVER, RECEIVER_VERSION, World
from tests.support.cluster import (
    SOURCE,
    until,
)

ATTACKS: list[Attack] = []

BUSY = "[0,1,2,3,4,5,6,7,8,9]"
BURNS = f"{BUSY}.all(a, {BUSY}.all(b, {BUSY}.all(c, {BUSY}.all(d, a + b + c + d < 99))))"
"""Ten thousand steps, close to the limit of one expression."""
READY = " && dep.status.conditions.exists(c, c.type == 'Never')"


@attack(("50", 50), ("400", 400), brief=("400",))
def ready_expressions(w: World, name: str, stack: ExitStack, count: int) -> None:
    """Expressions run outside of the event loop, within a budget of the namespace."""
    put(w, *(kustomization(f"{name}-dep-{n}", suspend=True) for n in range(4)))
    depends = [{"name": f"{name}-dep-{n % 4}", "readyExpr": f"{BURNS} || {n} == -1"} for n in range(count)]
    put(w, kustomization(name, dependsOn=depends))
    request_reconciles(w, stack, [name], pause=0.2)


@attack(brief=False)
def ready_expressions_of_many(w: World, name: str, stack: ExitStack) -> None:
    """The budget of the namespace also bounds many Kustomizations that each stay within their limit."""
    put(w, kustomization(f"{name}-dep", suspend=True))
    depends = [{"name": f"{name}-dep", "readyExpr": f"{BURNS}{READY}"}] * 8
    names = [f"{name}-{n}" for n in range(40)]
    put(w, *(kustomization(each, dependsOn=depends) for each in names))
    request_reconciles(w, stack, names)


@attack(brief=False)
def health_expressions(w: World, name: str, stack: ExitStack) -> None:
    """The budget also bounds health expressions of a hundred objects that change all the time."""
    maps = [own_map(w, f"{name}-{n}") for n in range(100)]
    entry = {"apiVersion": "v1", "kind": "ConfigMap", "current": f"{BURNS} && data.a == 'never'"}
    built(w, name, {"a.yaml": "---\n".join(maps)}, wait=True, timeout="10m", healthCheckExprs=[entry])

    def change(turn: int) -> None:
        meta = {"name": f"{name}-{turn % 100}", "namespace": w.tenant.namespace}
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
        w.tenant.api.merge(obj, {"metadata": {"annotations": {"turn": str(turn)}}})

    forever(stack, change, 0.02)


@attack()
def receivers_called(w: World, name: str, stack: ExitStack) -> None:
    """Each path and each namespace has a limit for webhook calls whose filters take long."""
    paths = []
    for n in range(10):
        wanted = {
            "type": "generic",
            "secretRef": {"name": f"{name}-{n}"},
            "resourceFilter": f"{BURNS} && req.a == 1",
            "resources": [{"kind": SOURCE, "name": "source"}],
        }
        meta = {"name": f"{name}-{n}"}
        obj = {"apiVersion": RECEIVER_VERSION, "kind": RECEIVER, "metadata": meta, "spec": wanted}
        put(w, secret(f"{name}-{n}", token="t"), obj)
    for n in range(10):
        found = until(
            "it has a path",
            lambda n=n: (  # type: ignore[misc]
                w.tenant.api.present(RECEIVER_VERSION, RECEIVER, f"{name}-{n}", w.tenant.namespace).get(
                    "status"
                )
                or {}
            ).get("webhookPath"),
        )
        paths.append(found)
    body = json.dumps({"a": list(range(10_000))}).encode()
    for n in range(8):
        forever(stack, lambda turn, n=n: http(w.hooks, paths[(turn + n) % 10], body), 0.01)  # type: ignore[misc]
