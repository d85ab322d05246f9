"""Whether a webhook call comes from the caller that its Receiver expects. Pure.

The rules are those of Flux's notification-controller (``internal/server/receiver_handlers.go``), for each type of
Receiver:

| type | authenticated by | event named in |
|---|---|---|
| generic | its path alone | |
| generic-hmac | `X-Signature: <sha1, sha256 or sha512>=<hex>` | |
| github (and Gitea) | `X-Hub-Signature-256` or `X-Hub-Signature`, likewise | `X-GitHub-Event` |
| bitbucket | as github | `X-Event-Key` |
| gitlab | `X-Gitlab-Token` | `X-Gitlab-Event` |
| harbor | `Authorization` | |
| nexus | `X-Nexus-Webhook-Signature`, SHA-1 in hex | |
| dockerhub, quay, acr | its path, and a JSON object in the body | |

Secrets are compared in constant time and never appear in messages.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs

import orjson

__all__ = ["Call", "CallRefused", "check", "request_of"]

_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
_EVENT_HEADERS = {"github": "X-GitHub-Event", "gitlab": "X-Gitlab-Event", "bitbucket": "X-Event-Key"}
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"


class CallRefused(Exception):
    """The Receiver does not accept the call; the message says why, for the log."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a Receiver's path."""

    headers: Mapping[str, str] = field(repr=False)
    """Names in any letter case."""
    body: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case."""
        message = Message()
        message["Content-Type"] = self.headers.get("Content-Type", "")
        return message.get_content_type() if self.headers.get("Content-Type") else ""


def check(type: str, call: Call, token: bytes, events: Sequence[str]) -> None:
    """Raise :class:`CallRefused` unless the call to a Receiver of this type is genuine, with an event of ``events``."""
    if not token:
        raise CallRefused("the Receiver's token is empty")
    _CHECKS[type](call, token)
    header = _EVENT_HEADERS.get(type)
    if header and events:
        event = call.headers.get(header, "")
        if event.lower() not in (each.lower() for each in events):
            raise CallRefused(f"the event {event[:80]!r} is not one of the Receiver's")


def request_of(call: Call) -> dict[str, Any]:
    """The body for filters (``req``): empty unless it is JSON. Raises :class:`CallRefused`."""
    return _object(call) if call.content_type == _JSON else {}


def _any(call: Call, token: bytes) -> None:
    """Accepts any call: the path itself is the secret."""


def _signed(call: Call, token: bytes) -> None:
    _verify(call.headers.get("X-Signature", ""), call.body, token)


def _signed_as_github(call: Call, token: bytes) -> None:
    signature = call.headers.get("X-Hub-Signature-256") or call.headers.get("X-Hub-Signature", "")
    if call.content_type not in (_JSON, _FORM):
        raise CallRefused(f"the content type {call.content_type[:80]!r} is neither {_JSON} nor {_FORM}")
    _verify(signature, call.body, token)
    if call.content_type == _FORM and b"payload" not in parse_qs(call.body):
        raise CallRefused("the form has no field 'payload'")


def _signed_as_nexus(call: Call, token: bytes) -> None:
    _compare(call, "X-Nexus-Webhook-Signature", hmac.new(token, call.body, "sha1").hexdigest().encode())
    _object(call)


def _with_gitlab_token(call: Call, token: bytes) -> None:
    _compare(call, "X-Gitlab-Token", token)


def _with_authorization(call: Call, token: bytes) -> None:
    _compare(call, "Authorization", token)


def _json(call: Call, token: bytes) -> None:
    _object(call)


_CHECKS: dict[str, Callable[[Call, bytes], None]] = {
    "generic": _any,
    "generic-hmac": _signed,
    "github": _signed_as_github,
    "bitbucket": _signed_as_github,
    "gitlab": _with_gitlab_token,
    "harbor": _with_authorization,
    "nexus": _signed_as_nexus,
    "dockerhub": _json,
    "quay": _json,
    "acr": _json,
}


def _verify(signature: str, body: bytes, token: bytes) -> None:
    name, equals, given = signature.partition("=")
    if not equals:
        raise CallRefused("the signature is missing, or not of the form <hash>=<hex digits>")
    algorithm = _HASHES.get(name)
    if algorithm is None:
        raise CallRefused(f"the signature's hash {name[:20]!r} is not one of {', '.join(_HASHES)}")
    wanted = hmac.new(token, body, algorithm).hexdigest()
    if not hmac.compare_digest(wanted.encode(), given.lower().encode("utf-8", "surrogateescape")):
        raise CallRefused("the signature does not match the Receiver's token")


def _compare(call: Call, header: str, wanted: bytes) -> None:
    given = call.headers.get(header, "").encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given, wanted):
        raise CallRefused(f"the header {header} does not match the Receiver's token")


def _object(call: Call) -> dict[str, Any]:
    try:
        found = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise CallRefused("the body is not valid JSON") from None
    if not isinstance(found, dict):
        raise CallRefused("the body is not a JSON object")
    return found
