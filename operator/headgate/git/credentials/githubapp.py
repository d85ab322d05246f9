"""``spec.provider: github``: short-lived credentials of a GitHub App's installation.

The Secret has ``githubAppID``, ``githubAppPrivateKey``, one of ``githubAppInstallationID`` and
``githubAppInstallationOwner``, and for GitHub Enterprise Server ``githubAppBaseURL``
(https://fluxcd.io/flux/components/source/gitrepositories/#github). A JSON Web Token signed with the App's key is
exchanged for an installation token that is valid for an hour
(https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app).
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import jwt
import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from headgate.borders import Retry
from headgate.causes import network_cause
from headgate.git.command.secretfiles import SecretFiles
from headgate.git.credentials.secret import Credentials
from headgate.git.errors import (
    AuthenticationFailed,
    CredentialsInvalid,
    GitTimedOut,
    ProviderInvalid,
    RemoteUnreachable,
)
from headgate.git.url import RemoteUrl

__all__ = ["GitHubApp", "InstallationToken"]

USERNAME = "x-access-token"
DEFAULT_API = "https://api.github.com"
CLOCK_DRIFT, LIFE = 30, 120
"""Of the JSON Web Token, in seconds."""
MAX_ANSWER = 1024 * 1024
_REQUEST_ID = "X-GitHub-Request-Id"
"""A header of all answers of GitHub and GitHub Enterprise Server."""

_NEEDED = "secretRef with github app data must be specified when provider is set to github"


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """The password of the user ``x-access-token``; ``expires`` is in seconds since 1970."""

    token: str = field(repr=False)
    expires: float


@dataclass(frozen=True, slots=True)
class GitHubApp:
    """One installation of a GitHub App."""

    app: str
    key: rsa.RSAPrivateKey = field(repr=False)
    installation: str = ""
    owner: str = ""
    api: str = DEFAULT_API

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes] | None) -> GitHubApp:
        """Parse a Secret's decoded data (None: no Secret is referenced).

        Raises :class:`ProviderInvalid`, :class:`CredentialsInvalid`.
        """
        if data is None:
            raise ProviderInvalid(_NEEDED, retry=Retry.ON_CHANGE)
        app, installation, owner, base = (
            data.get(key, b"").decode("utf-8", "replace").strip()
            for key in (
                "githubAppID",
                "githubAppInstallationID",
                "githubAppInstallationOwner",
                "githubAppBaseURL",
            )
        )
        if not app:
            raise ProviderInvalid(_NEEDED)
        for name, value in (("githubAppID", app), ("githubAppInstallationID", installation)):
            if value and not (value.isascii() and value.isdecimal()):
                raise CredentialsInvalid(f"the Secret's '{name}' is not a number")
        if not installation and not owner:
            raise ProviderInvalid(
                "app installation owner or ID must be provided to use github app authentication"
            )
        if installation and owner:
            raise ProviderInvalid(
                "only one of app installation owner or ID must be provided to use github app authentication"
            )
        return cls(app, _private_key(data), installation, owner, _api(base))

    def check_host(self, url: RemoteUrl) -> None:
        """Raise :class:`ProviderInvalid` unless the repository is on the App's server."""
        api = (urlsplit(self.api).hostname or "").lower()
        host = url.host.lower().rstrip(".")
        if host not in (api, api.removeprefix("api.")):
            raise ProviderInvalid(
                f"the GitHub App's token is for '{api.removeprefix('api.')}', not for '{host}'; "
                "the Secret's 'githubAppBaseURL' names another server"
            )

    def token(self, credentials: Credentials, timeout: float) -> InstallationToken:
        """Request a token with the TLS settings and proxy of ``credentials``; ``timeout`` is the total in seconds.

        Raises :class:`GitError`.
        """
        deadline = time.monotonic() + timeout
        with SecretFiles() as files, _pool(credentials, files) as http:
            installation = self.installation
            if not installation:
                found = self._find(http, deadline)
                installation = str(found)
            answer = self._ask(http, "POST", f"/app/installations/{installation}/access_tokens", deadline)
        try:
            expires = datetime.fromisoformat(answer["expires_at"].replace("Z", "+00:00")).timestamp()
            return InstallationToken(str(answer["token"]), expires)
        except (KeyError, ValueError, AttributeError, TypeError):
            raise AuthenticationFailed("GitHub's response has no installation token") from None

    def _find(self, http: urllib3.PoolManager, deadline: float) -> int:
        for page in range(1, 101):
            found = self._ask(http, "GET", f"/app/installations?per_page=100&page={page}", deadline)
            for each in found if isinstance(found, list) else []:
                if str((each.get("account") or {}).get("login", "")).lower() == self.owner.lower():
                    return int(each["id"])
            if not found:
                break
        raise ProviderInvalid(f"the GitHub App has no installation of the owner '{quote(self.owner)}'")

    def _ask(self, http: urllib3.PoolManager, method: str, path: str, deadline: float) -> Any:
        remaining = deadline - time.monotonic()
        host = urlsplit(self.api).hostname
        if remaining <= 0:
            raise GitTimedOut(f"GitHub's API at {host} did not answer in time")
        headers = {"Authorization": f"Bearer {self._assertion()}", "Accept": "application/vnd.github+json"}
        try:
            answer = http.request(
                method, f"{self.api}{path}", headers=headers, timeout=remaining, retries=False, redirect=False,
                preload_content=False,
            )  # fmt: skip
            body = answer.read(MAX_ANSWER)
            answer.release_conn()
        except urllib3.exceptions.TimeoutError:
            raise GitTimedOut(f"GitHub's API at {host} did not answer in time") from None
        except urllib3.exceptions.HTTPError as error:
            raise RemoteUnreachable(
                f"GitHub's API at {host} cannot be used: {network_cause(error, 'the connection failed')}"
            ) from None
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if answer.status not in (200, 201):
            # Other servers also answer with JSON messages, which the author of the URL may not be allowed to read.
            is_github = _REQUEST_ID in answer.headers
            reason = content.get("message") if is_github and isinstance(content, dict) else None
            raise AuthenticationFailed(
                f"GitHub's API at {host} refused a token: {answer.status}"
                + (f" {str(reason)[:200]}" if reason else "")
            )
        return content

    def _assertion(self) -> str:
        issued = int(time.time()) - CLOCK_DRIFT
        claims = {"iat": issued, "exp": issued + LIFE, "iss": self.app}
        return jwt.encode(claims, self.key, algorithm="RS256")


def _private_key(data: Mapping[str, bytes]) -> rsa.RSAPrivateKey:
    pem = data.get("githubAppPrivateKey", b"")
    if not pem.strip():
        raise ProviderInvalid("private key must be provided to use github app authentication")
    try:
        key = serialization.load_pem_private_key(pem.strip(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CredentialsInvalid(
            "could not parse private key: the Secret's 'githubAppPrivateKey' is not an RSA key"
        )
    return key


def _api(base: str) -> str:
    if not base:
        return DEFAULT_API
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ProviderInvalid("the Secret's 'githubAppBaseURL' is not an http or https URL")
    trimmed = base.rstrip("/")
    is_api_host = parts.hostname.startswith("api.") or ".api." in parts.hostname
    return trimmed if is_api_host or trimmed.endswith("/api/v3") else f"{trimmed}/api/v3"


def _pool(credentials: Credentials, files: SecretFiles) -> urllib3.PoolManager:
    context = ssl.create_default_context()
    if credentials.ca:
        context.load_verify_locations(cadata=credentials.ca.decode("ascii", "replace"))
    if credentials.client_certificate:
        context.load_cert_chain(files.add(credentials.client_certificate), files.add(credentials.client_key))
    proxy = credentials.proxy
    if proxy is None:
        return urllib3.PoolManager(ssl_context=context)
    if proxy.address.startswith("socks"):
        raise ProviderInvalid("GitHub's API cannot be reached through a SOCKS proxy: use an HTTP proxy")
    headers = {}
    if proxy.username:
        headers = urllib3.make_headers(proxy_basic_auth=f"{proxy.username}:{proxy.password}")
    return urllib3.ProxyManager(proxy.address, proxy_headers=headers, ssl_context=context)
