"""A receiver of events in the place of Flux's notification-controller: takes what is posted, and keeps it."""

from __future__ import annotations

import copy
import http.server
import json
import threading
from types import TracebackType
from typing import Any

Obj = dict[str, Any]


class EventServer:
    """``received`` are the bodies in the order of their coming; ``refuse`` the next so many with a status of 503."""

    def __init__(self) -> None:
        self.received: list[Obj] = []
        self.refuse = 0
        self.tries = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/json"
                receiver.tries += 1
                if receiver.refuse:
                    receiver.refuse -= 1
                    self.send_response(503)
                else:
                    receiver.received.append(json.loads(body))
                    self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def about(self, kind: str, name: str) -> list[Obj]:
        """What came of one object."""
        return [
            copy.deepcopy(e)
            for e in list(self.received)
            if (e["involvedObject"]["kind"], e["involvedObject"]["name"]) == (kind, name)
        ]

    def __enter__(self) -> EventServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
