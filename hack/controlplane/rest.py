"""A small Kubernetes client to start and inspect clusters: JSON over one kept-alive connection.

It reads kubeconfigs with a server, a CA and a token or a client certificate, as our providers write them. The operator
does not use it (:mod:`headgate.kube` is its client). Tests do, because they send many small requests, and one
``kubectl`` process for each request would cost fifty times as much.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

Obj = dict[str, Any]


class RestError(Exception):
    """The API server said no; ``status`` is its HTTP status, ``reason`` the one of its Status object."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


class Rest:
    """Requests to one API server; each thread keeps its own connection."""

    def __init__(self, server: str, context: ssl.SSLContext, token: str = "", timeout: float = 30.0) -> None:
        self.server = server
        self._address = urlsplit(server)
        self._context, self._token, self._timeout = context, token, timeout
        self._local = threading.local()

    @classmethod
    def connect(cls, kubeconfig: Path, timeout: float = 30.0) -> Rest:
        """A client from a kubeconfig's current context."""
        config = _load(kubeconfig)
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"]).get("user") or {}
        tls = ssl.create_default_context(cadata=_data(cluster, "certificate-authority", kubeconfig))
        certificate, key = (
            _data(user, "client-certificate", kubeconfig),
            _data(user, "client-key", kubeconfig),
        )
        if certificate and key:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
                pem.write(certificate + "\n" + key)
                pem.flush()
                tls.load_cert_chain(pem.name)
        return cls(cluster["server"], tls, user.get("token", ""), timeout)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        **query: str,
    ) -> Any:
        """Send one request and return the JSON of the response, or its text if it does not hold JSON.

        Raises :class:`RestError` if the API server refuses, ``OSError`` without a response.
        """
        headers = {"Accept": "application/json", "Content-Type": content_type}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body)
        target = path + ("?" + urlencode(query) if query else "")
        status, text = self._send(method, target, data, headers)
        try:
            answer = json.loads(text)
        except ValueError:
            answer = text
        if status < 400:
            return answer
        if not isinstance(answer, dict):
            answer = {"message": str(answer)}
        raise RestError(status, answer.get("reason", ""), answer.get("message", f"HTTP {status}"))

    def get(self, path: str, **query: str) -> Any:
        """GET; None if the object does not exist."""
        try:
            return self.request("GET", path, **query)
        except RestError as error:
            if error.status == 404:
                return None
            raise

    def create(self, path: str, body: Obj) -> Obj:
        """POST; an object that exists stays as it is."""
        try:
            created: Obj = self.request("POST", path, body)
        except RestError as error:
            if error.reason != "AlreadyExists":
                raise
            return body
        return created

    def exchange(
        self, method: str, target: str, data: str | None, headers: dict[str, str]
    ) -> tuple[int, str]:
        """Send a request as it is; status and text of the answer, whatever it says."""
        if self._token:
            headers = {**headers, "Authorization": f"Bearer {self._token}"}
        return self._send(method, target, data, headers)

    def _send(self, method: str, target: str, data: str | None, headers: dict[str, str]) -> tuple[int, str]:
        while True:
            kept = getattr(self._local, "connection", None)
            connection = kept or http.client.HTTPSConnection(
                self._address.hostname or "", self._address.port, timeout=self._timeout, context=self._context
            )
            self._local.connection = connection
            try:
                connection.request(method, target, data, headers)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._local.connection = None
                # The server may have closed a kept connection while it was idle; once more, on a new one.
                if kept is None:
                    raise error if isinstance(error, OSError) else ConnectionError(str(error)) from error


def _load(kubeconfig: Path) -> Obj:
    text = kubeconfig.read_text()
    try:
        config: Obj = json.loads(text)  # ours are JSON, which is YAML too: no package is needed to read them
    except ValueError:
        import yaml

        config = yaml.safe_load(text)
    return config


def _named(entries: list[Obj], name: str) -> Obj:
    return next(entry for entry in entries if entry["name"] == name)


def _data(holder: Obj, field: str, kubeconfig: Path) -> str | None:
    if inline := holder.get(field + "-data"):
        return base64.b64decode(inline).decode()
    if path := holder.get(field):
        return Path(kubeconfig.parent, path).read_text()
    return None
