"""One request to the API server and its answer: connection pool, credentials, limits, retries, counting.

The callers use objects; this module uses bytes, headers and statuses. A request waits for one of ``max_in_flight``
slots (watches need none) and uses a kept-alive connection. It is sent again when the server says that it is too busy,
or when the connection broke before an answer and a second request does no harm.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import aiohttp
import orjson
from multidict import CIMultiDict
from yarl import URL

from headgate.api.quantity import format_bytes
from headgate.backoff import Doubling
from headgate.kube.access import ClusterAccess, Endpoint, Login, NoCredentials
from headgate.kube.causes import cause
from headgate.kube.errors import (
    LONGEST,
    LONGEST_OF_OTHERS,
    AnswerTooLarge,
    ApiError,
    ServerTimeout,
    Unauthorized,
    Unreachable,
    from_status,
)
from headgate.kube.kept import Kept
from headgate.kube.resolver import PooledResolver
from headgate.peers import PeerRules

MAX_IN_FLIGHT = 48
"""Concurrent requests; the API server's default limit is 200 mutating requests for all its clients."""
TIMEOUT = 30.0
"""Timeout in seconds for sending a request once."""
TRIES = 6
TRIES_IN_SILENCE = 2
"""Limit for sending a request that gets no answer: a hanging server must not block callers for minutes."""
RETRIED = frozenset((429, 502, 503, 504))
PAUSES = Doubling(0.1, 15.0, jitter=0.25)
"""The back-off between two attempts, and the limit for ``Retry-After``."""
MAX_BODY = 32 * 1024 * 1024
"""Limit in bytes for a decompressed answer. Lists have pages, which become smaller when they exceed it."""
MAX_ERROR = 256 * 1024
"""Bytes to read of an error answer."""


class RequestObserver(Protocol):
    """Receives each answered request; the metrics implement it."""

    def requested(self, host: str, verb: str, resource: str, status: int, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer."""

    status: int
    body: Any
    """Decoded JSON; None when there was none."""
    headers: Mapping[str, str]


class RequestLabel(NamedTuple):
    """The labels of a counted request: verbs as in the API server's metrics, and the plural."""

    verb: str
    resource: str


class _Silence(ServerTimeout):
    """No answer arrived in time."""


class Transport:
    """The shared session with one API server."""

    def __init__(
        self,
        access: ClusterAccess,
        endpoint: Endpoint,
        *,
        user_agent: str,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_body: int = MAX_BODY,
        kept: Kept | None = None,
        observer: RequestObserver | None = None,
        peers: PeerRules | None = None,
    ) -> None:
        """``peers``: the allowed addresses, for a server that an untrusted author names.

        Errors quote from the answers of such a server only the shortened message of a ``Status`` object.
        """
        self.server, self.max_body, self.kept = endpoint.server, max_body, kept
        self._host = URL(endpoint.server).authority
        self.observer = observer
        self._access = access
        self.is_for_others = isinstance(access, NoCredentials)
        """Whether no request has credentials except those in its own headers."""
        self._slots = asyncio.Semaphore(max_in_flight)
        self._trusted = peers is None
        headers = {"User-Agent": user_agent, "Accept": "application/json"}
        if not endpoint.compress:
            headers["Accept-Encoding"] = "identity"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=endpoint.tls if endpoint.tls is not None else True,
                limit=0,
                resolver=PooledResolver(),
                keepalive_timeout=75,
                socket_factory=peers.socket_factory(tls=_is_https(endpoint)) if peers is not None else None,
            ),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=endpoint.proxy,
        )
        self._extra: dict[str, Any] = (
            {"server_hostname": endpoint.tls_server_name} if endpoint.tls_server_name else {}
        )

    async def login(self) -> Login:
        """See :meth:`headgate.kube.Client.login`."""
        return await self._access.login()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def send(
        self,
        method: str,
        path: str,
        *,
        label: RequestLabel,
        headers: Mapping[str, str],
        body: bytes | None = None,
        within: float = TIMEOUT,
        repeatable: bool = True,
    ) -> Answer:
        """Send a request and return its answer.

        ``path`` starts with a slash and is sent unchanged (already quoted). ``repeatable`` says that sending it twice
        does no harm. Raises :class:`ApiError`.
        """
        renewed = maybe_done = False
        attempt = 0
        while True:
            attempt += 1
            authorization = await self._access.authorization()
            try:
                return await self._once(method, path, label, headers, body, within, authorization)
            except Unauthorized as error:
                if renewed or not await self._access.renew(authorization):
                    error.maybe_done = maybe_done
                    raise
                renewed = True
            except ApiError as error:
                error.maybe_done = maybe_done = maybe_done or error.maybe_done
                broke = isinstance(error, Unreachable) and repeatable and attempt <= 2
                busy = error.status in RETRIED and (repeatable or error.retry_after is not None)
                tries = TRIES_IN_SILENCE if isinstance(error, _Silence) else TRIES
                if attempt >= tries or not (broke or busy):
                    raise
                await asyncio.sleep(_pause(attempt, error.retry_after))

    @asynccontextmanager
    async def stream(
        self, path: str, *, label: RequestLabel, headers: Mapping[str, str], silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A long answer in chunks as they arrive; raises ServerTimeout after ``silence`` seconds without one."""
        authorization = await self._access.authorization()
        started = time.monotonic()
        status = 0
        try:
            async with self._session.get(
                URL(self.server + path, encoded=True),
                headers=_with(headers, authorization),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT, sock_read=silence),
                allow_redirects=False,
                **self._extra,
            ) as response:
                status = response.status
                if status >= 300:
                    if status == 401:
                        await self._access.renew(authorization)
                    raise self._refusal(response, await _beginning(response))
                yield response.content.iter_any()
        except TimeoutError as error:
            raise ServerTimeout(f"the API server sent nothing for {silence:g}s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(_unreachable(self.server, error)) from error
        finally:
            self._count(label, status, time.monotonic() - started)

    async def _once(
        self,
        method: str,
        path: str,
        label: RequestLabel,
        headers: Mapping[str, str],
        body: bytes | None,
        within: float,
        authorization: str | None,
    ) -> Answer:
        async with self._slots:
            started = time.monotonic()
            status = 0
            try:
                async with self._session.request(
                    method,
                    URL(self.server + path, encoded=True),
                    data=body,
                    headers=_with(headers, authorization),
                    timeout=aiohttp.ClientTimeout(total=within),
                    allow_redirects=False,
                    **self._extra,
                ) as response:
                    status = response.status
                    raw = await (self._whole(response) if status < 300 else _beginning(response))
            except TimeoutError as error:
                raise _Silence(f"no answer from the API server within {within:g}s", status=504) from error
            except (aiohttp.ClientError, OSError) as error:
                broken = Unreachable(_unreachable(self.server, error))
                broken.maybe_done = not isinstance(error, aiohttp.ClientConnectorError)
                raise broken from error
            finally:
                self._count(label, status, time.monotonic() - started)
        if status >= 300:
            raise self._refusal(response, raw)
        try:
            return Answer(status, orjson.loads(raw) if raw else None, response.headers)
        except orjson.JSONDecodeError as error:
            raise Unreachable(f"the answer of {self.server} is not JSON") from error

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes:
        """The body, decompressed in chunks so that a small one cannot exceed the limit unnoticed."""
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > self.max_body:
                response.close()
                raise AnswerTooLarge(
                    f"the API server at {self.server} answered with more than {format_bytes(self.max_body)}, "
                    "the limit of --max-api-response-size"
                )
        return bytes(body)

    def _refusal(self, response: aiohttp.ClientResponse, raw: bytes) -> ApiError:
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = None
        try:
            retry_after = float(response.headers["Retry-After"])
        except (KeyError, ValueError):
            retry_after = None
        text = raw.decode(errors="replace") if self._trusted else ""
        longest = LONGEST if self._trusted else LONGEST_OF_OTHERS
        return from_status(response.status, body, text=text, retry_after=retry_after, longest=longest)

    def _count(self, label: RequestLabel, status: int, seconds: float) -> None:
        if self.observer is not None:
            self.observer.requested(self._host, label.verb, label.resource, status, seconds)


def _with(headers: Mapping[str, str], authorization: str | None) -> Mapping[str, str]:
    if not authorization:
        return headers
    # Not a plain dictionary: a header may occur more than once, as Impersonate-Group does.
    sent = CIMultiDict(headers)
    sent["Authorization"] = authorization
    return sent


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of an error answer; closing the connection discards the rest."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_ERROR:
            response.close()
            break
    return bytes(body[:MAX_ERROR])


def _is_https(endpoint: Endpoint) -> bool:
    return (endpoint.proxy or endpoint.server).startswith("https:")


def _unreachable(server: str, error: Exception) -> str:
    return f"cannot reach the API server at {server}: {cause(error)}"


def _pause(attempt: int, retry_after: float | None) -> float:
    return PAUSES.after(attempt) if retry_after is None else PAUSES.limited(retry_after)
