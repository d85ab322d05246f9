"""Credentials for a source by its ``spec.provider``, kept until shortly before they expire.

    providers = Providers()
    credentials = providers.credentials(key, "github", url, secret_data, proxy=proxy, timeout=60)

Sources with byte-identical URL, Secret and proxy share credentials, so that one request obtains them and one request
lists the refs of the remote (:mod:`headgate.git.remote.reflists`). Synchronous and thread-safe; one ``Providers`` for
the whole operator.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace

from headgate.api import reasons
from headgate.borders import Retry
from headgate.git.credentials import clouds
from headgate.git.credentials.clouds import CloudCredentials
from headgate.git.credentials.githubapp import USERNAME, GitHubApp
from headgate.git.credentials.proxy import Proxy
from headgate.git.credentials.secret import Credentials
from headgate.git.errors import (
    GitTimedOut,
    ProviderInvalid,
    unable_to_clone,
)
from headgate.git.url import RemoteUrl

__all__ = ["Providers"]

MARGIN = 300.0
"""Seconds before expiry at which credentials are renewed."""


@dataclass(slots=True)
class _Kept:
    """``lock`` is held while credentials are requested."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    found: CloudCredentials | None = None
    users: set[Hashable] = field(default_factory=set)


class Providers:
    """See the module's text."""

    def __init__(self, azure_hosts: Sequence[str] = ()) -> None:
        """``azure_hosts``: hosts in addition to those of Azure DevOps that receive the operator's token for it."""
        self._azure_hosts = (*clouds.AZURE_HOSTS, *(host.lower() for host in azure_hosts))
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._inputs: dict[Hashable, str] = {}

    def credentials(
        self,
        key: Hashable,
        provider: str,
        url: RemoteUrl,
        data: Mapping[str, bytes] | None,
        *,
        secret: str = "",
        service_account: str = "",
        proxy: Proxy | None = None,
        timeout: float,
    ) -> Credentials:
        """Return the credentials with which the source ``key`` accesses ``url``.

        ``data`` is the data of the Secret ``secret`` (``namespace/name``), None when none is referenced; ``timeout`` is
        in seconds. Raises :class:`GitError`.
        """
        if service_account:
            raise ProviderInvalid(
                "to use spec.serviceAccountName for provider authentication please enable the "
                "ObjectLevelWorkloadIdentity feature gate in the controller",
                reason=reasons.FEATURE_GATE_DISABLED,
                retry=Retry.ON_CHANGE,
            )
        if provider == "generic" and data and data.get("githubAppID"):
            raise ProviderInvalid(
                f"secretRef '{secret}' has github app data but provider is not set to github"
            )
        app = GitHubApp.from_secret(data) if provider == "github" else None
        plain = Credentials.from_secret(url, data, proxy=proxy, secret=secret)
        if provider == "generic":
            return plain
        if app is not None:
            app.check_host(url)
        else:
            self._check_own(provider, url, plain)
        kept = self._use(key, _fingerprint(provider, str(url), data, proxy))
        if not kept.lock.acquire(timeout=timeout):
            raise unable_to_clone(GitTimedOut, url, f"no credentials within {timeout:g} s")
        try:
            found = kept.found
            if found is None or found.expires - MARGIN <= time.time():
                found = kept.found = _ask(provider, url, app, plain, timeout, self._azure_hosts)
        finally:
            kept.lock.release()
        return replace(
            plain, username=found.username, password=found.password, bearer_token=found.bearer_token
        )

    def _check_own(self, provider: str, url: RemoteUrl, plain: Credentials) -> None:
        """The operator presents its own identity to its cloud's servers only, not to any server that a tenant names."""
        if provider == "azure":
            clouds.check_host(url, self._azure_hosts)
        if plain.ca or plain.client_certificate:
            raise ProviderInvalid(
                f"the provider '{provider}' uses the operator's own identity: its server is verified with the "
                "system's authorities, and the Secret may hold neither 'ca.crt' nor 'tls.crt'"
            )

    def forget(self, key: Hashable) -> None:
        """Forget a source that was deleted or whose cached credentials the server refused."""
        with self._lock:
            inputs = self._inputs.get(key)
            if inputs is not None:
                self._kept[inputs].found = None
            self._leave(key)

    def _use(self, key: Hashable, inputs: str) -> _Kept:
        with self._lock:
            if self._inputs.get(key) != inputs:
                self._leave(key)
                self._inputs[key] = inputs
            kept = self._kept.setdefault(inputs, _Kept())
            kept.users.add(key)
            return kept

    def _leave(self, key: Hashable) -> None:
        inputs = self._inputs.pop(key, None)
        if inputs is None:
            return
        kept = self._kept[inputs]
        kept.users.discard(key)
        if not kept.users:
            del self._kept[inputs]


def _ask(
    provider: str,
    url: RemoteUrl,
    app: GitHubApp | None,
    plain: Credentials,
    timeout: float,
    azure_hosts: Sequence[str],
) -> CloudCredentials:
    if app is not None:
        bought = app.token(plain, timeout)
        return CloudCredentials(bought.expires, USERNAME, bought.token)
    return clouds.azure(url, azure_hosts) if provider == "azure" else clouds.aws(url)


def _fingerprint(provider: str, url: str, data: Mapping[str, bytes] | None, proxy: Proxy | None) -> str:
    way = astuple(proxy) if proxy is not None else ()
    return hashlib.sha256(repr((provider, url, way, sorted((data or {}).items()))).encode()).hexdigest()
