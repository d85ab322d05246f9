"""Attacks that make the operator wait: silent servers, deep dependencies, open connections."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack, suppress

from controlplane.ports import LOOPBACK
from tests.hostile.attack import (
    Attack,
    attack,
    forever,
    put,
    remote,
    request_reconciles,
)
from tests.hostile.attempt import kustomization, source
from tests.hostile.servers import http
from tests.hostile.world import World

ATTACKS: list[Attack] = []


@attack(("8", 8), ("50", 50), brief=("50",))
def silent_git_servers(w: World, name: str, stack: ExitStack, count: int) -> None:
    """A source that waits for a silent Git server delays nobody else."""
    listener = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=512))
    port = listener.getsockname()[1]
    put(
        w,
        *(
            source(f"{name}-{n}", f"http://{LOOPBACK}:{port}/{n}.git", timeout="30m", interval="1s")
            for n in range(count)
        ),
    )


@attack()
def silent_api_servers(w: World, name: str, stack: ExitStack) -> None:
    """A Kustomization that waits for a silent API server delays nobody else."""
    listener = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=512))
    address = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    put(
        w,
        *(
            obj
            for n in range(30)
            for obj in remote(w, f"{name}-{n}", address, interval="1s", retryInterval="1s")
        ),
    )


@attack(("20-layers", 20), ("100-layers", 100), brief=("20-layers",))
def diamond(w: World, name: str, stack: ExitStack, layers: int) -> None:
    """Headgate evaluates each dependency once, however many paths lead to it."""
    names = [f"{name}-{n}-{side}" for n in range(layers) for side in "ab"]
    objects = []
    for n, each in enumerate(names):
        before = names[(n // 2 - 1) * 2 : n // 2 * 2] if n > 1 else []
        objects.append(kustomization(each, path="./good", dependsOn=[{"name": b} for b in before]))
    put(w, *objects)
    request_reconciles(w, stack, names[-2:], pause=0.1)


@attack()
def silent_connections(w: World, name: str, stack: ExitStack) -> None:
    """Each port still serves clients while eleven hundred silent connections are open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for address in (w.running.metrics, w.running.health, w.running.storage, w.hooks):
        host, _, port = address.rpartition(":")
        for n in range(1100):
            with suppress(OSError):
                made = stack.enter_context(socket.create_connection((host, int(port)), timeout=5))
                made.sendall(b"GET /metrics HTTP/1.1\r\nHost: " if n % 2 else b"")


@attack()
def scrapes(w: World, name: str, stack: ExitStack) -> None:
    """A client that reads the metrics all the time costs little."""
    for _ in range(8):
        forever(stack, lambda turn: http(w.running.metrics, "/metrics"))
