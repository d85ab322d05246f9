"""HTTP connections that do not lead back into the machine, or to where clouds tell machines their secrets.

What a kustomization names by URL is fetched by the operator, from where it stands, and ends up in the cluster of
whoever wrote the kustomization. So it is not fetched from this host, and not from the addresses at which clouds hand
out credentials to whoever asks. The address that a connection really has is what counts, not the name that led there
nor what the name meant a moment ago.
"""

from __future__ import annotations

import socket

import urllib3

from headgate.peers import is_forbidden

__all__ = ["PeerForbidden", "is_forbidden", "pool"]


class PeerForbidden(urllib3.exceptions.HTTPError):
    """The URL leads to an address that is not to be asked."""


def pool(*, guarded: bool = True) -> urllib3.PoolManager:
    """A pool of connections, none of them to a forbidden peer; raises :class:`PeerForbidden` at a request."""
    manager = urllib3.PoolManager(maxsize=4)
    if guarded:
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return manager


def _check(connection: socket.socket) -> socket.socket:
    address = str(connection.getpeername()[0])
    if is_forbidden(address):
        connection.close()
        raise PeerForbidden(f"leads to {address}, which is not to be asked from here")
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
