"""Login and logout with a token of the API server, for ``--ui-auth=token``.

The token is in the body of one request and then only in the memory of the operator; the browser keeps the random id of
the session in a cookie that no script reads and no other site can send. The form has a secret that its own cookie has,
too, so that no other site can log somebody in as another user.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Final

from aiohttp import web

from headgate.page.access.gates import SESSION_COOKIE, TokenGate
from headgate.page.access.identity import AccessRefused, Busy
from headgate.page.content import Content
from headgate.page.reading import form_of

__all__ = ["LoginRoutes", "is_onward"]

FORM_COOKIE: Final = "__Host-headgate-login"
_ONWARD = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}")
_SECRET_BYTES = 24
_SECRET = re.compile(r"[A-Za-z0-9_-]{32}")
_NO_COOKIE = (
    "Your browser has not kept the cookie of this page: it does so only for https and for http://localhost. "
    "Use such an address, and log in again."
)


def is_onward(path: str) -> bool:
    """Whether a path leads to this page, not elsewhere."""
    return _ONWARD.fullmatch(path) is not None


class LoginRoutes:
    """The handlers of ``/login`` and ``/logout``."""

    def __init__(self, gate: TokenGate, content: Content) -> None:
        self._gate, self._content = gate, content

    async def show(self, request: web.Request) -> web.Response:
        """The form."""
        return self._form(request, _onward(request.query.get("onward", "/")), "")

    async def log_in(self, request: web.Request) -> web.Response:
        """Begin a session, and go where the caller wanted to go."""
        form = await form_of(request)
        onward = _onward(form.get("onward", "/"))
        cookie, secret = request.cookies.get(FORM_COOKIE, ""), form.get("secret", "")
        if not cookie:
            return self._form(request, onward, _NO_COOKIE, 403)
        if not hmac.compare_digest(cookie.encode("utf-8", "replace"), secret.encode("utf-8", "replace")):
            return self._form(request, onward, "This form has expired. Log in again.", 403)
        try:
            id = await self._gate.log_in(request, form.get("token", ""))
        except AccessRefused as refused:
            response = self._form(request, onward, str(refused), refused.status)
            if isinstance(refused, Busy) and refused.retry_after is not None:
                response.headers["Retry-After"] = str(max(1, round(refused.retry_after)))
            return response
        found = web.Response(status=303, headers={"Location": onward})
        _set(found, SESSION_COOKIE, id)
        _clear(found, FORM_COOKIE)
        return found

    async def log_out(self, request: web.Request) -> web.Response:
        """End the session."""
        self._gate.log_out(request)
        response = web.Response(status=303, headers={"Location": "/login"})
        _clear(response, SESSION_COOKIE)
        return response

    def _form(self, request: web.Request, onward: str, message: str, status: int = 200) -> web.Response:
        # The same one in all tabs of a browser, so that each of their forms works.
        known = request.cookies.get(FORM_COOKIE, "")
        secret = known if _SECRET.fullmatch(known) else secrets.token_urlsafe(_SECRET_BYTES)
        html = self._content.login(secret=secret, onward=onward, message=message)
        response = web.Response(status=status, text=html, content_type="text/html")
        _set(response, FORM_COOKIE, secret)
        return response


def _onward(path: str) -> str:
    return path if is_onward(path) and not path.startswith(("/login", "/logout")) else "/"


def _set(response: web.Response, name: str, value: str) -> None:
    response.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="Strict")


def _clear(response: web.Response, name: str) -> None:
    response.set_cookie(name, "", path="/", secure=True, httponly=True, samesite="Strict", max_age=0)
