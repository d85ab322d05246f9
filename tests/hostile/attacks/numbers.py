"""Attacks with many objects, many requests and many changes."""

from __future__ import annotations

from contextlib import ExitStack

from tests.hostile.attack import (
    LABEL,
    Attack,
    attack,
    forever,
    put,
    request_reconciles,
)
from tests.hostile.attempt import kustomization, source
from tests.hostile.world import World
from tests.support.cluster import (
    KUSTOMIZATION,
    SOURCE,
)

ATTACKS: list[Attack] = []


@attack(("400", 400), ("5000", 5000), brief=False)
def many_kustomizations(w: World, name: str, stack: ExitStack, count: int) -> None:
    """In fair order, the Kustomizations of one team do not delay those of another."""
    put(w, *(kustomization(f"{name}-{n}", path="./good", interval="1m") for n in range(count)))


@attack()
def requests(w: World, name: str, stack: ExitStack) -> None:
    """In fair order, the requests of one team to reconcile do not delay other teams, however many they are."""
    names = [f"{name}-{n}" for n in range(30)]
    put(w, *(kustomization(each, path="./good") for each in names))
    for _ in range(3):
        request_reconciles(w, stack, names, pause=0.0)


@attack(("kustomizations", KUSTOMIZATION), ("sources", SOURCE), brief=("kustomizations",))
def tiny_intervals(w: World, name: str, stack: ExitStack, kind: str) -> None:
    """An interval of a millisecond does not occupy all workers."""
    if kind == SOURCE:
        put(w, *(source(f"{name}-{n}", w.tenant.url, interval="1ms") for n in range(50)))
    else:
        short = {"interval": "1ms", "retryInterval": "1ms"}
        put(w, *(kustomization(f"{name}-{n}", path="./good", **short) for n in range(50)))
        put(w, *(kustomization(f"{name}-no-{n}", path="./no-such-path", **short) for n in range(50)))


@attack(brief=False)
def failures(w: World, name: str, stack: ExitStack) -> None:
    """Each namespace has a limit for events, even if each failure has another text."""
    names = [f"{name}-{n}" for n in range(50)]
    put(w, *(kustomization(each, path="./no-such-path") for each in names))

    def fail(turn: int) -> None:
        obj = kustomization(names[turn % 50], path=f"./none-{turn}-" + "x" * 300)
        obj["metadata"].update(namespace=w.tenant.namespace, labels={LABEL: "true"})
        w.tenant.api.apply(obj, manager="kubectl")

    for _ in range(2):
        forever(stack, fail)


@attack(brief=False)
def invented_kinds(w: World, name: str, stack: ExitStack) -> None:
    """Headgate watches no kind that does not exist, and forgets it once nothing refers to it."""
    for n in range(3):
        checks = [
            {"apiVersion": f"g{i}.x/v1", "kind": f"K{n}{i}", "name": "a", "namespace": w.tenant.namespace}
            for i in range(4000)
        ]
        put(w, kustomization(f"{name}-{n}", path="./good", healthChecks=checks, timeout="10m"))


@attack()
def forged_inventory(w: World, name: str, stack: ExitStack) -> None:
    """A status that the tenant fills with fifteen thousand entries is untrusted input, like any other."""
    put(w, kustomization(name, path="./good", targetNamespace=w.tenant.namespace))
    entries = [{"id": f"{w.tenant.namespace}_n{n}__ConfigMap", "v": "v1"} for n in range(15_000)]

    def forge(turn: int) -> None:
        obj = w.tenant.get(name)
        w.tenant.api.merge(obj, {"status": {"inventory": {"entries": entries}}}, subresource="status")
        w.tenant.request_reconcile(KUSTOMIZATION, name)

    forever(stack, forge, 3.0)


@attack()
def forged_owner_labels(w: World, name: str, stack: ExitStack) -> None:
    """Objects with forged owner labels of another team do not wake that team's Kustomizations."""
    domain = "kustomize.toolkit.fluxcd.io"
    labels = {f"{domain}/name": "steady", f"{domain}/namespace": w.other.namespace}

    def relabel(turn: int) -> None:
        meta = {"name": f"{name}-{turn % 30}", "namespace": w.tenant.namespace, "labels": labels}
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"turn": str(turn)}}
        w.tenant.api.apply(obj, manager="kustomize-controller")

    forever(stack, relabel, 0.01)
