"""Addresses that the operator must not be led to by what others write. Pure.

A URL in a repository, a kubeconfig or the status of a source is asked by the operator, from where the operator stands.
It must not lead to the operator's own host, whose ports trust whoever is on it, nor to the addresses at which clouds
hand out credentials to the machine that asks. The address that a connection really has is what counts, not the name
that led there, nor what the name meant a moment ago.
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
"""Metadata services that are not at a link-local address."""
_THIS_HOST: Final = ipaddress.ip_network("0.0.0.0/8")
_TRANSLATED: Final = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96"))
"""Networks of IPv6 whose addresses end in one of IPv4 (RFC 6052, RFC 8215, RFC 4291)."""

REFUSED: Final = "its address is this host's own, link-local or a cloud's metadata service"


class ForbiddenAddress(OSError):
    """The connection would lead to an address that is not to be asked."""

    def __init__(self) -> None:
        super().__init__(errno.EPERM, REFUSED)


def is_forbidden(address: str) -> bool:
    """Whether an IP address is this host's own, link-local, or a cloud's metadata service.

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
    """Whether a host name or address is this host's own, without asking anybody what the name means.

    >>> is_loopback("localhost"), is_loopback("127.8.8.8"), is_loopback("10.96.0.1"), is_loopback("kubernetes")
    (True, True, False, False)
    """
    try:
        return _meant(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


@dataclass(frozen=True, slots=True)
class PeerRules:
    """Which of the forbidden addresses may be connected to all the same."""

    anywhere: bool = False
    loopback_by_tls: bool = False
    """This host, where the connection is TLS: on a developer's machine, clusters are there."""
    loopback: bool = False
    """This host, however: on a developer's machine, all is there."""

    def permit(self, address: str, *, tls: bool) -> bool:
        """Whether a connection may be made to this IP address."""
        if self.anywhere or not is_forbidden(address):
            return True
        return (self.loopback or (self.loopback_by_tls and tls)) and _meant(address).is_loopback

    def socket_factory(self, *, tls: bool) -> Callable[[Any], socket.socket]:
        """For :class:`aiohttp.TCPConnector`: no socket for an address that is forbidden."""

        def make(info: Any) -> socket.socket:
            family, type, proto, _, address = info
            if not self.permit(str(address[0]), tls=tls):
                raise ForbiddenAddress
            return socket.socket(family=family, type=type, proto=proto)

        return make


def _meant(address: str) -> IPAddress:
    """The address that packets reach: of an IPv6 one that stands for one of IPv4, that."""
    peer = ipaddress.ip_address(address.partition("%")[0].strip("[]"))
    if not isinstance(peer, ipaddress.IPv6Address):
        return peer
    inner = peer.ipv4_mapped or peer.sixtofour
    if inner is not None:
        return inner
    if int(peer) > 1 and any(peer in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(peer) & 0xFFFFFFFF)
    return peer
