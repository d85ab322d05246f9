"""Requests to the API of a forge: one host, JSON, bounded in size and time.

urllib3 connects and repeats; a client library for each forge would add three trees of dependencies for eight requests.
The token goes into a header of requests to one origin only: redirects to another one are errors, never followed. What a
forge answers is not trusted: its size is limited, and messages quote one short line of it at most.

Requests that change nothing when they are repeated are repeated after 5xx, 429 and lost connections; a POST only after
429, because a lost answer does not say whether it was accepted. The callers look again in that case.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from headgate import __version__
from headgate.causes import network_cause
from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.answers import mapping, sequence
from headgate.promotion.forges.repository import is_loopback, web_root

__all__ = ["Api", "ForgeAnswer", "Query", "RequestRefused", "Unanswered"]

Query = Mapping[str, str | int]

TIMEOUT = 60.0
"""Seconds for one request with all its repetitions."""
ANSWER_TIMEOUT = 20.0
"""Seconds for a connection, and for each wait for a part of an answer."""
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes: a page of twenty notes of GitLab, each a million characters, escaped."""
MAX_PAGES = 100
ATTEMPTS = 4
_MAX_REDIRECTS = 3
_BACKOFF = 0.5
_REPEATED = frozenset((429, 500, 502, 503, 504))
_REDIRECTS = frozenset((301, 302, 307, 308))


class RequestRefused(ForgeError):
    """The forge refused a request; ``status`` is its HTTP status and ``reason`` what it said, "" if nothing."""

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Unanswered(ForgeError):
    """There is no answer, so nobody knows whether the request was carried out."""


@dataclass(frozen=True, slots=True)
class ForgeAnswer:
    """A successful answer."""

    content: Any
    """The decoded JSON; None for an empty answer."""
    has_next: bool
    """Whether a list continues on the next page."""


class Api:
    """The API of one forge, with the rights of one token. Not thread-safe; ``close`` it when done."""

    def __init__(
        self,
        root: str,
        headers: Mapping[str, str],
        *,
        name: str,
        secret: str,
        ca_file: str = "",
    ) -> None:
        """``root``: the API's address; ``headers``: with the token; ``secret``: what no message may contain.

        The environment names proxies as for other programs (``https_proxy``, ``no_proxy``).
        """
        self.root = web_root(root)
        self.name = name
        self._secret = secret
        self._headers = {
            "Accept": "application/json",
            "User-Agent": f"headgate/{__version__}",
            **headers,
        }
        self._http = _pool(self.root, ca_file)

    def close(self) -> None:
        """Close the idle connections."""
        self._http.clear()

    def get(self, path: str, query: Query | None = None) -> ForgeAnswer:
        """Return the answer to a GET request; ``path`` is below the root."""
        return self._request("GET", self._url(path, query), None)

    def pages(self, path: str, query: Query | None = None) -> Iterator[Any]:
        """Yield the items of a list, page after page. Raises :class:`ForgeError` after too many pages.

        The forge's links say whether there is another page; where it is does not come from them.
        """
        for page in range(1, MAX_PAGES + 1):
            answer = self.get(path, {**(query or {}), "page": page})
            yield from sequence(answer.content)
            if not answer.has_next:
                return
        raise ForgeError(f"{self.name} has more than {MAX_PAGES} pages of {path.rpartition('/')[2]}")

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> ForgeAnswer:
        """Return the answer to a request with a JSON body; ``path`` is below the root, or a whole URL of its host."""
        return self._request(method, self._url(path, None), body)

    def _url(self, path: str, query: Query | None) -> str:
        url = path if "://" in path else f"{self.root}{path}"
        return self._same_origin(url) + (f"?{urlencode(query)}" if query else "")

    def _same_origin(self, url: str) -> str:
        there, here = urlsplit(url), urlsplit(self.root)
        if (there.scheme, there.netloc.lower()) != (here.scheme, here.netloc):
            raise ForgeError(
                f"{self.name} at '{here.netloc}' leads to another host; the token is not sent there. If the repository "
                "has moved, update the URL of the remote"
            )
        return url

    def _request(self, method: str, url: str, body: Mapping[str, Any] | None) -> ForgeAnswer:
        deadline = time.monotonic() + TIMEOUT
        for _ in range(_MAX_REDIRECTS + 1):
            status, headers, content = self._exchange(method, url, body, deadline)
            target = headers.get("Location", "")
            if status not in _REDIRECTS or not target:
                break
            if method != "GET" and status in (301, 302):
                raise RequestRefused(
                    f"{self.name}: the repository has moved; update the URL of the remote", status, "moved"
                )
            url = self._same_origin(urljoin(url, target))
        else:
            raise ForgeError(f"{self.name} redirects without end")
        if 200 <= status < 300:
            return ForgeAnswer(_decoded(content, self.name), _has_next(headers))
        raise self._refused(status, headers, content)

    def _exchange(
        self, method: str, url: str, body: Mapping[str, Any] | None, deadline: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        headers = dict(self._headers)
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        try:
            answer = self._http.request(
                method,
                url,
                body=data,
                headers=headers,
                redirect=False,
                timeout=urllib3.Timeout(total=ANSWER_TIMEOUT),
                retries=_Retries(deadline=deadline),
                preload_content=False,
            )
            try:
                return answer.status, answer.headers, self._read(answer, deadline)
            finally:
                answer.close()
        except _WaitTooLong as error:
            raise RequestRefused(
                f"{self.name} asks to wait {error.seconds:.0f} s before the next request (rate limit); try again later",
                429,
                "rate limit",
            ) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            cause = network_cause(error, "the connection failed")
            raise Unanswered(
                f"{self.name} at '{urlsplit(self.root).netloc}' did not answer: {cause}"
            ) from None

    def _read(self, answer: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise ForgeError(f"{self.name} sent a compressed answer, which was not asked for")
        content = bytearray()
        for piece in answer.stream(1 << 16, decode_content=False):
            content += piece
            if len(content) > MAX_ANSWER:
                raise ForgeError(f"{self.name} sent an answer of more than {MAX_ANSWER} bytes")
            if time.monotonic() > deadline:
                raise Unanswered(f"{self.name} did not finish its answer within {TIMEOUT:g} s")
        return bytes(content)

    def _refused(self, status: int, headers: Mapping[str, str], content: bytes) -> RequestRefused:
        reason = self._reason(content)
        if status in (403, 429) and headers.get("X-RateLimit-Remaining") == "0":
            return RequestRefused(
                f"{self.name}: the rate limit of the token is used up; try again later", status, "rate limit"
            )
        said = f"{status} {_phrase(status)}".strip() + (f": {reason}" if reason else "")
        return RequestRefused(f"{self.name} answered {said}", status, reason)

    def _reason(self, content: bytes) -> str:
        """One short line of what the forge says is wrong."""
        try:
            body = mapping(json.loads(content[:65536]))
        except (ValueError, RecursionError):
            return ""
        found = [*_texts(body.get("message")), *_texts(body.get("error")), *_texts(body.get("errors"))]
        text = "; ".join(dict.fromkeys(found))
        if self._secret:
            text = text.replace(self._secret, "***")
        return "".join(each if each.isprintable() else " " for each in text)[:300].strip()


class _WaitTooLong(urllib3.exceptions.HTTPError):
    def __init__(self, seconds: float) -> None:
        super().__init__("the server asks for a longer wait")
        self.seconds = seconds


class _Retries(urllib3.Retry):
    """Repeats within a deadline, and waits as long as the server asks, or not at all."""

    def __init__(self, *arguments: Any, deadline: float = 0.0, **keywords: Any) -> None:
        if not arguments and not keywords:
            keywords = {
                "total": ATTEMPTS - 1,
                "redirect": 0,
                "backoff_factor": _BACKOFF,
                "backoff_jitter": _BACKOFF,
                "status_forcelist": _REPEATED,
                "allowed_methods": frozenset(("GET", "PUT", "PATCH")),
                "raise_on_status": False,
                "raise_on_redirect": False,
            }
        super().__init__(*arguments, **keywords)
        self.deadline = deadline

    def new(self, **keywords: Any) -> _Retries:
        fresh = super().new(**keywords)
        fresh.deadline = self.deadline
        return fresh

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        # GitHub's secondary rate limit is a 403 that says when to come back. Neither was carried out.
        if status_code == 429 or (status_code == 403 and has_retry_after):
            return bool(self.total)
        return super().is_retry(method, status_code, has_retry_after)

    def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
        asked = self._asked(response)
        if asked is not None and time.monotonic() + asked > self.deadline:
            raise _WaitTooLong(asked)
        seconds = self.get_backoff_time() if asked is None else asked
        if time.monotonic() + seconds > self.deadline:
            raise urllib3.exceptions.TimeoutError("not within the time for one request")
        time.sleep(seconds)

    def _asked(self, response: urllib3.BaseHTTPResponse | None) -> float | None:
        try:
            text = response.headers.get("Retry-After") if response is not None else None
            return None if text is None else max(0.0, self.parse_retry_after(text))
        except urllib3.exceptions.InvalidHeader:
            return None


def _texts(value: Any) -> Iterator[str]:
    """The messages in what forges send as an error: texts, lists, objects with ``message`` or with lists by field."""
    if isinstance(value, str):
        yield value
    for each in sequence(value):
        yield from _texts(each)
    body = mapping(value)
    if isinstance(body.get("message"), str):
        yield body["message"]
    elif isinstance(body.get("code"), str):
        yield f"{body.get('resource', '')} {body.get('field', '')} {body['code']}".strip()
    else:
        for field, each in body.items():
            yield from (f"{field} {text}" for text in _texts(each))


def _decoded(content: bytes, name: str) -> Any:
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ForgeError(f"{name} sent an answer that is not JSON: is its address right?") from None


def _has_next(headers: Mapping[str, str]) -> bool:
    """Whether there is a ``next`` link of RFC 8288, which all forges send."""
    links = headers.get("Link", "")[:8192].split(",")
    return any('rel="next"' in each.partition(";")[2].replace(" ", "") for each in links)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _pool(root: str, ca_file: str) -> urllib3.PoolManager:
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError):
            raise ForgeError(f"'{ca_file}' has no certificates") from None
    parts = urlsplit(root)
    proxy = getproxies().get(parts.scheme, "")
    if not proxy or is_loopback(parts.hostname or "") or proxy_bypass(parts.netloc):
        return urllib3.PoolManager(ssl_context=context)
    where = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if where.scheme not in ("http", "https") or not where.hostname:
        raise ForgeError(f"the proxy for {parts.scheme} in the environment is not an http or https address")
    headers = (
        urllib3.make_headers(proxy_basic_auth=f"{where.username}:{where.password or ''}")
        if where.username
        else {}
    )
    address = f"{where.scheme}://{where.netloc.rpartition('@')[2]}"
    return urllib3.ProxyManager(address, proxy_headers=headers, ssl_context=context)
