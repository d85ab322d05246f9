"""The webhook server: calls of Git servers and registries come in here, bounded in size, time and number.

It knows nothing of Receivers: ``Hooks`` tells which paths there are and what a call of one leads to. Nothing but a
status is answered. Every method is taken, as Flux's server does; a path that nobody has is answered before the body
is read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from headgate.web.callers import Call

__all__ = ["Hooks", "hook_app"]

MAX_BODY = 3 * 1024 * 1024
"""Bytes of a call's body (as Flux)."""
READ_TIMEOUT = 10.0
"""Seconds for a call's body."""
MAX_AT_ONCE, MAX_OF_NAMESPACE = 32, 8
"""Calls that may be under way, of all and of one namespace's Receivers; the others are told to come again."""
BURST, PER_SECOND = 30, 2.0
"""Calls of one path: at once, and from then on."""
MAX_PATHS = 10_000

_log = logging.getLogger("headgate.web")


class Hooks(Protocol):
    """What is behind the paths."""

    def namespace(self, path: str) -> str | None:
        """Whose the path is; None when there is nothing."""

    async def receive(self, path: str, call: Call) -> int:
        """Do what the call asks for, and return the HTTP status to answer."""


class _Allowance:
    """How many calls each path may still take."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, path: str) -> bool:
        now = self._clock()
        left, at = self._left.pop(path, (float(BURST), now))
        left = min(float(BURST), left + (now - at) * PER_SECOND)
        self._left[path] = (left - 1 if left >= 1 else left, now)
        while len(self._left) > MAX_PATHS:
            self._left.popitem(last=False)
        return left >= 1


def hook_app(
    hooks: Hooks,
    told: Callable[[int], None] = lambda _: None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> web.Application:
    """Return the application that serves ``/hook/...``; ``told`` hears the status of each answer."""
    allowance = _Allowance(clock)
    under_way: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        status = await respond(request)
        told(status)
        headers = {"Retry-After": "1"} if status in (429, 503) else {}
        return web.Response(status=status, headers=headers)

    async def respond(request: web.Request) -> int:
        path = request.raw_path
        namespace = hooks.namespace(path)
        if namespace is None:
            return 404
        if not allowance.take(path):
            return 429
        if under_way.total() >= MAX_AT_ONCE or under_way[namespace] >= MAX_OF_NAMESPACE:
            return 503
        under_way[namespace] += 1
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                body = await request.read()
            return await hooks.receive(path, Call(request.headers, body))
        except web.HTTPRequestEntityTooLarge:
            return 413
        except TimeoutError:
            return 408
        except Exception:
            # The border: what one call brings about must not stop the others.
            _log.exception("a webhook call broke off")
            return 500
        finally:
            under_way[namespace] -= 1
            if not under_way[namespace]:
                del under_way[namespace]

    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/hook/{digest}", answer)
    return app
