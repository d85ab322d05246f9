"""The exceptions of requests to an API server: two small trees, the second with the names of Kubernetes' reasons.

    AccessFailed                 no usable access to a cluster: no request was sent

    ApiError
    ├── BadRequest          400  the request itself is invalid
    ├── Unauthorized        401  the credentials are not accepted
    ├── Forbidden           403  the credentials do not allow it
    ├── NotFound            404  the object, its namespace or the path does not exist
    ├── NoMatch                  the cluster does not serve the kind in this version
    ├── AlreadyExists       409
    ├── Conflict            409  the object changed meanwhile
    ├── Gone                410  the resource version or continue token is too old
    ├── Invalid             422  the object is invalid; ``causes`` name its fields
    ├── TooManyRequests     429
    ├── ServerError         5xx  and any other status
    │   ├── Unavailable     503
    │   └── ServerTimeout   504  or no answer in time
    ├── AnswerTooLarge           the answer exceeds the limit
    └── Unreachable              no connection, or a broken one

The message is the API server's, which names object and field. Conditions and events quote it unchanged; their reason
depends on the operation, which is unknown here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class StatusCause:
    """One of several reasons for a refusal (``Status.details.causes``)."""

    reason: str
    message: str
    field: str


_REQUEST_TIMEOUT = 408


_TOO_LARGE = (
    "request is too large",
    "request entity too large",
    "larger than max",
    "limit is 3145728",
)
"""The texts of etcd, gRPC and the API server for an object or request that is too large."""


class AccessFailed(Exception):
    """No usable access to a cluster; the message names the searched places and the fault."""


class ApiError(Exception):
    """The API server refused, failed or could not be reached.

    ``status`` is the HTTP status (0 without an answer), ``reason`` the one-word reason of the ``Status`` object (often
    empty for 500), ``retry_after`` the seconds that the server asks to wait. ``maybe_done`` says that the server may
    have made the requested change nevertheless: one of the requests got no answer, or a failure instead of a refusal.
    Any answer that is not known to be a refusal counts as a failure.
    """

    passes: ClassVar[bool] = False
    """Whether the server most likely accepts the same request a moment later."""
    is_answer: ClassVar[bool] = True
    """Whether the server answered with this error; otherwise no answer arrived."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        causes: tuple[StatusCause, ...] = (),
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.causes = causes
        self.details: Mapping[str, Any] = details or {}
        self.retry_after = retry_after
        self.maybe_done = not self.is_refusal or status == _REQUEST_TIMEOUT

    def __str__(self) -> str:
        return self.message

    @property
    def is_refusal(self) -> bool:
        """Whether the server refused the request as it is."""
        return 400 <= self.status < 500

    @property
    def is_too_large(self) -> bool:
        """Whether the API server or its storage refused an object because of its size."""
        text = self.message.lower()
        return self.status == 413 or any(said in text for said in _TOO_LARGE)


class BadRequest(ApiError):
    """The request itself is invalid."""


class Unauthorized(ApiError):
    """The credentials are not accepted."""


class Forbidden(ApiError):
    """The credentials do not allow it."""


class NotFound(ApiError):
    """The object, its namespace or the path does not exist."""

    @property
    def names_object(self) -> bool:
        """Whether the server names the missing object. Otherwise it does not serve the path: the object may exist in
        another version of its kind.
        """
        return bool(self.details.get("name"))


class NoMatch(ApiError):
    """The cluster does not serve the kind in this version.

    Not a :class:`NotFound`: objects of the kind may exist in another served version.
    """

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f'no matches for kind "{kind}" in version "{api_version}"', status=404)
        self.api_version, self.kind = api_version, kind


class AlreadyExists(ApiError):
    """An object with that name exists already."""


class Conflict(ApiError):
    """The object changed meanwhile, or another manager owns a field."""

    passes = True


class Gone(ApiError):
    """The resource version or continue token is too old: list again."""


class Invalid(ApiError):
    """The object is invalid; ``causes`` name its fields."""


class TooManyRequests(ApiError):
    """The server is busy, or an eviction budget is used up."""

    passes = True


class ServerError(ApiError):
    """The server failed."""


class Unavailable(ServerError):
    """The server, or one behind it, is unavailable now."""

    passes = True


class ServerTimeout(ServerError):
    """No answer in time."""

    passes = True
    is_answer = False


class AnswerTooLarge(ApiError):
    """The answer exceeds the limit; a smaller request may help."""


class Unreachable(ApiError):
    """No connection, or it broke before the answer."""

    passes = True
    is_answer = False


_BY_REASON: dict[str, type[ApiError]] = {
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Expired": Gone,
    "Gone": Gone,
    "Invalid": Invalid,
    "NotFound": NotFound,
    "Forbidden": Forbidden,
    "Unauthorized": Unauthorized,
    "TooManyRequests": TooManyRequests,
    "ServiceUnavailable": Unavailable,
    "Timeout": ServerTimeout,
    "ServerTimeout": ServerTimeout,
}
_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
    503: Unavailable,
    504: ServerTimeout,
}


LONGEST = 8192
"""Limit in characters for a message of the API server."""
MAX_CAUSES = 100
LONGEST_OF_OTHERS = 500
"""The same for a server that an untrusted author names."""


def from_status(
    status: int, body: Any, *, text: str = "", retry_after: float | None = None, longest: int = LONGEST
) -> ApiError:
    """The error for an answer: ``body`` is its ``Status`` object; without one, ``body`` is None and ``text`` the
    answer.

    Texts of the answer become printable and are cut to ``longest`` characters.
    """
    if not isinstance(body, dict) or body.get("kind") != "Status":
        message = _text(text, 300).strip() or f"the server answered with HTTP status {status}"
        return _BY_STATUS.get(status, ServerError)(message, status=status, retry_after=retry_after)
    code, reason = body.get("code"), _text(body.get("reason"), 100)
    status = code if isinstance(code, int) and code else status
    given = body.get("details")
    details: Mapping[str, Any] = given if isinstance(given, dict) else {}
    seconds = details.get("retryAfterSeconds")
    if retry_after is None and seconds and isinstance(seconds, int | float):
        retry_after = float(seconds)
    listed = details.get("causes")
    causes = tuple(
        StatusCause(
            _text(c.get("reason"), 100), _text(c.get("message"), longest), _text(c.get("field"), longest)
        )
        for c in (listed[:MAX_CAUSES] if isinstance(listed, list) else ())
        if isinstance(c, dict)
    )
    kind = _BY_REASON.get(reason) or _BY_STATUS.get(status, ServerError)
    return kind(
        _text(body.get("message"), longest) or reason or f"the server answered with HTTP status {status}",
        status=status,
        reason=reason,
        causes=causes,
        details=details,
        retry_after=retry_after,
    )


def _text(value: Any, longest: int) -> str:
    """The value as text for a message, "" if it is not text; the server may not be an API server."""
    if not isinstance(value, str):
        return ""
    kept = value if len(value) <= longest else f"{value[:longest]}..."
    return kept if kept.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else "?" for c in kept)
