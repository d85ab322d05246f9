"""The proxy that ``spec.proxySecretRef`` names: ``address``, and optionally ``username`` and ``password``.

HTTP(S) and SOCKS5 proxies, as in Flux
(https://fluxcd.io/flux/components/source/gitrepositories/#proxy-secret-reference); both for http(s) and for ssh.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from headgate.git.errors import ProxyInvalid

__all__ = ["Proxy"]

SCHEMES = ("http", "https", "socks5", "socks5h")

_CONTROL = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy server; ``address`` is ``scheme://host[:port]``."""

    address: str
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def from_secret(cls, name: str, data: Mapping[str, bytes]) -> Proxy:
        """Parse a Secret's decoded data; ``name`` is ``namespace/name``. Raises :class:`ProxyInvalid`."""
        where = f"secret '{name}'"
        if "address" not in data:
            raise ProxyInvalid(f"{where}: key 'address' not found")
        address, username, password = (_text(data, key, where) for key in ("address", "username", "password"))
        if not address:
            raise ProxyInvalid(f"{where}: proxy address is empty")
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise ProxyInvalid(f"{where}: the proxy address is malformed") from None
        if parts.scheme not in SCHEMES or not host or _CONTROL.search(address):
            raise ProxyInvalid(
                f"{where}: the proxy address is not one of {', '.join(SCHEMES[:3])}://host[:port]"
            )
        shown = f"[{host}]" if ":" in host else host
        return cls(
            f"{parts.scheme}://{shown}{'' if port is None else f':{port}'}",
            username or unquote(parts.username or ""),
            password or unquote(parts.password or ""),
        )

    def for_curl(self) -> str:
        """Return the URL with the credentials in it: a secret. A SOCKS5 proxy resolves host names itself."""
        scheme, _, rest = self.address.partition("://")
        scheme = "socks5h" if scheme == "socks5" else scheme
        user = quote(self.username, safe="")
        if self.password:
            user += ":" + quote(self.password, safe="")
        return f"{scheme}://{user}@{rest}" if user else f"{scheme}://{rest}"


def _text(data: Mapping[str, bytes], key: str, where: str) -> str:
    try:
        return data.get(key, b"").decode().strip()
    except UnicodeDecodeError:
        raise ProxyInvalid(f"{where}: '{key}' is not valid UTF-8") from None
