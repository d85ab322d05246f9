"""Why a connection to an API server failed, in words that quote nothing from the server. Pure.

The library's messages quote any server that answers: the first line of a protocol that is not HTTP, a proxy's reason.
The author of the address may not have access to that server.
"""

from __future__ import annotations

import errno
import os
import ssl

import aiohttp

from headgate.peers import REFUSED


def cause(error: BaseException) -> str:
    """The cause of a failed connection or a broken answer."""
    for kind, words in _KINDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answers with HTTP status {error.status}"
    certificate = getattr(error, "certificate_error", None) or error
    if isinstance(certificate, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {certificate.verify_message}"
    inner = getattr(error, "os_error", None) or error
    if isinstance(inner, ssl.SSLError):
        return f"TLS failed: {str(inner.reason or 'handshake').replace('_', ' ').lower()}"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "TLS failed"
    if isinstance(inner, OSError):
        if inner.errno == errno.EPERM:
            return REFUSED
        return os.strerror(inner.errno).lower() if inner.errno else "the connection failed"
    if isinstance(error, aiohttp.ClientResponseError):
        return "the answer is not HTTP"
    return "the connection failed"


_KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "the name of the host cannot be resolved"),
    (aiohttp.ServerDisconnectedError, "it closed the connection"),
    (aiohttp.ClientPayloadError, "the response ended too early"),
    (aiohttp.InvalidURL, "its address is not a URL"),
    (aiohttp.ServerTimeoutError, "no answer in time"),
)
