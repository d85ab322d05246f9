"""Free ports on loopback."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"

# Below what the systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere), so that no connection
# takes a port between its choice and its use; and clear of the ports that people know by heart.
_RANGE = range(20_000, 29_000)


def free_ports(count: int) -> list[int]:
    """That many different ports of 127.0.0.1 on which nobody listens."""
    held: list[socket.socket] = []
    try:
        for port in random.sample(_RANGE, len(_RANGE)):
            candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                candidate.bind((LOOPBACK, port))
            except OSError:
                candidate.close()
                continue
            held.append(candidate)
            if len(held) == count:
                return [each.getsockname()[1] for each in held]
        raise OSError(f"no {count} free ports between {_RANGE.start} and {_RANGE.stop} on {LOOPBACK}")
    finally:
        for each in held:
            each.close()
