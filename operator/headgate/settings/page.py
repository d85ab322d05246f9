"""The settings of the status page, and the rule that nobody serves it to others without a check of who they are."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from headgate.durations import parse_duration
from headgate.settings.declare import duration, number, parsed, switch, text, texts, word

__all__ = ["PageSettings"]

MAX_ACCESS_CACHE = 60.0
"""Seconds after which a right that somebody has lost must have no effect."""
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def _access_cache(given: str) -> float:
    seconds = parse_duration(given)
    if not 0 <= seconds <= MAX_ACCESS_CACHE:
        raise ValueError(f"must be between 0s and {MAX_ACCESS_CACHE:g}s")
    return seconds


def _header(given: str) -> str:
    if not _HEADER.fullmatch(given):
        raise ValueError(f"{given!r} is not the name of a header: use letters, digits and hyphens")
    return given


def _is_address(given: str) -> bool:
    try:
        ipaddress.ip_address(given.strip("[]"))
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class PageSettings:
    """The status page: its address, and who may see what there."""

    address: str = text(
        "ui-addr",
        "0",
        "Address of the status page, for example 127.0.0.1:9080. 0: no page. An address that is not loopback needs "
        "--ui-auth.",
    )
    auth: str = word(
        "ui-auth",
        ("none", "token", "header"),
        "none",
        "How callers of the page prove who they are: not at all, with a token of the API server, or with headers of "
        "a proxy.",
    )
    hosts: tuple[str, ...] = texts(
        "ui-host",
        "Name in the URL of the page, in addition to localhost and loopback addresses; may be repeated.",
        metavar="NAME",
    )
    actions: bool = switch(
        "ui-actions",
        False,
        "Let callers reconcile, suspend and resume with their own token; needs --ui-auth=token.",
    )
    user_header: str = parsed(
        "ui-user-header",
        "X-Forwarded-User",
        "Header in which the proxy names the user, for --ui-auth=header.",
        _header,
    )
    groups_header: str = parsed(
        "ui-groups-header",
        "X-Forwarded-Groups",
        "Header in which the proxy names the user's groups, separated by commas, for --ui-auth=header.",
        _header,
    )
    trusted_proxies: tuple[str, ...] = texts(
        "ui-trusted-proxy",
        "Address or network of a proxy; may be repeated. With --ui-auth=header its headers count; with "
        "--ui-auth=token it names clients in X-Forwarded-For.",
        metavar="ADDRESS",
    )
    access_cache: float = parsed(
        "ui-access-cache",
        "30s",
        "How long an answer of the API server about the rights of a caller counts; at most 60s.",
        _access_cache,
    )
    session_lifetime: float = duration(
        "ui-session-lifetime",
        "8h",
        "How long a login lasts, for --ui-auth=token; an hour without a request ends it, too.",
        positive=True,
    )
    max_streams: int = number(
        "ui-max-streams",
        100,
        "Limit for simultaneously open pages that follow changes; with --ui-auth one user gets at most a quarter.",
        least=1,
    )

    def __post_init__(self) -> None:
        if not self.is_served:
            return
        if self.auth == "none" and not self.is_local:
            raise ValueError(
                f"--ui-addr={self.address} can be reached from other hosts: set --ui-auth to token or header, or "
                "serve the page on 127.0.0.1"
            )
        if self.auth == "header" and not self.trusted_proxies:
            raise ValueError("--ui-auth=header needs --ui-trusted-proxy: whose headers count")
        if self.user_header.lower() == self.groups_header.lower():
            raise ValueError("--ui-user-header and --ui-groups-header must be different headers")
        if self.actions and self.auth != "token":
            raise ValueError(
                "--ui-actions needs --ui-auth=token: only the caller's own token changes anything"
            )
        for each in self.hosts:
            if not _HOST.fullmatch(each) and not _is_address(each):
                raise ValueError(
                    f"--ui-host={each} is not the name of a host: give it without scheme and port"
                )
        for each in self.trusted_proxies:
            try:
                ipaddress.ip_network(each)
            except ValueError:
                raise ValueError(
                    f"--ui-trusted-proxy={each} is neither an address nor a network, such as 10.0.0.0/8"
                ) from None

    @property
    def is_served(self) -> bool:
        """Whether there is a page."""
        return self.address not in ("", "0")

    @property
    def is_local(self) -> bool:
        """Whether only this host can reach the page. A name other than ``localhost`` counts as reachable by others."""
        host = self.address.rpartition(":")[0].strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host.lower() == "localhost"
