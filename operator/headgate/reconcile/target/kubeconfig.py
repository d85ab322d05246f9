"""Access to a remote cluster from a Secret that holds a kubeconfig (``spec.kubeConfig.secretRef``).

The content of a Secret is untrusted: a kubeconfig may neither name a program to run or a file to read, nor turn off
the verification of certificates, unless the operator's options allow it. Headgate honors or rejects each field that
Kubernetes' clients know (:data:`HONOURED`, :func:`parse_kubeconfig`): an ignored one could be the one that limits the
others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from headgate.api import Kustomization
from headgate.documents import plainyaml
from headgate.fairness.pools import aside
from headgate.kube import ApiError, Client, NotFound, ObjectRef, impersonation
from headgate.reconcile.target.errors import AccountMissing, TargetError
from headgate.reconcile.target.remote import RemoteAccess
from headgate.settings import TargetSettings

DEFAULT_KEYS = ("value", "value.yaml")
"""The keys of a kubeconfig Secret that are read when the spec names none."""

BYTES_OF_A_FIELD = 64
"""The average size of a field: a large kubeconfig is read outside the event loop."""

HONOURED = {
    "cluster": {
        *("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url"),
        *("disable-compression", "extensions"),
    },
    "user": {
        *(
            "client-certificate-data",
            "client-key-data",
            "token",
            "username",
            "password",
            "exec",
            "extensions",
        ),
        *impersonation.FIELDS,
    },
}
"""Fields of a cluster and of a user; ``extensions`` are notes of the programs that write kubeconfigs."""
_FILES = ("client-certificate", "client-key", "tokenFile", "certificate-authority")
_DATA = ("certificate-authority-data", "client-certificate-data", "client-key-data")


async def from_secret(client: Client, settings: TargetSettings, ks: Kustomization) -> RemoteAccess:
    """The access that a Kustomization's Secret describes now. Raises :class:`TargetError`."""
    wanted = ks.spec.kube_config
    assert wanted is not None
    assert wanted.secret_ref is not None
    ref = ObjectRef("v1", "Secret", wanted.secret_ref.name, ks.namespace)
    name = f"{ks.namespace}/{ref.name}"
    try:
        secret = await client.get(ref)
    except NotFound as error:
        raise AccountMissing(f"unable to read KubeConfig secret '{name}' error: {error.message}") from error
    except ApiError as error:
        raise TargetError(f"unable to read KubeConfig secret '{name}' error: {error.message}") from error
    data = secret.get("data") or {}
    keys = (wanted.secret_ref.key,) if wanted.secret_ref.key else DEFAULT_KEYS
    found = next((data[k] for k in keys if data.get(k)), None)
    if found is None:
        raise TargetError(f"KubeConfig secret '{name}' does not contain a {' or '.join(map(repr, keys))} key")
    content = base64.b64decode(found)
    identity = hashlib.sha256(content).hexdigest()
    kubeconfig = await aside(
        ks.namespace,
        len(content) // BYTES_OF_A_FIELD,
        lambda: parse_kubeconfig(content, f"KubeConfig secret '{name}'", settings),
    )
    return RemoteAccess(identity, kubeconfig)


def parse_kubeconfig(content: bytes, origin: str, settings: TargetSettings) -> Mapping[str, Any]:
    """An untrusted kubeconfig as data; ``origin`` names it in errors.

    Raises :class:`TargetError` if it is not a kubeconfig, or would run a program or read a file of the operator.
    ``--insecure-kubeconfig-exec`` allows programs, ``--insecure-kubeconfig-tls`` unverified TLS.
    """
    try:
        value = plainyaml.load(content)
    except plainyaml.NotPlain as error:
        raise TargetError(f"{origin} {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("clusters"), list):
        raise TargetError(f"{origin} is not a kubeconfig")
    for sort, path, fields in _fields(value):
        if fault := _fault(sort, fields, settings):
            raise TargetError(f"{origin}: {path}.{fault}")
    try:
        impersonation.impersonation_of(value)
    except ValueError as error:
        raise TargetError(f"{origin}: users[].user: {error}") from None
    return value


def _fault(sort: str, fields: Mapping[str, Any], settings: TargetSettings) -> str:
    """The first field that cannot be honored, and why; empty if there is none."""
    if fields.get("exec") and not settings.insecure_kubeconfig_exec:
        return "exec is not allowed; use a token or certificate"
    if fields.get("auth-provider"):
        return "auth-provider is not supported; use a token or certificate"
    for name in _FILES:
        if fields.get(name):
            return f"{name} names a file; give its content instead"
    if fields.get("insecure-skip-tls-verify") and not settings.insecure_kubeconfig_tls:
        return "insecure-skip-tls-verify is not allowed; give certificate-authority-data"
    for name in _DATA:
        if fields.get(name) and not _is_base64(fields[name]):
            return f"{name} is not base64"
    unknown = sorted(str(name)[:50] for name, value in fields.items() if value and name not in HONOURED[sort])
    if unknown:
        return f"{unknown[0]} is not a field of a kubeconfig's {sort}"
    if fields.get("token") and (fields.get("username") or fields.get("password")):
        return "token and username exclude each other"
    for name, schemes in (("server", ("https", "http")), ("proxy-url", ("http", "https"))):
        if fields.get(name) and (fault := _url_fault(fields[name], schemes, userinfo=name == "proxy-url")):
            return f"{name} {fault}"
    return ""


def _url_fault(url: Any, schemes: tuple[str, ...], *, userinfo: bool) -> str:
    """What is wrong with an address; the text does not quote it, as it may hold a password."""
    try:
        parts = urlsplit(url)
        hostname, _ = parts.hostname, parts.port
    except (ValueError, AttributeError, TypeError):
        return "is not a URL"
    if parts.scheme not in schemes:
        return f"must be a URL with the scheme {' or '.join(schemes)}"
    if not hostname or parts.query or parts.fragment or (parts.username is not None and not userinfo):
        return "must be a scheme, a host and, where needed, a port and a path"
    return ""


def _fields(kubeconfig: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Sort, path and fields of every user and cluster."""
    for section, field in (("users", "user"), ("clusters", "cluster")):
        entries = kubeconfig.get(section)
        for entry in entries if isinstance(entries, list) else ():
            inner = entry.get(field) if isinstance(entry, dict) else None
            if isinstance(inner, dict):
                yield field, f"{section}[].{field}", inner


def _is_base64(data: Any) -> bool:
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError, TypeError):
        return False
    return True
