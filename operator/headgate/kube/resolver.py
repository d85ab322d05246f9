"""Resolves host names in threads of the network pool, with a quota for each host.

Users choose the names, and so the servers that resolve them; aiohttp's own resolver would wait for all of them in the
few threads of asyncio's default executor.
"""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from headgate.fairness.pools import NETWORK

__all__ = ["PooledResolver"]


class PooledResolver(AbstractResolver):
    """For :class:`aiohttp.TCPConnector`."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host; raises OSError."""
        found = await NETWORK.run(
            f"name {host}",
            socket.getaddrinfo,
            host,
            port,
            family,
            socket.SOCK_STREAM,
            0,
            socket.AI_ADDRCONFIG,
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Does nothing."""
