"""Attacks by servers that send too much."""

from __future__ import annotations

import gzip
import json
import time
from contextlib import ExitStack

from tests.hostile.attack import (
    Attack,
    attack,
    put,
    remote,
)
from tests.hostile.attempt import source
from tests.hostile.servers import Answer, FakeServer, Received
from tests.hostile.world import World
from tests.support.serving import serving

ATTACKS: list[Attack] = []


def _bomb(size: int) -> bytes:
    return gzip.compress(b"[" + b" " * size, 9)


@attack(("gzip", 300 << 20), ("twice", 600 << 20), brief=("gzip",))
def api_server_that_answers(w: World, name: str, stack: ExitStack, size: int) -> None:
    """Headgate reads responses of another cluster's API server up to a limit, counted after decompression."""
    body = _bomb(size)
    kind = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
    server = FakeServer(lambda received: Answer(200, body, kind), w.servers.authority)
    stack.enter_context(serving(server._http))
    put(w, *(obj for n in range(5) for obj in remote(w, f"{name}-{n}", server.url(), retryInterval="1s")))


@attack(brief=False)
def api_server_with_long_messages(w: World, name: str, stack: ExitStack) -> None:
    """Headgate neither keeps nor quotes a message of eight megabytes."""

    def answer(received: Received) -> Answer:
        status = {
            "kind": "Status",
            "code": 403,
            "reason": "Forbidden",
            "message": f"{time.time_ns()}" + "x" * (8 << 20),
        }
        return Answer(403, json.dumps(status).encode(), (("Content-Type", "application/json"),))

    server = FakeServer(answer, w.servers.authority)
    stack.enter_context(serving(server._http))
    put(w, *(obj for n in range(10) for obj in remote(w, f"{name}-{n}", server.url(), retryInterval="1s")))


@attack(brief=False)
def git_server_that_answers(w: World, name: str, stack: ExitStack) -> None:
    """Headgate reads the refs of a Git server up to a limit, however well they compress."""
    line = b"003f" + b"0" * 40 + b" refs/heads/main\n"
    body = gzip.compress(b"001e# service=git-upload-pack\n0000" + line * (3 << 20), 9)
    kind = (("Content-Type", "application/x-git-upload-pack-advertisement"), ("Content-Encoding", "gzip"))
    server = FakeServer(lambda received: Answer(200, body, kind))
    stack.enter_context(serving(server._http))
    put(w, *(source(f"{name}-{n}", server.url(f"/{n}.git"), interval="1s") for n in range(5)))
