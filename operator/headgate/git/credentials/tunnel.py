"""A program that connects ssh to a server through a proxy; ssh runs it as its ``ProxyCommand``.

    HEADGATE_PROXY=socks5h://user:password@proxy:1080 python tunnel.py HOST PORT

Imports only the standard library, because it starts for each connection. The proxy's address is in the environment,
because it may hold a password. HTTP (``CONNECT``) and SOCKS5 (RFC 1928, RFC 1929).
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import sys
import threading
from urllib.parse import SplitResult, unquote, urlsplit

PROXY_VARIABLE = "HEADGATE_PROXY"
DEFAULT_PORTS = {"http": 80, "https": 443}
SOCKS_PORT = 1080
TIMEOUT = 30.0
CHUNK = 1 << 16


class TunnelFailed(Exception):
    """The proxy refused, or violated its protocol."""


def main(arguments: list[str]) -> int:
    """Connect, and pass bytes between the standard streams and the server until either ends."""
    host, port = arguments[0], int(arguments[1])
    try:
        connection = connect(urlsplit(os.environ[PROXY_VARIABLE]), host, port)
    except (OSError, TunnelFailed) as error:
        print(f"Failed to connect through the proxy: {error}", file=sys.stderr)
        return 1
    threading.Thread(target=_upward, args=(connection,), daemon=True).start()
    while data := connection.recv(CHUNK):
        _write(data)
    return 0


def connect(proxy: SplitResult, host: str, port: int) -> socket.socket:
    """Return a connection to ``host`` through the proxy; raises OSError or TunnelFailed."""
    address = (proxy.hostname or "", proxy.port or DEFAULT_PORTS.get(proxy.scheme, SOCKS_PORT))
    connection = socket.create_connection(address, TIMEOUT)
    try:
        if proxy.scheme == "https":
            context = ssl.create_default_context()
            connection = context.wrap_socket(connection, server_hostname=proxy.hostname)
        user, password = unquote(proxy.username or ""), unquote(proxy.password or "")
        if proxy.scheme.startswith("socks5"):
            _socks(connection, user, password, host, port)
        else:
            _http(connection, user, password, host, port)
    except BaseException:
        connection.close()
        raise
    connection.settimeout(None)
    return connection


def _http(connection: socket.socket, user: str, password: str, host: str, port: int) -> None:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if user:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request += f"Proxy-Authorization: Basic {token}\r\n"
    connection.sendall(f"{request}\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        # One byte at a time, because the bytes after the head come from the server.
        head += _exactly(connection, 1)
        if len(head) > CHUNK:
            raise TunnelFailed("the answer is too long")
    status = head.split(b"\r\n", 1)[0].decode("ascii", "replace").split(" ", 2)
    if len(status) < 2 or status[1] != "200":
        raise TunnelFailed(f"Proxy CONNECT aborted: {' '.join(status[1:])[:100]}")


def _socks(connection: socket.socket, user: str, password: str, host: str, port: int) -> None:
    methods = b"\x00\x02" if user else b"\x00"
    connection.sendall(bytes([5, len(methods)]) + methods)
    _, method = _exactly(connection, 2)
    if method == 2:
        name, secret = user.encode(), password.encode()
        if not user or len(name) > 255 or len(secret) > 255:
            raise TunnelFailed("the proxy requires a user name and a password")
        connection.sendall(bytes([1, len(name)]) + name + bytes([len(secret)]) + secret)
        if _exactly(connection, 2)[1]:
            raise TunnelFailed("the proxy refused the user name or the password")
    elif method != 0:
        raise TunnelFailed("the proxy accepts no supported authentication method")
    name = host.encode("idna") if not host.isascii() else host.encode()
    connection.sendall(bytes([5, 1, 0, 3, len(name)]) + name + port.to_bytes(2, "big"))
    _, refused, _, kind = _exactly(connection, 4)
    if refused:
        raise TunnelFailed(f"the proxy cannot reach {host}:{port} (SOCKS code {refused})")
    length = {1: 4, 4: 16}.get(kind) or _exactly(connection, 1)[0]
    _exactly(connection, length + 2)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise TunnelFailed("the proxy closed the connection")
        data += part
    return data


def _upward(connection: socket.socket) -> None:
    while data := os.read(0, CHUNK):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
