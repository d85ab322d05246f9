"""The webhook server for calls of Git servers and registries, with limits on size, time and number.

It does not depend on Receivers: ``Hooks`` defines the paths and handles their calls. Answers have only a status. Every
method is accepted, as in Flux; for an unknown path the server answers before reading the body.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from aiohttp import web
from cachetools import LRUCache

from headgate.web.callers import Call

__all__ = ["Hooks", "hook_app"]

MAX_BODY = 3 * 1024 * 1024
"""Limit in bytes for a call's body, as in Flux."""
READ_TIMEOUT = 10.0
"""Timeout in seconds for a call's body."""
MAX_AT_ONCE, MAX_OF_NAMESPACE = 32, 8
"""Concurrent calls, of all Receivers and of those of one namespace; the server asks the callers of others to retry."""
BURST, PER_SECOND = 30, 2.0
"""The rate limit of one path: calls at once, and calls per second after that."""
MAX_PATHS = 10_000

_log = logging.getLogger("headgate.web")


class Hooks(Protocol):
    """Handles the calls of paths."""

    def namespace(self, path: str) -> str | None:
        """The namespace that owns the path; None for an unknown path."""

    async def receive(self, path: str, call: Call) -> int:
        """Handle a call, and return the HTTP status for the answer."""


class _Allowance:
    """The rate limits of the paths."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: LRUCache[str, tuple[float, float]] = LRUCache(MAX_PATHS)

    def take(self, path: str) -> bool:
        now = self._clock()
        left, at = self._left.get(path, (float(BURST), now))
        left = min(float(BURST), left + (now - at) * PER_SECOND)
        self._left[path] = (left - 1 if left >= 1 else left, now)
        return left >= 1


def hook_app(
    hooks: Hooks,
    on_answered: Callable[[int], None] = lambda _: None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> web.Application:
    """Return the application that serves ``/hook/...``; ``on_answered`` receives the status of each answer."""
    allowance = _Allowance(clock)
    running: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        status = await respond(request)
        on_answered(status)
        headers = {"Retry-After": "1"} if status in (429, 503) else {}
        return web.Response(status=status, headers=headers)

    async def respond(request: web.Request) -> int:
        path = request.raw_path
        namespace = hooks.namespace(path)
        if namespace is None:
            return 404
        if not allowance.take(path):
            return 429
        if running.total() >= MAX_AT_ONCE or running[namespace] >= MAX_OF_NAMESPACE:
            return 503
        running[namespace] += 1
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                body = await request.read()
            return await hooks.receive(path, Call(request.headers, body))
        except web.HTTPRequestEntityTooLarge:
            return 413
        except TimeoutError:
            return 408
        except Exception:
            # The border: a failing call must not stop the others.
            _log.exception("a webhook call failed unexpectedly")
            return 500
        finally:
            running[namespace] -= 1
            if not running[namespace]:
                del running[namespace]

    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/hook/{digest}", answer)
    return app
