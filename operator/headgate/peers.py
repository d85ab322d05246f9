"""Addresses that the operator must not connect to on behalf of others. Pure.

The operator sends requests to URLs in repositories, kubeconfigs and the status of sources, from its own network. They
must not lead to the operator's own host, whose ports trust local clients, nor to the addresses where clouds give
credentials to the requesting machine. The check uses the actual address of a connection, neither its name nor what the
name resolved to a moment ago.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google Cloud
    )
)
"""Metadata services without a link-local address."""
_THIS_HOST: Final = ipaddress.ip_network("0.0.0.0/8")
_TRANSLATED: Final = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96"))
"""IPv6 networks whose addresses end in an IPv4 address (RFC 6052, RFC 8215, RFC 4291)."""

REFUSED: Final = "its address is this host's own, link-local or a cloud's metadata service"


class ForbiddenAddress(OSError):
    """The connection would lead to a forbidden address."""

    def __init__(self) -> None:
        super().__init__(errno.EPERM, REFUSED)


def is_forbidden(address: str) -> bool:
    """Whether an IP address belongs to this host, is link-local, or is a cloud's metadata service.

    >>> is_forbidden("169.254.169.254"), is_forbidden("::ffff:127.0.0.1"), is_forbidden("10.0.0.7")
    (True, True, False)
    """
    peer = _meant(address)
    if isinstance(peer, ipaddress.IPv4Address) and peer in _THIS_HOST:
        return True
    return (
        peer.is_loopback
        or peer.is_link_local
        or peer.is_unspecified
        or peer.is_multicast
        or peer in _METADATA
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this host's own, without resolving the name.

    >>> is_loopback("localhost"), is_loopback("127.8.8.8"), is_loopback("10.96.0.1"), is_loopback("kubernetes")
    (True, True, False, False)
    """
    try:
        return _meant(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


@dataclass(frozen=True, slots=True)
class PeerRules:
    """Exceptions for forbidden addresses."""

    anywhere: bool = False
    loopback_by_tls: bool = False
    """This host, if the connection uses TLS: clusters run there on a developer's machine."""
    loopback: bool = False
    """This host in any case: everything runs there on a developer's machine."""

    def permit(self, address: str, *, tls: bool) -> bool:
        """Whether the operator may connect to this IP address."""
        if self.anywhere or not is_forbidden(address):
            return True
        return (self.loopback or (self.loopback_by_tls and tls)) and _meant(address).is_loopback

    def socket_factory(self, *, tls: bool) -> Callable[[Any], socket.socket]:
        """Return a factory for :class:`aiohttp.TCPConnector` that creates no socket for a forbidden address."""

        def make(info: Any) -> socket.socket:
            family, type, proto, _, address = info
            if not self.permit(str(address[0]), tls=tls):
                raise ForbiddenAddress
            return socket.socket(family=family, type=type, proto=proto)

        return make


def _meant(address: str) -> IPAddress:
    """Return the address that packets reach: the IPv4 address if an IPv6 address embeds one."""
    peer = ipaddress.ip_address(address.partition("%")[0].strip("[]"))
    if not isinstance(peer, ipaddress.IPv6Address):
        return peer
    inner = peer.ipv4_mapped or peer.sixtofour
    if inner is not None:
        return inner
    if int(peer) > 1 and any(peer in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(peer) & 0xFFFFFFFF)
    return peer
