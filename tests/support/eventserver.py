"""A receiver of events in the place of Flux's notification-controller: takes what is posted, and keeps it."""

from __future__ import annotations

import http.server
import json
from typing import Any

from tests.support.serving import Served

Obj = dict[str, Any]


class EventServer(Served):
    """``bodies`` are in the order of their coming; ``refuse`` the next so many with a status of 503.

    ``headers`` are those of the bodies, with their names in lower case.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
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
                    receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                    receiver.bodies.append(body)
                    self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        super().__init__(self._server)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    @property
    def received(self) -> list[Obj]:
        """The events, decoded."""
        return [json.loads(body) for body in list(self.bodies)]

    def about(self, kind: str, name: str) -> list[Obj]:
        """What came of one object."""
        return [
            e
            for e in self.received
            if (e["involvedObject"]["kind"], e["involvedObject"]["name"]) == (kind, name)
        ]
