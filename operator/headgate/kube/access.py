"""Where the API server is and how we prove who we are: from a kubeconfig, or from the pod we run in.

Loading is the ``kubernetes`` package's (kubeconfig merging, client certificates, exec plugins, OIDC, basic
authentication, the service account's token file). It is imported only here and only when connecting, since it
costs half a second; none of its models is used. It runs in a thread, as an exec plugin may take long.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RELOAD_AFTER = 60.0
"""Seconds after which a token is asked for again; a projected service account token changes hourly."""


class AccessError(Exception):
    """No usable way to a cluster was found; the message says where was looked and what is wrong."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the API server is."""

    server: str
    """URL without a trailing slash."""
    tls: ssl.SSLContext | None
    tls_server_name: str | None
    proxy: str | None


@dataclass(frozen=True, slots=True)
class Login:
    """The same access for another client library; as of now, since tokens are renewed."""

    server: str
    ca_file: str | None
    insecure: bool
    token: str | None
    certificate_file: str | None
    key_file: str | None
    username: str | None
    password: str | None
    proxy: str | None


class Access:
    """An endpoint and a current ``Authorization`` header for it."""

    def __init__(self, kubeconfig: str | Mapping[str, Any] | None, context: str | None) -> None:
        self._kubeconfig, self._context = kubeconfig, context
        self._configuration: Any = None
        self._header: str | None = None
        self._read_at = 0.0
        self._lock = asyncio.Lock()

    async def load(self) -> Endpoint:
        """Read the configuration.

        Raises :class:`AccessError`.
        """
        self._configuration = await asyncio.to_thread(_load, self._kubeconfig, self._context)
        self._remember()
        return await asyncio.to_thread(_endpoint, self._configuration)

    async def authorization(self) -> str | None:
        """The value of the ``Authorization`` header; None when a client certificate speaks for us."""
        if time.monotonic() - self._read_at > RELOAD_AFTER:
            async with self._lock:
                if time.monotonic() - self._read_at > RELOAD_AFTER:
                    await asyncio.to_thread(_token, self._configuration)
                    self._remember()
        return self._header

    async def renew(self, refused: str | None) -> bool:
        """Read all again because ``refused`` was not accepted; says whether there is another value."""
        async with self._lock:
            if self._header == refused:
                self._configuration = await asyncio.to_thread(_load, self._kubeconfig, self._context)
                self._remember()
        return self._header != refused

    async def login(self) -> Login:
        """Read everything again and return it."""
        self._configuration = c = await asyncio.to_thread(_load, self._kubeconfig, self._context)
        self._remember()
        scheme, _, secret = (self._header or "").partition(" ")
        return Login(
            server=c.host.rstrip("/"),
            ca_file=c.ssl_ca_cert or None,
            insecure=not c.verify_ssl,
            token=secret if scheme == "Bearer" else None,
            certificate_file=c.cert_file or None,
            key_file=c.key_file or None,
            username=c.username or None,
            password=c.password or None,
            proxy=getattr(c, "proxy", None) or None,
        )

    def _remember(self) -> None:
        self._header = _token(self._configuration)
        self._read_at = time.monotonic()


def _load(kubeconfig: str | Mapping[str, Any] | None, context: str | None) -> Any:
    from kubernetes import config as package
    from kubernetes.client import Configuration

    config: Any = package

    result = Configuration()
    result.refresh_api_key_hook = None
    try:
        if isinstance(kubeconfig, Mapping):
            config.load_kube_config_from_dict(
                dict(kubeconfig), context=context, client_configuration=result, persist_config=False
            )
            return result
        path = kubeconfig or os.environ.get("KUBECONFIG")
        if not path and os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config(client_configuration=result)
            return result
        path = path or str(Path("~/.kube/config").expanduser())
        if not any(Path(p).expanduser().exists() for p in path.split(os.pathsep) if p):
            raise AccessError(f"no kubeconfig at {path}, and this is no pod of a cluster")
        config.load_kube_config(path, context=context, client_configuration=result, persist_config=False)
    except config.ConfigException as error:
        raise AccessError(f"cannot use the kubeconfig: {error}") from error
    return result


def _token(configuration: Any) -> str | None:
    value = configuration.get_api_key_with_prefix("BearerToken")
    if not value:
        return None
    scheme, _, secret = str(value).strip().partition(" ")
    return f"{scheme.capitalize()} {secret.strip()}"


def _endpoint(configuration: Any) -> Endpoint:
    server = configuration.host.rstrip("/")
    tls = None
    if server.startswith("https://"):
        tls = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
        # As Go verifies: a certificate that is trusted itself needs no issuer, and old cluster CAs lack
        # extensions that the strict mode of newer Pythons wants.
        tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not configuration.verify_ssl:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        if configuration.cert_file:
            tls.load_cert_chain(configuration.cert_file, configuration.key_file)
    return Endpoint(
        server,
        tls,
        getattr(configuration, "tls_server_name", None),
        getattr(configuration, "proxy", None) or None,
    )
