"""Cloud clusters, reached with a cloud identity (``spec.kubeConfig.configMapRef``, providers except ``generic``).

The cloud's API returns the address and the certificate authority of a cluster; the cloud's identity service issues
tokens for it. The vendors' libraries are optional: ``pip install headgate[aws]``, ``headgate[azure]``,
``headgate[gcp]``. Flux documents it in its Kustomization reference, "Secret-less authentication". All functions here
block.

If the ConfigMap names no service account, the operator's own identity applies. Its tokens then go only to a cluster
that the cloud knows, at the address of that cluster: an address alone could belong to anybody.
"""

from __future__ import annotations

import base64
import importlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from headgate.causes import network_cause
from headgate.identity import IdentityRefused, WorkloadIdentity
from headgate.identity.gcp import federated
from headgate.kube import AccessFailed, Bearer

T = TypeVar("T")

EKS_TOKEN_LIFE = 900.0
"""Seconds; EKS accepts a signature for fifteen minutes, whatever expiry the signature states."""
AKS_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""The scope of the application that represents AKS in Microsoft Entra ID, the same for all clusters."""
ARM = "https://management.azure.com"
GKE = "https://container.googleapis.com/v1"
GCP_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TIMEOUT = 30.0

_EKS_CLUSTER = re.compile(r"arn:aws[\w-]*:eks:([a-z0-9-]+):[0-9]+:cluster/([A-Za-z0-9][\w-]*)", re.ASCII)
_AKS_CLUSTER = re.compile(
    r"/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.ContainerService/managedClusters/[\w-]+",
    re.ASCII | re.IGNORECASE,
)
_GKE_CLUSTER = re.compile(r"projects/[\w.:-]+/locations/[\w-]+/clusters/[\w-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class CloudCluster:
    """The address of a cluster, and how to get a token for it."""

    addresses: tuple[str, ...]
    """As the cloud returns them, the usual one first."""
    authority: bytes
    """PEM."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cluster of one cloud, with one identity. Both functions raise :class:`~headgate.kube.AccessFailed`."""

    describe: Callable[[], CloudCluster]
    token: Callable[[], Bearer]


def cloud(provider: str, cluster: str, account: WorkloadIdentity | None) -> Cloud:
    """The cluster with this resource name. Raises :class:`ValueError` if the name is not valid for the provider."""
    form = {"aws": _EKS_CLUSTER, "azure": _AKS_CLUSTER, "gcp": _GKE_CLUSTER}[provider]
    match = form.fullmatch(cluster)
    if match is None:
        raise ValueError(f"{cluster!r} is not the resource name of a cluster of provider '{provider}'")
    kinds: dict[str, type[_Aws | _Azure | _Gcp]] = {"aws": _Aws, "azure": _Azure, "gcp": _Gcp}
    made = kinds[provider](cluster, account)
    return Cloud(
        lambda: _guarded(provider, "describe the cluster", made.describe),
        lambda: _guarded(provider, "make a token", made.token),
    )


def _guarded(provider: str, doing: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except ImportError as error:
        raise AccessFailed(f"provider '{provider}' needs the extra of that name: {error}") from None
    except AccessFailed:
        raise
    except IdentityRefused as error:
        raise AccessFailed(f"provider '{provider}' failed to {doing}: {error}") from None
    except Exception as error:
        # The libraries' errors have no common class, and their texts may be pages long, or quote what was sent.
        why = network_cause(error, type(error).__name__)
        raise AccessFailed(f"provider '{provider}' failed to {doing}: {why}") from None


class _Aws:
    """EKS: a token is a signed request to STS that names the cluster."""

    def __init__(self, cluster: str, account: WorkloadIdentity | None) -> None:
        match = _EKS_CLUSTER.fullmatch(cluster)
        assert match is not None
        self._region, self._name = match.groups()
        self._account = account

    def describe(self) -> CloudCluster:
        found = self._session().client("eks").describe_cluster(name=self._name)["cluster"]
        return CloudCluster((found["endpoint"],), base64.b64decode(found["certificateAuthority"]["data"]))

    def token(self) -> Bearer:
        signers = importlib.import_module("botocore.signers")
        session = self._session()
        sts = session.client("sts")
        signer = signers.RequestSigner(
            sts.meta.service_model.service_id,
            self._region,
            "sts",
            "v4",
            session.get_credentials(),
            session.events,
        )
        request = {
            "method": "GET",
            "url": f"{sts.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": self._name},
            "context": {},
        }
        url = signer.generate_presigned_url(
            request, region_name=self._region, expires_in=int(EKS_TOKEN_LIFE), operation_name=""
        )
        encoded = base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
        return Bearer(f"k8s-aws-v1.{encoded}", EKS_TOKEN_LIFE)

    def _session(self) -> Any:
        boto3 = importlib.import_module("boto3")
        session = boto3.Session(region_name=self._region)
        if self._account is None:
            return session
        account = self._account
        given = session.client("sts").assume_role_with_web_identity(
            RoleArn=account.annotation("eks.amazonaws.com/role-arn"),
            RoleSessionName=f"{account.name}.{account.namespace}.{self._region}.fluxcd.io"[:64],
            WebIdentityToken=account.token("sts.amazonaws.com"),
        )["Credentials"]
        return boto3.Session(
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            region_name=self._region,
        )


class _Azure:
    """AKS with Microsoft Entra ID: the kubeconfig that the cloud gives to users has the address."""

    def __init__(self, cluster: str, account: WorkloadIdentity | None) -> None:
        self._cluster, self._account = cluster, account

    def describe(self) -> CloudCluster:
        path = f"{ARM}{self._cluster}"
        headers = {"Authorization": f"Bearer {self._token(f'{ARM}/.default').token}"}
        found = _json("GET", f"{path}?api-version=2024-09-01", headers)
        if not (found.get("properties") or {}).get("aadProfile"):
            raise AccessFailed(
                "the AKS cluster does not have Microsoft Entra ID integration enabled; see "
                "https://learn.microsoft.com/azure/aks/enable-authentication-microsoft-entra-id"
            )
        listed = _json("POST", f"{path}/listClusterUserCredential?api-version=2024-09-01", headers)
        places = [
            yaml.safe_load(base64.b64decode(k["value"]))["clusters"][0]["cluster"]
            for k in listed["kubeconfigs"]
        ]
        return CloudCluster(
            tuple(p["server"] for p in places), base64.b64decode(places[0]["certificate-authority-data"])
        )

    def token(self) -> Bearer:
        found = self._token(AKS_SCOPE)
        return Bearer(found.token, float(found.expires_on) - time.time())

    def _token(self, scope: str) -> Any:
        sdk = importlib.import_module("azure.identity")
        account = self._account
        if account is None:
            credential = sdk.DefaultAzureCredential(exclude_interactive_browser_credential=True)
        else:
            credential = sdk.ClientAssertionCredential(
                account.annotation("azure.workload.identity/tenant-id"),
                account.annotation("azure.workload.identity/client-id"),
                lambda: account.token("api://AzureADTokenExchange"),
            )
        with credential:
            return credential.get_token(scope)


class _Gcp:
    """GKE: an access token of Google Cloud is a token of the cluster."""

    def __init__(self, cluster: str, account: WorkloadIdentity | None) -> None:
        self._cluster, self._account = cluster, account

    def describe(self) -> CloudCluster:
        headers = {"Authorization": f"Bearer {self._credentials().token}"}
        found = _json("GET", f"{GKE}/{self._cluster}", headers)
        return CloudCluster(
            (found["endpoint"],), base64.b64decode(found["masterAuth"]["clusterCaCertificate"])
        )

    def token(self) -> Bearer:
        found = self._credentials()
        left = (found.expiry - type(found.expiry).utcnow()).total_seconds() if found.expiry else 300.0
        return Bearer(found.token, left)

    def _credentials(self) -> Any:
        auth = importlib.import_module("google.auth")
        transport = importlib.import_module("google.auth.transport.requests")
        if self._account is None:
            credentials = auth.default(scopes=[GCP_SCOPE])[0]
        else:
            credentials = federated(self._account, [GCP_SCOPE])
        credentials.refresh(transport.Request())
        return credentials


def _json(method: str, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    import urllib3

    answer = urllib3.request(method, url, headers=dict(headers), timeout=_TIMEOUT, redirect=False, retries=2)
    if answer.status != 200:
        raise AccessFailed(f"{url.partition('?')[0]} answered with HTTP status {answer.status}")
    found: dict[str, Any] = answer.json()
    return found
