"""Servers of the tests, running in a thread for as long as a ``with`` lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from types import TracebackType
from typing import Self

POLL = 0.05
"""Seconds until a server notices that it is to stop."""


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """Serve until the context ends; the server is closed then."""
    thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Served:
    """A base for classes with their own server: a context manager that serves while it is entered."""

    def __init__(self, server: BaseServer) -> None:
        self._serving = serving(server)

    def __enter__(self) -> Self:
        self._serving.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._serving.__exit__(kind, error, trace)
