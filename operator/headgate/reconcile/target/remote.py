"""Access to a remote cluster without a stored kubeconfig: from parameters in a ConfigMap, by workload identity.

``spec.kubeConfig.configMapRef`` names a ConfigMap with ``provider``, ``address``, ``ca.crt``, ``cluster``,
``audiences`` and ``serviceAccountName`` (Flux's Kustomization reference, "Secret-less authentication"). For the
provider ``generic`` the local API server issues a token of a service account, and the remote cluster trusts the
issuer. Headgate renews the token before it expires, for as long as the connection is in use. The providers of clouds
are in :mod:`headgate.reconcile.target.clouds`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from headgate.api import Kustomization
from headgate.fairness.pools import NETWORK
from headgate.identity import WorkloadIdentity
from headgate.kube import AccessFailed, ApiError, Bearer, Client, NotFound, ObjectRef, Renewal
from headgate.reconcile.target.clouds import cloud
from headgate.reconcile.target.errors import AccountMissing, TargetError
from headgate.reconcile.target.tokens import is_account_name, own_account, request_token, token_of
from headgate.settings import TargetSettings

TOKEN_TIMEOUT = 30.0
"""Seconds for which a cloud's library waits for a token of a service account."""
PROVIDERS = ("aws", "azure", "gcp", "generic")


@dataclass(frozen=True, slots=True)
class RemoteAccess:
    """How to reach a remote cluster."""

    identity: str
    """Identical for the same cluster and credentials."""
    kubeconfig: Mapping[str, Any]
    renewal: Renewal | None = None
    """Makes the tokens, if the kubeconfig holds none."""
    discover: Callable[[], Awaitable[Mapping[str, Any]]] | None = None
    """Requests the kubeconfig, if it is not known yet. Raises :class:`~headgate.kube.AccessFailed`."""


def account_name(name: str, origin: str) -> str:
    """``name`` if it is a valid name of a service account; raises :class:`TargetError`."""
    if not is_account_name(name):
        raise TargetError(f"{origin}: {name!r} is not the name of a service account")
    return name


async def from_config_map(client: Client, settings: TargetSettings, ks: Kustomization) -> RemoteAccess:
    """The access that a Kustomization's ConfigMap describes now. Raises :class:`TargetError`."""
    wanted = ks.spec.kube_config
    assert wanted is not None
    assert wanted.config_map_ref is not None
    name = f"{ks.namespace}/{wanted.config_map_ref.name}"
    try:
        found = await client.get(ObjectRef("v1", "ConfigMap", wanted.config_map_ref.name, ks.namespace))
    except NotFound as error:
        raise AccountMissing(
            f"unable to read KubeConfig configmap '{name}' error: {error.message}"
        ) from error
    except ApiError as error:
        raise TargetError(f"unable to read KubeConfig configmap '{name}' error: {error.message}") from error
    data: Mapping[str, str] = found.get("data") or {}
    provider = data.get("provider", "")
    if provider not in PROVIDERS:
        raise TargetError(
            f"configmap '{name}': provider must be one of {', '.join(PROVIDERS)}, not {provider!r}"
        )
    account = data.get("serviceAccountName") or settings.default_kubeconfig_service_account
    if account:
        account_name(account, f"configmap '{name}': serviceAccountName")
    parameters = repr((ks.namespace, account, sorted(data.items())))
    identity = hashlib.sha256(parameters.encode()).hexdigest()
    if provider == "generic":
        return _generic(identity, client, ks.namespace, account, name, data)
    return await _of_a_cloud(identity, client, ks.namespace, account, name, data)


async def _of_a_cloud(
    identity: str, client: Client, namespace: str, account: str, name: str, data: Mapping[str, str]
) -> RemoteAccess:
    if not data.get("cluster"):
        raise TargetError(
            f"configmap '{name}': the key 'cluster' is required for provider {data['provider']}"
        )
    try:
        wanted = cluster_address(data["address"]) if data.get("address") else ""
        actor = await _identity(client, namespace, account, _audiences(data))
        found = cloud(data["provider"], data["cluster"], actor)
    except ValueError as error:
        raise TargetError(f"configmap '{name}': {error}") from None
    except ApiError as error:
        raise TargetError(
            f"failed to get service account '{namespace}/{account}': {error.message}"
        ) from error

    async def discover() -> Mapping[str, Any]:
        authority = data.get("ca.crt", "").encode()
        if account and wanted and authority:
            return kubeconfig_for(wanted, authority)
        described = await NETWORK.run(namespace, found.describe)
        addresses = [cluster_address(a) for a in described.addresses]
        if wanted and wanted not in addresses:
            raise AccessFailed(
                f"the cluster does not have the address '{wanted}'; it has {', '.join(addresses)}"
            )
        return kubeconfig_for(wanted or addresses[0], authority or described.authority)

    return RemoteAccess(identity, {}, lambda: NETWORK.run(namespace, found.token), discover)


async def _identity(
    client: Client, namespace: str, account: str, audiences: list[str]
) -> WorkloadIdentity | None:
    """The service account as clouds see it; None for the operator's own. Raises :class:`~headgate.kube.ApiError`.

    ``audiences``: the audiences of its tokens, if they differ from the cloud's default.
    """
    if not account:
        return None
    obj = await client.get(ObjectRef("v1", "ServiceAccount", account, namespace))
    loop = asyncio.get_running_loop()

    def token(audience: str) -> str:
        wanted = audiences or [audience]
        asked = asyncio.run_coroutine_threadsafe(token_of(client, namespace, account, wanted), loop)
        return asked.result(TOKEN_TIMEOUT).token

    return WorkloadIdentity(namespace, account, token, obj["metadata"].get("annotations") or {})


def _generic(
    identity: str, client: Client, namespace: str, account: str, name: str, data: Mapping[str, str]
) -> RemoteAccess:
    if not data.get("address"):
        raise TargetError(f"configmap '{name}': the key 'address' is required for provider generic")
    try:
        address = cluster_address(data["address"])
    except ValueError as error:
        raise TargetError(f"configmap '{name}': address: {error}") from None
    audiences = _audiences(data) or [data["address"]]

    async def renew() -> Bearer:
        if account:
            return await token_of(client, namespace, account, audiences)
        return await _own_token(client, audiences)

    return RemoteAccess(identity, kubeconfig_for(address, data.get("ca.crt", "").encode()), renew)


def _audiences(data: Mapping[str, str]) -> list[str]:
    return [a.strip() for a in data.get("audiences", "").split("\n") if a.strip()]


def cluster_address(text: str) -> str:
    """An API server's address as ``https://host:port``; raises :class:`ValueError`.

    >>> cluster_address("K8s.example.com")
    'https://k8s.example.com:443'
    """
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme != "https":
        raise ValueError(f"{text!r} must use the https scheme")
    if not parts.hostname or parts.username is not None:
        raise ValueError(f"{text!r} is not the address of an API server")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}:{parts.port or 443}"


def kubeconfig_for(address: str, authority: bytes) -> Mapping[str, Any]:
    """The content of a kubeconfig without credentials; ``authority`` in PEM, empty for the system's authorities."""
    cluster: dict[str, Any] = {"server": address}
    if authority:
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "remote", "cluster": cluster}],
        "users": [{"name": "remote", "user": {}}],
        "contexts": [{"name": "remote", "context": {"cluster": "remote", "user": "remote"}}],
        "current-context": "remote",
    }


async def _own_token(client: Client, audiences: list[str]) -> Bearer:
    """A token of the operator's own account, which must not give access to this very cluster to a foreign address."""
    own = own_account()
    if own is None:
        raise AccessFailed(
            "the operator does not run under a service account; set 'serviceAccountName' in the ConfigMap"
        )
    namespace, account = own
    usual = (await request_token(client, namespace, account, []))["spec"]["audiences"]
    if set(audiences) & set(usual):
        raise AccessFailed(
            f"Headgate does not give another cluster a token of its own service account for the audience of this "
            f"cluster ({', '.join(usual)}); set 'serviceAccountName' in the ConfigMap, or other audiences"
        )
    return await token_of(client, namespace, account, audiences)
