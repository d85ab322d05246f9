"""Users that a proxy names in headers. Pure.

The headers prove nothing by themselves, so they count only if the connection comes from the address of the proxy. What
a proxy may have passed on from its client next to its own header is refused and not ignored: a header twice, or one
with the same name except for ``_`` instead of ``-``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from multidict import MultiMapping

from headgate.page.access.identity import Identity, LoginRequired, NotAllowed

__all__ = ["Proxy"]

MAX_NAME, MAX_GROUPS = 256, 200
_RESERVED = "system:"
"""Users and groups of the cluster itself, which no identity provider may name: ``system:masters`` may do everything."""
MAX_CLIENT = 64
_FOR = "X-Forwarded-For"
_AUTHENTICATED = "system:authenticated"


class Proxy:
    """The proxy whose headers count."""

    def __init__(self, addresses: Iterable[str], user_header: str, groups_header: str) -> None:
        """``addresses``: IP addresses or networks. Raises ValueError for any other text."""
        self._networks = [ipaddress.ip_network(each) for each in addresses]
        self._user, self._groups = user_header, groups_header

    def is_from(self, peer: str) -> bool:
        """Whether a connection from this address is from the proxy."""
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks if network.version == address.version)

    def client(self, peer: str, headers: MultiMapping[str]) -> str | None:
        """The client that the proxy names last in ``X-Forwarded-For``; None if the request is not from the proxy.

        What comes before the last name is what the client itself may have sent.
        """
        named = ",".join(headers.getall(_FOR, [])).rpartition(",")[2].strip()
        return named[:MAX_CLIENT] or None if self.is_from(peer) else None

    def identity(self, peer: str, headers: MultiMapping[str]) -> Identity:
        """The user of a request. Raises :class:`NotAllowed` and :class:`LoginRequired`."""
        if not self.is_from(peer):
            raise NotAllowed("Only the proxy may connect to this page. Use its address.")
        for name in headers:
            for wanted in (self._user, self._groups):
                if name.lower() != wanted.lower() and _plain(name) == _plain(wanted):
                    raise NotAllowed(f"The request has a header that looks like {wanted} and is not.")
        user = _one(headers.getall(self._user, ()), self._user)
        if not user:
            raise LoginRequired(f"The proxy names no user: it sends no header {self._user}.")
        groups = [each.strip() for each in _one(headers.getall(self._groups, ()), self._groups).split(",")]
        groups = [*dict.fromkeys(each for each in groups if each)]
        if len(groups) > MAX_GROUPS:
            raise NotAllowed(f"The proxy names more than {MAX_GROUPS} groups.")
        for each in (user, *groups):
            _check(each)
        return Identity(user, (*groups, _AUTHENTICATED))


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _one(values: Sequence[str], name: str) -> str:
    if len(values) > 1:
        raise NotAllowed(f"The request has the header {name} more than once.")
    return values[0].strip() if values else ""


def _check(name: str) -> None:
    if len(name) > MAX_NAME or not name.isprintable():
        raise NotAllowed("The proxy names a user or group that is too long or cannot be printed.")
    if name.lower().startswith(_RESERVED):
        raise NotAllowed(f"The proxy names a user or group of the cluster itself ({_RESERVED}...).")
