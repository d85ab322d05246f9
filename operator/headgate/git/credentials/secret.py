"""Credentials for a Git server, from the data of the Secret that ``spec.secretRef`` names.

The keys and checks are Flux's (https://fluxcd.io/flux/components/source/gitrepositories/#secret-reference):

| transport | keys |
|---|---|
| http(s) | `username`, `password`, or `bearerToken`; `ca.crt` or `caFile`; `tls.crt` with `tls.key` |
| ssh | `identity`, `known_hosts`, and `password` for a protected identity |

The older names `certFile` and `keyFile` mean `tls.crt` and `tls.key`.

The ``repr`` of ``Credentials`` shows no secret, and ``redact`` removes all its secrets from a text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from headgate.git.credentials.proxy import Proxy
from headgate.git.errors import CredentialsInvalid
from headgate.git.url import RemoteUrl

__all__ = ["Credentials"]

DEFAULT_SSH_USER = "git"
SHORT = 8
"""Characters below which a secret may occur in unrelated words by chance."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_OPENSSH_MAGIC = b"openssh-key-v1\0"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials for one remote; all empty for anonymous access."""

    username: str = ""
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    ca: bytes = field(default=b"", repr=False)
    client_certificate: bytes = field(default=b"", repr=False)
    client_key: bytes = field(default=b"", repr=False)
    identity: bytes = field(default=b"", repr=False)
    known_hosts: bytes = field(default=b"", repr=False)
    passphrase: str = field(default="", repr=False)
    proxy: Proxy | None = None
    """The proxy to use; None: that of the environment."""
    secret: str = ""
    """The Secret with the credentials, as ``namespace/name``, for messages."""
    as_user: bool = False
    """Whether ssh uses the keys, agent and configuration of the user who runs this process."""

    @classmethod
    def from_secret(
        cls,
        url: RemoteUrl,
        data: Mapping[str, bytes] | None,
        *,
        proxy: Proxy | None = None,
        secret: str = "",
    ) -> Credentials:
        """Build the credentials for ``url`` from a Secret's decoded data (None: no Secret is referenced).

        Raises :class:`CredentialsInvalid`, whose message names the invalid key.
        """
        data = data or {}
        return replace(_ssh(url, data) if url.is_ssh else _http(url, data), proxy=proxy, secret=secret)

    def without_secrets(self) -> Credentials:
        """Return what another server may use: certificate authorities, known hosts and proxy."""
        return Credentials(
            ca=self.ca,
            known_hosts=self.known_hosts,
            proxy=self.proxy,
            secret=self.secret,
            as_user=self.as_user,
        )

    @property
    def authorization(self) -> str:
        """The value of the HTTP ``Authorization`` header, "" for anonymous access."""
        if self.bearer_token:
            return f"Bearer {self.bearer_token}"
        if self.username or self.password:
            pair = f"{self.username}:{self.password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        return ""

    @property
    def kind(self) -> str:
        """The kind of credentials that a server receives, for messages; "" for anonymous access."""
        if self.identity:
            return "the SSH key"
        if self.bearer_token:
            return "the bearer token"
        return "the user name and password" if self.authorization else ""

    def redact(self, text: str) -> str:
        """Return the text with every secret of these credentials masked, in any form that Git prints."""
        text = re.sub(r"(?<=://)[^/@\s]*:[^/@\s]*@", "", text)
        for secret in self._secrets():
            if len(secret) >= SHORT:
                text = text.replace(secret, "<redacted>")
        return text

    @property
    def has_short_secret(self) -> bool:
        """Whether a secret is so short that it may occur in any word, where masking would reveal it.

        Messages then quote no text of the server.
        """
        return any(0 < len(secret) < SHORT for secret in self._plain())

    def _plain(self) -> list[str]:
        proxy = "" if self.proxy is None else self.proxy.password
        return [self.password, self.bearer_token, self.passphrase, proxy]

    def _secrets(self) -> list[str]:
        plain = self._plain()
        _, _, token = self.authorization.partition(" ")
        forms = {form for secret in [*plain, token] if secret for form in (secret, quote(secret, safe=""))}
        return sorted(forms, key=len, reverse=True)


def _text(data: Mapping[str, bytes], key: str) -> str:
    try:
        value = data.get(key, b"").decode()
    except UnicodeDecodeError:
        raise CredentialsInvalid(f"the Secret's '{key}' is not valid UTF-8") from None
    if _CONTROL.search(value):
        raise CredentialsInvalid(f"the Secret's '{key}' contains a line break or another control character")
    return value


def _http(url: RemoteUrl, data: Mapping[str, bytes]) -> Credentials:
    bearer = _text(data, "bearerToken")
    # With a token in the Secret, its user name and password are ignored, but those of the URL are not.
    username = ("" if bearer else _text(data, "username")) or url.username
    password = ("" if bearer else _text(data, "password")) or url.password
    if password and not username:
        raise CredentialsInvalid(
            f"invalid '{url.scheme}' auth option: 'password' requires 'username' to be set"
        )
    if bearer and (username or password):
        raise CredentialsInvalid("basic auth and bearer token cannot be set at the same time")
    if ":" in username:
        raise CredentialsInvalid("the Secret's 'username' contains a colon")
    certificate = data.get("tls.crt") or data.get("certFile", b"")
    key = data.get("tls.key") or data.get("keyFile", b"")
    if bool(certificate) != bool(key):
        missing = "tls.key" if certificate else "tls.crt"
        raise CredentialsInvalid(
            f"the Secret has only one of 'tls.crt' and 'tls.key': '{missing}' is missing"
        )
    return Credentials(
        username=username,
        password=password,
        bearer_token=bearer,
        ca=_certificates(data),
        client_certificate=_pem(certificate, "tls.crt", "CERTIFICATE"),
        client_key=_pem(key, "tls.key", "PRIVATE KEY"),
    )


def _certificates(data: Mapping[str, bytes]) -> bytes:
    key = "ca.crt" if data.get("ca.crt") else "caFile"
    return _pem(data.get(key, b""), key, "CERTIFICATE")


def _pem(content: bytes, key: str, kind: str) -> bytes:
    if not content:
        return b""
    if not any(found.decode().endswith(kind) for found in _PEM.findall(content)):
        raise CredentialsInvalid(f"the Secret's '{key}' holds no PEM block of kind {kind}")
    return _normal(content)


def _normal(content: bytes) -> bytes:
    # OpenSSH and OpenSSL refuse what Go's parser accepts: Windows line ends, and a last line without line end.
    return content.replace(b"\r\n", b"\n").strip() + b"\n"


def _ssh(url: RemoteUrl, data: Mapping[str, bytes]) -> Credentials:
    identity, known_hosts = data.get("identity", b""), data.get("known_hosts", b"")
    for key, value in (("identity", identity), ("known_hosts", known_hosts)):
        if not value.strip():
            raise CredentialsInvalid(f"invalid 'ssh' auth option: '{key}' is required")
    identity = _pem(identity, "identity", "PRIVATE KEY")
    passphrase = _text(data, "password")
    if not passphrase and _is_protected(identity):
        raise CredentialsInvalid(
            "SSH identity key is encrypted but no 'password' field was provided in the Secret"
        )
    return Credentials(
        username=url.username or DEFAULT_SSH_USER,
        identity=identity,
        known_hosts=_normal(known_hosts),
        passphrase=passphrase,
    )


def _is_protected(identity: bytes) -> bool:
    """Return whether a private key needs a passphrase (openssh PROTOCOL.key; RFC 1421 and RFC 5958 for PEM)."""
    match = _PEM.search(identity)
    if match is None or match[1] != b"OPENSSH PRIVATE KEY":
        return b"Proc-Type: 4,ENCRYPTED" in identity or b"ENCRYPTED PRIVATE KEY" in identity
    body = identity[match.end() :].partition(b"-----END")[0]
    try:
        raw = base64.b64decode(b"".join(body.split()), validate=True)
    except ValueError:
        raise CredentialsInvalid("the Secret's 'identity' is not a valid private key") from None
    if not raw.startswith(_OPENSSH_MAGIC):
        raise CredentialsInvalid("the Secret's 'identity' is not a valid private key")
    start = len(_OPENSSH_MAGIC) + 4
    length = int.from_bytes(raw[start - 4 : start], "big")
    return raw[start : start + length] != b"none"
