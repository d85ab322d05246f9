"""Builds that wait for servers of others have separate threads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from headgate.fairness.pools import BUILDS, REMOTE_BUILDS
from headgate.git.bases.fetcher import RemoteBases
from headgate.kustomize import MemoryTree
from headgate.reconcile.kustomization.build.building import Builder
from headgate.reconcile.kustomization.build.builds import BuildRules
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs
from headgate.reconcile.reporting.measure import UNMEASURED

PATIENCE = 60.0
LOCAL = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and never answers."""
    held = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(listening.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
    for each in held:
        each.close()


async def test_a_base_on_a_silent_server_holds_up_no_other_build(silent: int, tmp_path: Path) -> None:
    bases = RemoteBases(tmp_path, guarded=False)
    rules = BuildRules(remote_bases=bases)
    builder = Builder(cast(Any, None), cast(Any, None), rules, UNMEASURED)
    spec = {"path": "."}

    def waiting(n: int) -> MemoryTree:
        base = f"git::http://127.0.0.1:{silent}/base{n}.git?ref=main&timeout=120s"
        return MemoryTree({"kustomization.yaml": f"resources: ['{base}']\n".encode()})

    slow = [asyncio.ensure_future(builder.run("team", waiting(n), spec, ClusterInputs())) for n in range(12)]
    try:
        async with asyncio.timeout(PATIENCE):
            while REMOTE_BUILDS.running < 8:  # noqa: ASYNC110 - threads cannot set an asyncio.Event
                await asyncio.sleep(0.01)
            local = MemoryTree({"kustomization.yaml": b"resources: [a.yaml]\n", "a.yaml": LOCAL})
            built = await builder.run("team", local, spec, ClusterInputs())
        assert [obj["metadata"]["name"] for obj in built.objects] == ["a"]
        assert not any(each.done() for each in slow)
        assert BUILDS.running == 0
    finally:
        for each in slow:
            each.cancel()
        bases.close()
