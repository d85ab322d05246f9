"""A status page on a loopback port whose content is as plain as can be: its names and versions."""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from headgate.insight import Fleet, Ref, explain
from headgate.page.app import PageParts, page_app
from headgate.page.content import Asset, Frame, Query
from headgate.page.knowledge import OperatorState, Snapshot
from headgate.page.views import Difference
from headgate.web.connections import ConnectionLimits
from headgate.web.server import WebServer

Obj = dict[str, Any]

PATIENCE = 60.0


def kustomization(
    namespace: str, name: str, message: str = "Applied revision: main@sha1:abc", reason: str = ""
) -> Obj:
    """A Kustomization that is Ready, or has failed for a reason."""
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"namespace": namespace, "name": name, "generation": 1},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "source"}},
        "status": {
            "observedGeneration": 1,
            "conditions": [
                {
                    "type": "Ready",
                    "status": "False" if reason else "True",
                    "reason": reason or "ReconciliationSucceeded",
                    "message": message,
                    "observedGeneration": 1,
                }
            ],
        },
    }


def snapshot(version: int, *objects: Obj, operator: OperatorState | None = None) -> Snapshot:
    """What the operator knows when these objects exist."""
    fleet = Fleet.of(objects)
    return Snapshot(
        version=version,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        fleet=fleet,
        report=explain(fleet),
        operator=operator or OperatorState(),
    )


class Board:
    """The newest snapshot, which a test replaces."""

    def __init__(self, *objects: Obj) -> None:
        self._now = snapshot(1, *objects)
        self._changed = asyncio.Event()

    def snapshot(self) -> Snapshot:
        return self._now

    def show(self, *objects: Obj, operator: OperatorState | None = None) -> None:
        """Replace it."""
        self._now = snapshot(self._now.version + 1, *objects, operator=operator)
        self._changed.set()
        self._changed = asyncio.Event()

    async def newer(self, version: int) -> Snapshot:
        while self._now.version == version:
            await self._changed.wait()
        return self._now


class PlainContent:
    """Pages that list what they are given."""

    build = "1"
    ASSETS: Mapping[str, Asset] = {"page-0123456789abcdef.css": Asset(b"main{}" * 500, "text/css", b"")}

    def __init__(self) -> None:
        self.rendered = 0
        self.padding = 0

    def document(self, snapshot: Snapshot, path: str, query: Query, frame: Frame) -> str | None:
        main = self.main(snapshot, path, query, frame)
        return None if main is None else f"<!doctype html><main>{main}</main><p>{html.escape(frame.user)}</p>"

    def main(self, snapshot: Snapshot, path: str, query: Query, frame: Frame) -> str | None:
        self.rendered += 1
        if path == "/broken":
            raise RuntimeError("a secret of the page")
        if path not in ("/", "/work"):
            return None
        listed = "\n".join(
            f"<li>{html.escape(each.ref.namespace)}/{html.escape(each.ref.name)} {html.escape(each.message)}</li>"
            for each in snapshot.report.verdicts
        )
        return f"<ul>\n{listed}\n</ul><b>{len(snapshot.report.verdicts)}</b>{'x' * self.padding}"

    def difference(self, snapshot: Snapshot, ref: Ref, found: Difference, frame: Frame) -> str | None:
        return f"<!doctype html><main>{ref} {found.revision} {frame.can_diff}</main>"

    def problem(self, status: int, message: str, frame: Frame) -> str:
        return f"<!doctype html><main>{self.problem_main(status, message)}</main>"

    def problem_main(self, status: int, message: str) -> str:
        return f"<h1>{status}</h1><p>{html.escape(message)}</p>"

    def login(self, *, secret: str, onward: str, message: str) -> str:
        return (
            f'<!doctype html><form method="post"><p>{html.escape(message)}</p>'
            f'<input name="secret" value="{html.escape(secret)}"><input name="onward" value="{html.escape(onward)}">'
        )

    def asset(self, name: str) -> Asset | None:
        return self.ASSETS.get(name)


async def soon(happened: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Served:
    """Where a page is."""

    port: int
    board: Board
    content: PlainContent

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def served(parts: PageParts, client_timeout: float = 15.0, grace: float = 1.0) -> AsyncIterator[Served]:
    """Serve a page whose board and content are those of this module."""
    assert isinstance(parts.board, Board)
    assert isinstance(parts.content, PlainContent)
    limits = ConnectionLimits(connections=64, timeout=client_timeout, share=1)
    site = ("page", page_app(replace(parts, send_timeout=client_timeout)), "127.0.0.1:0")
    async with WebServer([site], limits, grace=grace) as server:
        yield Served(server.port("page"), parts.board, parts.content)
