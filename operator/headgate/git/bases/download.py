"""A file from a web server, for kustomization files that name one by URL.

A repository chooses the URL, and a server chooses its redirects; neither is trusted. So each redirect passes the checks
of the first URL, an https URL never leads to an http answer, and no server on the internet can redirect to an internal
address, such as the metadata server of a cloud. User names and passwords in URLs are not sent.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from urllib.parse import urljoin

import urllib3

from headgate.causes import network_cause
from headgate.documents.errors import BuildError, LimitExceeded
from headgate.documents.tree import MAX_FILE_BYTES
from headgate.git.bases.peers import PeerForbidden, pool
from headgate.git.errors import UrlInvalid
from headgate.git.url import RemoteUrl
from headgate.kustomize.errors import Refused

__all__ = ["Downloads", "RemoteFailed"]

MAX_REDIRECTS = 5
TIMEOUT = 27.0
"""Timeout in seconds for a file, redirects included."""

_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class RemoteFailed(BuildError):
    """A file or repository that a kustomization file names by URL cannot be fetched."""


class Downloads:
    """Downloads files. Thread-safe; ``close`` it when done."""

    def __init__(self, *, guarded: bool = True) -> None:
        """``guarded``: no connection leads to an address of :mod:`headgate.git.bases.peers`."""
        self._http = pool(guarded=guarded)

    def close(self) -> None:
        """Close the idle connections."""
        self._http.clear()

    def get(self, url: str) -> bytes | None:
        """Return the content of an HTTP(S) URL; None when the server does not have it or answers with a web page.

        Raises RemoteFailed, Refused or LimitExceeded.
        """
        deadline = time.monotonic() + TIMEOUT
        try:
            address = _checked(url)
            for _ in range(MAX_REDIRECTS + 1):
                content, target = self._ask(address, deadline)
                if target is None:
                    return content
                address = _redirected(address, urljoin(address.for_git(), target))
        except UrlInvalid as error:
            raise Refused(f"the file cannot be fetched: {error}") from None
        raise RemoteFailed(f"cannot be fetched: more than {MAX_REDIRECTS} redirects", file=url)

    def _ask(self, address: RemoteUrl, deadline: float) -> tuple[bytes | None, str | None]:
        """Return the content at an address, or the URL of a redirect."""
        try:
            answer = self._http.request(
                "GET",
                address.for_git(),
                timeout=max(0.1, deadline - time.monotonic()),
                retries=urllib3.Retry(
                    total=1, connect=1, read=1, redirect=0, status=0, raise_on_redirect=False
                ),
                redirect=False,
                preload_content=False,
            )
            try:
                target = answer.headers.get("Location")
                if answer.status in _REDIRECTS and target:
                    return None, target
                if not 200 <= answer.status < 300 or _is_page(answer.headers.get("Content-Type", "")):
                    return None, None
                return _content(answer, address, deadline), None
            finally:
                answer.close()
        except PeerForbidden as error:
            raise Refused(str(error), file=str(address)) from None
        except urllib3.exceptions.HTTPError as error:
            raise RemoteFailed(
                f"cannot be fetched: {network_cause(error, 'the connection failed')}", file=str(address)
            ) from None


def _content(answer: urllib3.BaseHTTPResponse, address: RemoteUrl, deadline: float) -> bytes:
    # Reads in chunks, because a compressed answer may be far larger than its Content-Length.
    content = bytearray()
    for piece in answer.stream(1 << 16, decode_content=True):
        content += piece
        if len(content) > MAX_FILE_BYTES:
            raise LimitExceeded(f"is larger than {MAX_FILE_BYTES} bytes", file=str(address))
        if time.monotonic() > deadline:
            raise RemoteFailed(f"cannot be fetched: not finished within {TIMEOUT:g} s", file=str(address))
    return bytes(content)


def _checked(url: str) -> RemoteUrl:
    address = RemoteUrl.parse(url)
    if address.is_ssh:
        raise UrlInvalid("the URL of a file must be http or https")
    return address


def _redirected(before: RemoteUrl, url: str) -> RemoteUrl:
    """Return the address that a server redirects to; raises Refused when the redirect is forbidden."""
    after = _checked(url)
    if before.scheme == "https" and after.scheme != "https":
        raise Refused(
            f"the file cannot be fetched: '{before}' redirects to '{after}', which does not use https"
        )
    if before.host != after.host and _is_inside(after.host) and not _is_inside(before.host):
        raise Refused(f"the file cannot be fetched: '{before}' redirects to '{after}', an internal address")
    return after


def _is_inside(host: str) -> bool:
    """Return whether any address of a host is outside the public internet."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False
    return any(not ipaddress.ip_address(text.partition("%")[0]).is_global for text in found)


def _is_page(content_type: str) -> bool:
    """A web page, as at the URL of a repository, is not a file for a build."""
    return content_type.partition(";")[0].strip().lower() == "text/html"
