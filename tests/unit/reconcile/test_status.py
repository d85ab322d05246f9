"""The writes of a status: an attempt that ends leaves none of its progress behind."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from headgate.kube import Client
from headgate.objects import Obj
from headgate.reconcile.reporting.status import StatusSession

READY = {"type": "Ready", "status": "True", "reason": "ReconciliationSucceeded", "message": "Applied"}
OBJECT: Obj = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "apps", "namespace": "flux", "generation": 1, "resourceVersion": "1"},
    "status": {"conditions": [READY]},
}


class SlowServer:
    """An API server that responds to a write when it may."""

    def __init__(self) -> None:
        self.begun, self.may = asyncio.Event(), asyncio.Event()
        self.written: list[str] = []

    async def patch(self, ref: object, patch: Obj, **options: Any) -> Obj:
        self.begun.set()
        await self.may.wait()
        (ready,) = (c for c in patch["status"]["conditions"] if c["type"] == "Ready")
        self.written.append(ready["status"])
        return {**OBJECT, "metadata": {**OBJECT["metadata"], "resourceVersion": "2"}}


def opened(server: SlowServer) -> StatusSession:
    return StatusSession(cast(Client, server), OBJECT, manager="test", on_written=lambda obj: None)


async def test_progress_that_is_on_its_way_counts_as_written_and_is_corrected() -> None:
    server = SlowServer()
    session = opened(server)
    session.mark("Ready", "Unknown", "Progressing", "Reconciliation in progress")
    session.write_soon(0.0)
    await asyncio.wait_for(server.begun.wait(), 60)
    assert session.wrote
    session.mark("Ready", "True", "ReconciliationSucceeded", "Applied")
    last = asyncio.create_task(session.write())
    server.may.set()
    assert await asyncio.wait_for(last, 60)
    assert server.written == ["Unknown", "True"]


async def test_progress_that_was_not_sent_is_forgotten() -> None:
    server = SlowServer()
    server.may.set()
    session = opened(server)
    session.mark("Ready", "Unknown", "Progressing", "Reconciliation in progress")
    session.write_soon(0.0)
    session.revert()
    assert not session.wrote
    await asyncio.sleep(0.05)
    assert await session.write()
    assert server.written == []
