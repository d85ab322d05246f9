"""The address of the API server and the credentials for it, from a kubeconfig or from the pod.

The ``kubernetes`` package loads them (kubeconfig merging, client certificates, exec plugins, OIDC, basic
authentication, the service account's token file). Only this module imports it, and only to connect, because the import
takes half a second; its models are not used. It runs in a thread, because an exec plugin may be slow.

For tokens that are created on demand (a workload identity), the caller passes a :data:`Renewal`, which is called again
before the token expires, so that connections and watches outlive their tokens.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from headgate.fairness.pools import NETWORK
from headgate.kube.errors import AccessFailed
from headgate.kube.impersonation import Headers, cluster_of, impersonation_of
from headgate.kube.inline import files_for

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger("headgate.kube.access")

_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

RELOAD_AFTER = 60.0
"""Seconds after which a token is read again; a projected service account token changes hourly."""
RENEW_AT = 0.75
"""Fraction of its lifetime after which a created token is replaced."""
RENEWAL_PAUSE = 10.0
"""Seconds between attempts when no token can be created; the old one is used as long as the server accepts it."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A created token."""

    token: str
    lifetime: float
    """Seconds from now for which it is valid."""


Renewal = Callable[[], Awaitable[Bearer]]
"""Creates a token. Raises :class:`AccessFailed`."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of an API server and how to connect to it."""

    server: str
    """URL without a trailing slash."""
    tls: ssl.SSLContext | None
    tls_server_name: str | None
    proxy: str | None
    impersonation: Headers = ()
    """Headers for the user that the kubeconfig impersonates."""
    compress: bool = True


@dataclass(frozen=True, slots=True)
class Login:
    """The same access for another client library; a snapshot, because tokens are renewed."""

    server: str
    ca_file: str | None
    insecure: bool
    token: str | None
    certificate_file: str | None
    key_file: str | None
    username: str | None
    password: str | None
    proxy: str | None


class ClusterAccess:
    """An endpoint and a current ``Authorization`` header for it."""

    def __init__(
        self,
        kubeconfig: str | Mapping[str, Any] | None,
        context: str | None,
        renewal: Renewal | None = None,
    ) -> None:
        self._kubeconfig, self._context, self._renewal = kubeconfig, context, renewal
        self._configuration: Any = None
        self._header: str | None = None
        self._good_until = 0.0
        self._lock = asyncio.Lock()
        # A kubeconfig's exec plugin may wait for a server without limit: each kubeconfig has its own quota of threads.
        self._namespace = f"kubeconfig {id(self)}"

    async def load(self) -> Endpoint:
        """Read the configuration.

        Raises :class:`AccessFailed`.
        """
        self._configuration, endpoint = await self._off_loop(_open, self._kubeconfig, self._context)
        await self._remember()
        return endpoint

    async def authorization(self) -> str | None:
        """The value of the ``Authorization`` header; None with a client certificate."""
        if time.monotonic() > self._good_until:
            async with self._lock:
                if time.monotonic() > self._good_until:
                    await self._keep_fresh()
        return self._header

    async def renew(self, refused: str | None) -> bool:
        """Read everything again because the server refused ``refused``; returns whether the value has changed."""
        async with self._lock:
            if self._header == refused and self._renewal is not None:
                await self._keep_fresh()
            elif self._header == refused:
                self._configuration, _ = await self._off_loop(_open, self._kubeconfig, self._context)
                await self._remember()
        return self._header != refused

    async def login(self) -> Login:
        """Read everything again and return it."""
        self._configuration = c = await self._off_loop(_load, self._kubeconfig, self._context)
        await self._remember()
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

    async def _off_loop(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await NETWORK.run(self._namespace, function, *args, **kwargs)

    async def _keep_fresh(self) -> None:
        if self._renewal is None:
            await self._off_loop(_token, self._configuration)
        try:
            await self._remember()
        except AccessFailed as error:
            _log.warning("no new token for %s: %s", self._configuration.host, error)
            self._good_until = time.monotonic() + RENEWAL_PAUSE

    async def _remember(self) -> None:
        if self._renewal is not None:
            bearer = await self._renewal()
            self._header = f"Bearer {bearer.token}"
            self._good_until = time.monotonic() + bearer.lifetime * RENEW_AT
            return
        self._header = _token(self._configuration)
        self._good_until = time.monotonic() + RELOAD_AFTER


class NoCredentials(ClusterAccess):
    """The endpoint alone, for requests with the tokens of others: none of them may count as sent by the operator."""

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        super().__init__(kubeconfig, context)

    async def load(self) -> Endpoint:
        """Read the configuration, and forget the client certificate, which would count before a token."""
        return await self._off_loop(self._load_endpoint)

    async def authorization(self) -> str | None:
        """Return None."""
        return None

    async def renew(self, refused: str | None) -> bool:
        """Return that there is nothing new."""
        return False

    def _load_endpoint(self) -> Endpoint:
        assert not isinstance(self._kubeconfig, Mapping)
        configuration = _load(self._kubeconfig, self._context)
        configuration.cert_file = configuration.key_file = None
        return _endpoint(configuration)


def _open(kubeconfig: str | Mapping[str, Any] | None, context: str | None) -> tuple[Any, Endpoint]:
    if isinstance(kubeconfig, Mapping):
        return _open_untrusted(kubeconfig, context)
    configuration = _load(kubeconfig, context)
    if _acts_as_another(kubeconfig, context):
        raise AccessFailed(
            "cannot use the kubeconfig: it impersonates another user ('as'), which the operator's own "
            "connection cannot do; give the credentials of that user"
        )
    return configuration, _endpoint(configuration)


def _path(kubeconfig: str | None) -> str | None:
    """The kubeconfig files to read, separated as in ``$KUBECONFIG``; None for the service account of this pod."""
    path = kubeconfig or os.environ.get("KUBECONFIG")
    if not path and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return None
    return path or str(Path("~/.kube/config").expanduser())


def _exists(path: str) -> bool:
    return any(Path(each).expanduser().exists() for each in path.split(os.pathsep) if each)


def namespace_of(kubeconfig: str | None, context: str | None) -> str:
    """Return the namespace of a context of the user's kubeconfig, or that of the pod; empty without one.

    Raises :class:`AccessFailed` for a context that does not exist. Blocks.
    """
    from kubernetes import config as package

    config: Any = package
    path = _path(kubeconfig)
    if path is None:
        return _POD_NAMESPACE.read_text().strip() if _POD_NAMESPACE.exists() else ""
    if not _exists(path):
        return ""
    try:
        contexts, active = config.list_kube_config_contexts(path)
    except config.ConfigException as error:
        raise AccessFailed(f"cannot use the kubeconfig: {error}") from error
    chosen = active if context is None else next((c for c in contexts if c.get("name") == context), None)
    if chosen is None:
        raise AccessFailed(f"cannot use the kubeconfig: it has no context {context!r}")
    return str((chosen.get("context") or {}).get("namespace") or "")


def _acts_as_another(kubeconfig: str | None, context: str | None) -> bool:
    from kubernetes.config import kube_config

    path = _path(kubeconfig)
    if path is None:
        return False
    package: Any = kube_config
    merged = package.KubeConfigMerger(path).config
    content = getattr(merged, "value", merged)
    try:
        return bool(impersonation_of(content, context))
    except ValueError as error:
        raise AccessFailed(f"cannot use the kubeconfig: {error}") from None


def _open_untrusted(kubeconfig: Mapping[str, Any], context: str | None) -> tuple[Any, Endpoint]:
    try:
        with files_for(kubeconfig) as readable:
            configuration = _load(readable, context)
            return configuration, dataclasses.replace(
                _endpoint(configuration),
                impersonation=impersonation_of(kubeconfig, context),
                compress=not cluster_of(kubeconfig, context).get("disable-compression"),
            )
    except AccessFailed:
        raise
    except ssl.SSLError as error:
        raise AccessFailed(f"cannot use the kubeconfig: {error.reason or 'bad certificate or key'}") from None
    except Exception as error:
        # The content may have any shape, but the package expects one; its messages may quote the content.
        why = str(error) if type(error) is ValueError else type(error).__name__
        raise AccessFailed(f"cannot use the kubeconfig: {why}") from None


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
        path = _path(kubeconfig)
        if path is None:
            config.load_incluster_config(client_configuration=result)
            return result
        if not _exists(path):
            raise AccessFailed(f"there is no kubeconfig at {path}; name one with --kubeconfig or KUBECONFIG")
        config.load_kube_config(path, context=context, client_configuration=result, persist_config=False)
    except config.ConfigException as error:
        raise AccessFailed(f"cannot use the kubeconfig: {error}") from error
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
        # As in Go: a trusted certificate needs no issuer, and old cluster CAs lack extensions that the strict mode of
        # newer Python versions requires.
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
