"""The causes of network failures, in plain words, from the errors of any library. Pure.

Libraries wrap errors in errors: ``ConnectionError(MaxRetryError(NameResolutionError(gaierror)))``. Their names mean
nothing to users, and their texts may quote credentials in URLs and whatever the other side sent. The innermost error is
the useful one: of the resolver, of the operating system, of TLS. The only error text that messages contain is what
OpenSSL says about a certificate.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator

__all__ = ["network_cause"]

_DEPTH = 12
"""The maximum number of nested errors to inspect."""
_WRAPPED_IN = (
    "__cause__",
    "__context__",
    "reason",
    "inner_exception",
    "original_error",
    "certificate_error",
    "os_error",
)

_BY_NAME = {
    "ProxyError": "the proxy could not be used",
    "ClientProxyConnectionError": "the proxy could not be used",
    "ProxyConnectionError": "the proxy could not be used",
    "NameResolutionError": "the name of its host cannot be resolved",
    "ClientConnectorDNSError": "the name of its host cannot be resolved",
    "ConnectTimeout": "no connection in time",
    "ConnectTimeoutError": "no connection in time",
    "ConnectionTimeoutError": "no connection in time",
    "ReadTimeout": "no answer in time",
    "ReadTimeoutError": "no answer in time",
    "ServerTimeoutError": "no answer in time",
    "RemoteDisconnected": "it closed the connection without an answer",
    "ServerDisconnectedError": "it closed the connection without an answer",
    "ConnectionClosedError": "it closed the connection without an answer",
    "IncompleteRead": "the response ended too early",
    "ClientPayloadError": "the response ended too early",
    "ChunkedEncodingError": "the response ended too early",
    "BadStatusLine": "the answer is not HTTP",
    "InvalidURL": "its address is not a URL",
    "InvalidSchema": "its address is not a URL",
    "MissingSchema": "its address is not a URL",
    "LocationParseError": "its address is not a URL",
    "TooManyRedirects": "it redirects endlessly",
    # Credentials that a client finds by itself.
    "NoCredentialsError": "there are no credentials",
    "PartialCredentialsError": "the credentials are incomplete",
    "NoAuthTokenError": "there are no credentials",
    "CredentialUnavailableError": "there are no credentials",
    "DefaultCredentialsError": "there are no credentials",
    "ClientAuthenticationError": "it refuses the credentials",
    "RefreshError": "it refuses the credentials",
    "MalformedError": "the credentials are malformed",
    "ParamValidationError": "it considers the request invalid",
}
_BY_ERRNO = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was closed",
    errno.ETIMEDOUT: "no connection in time",
    errno.EHOSTUNREACH: "no route to its host",
    errno.ENETUNREACH: "no route to its network",
}


def network_cause(error: BaseException, otherwise: str = "") -> str:
    """Return the cause of a network error; ``otherwise`` if it finds none.

    >>> network_cause(ConnectionRefusedError(111, "x"))
    'connection refused'
    """
    chain = list(_within(error))
    # Some libraries' own errors have these types, too, but with a different text.
    for each in reversed(chain):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {getattr(each, 'verify_message', '') or 'it does not verify'}"
    for each in reversed(chain):
        if isinstance(each, ssl.SSLError):
            reason = str(getattr(each, "reason", "") or "handshake")
            return f"TLS failed: {reason.replace('_', ' ').lower()}"
        if isinstance(each, socket.gaierror):
            return "the name of its host cannot be resolved"
    # The proxy is at fault, whatever its own problem is.
    for each in chain:
        if "Proxy" in type(each).__name__ and type(each).__name__ in _BY_NAME:
            inner = _by_system(chain)
            return f"the proxy could not be used: {inner}" if inner else "the proxy could not be used"
    return _by_system(chain) or _by_name(chain) or otherwise


def _by_system(chain: list[BaseException]) -> str:
    for each in chain:
        if isinstance(each, OSError) and each.errno:
            return _BY_ERRNO.get(each.errno) or os.strerror(each.errno).lower()
    return ""


def _by_name(chain: list[BaseException]) -> str:
    for each in reversed(chain):
        for kind in type(each).__mro__:
            if kind.__name__ in _BY_NAME:
                return _BY_NAME[kind.__name__]
    if any(isinstance(each, TimeoutError) for each in chain):
        return "no answer in time"
    return ""


def _within(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and the errors that it wraps, the outermost first."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending and len(seen) < _DEPTH:
        each = pending.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        pending += [getattr(each, name, None) for name in _WRAPPED_IN]
        pending += each.args
        kwargs = getattr(each, "kwargs", None)
        if isinstance(kwargs, dict):
            pending.append(kwargs.get("error"))
        if isinstance(each, BaseExceptionGroup):
            pending += each.exceptions
