"""A service account of the cluster as an identity at Google Cloud, through workload identity federation.

Outside GKE the account's annotation names the provider that trusts the cluster. On GKE the workload identity pool of
the project trusts every cluster; the metadata server has its name. The rules are those of Flux's GCP authentication.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from headgate.identity.account import IdentityRefused, WorkloadIdentity

__all__ = ["federated"]

PROVIDER_ANNOTATION = "gcp.auth.fluxcd.io/workload-identity-provider"
ACCOUNT_ANNOTATION = "iam.gke.io/gcp-service-account"
METADATA_TIMEOUT = 5.0
"""Seconds."""

_PROVIDER = re.compile(
    r"projects/\d{1,30}/locations/global/workloadIdentityPools/[^/]{1,100}/providers/[^/]{1,100}", re.ASCII
)
_EMAIL = re.compile(r"[a-zA-Z0-9-]{1,100}@[a-zA-Z0-9-]{1,100}\.iam\.gserviceaccount\.com")
_IMPERSONATION = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"


def federated(account: WorkloadIdentity, scopes: Sequence[str]) -> Any:
    """Return google-auth credentials for the account; raises :class:`IdentityRefused`."""
    from google.auth import identity_pool

    email = account.annotations.get(ACCOUNT_ANNOTATION)
    if email and not _EMAIL.fullmatch(email):
        raise IdentityRefused(f"the service account's annotation {ACCOUNT_ANNOTATION} is malformed")
    provider = account.annotations.get(PROVIDER_ANNOTATION)
    if provider:
        if not _PROVIDER.fullmatch(provider):
            raise IdentityRefused(f"the service account's annotation {PROVIDER_ANNOTATION} is malformed")
        audience = token_audience = f"//iam.googleapis.com/{provider}"
    else:
        audience, token_audience = _of_this_cluster()

    class Supplier(identity_pool.SubjectTokenSupplier):  # type: ignore[misc]
        def get_subject_token(self, context: Any, request: Any) -> str:
            return account.token(token_audience)

    return identity_pool.Credentials(
        audience=audience,
        subject_token_type="urn:ietf:params:oauth:token-type:jwt",  # noqa: S106
        token_url="https://sts.googleapis.com/v1/token",  # noqa: S106
        subject_token_supplier=Supplier(),
        service_account_impersonation_url=f"{_IMPERSONATION}/{email}:generateAccessToken" if email else None,
        scopes=list(scopes),
    )


def _of_this_cluster() -> tuple[str, str]:
    """The audience of the exchange, and the audience for the token."""
    project, location, cluster = map(
        _metadata,
        ("project/project-id", "instance/attributes/cluster-location", "instance/attributes/cluster-name"),
    )
    pool = f"{project}.svc.id.goog"
    issuer = f"https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{cluster}"
    return f"identitynamespace:{pool}:{issuer}", pool


def _metadata(path: str) -> str:
    import requests

    host = os.environ.get("GCE_METADATA_HOST") or "metadata.google.internal"
    try:
        answer = requests.get(
            f"http://{host}/computeMetadata/v1/{path}",
            headers={"Metadata-Flavor": "Google"},
            timeout=METADATA_TIMEOUT,
            allow_redirects=False,
        )
        answer.raise_for_status()
    except requests.RequestException:
        raise IdentityRefused(
            f"the service account has no annotation {PROVIDER_ANNOTATION}, which is needed outside GKE"
        ) from None
    return str(answer.text).strip()
