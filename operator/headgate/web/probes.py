"""``/healthz`` and ``/readyz``, for the kubelet.

A check is a function or coroutine function that returns None on success and otherwise one line that says what is wrong.
The answer is ``ok`` with status 200, or 500 with a line for each check, as in controller-runtime; ``?verbose`` requests
those lines in any case.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

__all__ = ["Check", "answers", "probe_app"]

Check = Callable[[], str | Awaitable[str | None] | None]

ANSWER_TIMEOUT = 3.0
"""Timeout in seconds for :func:`answers`."""
REMEMBERED = 1.0
"""Seconds for which its result is reused: frequent probes must not cause as many requests."""

_log = logging.getLogger("headgate.web")


def probe_app(
    live: Mapping[str, Check] | None = None, ready: Mapping[str, Check] | None = None
) -> web.Application:
    """Return the application; ``live`` and ``ready`` are checks by name. Ready implies live."""
    alive = dict(live or {})
    app = web.Application()
    app.router.add_get("/healthz", _handler("healthz", alive))
    app.router.add_get("/readyz", _handler("readyz", {**alive, **(ready or {})}))
    return app


def _handler(endpoint: str, checks: Mapping[str, Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        failures = {name: await _ask(name, check) for name, check in checks.items()}
        lines = [
            f"[-]{name} failed: {failure}" if failure else f"[+]{name} ok"
            for name, failure in failures.items()
        ]
        failed = any(failures.values())
        if failed:
            return web.Response(status=500, text="\n".join([*lines, f"{endpoint} check failed", ""]))
        if "verbose" in request.query:
            return web.Response(text="\n".join([*lines, f"{endpoint} check passed", ""]))
        return web.Response(text="ok")

    return answer


def answers(host: str | None, port: int) -> Check:
    """A check that one of the operator's web servers answers, with any status. Sends at most one request per second."""
    lock = asyncio.Lock()
    found: str | None = None
    good_until = float("-inf")

    async def check() -> str | None:
        nonlocal found, good_until
        async with lock:
            if time.monotonic() >= good_until:
                found = await _ask_server(host, port)
                good_until = time.monotonic() + REMEMBERED
            return found

    return check


async def _ask_server(host: str | None, port: int) -> str | None:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            reader, writer = await asyncio.open_connection(host or "localhost", port)
            try:
                writer.write(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answered = await reader.read(5)
            finally:
                writer.close()
    except TimeoutError:
        return f"port {port} does not answer within {ANSWER_TIMEOUT:g} s"
    except OSError as error:
        return f"port {port} cannot be reached: {error.strerror or error}"
    return None if answered.startswith(b"HTTP/") else f"port {port} does not answer"


async def _ask(name: str, check: Check) -> str | None:
    try:
        found = check()
        return await found if inspect.isawaitable(found) else found
    except Exception:
        _log.exception("the health check %s failed unexpectedly", name)
        return "the check failed unexpectedly; see the operator's log"
