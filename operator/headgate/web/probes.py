"""``/healthz`` and ``/readyz``, for the kubelet.

A check is a function that returns None when all is well and otherwise says in one line what is not. The
answer is ``ok`` with status 200, or 500 with a line for each check, as controller-runtime writes it;
``?verbose`` asks for those lines in any case.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

__all__ = ["Check", "probe_app"]

Check = Callable[[], str | None]

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
        failures = {name: _ask(name, check) for name, check in checks.items()}
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


def _ask(name: str, check: Check) -> str | None:
    try:
        return check()
    except Exception:
        _log.exception("the health check %s broke", name)
        return "the check itself broke, see the log"
