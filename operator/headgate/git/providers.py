"""Credentials for a source by its ``spec.provider``, kept until shortly before they expire.

    providers = Providers()
    credentials = providers.credentials(key, "github", url, secret_data, proxy=proxy, timeout=60)

Synchronous and thread-safe; one ``Providers`` for the whole operator.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

from headgate.git import clouds
from headgate.git.auth import Credentials
from headgate.git.clouds import CloudCredentials
from headgate.git.errors import ProviderInvalid
from headgate.git.githubapp import USERNAME, GitHubApp
from headgate.git.proxy import Proxy
from headgate.git.url import RemoteUrl

__all__ = ["Providers"]

MARGIN = 300.0
"""Seconds before their end at which credentials are renewed."""


@dataclass(frozen=True, slots=True)
class _Kept:
    inputs: str
    found: CloudCredentials


class Providers:
    """See the module's text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Hashable, _Kept] = {}

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
        """Return what the source ``key`` accesses ``url`` with.

        ``data`` is that of the Secret named ``secret`` (``namespace/name``), None when none is referenced;
        ``timeout`` is in seconds. Raises :class:`GitError`.
        """
        if service_account:
            raise ProviderInvalid(
                "to use spec.serviceAccountName for provider authentication please enable the "
                "ObjectLevelWorkloadIdentity feature gate in the controller",
                reason="FeatureGateDisabled",
                stalling=True,
            )
        if provider == "generic" and data and data.get("githubAppID"):
            raise ProviderInvalid(
                f"secretRef '{secret}' has github app data but provider is not set to github"
            )
        app = GitHubApp.from_secret(data) if provider == "github" else None
        plain = Credentials.from_secret(url, data, proxy=proxy)
        if provider == "generic":
            return plain
        inputs = _fingerprint(provider, str(url), data, repr(proxy))
        with self._lock:
            kept = self._kept.get(key)
        if kept is None or kept.inputs != inputs or kept.found.expires - MARGIN <= time.time():
            kept = _Kept(inputs, _ask(provider, url, app, plain, timeout))
            with self._lock:
                self._kept[key] = kept
        found = kept.found
        return replace(
            plain, username=found.username, password=found.password, bearer_token=found.bearer_token
        )

    def forget(self, key: Hashable) -> None:
        """The source is gone, or the server refused what was kept for it."""
        with self._lock:
            self._kept.pop(key, None)


def _ask(
    provider: str, url: RemoteUrl, app: GitHubApp | None, plain: Credentials, timeout: float
) -> CloudCredentials:
    if app is not None:
        bought = app.token(plain, timeout)
        return CloudCredentials(bought.expires, USERNAME, bought.token)
    return clouds.azure(url) if provider == "azure" else clouds.aws(url)


def _fingerprint(provider: str, url: str, data: Mapping[str, bytes] | None, proxy: str) -> str:
    digest = hashlib.sha256(repr((provider, url, proxy, sorted((data or {}).items()))).encode())
    return digest.hexdigest()
