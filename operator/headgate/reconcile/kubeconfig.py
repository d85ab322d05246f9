"""A way to another cluster from a Secret that holds a kubeconfig (``spec.kubeConfig.secretRef``).

What a Secret holds is untrusted: a kubeconfig may name no program to run and no file to read, and may not turn the
check of certificates off, unless the operator's options allow it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from headgate.api import Kustomization
from headgate.kube import ApiError, Client, NotFound, ObjectRef
from headgate.reconcile.config import Config
from headgate.reconcile.remote import AccountMissing, RemoteAccess, TargetError

DEFAULT_KEYS = ("value", "value.yaml")
"""Keys of a kubeconfig Secret that are looked at when the spec names none."""

_PROGRAMS = ("exec", "auth-provider")
_FILES = ("client-certificate", "client-key", "tokenFile", "certificate-authority")


async def from_secret(client: Client, config: Config, ks: Kustomization) -> RemoteAccess:
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
    return RemoteAccess(identity, parse_kubeconfig(content, f"KubeConfig secret '{name}'", config))


def parse_kubeconfig(content: bytes, origin: str, config: Config) -> Mapping[str, Any]:
    """An untrusted kubeconfig as data; ``origin`` names it in errors.

    Raises :class:`TargetError` when it is none, or would run a program or read a file of the operator. Running
    programs can be allowed by ``--insecure-kubeconfig-exec``, unverified TLS by ``--insecure-kubeconfig-tls``.
    """
    try:
        value = yaml.load(content, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        # The reader's message quotes the content, which is secret.
        raise TargetError(f"{origin} is not valid YAML") from None
    if not isinstance(value, dict) or not isinstance(value.get("clusters"), list):
        raise TargetError(f"{origin} is not a kubeconfig")
    for path, fields in _fields(value):
        for name in _PROGRAMS:
            if fields.get(name) and not config.insecure_kubeconfig_exec:
                raise TargetError(f"{origin}: {path}.{name} is not allowed; use a token or certificate")
        for name in _FILES:
            if fields.get(name):
                raise TargetError(f"{origin}: {path}.{name} names a file; give its content instead")
        if fields.get("insecure-skip-tls-verify") and not config.insecure_kubeconfig_tls:
            raise TargetError(
                f"{origin}: {path}.insecure-skip-tls-verify is not allowed; give certificate-authority-data"
            )
        for name in ("certificate-authority-data", "client-certificate-data", "client-key-data"):
            if fields.get(name) and not _is_base64(fields[name]):
                raise TargetError(f"{origin}: {path}.{name} is not base64")
    return value


def _fields(kubeconfig: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Path and fields of every user and cluster."""
    for section, field in (("users", "user"), ("clusters", "cluster")):
        entries = kubeconfig.get(section)
        for entry in entries if isinstance(entries, list) else ():
            inner = entry.get(field) if isinstance(entry, dict) else None
            if isinstance(inner, dict):
                yield f"{section}[].{field}", inner


def _is_base64(data: Any) -> bool:
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError, TypeError):
        return False
    return True
