"""Which values of ``Host`` mean this page. Pure.

A page on a loopback address can be reached by every site that the user has open, if the name of the site resolves to
127.0.0.1 (DNS rebinding): for the browser, both have the same origin. So the page answers only under the names that it
knows. Ports do not matter, because ``kubectl port-forward`` may use any.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from yarl import URL

__all__ = ["Hosts"]

_AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,254}))(?::(?P<port>[0-9]{1,5}))?"
)
_MAX_PORT = 65535


class Hosts:
    """The names of the page: those given, ``localhost``, and loopback addresses."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """``names``: names and addresses, without ports."""
        self._known = {_normal(each.strip("[]")) for each in names} | {"localhost"}

    def is_ours(self, authority: str) -> bool:
        """Whether ``host[:port]`` names this page; one dot may end the name.

        >>> Hosts(["page.example"]).is_ours("PAGE.example.:443"), Hosts().is_ours("localhost.evil.example")
        (True, False)
        """
        match = _AUTHORITY.fullmatch(authority)
        if match is None or int(match["port"] or 0) > _MAX_PORT:
            return False
        name = _normal(match["six"] or match["name"])
        return name in self._known or _is_loopback(name)

    def accepts(self, values: Sequence[str], target: str = "") -> bool:
        """Whether a request is for this page: by its ``Host`` headers and its target, the text after the method.

        A target with a scheme names a host, too, which must be ours as well. Exactly one ``Host`` is required.
        """
        if len(values) != 1 or not self.is_ours(values[0]):
            return False
        if target.startswith("/"):
            return True
        try:
            url = URL(target)
            return url.scheme in ("http", "https") and not url.user and self.is_ours(url.raw_authority)
        except ValueError:
            return False


def _normal(name: str) -> str:
    name = name.lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
