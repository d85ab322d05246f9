"""HTTP connections that cannot reach this host or the metadata servers of clouds.

The operator fetches the URLs of kustomization files from its own network, and their authors see the content in their
cluster. So it does not fetch from this host, nor from the addresses at which clouds give credentials to any client. The
check uses the peer address of the open connection, not the host name, whose addresses may change.
"""

from __future__ import annotations

import socket

import urllib3

from headgate.peers import is_forbidden

__all__ = ["PeerForbidden", "pool"]


class PeerForbidden(urllib3.exceptions.HTTPError):
    """The URL leads to a forbidden address."""


def pool(*, guarded: bool = True) -> urllib3.PoolManager:
    """A connection pool; a request to a forbidden peer raises :class:`PeerForbidden`."""
    manager = urllib3.PoolManager(maxsize=4)
    if guarded:
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return manager


def _check(connection: socket.socket) -> socket.socket:
    address = str(connection.getpeername()[0])
    if is_forbidden(address):
        connection.close()
        raise PeerForbidden(f"leads to {address}, to which Headgate sends no requests")
    return connection


class _Http(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _check(super()._new_conn())


class _Https(urllib3.connection.HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _check(super()._new_conn())


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https
