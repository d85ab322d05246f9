"""A way to another cluster without a stored kubeconfig: from parameters in a ConfigMap, by workload identity.

``spec.kubeConfig.configMapRef`` names a ConfigMap with ``provider``, ``address``, ``ca.crt``, ``cluster``,
``audiences`` and ``serviceAccountName`` (Flux's Kustomization reference, "Secret-less authentication"). For the
provider ``generic`` a token of a service account is made by the API server here, and the other cluster trusts its
issuer. The clouds' providers come from :mod:`headgate.reconcile.clouds`, each with its own SDK.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.api import Kustomization
from headgate.kube import ApiError, Client, NotFound, ObjectRef
from headgate.reconcile.config import Config

LIFETIME = 3600
"""Seconds a token is asked for."""
RENEW_AT = 0.75
"""Fraction of its life after which a token is replaced."""

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_OWN_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class TargetError(Exception):
    """The cluster of a Kustomization, or its account there, cannot be used; the message is for the user."""


class AccountMissing(TargetError):
    """What was acted as, or the way to the cluster, does not exist (any more)."""


@dataclass(frozen=True, slots=True)
class RemoteAccess:
    """How to reach another cluster, as the content of a kubeconfig."""

    identity: str
    """The same for the same cluster and credentials."""
    kubeconfig: Mapping[str, Any]
    parameters: str = ""
    """What it was made from."""
    renew_after: float = float("inf")
    """When it has to be made again, on the monotonic clock."""


async def from_config_map(
    client: Client, config: Config, ks: Kustomization, previous: RemoteAccess | None
) -> RemoteAccess:
    """The access a Kustomization's ConfigMap describes; ``previous`` while it is the same and still good.

    Raises :class:`TargetError`.
    """
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
    data: Mapping[str, str] = found.get("data") or {}
    parameters = f"{ks.namespace} {sorted(data.items())}"
    if previous is not None and previous.parameters == parameters and time.monotonic() < previous.renew_after:
        return previous
    provider = data.get("provider", "")
    if provider == "generic":
        kubeconfig = await _generic(client, config, ks, name, data)
    elif provider in ("aws", "azure", "gcp"):
        raise TargetError(
            f"configmap '{name}': provider '{provider}' is not supported yet; use a Secret with a kubeconfig, "
            "or provider 'generic'"
        )
    else:
        raise TargetError(
            f"configmap '{name}': provider must be one of aws, azure, gcp or generic, not {provider!r}"
        )
    identity = hashlib.sha256(repr(kubeconfig).encode()).hexdigest()
    return RemoteAccess(identity, kubeconfig, parameters, time.monotonic() + LIFETIME * RENEW_AT)


async def _generic(
    client: Client, config: Config, ks: Kustomization, name: str, data: Mapping[str, str]
) -> Mapping[str, Any]:
    address = data.get("address")
    if not address:
        raise TargetError(f"configmap '{name}': the key 'address' is required for provider generic")
    if not address.startswith(("https://", "http://")):
        address = f"https://{address}"
    audiences = (data.get("audiences") or "").split() or [address]
    account = data.get("serviceAccountName") or config.default_kubeconfig_service_account
    namespace = ks.namespace
    if not account:
        namespace, account = _own_account()
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": audiences, "expirationSeconds": LIFETIME},
    }
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    try:
        answer = await client.request("POST", path, body=body, content_type="application/json")
    except ApiError as error:
        raise TargetError(
            f"failed to create a token for service account '{namespace}/{account}': {error.message}"
        ) from error
    cluster: dict[str, Any] = {"server": address}
    if data.get("ca.crt"):
        cluster["certificate-authority-data"] = base64.b64encode(data["ca.crt"].encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "remote", "cluster": cluster}],
        "users": [{"name": "remote", "user": {"token": answer["status"]["token"]}}],
        "contexts": [{"name": "remote", "context": {"cluster": "remote", "user": "remote"}}],
        "current-context": "remote",
    }


def _own_account() -> tuple[str, str]:
    """The operator's own service account: its namespace, and its name as the token says."""
    try:
        namespace = os.environ.get("RUNTIME_NAMESPACE") or _OWN_NAMESPACE.read_text().strip()
        payload = _OWN_TOKEN.read_text().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        subject: str = claims["sub"]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise TargetError(
            "the operator does not run under a service account; set 'serviceAccountName' in the ConfigMap"
        ) from error
    return namespace, subject.rpartition(":")[2]
