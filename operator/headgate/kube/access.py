"""Where the API server is and how we prove who we are: from a kubeconfig, or from the pod we run in.

Loading is the ``kubernetes`` package's (kubeconfig merging, client certificates, exec plugins, OIDC, basic
authentication, the service account's token file). It is imported only here and only when connecting, since it
costs half a second; none of its models is used. It runs in a thread, as an exec plugin may take long.

Where a token is not stored but made (a workload identity), whoever can make one gives it as a :data:`Renewal`; it is
asked again before the token ends, so that connections and watches outlive their tokens.
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

RELOAD_AFTER = 60.0
"""Seconds after which a token is asked for again; a projected service account token changes hourly."""
RENEW_AT = 0.75
"""Fraction of its life after which a made token is replaced."""
RENEWAL_PAUSE = 10.0
"""Seconds between tries when a token cannot be made; the old one is used as long as it is accepted."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that was made for us."""

    token: str
    lifetime: float
    """Seconds from now for which it is good."""


Renewal = Callable[[], Awaitable[Bearer]]
"""Makes a token. Raises :class:`AccessFailed`."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the API server is."""

    server: str
    """URL without a trailing slash."""
    tls: ssl.SSLContext | None
    tls_server_name: str | None
    proxy: str | None
    impersonation: Headers = ()
    """Headers that say whom the kubeconfig wants to act as."""
    compress: bool = True


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
        # A kubeconfig's program may wait for a server as long as it likes: each waits for itself.
        self._namespace = f"kubeconfig {id(self)}"

    async def load(self) -> Endpoint:
        """Read the configuration.

        Raises :class:`AccessFailed`.
        """
        self._configuration, endpoint = await self._off_loop(_open, self._kubeconfig, self._context)
        await self._remember()
        return endpoint

    async def authorization(self) -> str | None:
        """The value of the ``Authorization`` header; None when a client certificate speaks for us."""
        if time.monotonic() > self._good_until:
            async with self._lock:
                if time.monotonic() > self._good_until:
                    await self._keep_fresh()
        return self._header

    async def renew(self, refused: str | None) -> bool:
        """Read all again because ``refused`` was not accepted; says whether there is another value."""
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


def _open(kubeconfig: str | Mapping[str, Any] | None, context: str | None) -> tuple[Any, Endpoint]:
    if isinstance(kubeconfig, Mapping):
        return _open_untrusted(kubeconfig, context)
    configuration = _load(kubeconfig, context)
    if _acts_as_another(kubeconfig, context):
        raise AccessFailed(
            "cannot use the kubeconfig: the operator's own user cannot act as another one ('as'); "
            "give the credentials of the user it should be"
        )
    return configuration, _endpoint(configuration)


def _acts_as_another(kubeconfig: str | None, context: str | None) -> bool:
    from kubernetes.config import kube_config

    path = kubeconfig or os.environ.get("KUBECONFIG")
    if not path and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return False
    package: Any = kube_config
    merged = package.KubeConfigMerger(path or str(Path("~/.kube/config").expanduser())).config
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
        # The content may have any shape, the package expects one; what it says may quote the content.
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
        path = kubeconfig or os.environ.get("KUBECONFIG")
        if not path and os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config(client_configuration=result)
            return result
        path = path or str(Path("~/.kube/config").expanduser())
        if not any(Path(p).expanduser().exists() for p in path.split(os.pathsep) if p):
            raise AccessFailed(f"no kubeconfig at {path}, and this is no pod of a cluster")
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
