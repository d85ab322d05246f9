"""Data keys by Google Cloud KMS, through ``google-cloud-kms``.

Credentials are the Secret's ``sops.gcp-kms`` (a key file of a service account or an authorized user), or a
service account's of the cluster, by workload identity federation, or the operator's own.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from headgate.postbuild.sops.errors import BadCredentials, ExtraMissing
from headgate.postbuild.sops.identity import WorkloadIdentity
from headgate.postbuild.sops.keys import KeyRefused
from headgate.postbuild.sops.metadata import MasterKey

__all__ = ["GcpKms"]

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_PROVIDER = re.compile(
    r"projects/\d{1,30}/locations/global/workloadIdentityPools/[^/]{1,100}/providers/[^/]{1,100}", re.ASCII
)
_EMAIL = re.compile(r"[a-zA-Z0-9-]{1,100}@[a-zA-Z0-9-]{1,100}\.iam\.gserviceaccount\.com")
_TYPES = ("service_account", "authorized_user")


class GcpKms:
    """A client of Cloud KMS; ``credentials`` is the JSON of ``sops.gcp-kms``."""

    def __init__(
        self,
        *,
        credentials: bytes | None = None,
        identity: WorkloadIdentity | None = None,
        ambient: bool = False,
    ) -> None:
        self._credentials = None if credentials is None else _checked(credentials)
        self._identity = identity
        self._ambient = ambient

    def serves(self, key: MasterKey) -> bool:
        return key.kind == "gcp_kms" and bool(self._credentials or self._identity or self._ambient)

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the data key; raises :class:`KeyRefused` and :class:`ExtraMissing`."""
        try:
            from google.api_core.exceptions import GoogleAPIError
            from google.auth.exceptions import GoogleAuthError
            from google.cloud import kms
        except ImportError:
            raise ExtraMissing("GCP KMS", "gcp") from None
        try:
            wrapped = base64.b64decode(key.enc, validate=True)
            with kms.KeyManagementServiceClient(credentials=self._google_credentials()) as client:
                return bytes(client.decrypt(name=key.text("resource_id"), ciphertext=wrapped).plaintext)
        except binascii.Error:
            raise KeyRefused("its data key is no base64") from None
        except (GoogleAPIError, GoogleAuthError, ValueError) as error:
            raise KeyRefused(f"the service could not be used ({type(error).__name__})") from None

    def _google_credentials(self) -> Any:
        """None stands for the operator's own."""
        if self._credentials is not None:
            if self._credentials["type"] == "service_account":
                from google.oauth2 import service_account

                return service_account.Credentials.from_service_account_info(
                    self._credentials, scopes=_SCOPES
                )
            from google.oauth2 import credentials

            return credentials.Credentials.from_authorized_user_info(self._credentials, scopes=_SCOPES)
        return None if self._identity is None else _federated(self._identity)


def _federated(account: WorkloadIdentity) -> Any:
    from google.auth import identity_pool

    provider = account.annotation("gcp.auth.fluxcd.io/workload-identity-provider")
    if not _PROVIDER.fullmatch(provider):
        raise KeyRefused("the service account's workload-identity-provider annotation is malformed")
    audience = f"//iam.googleapis.com/{provider}"
    email = account.annotations.get("iam.gke.io/gcp-service-account")
    if email and not _EMAIL.fullmatch(email):
        raise KeyRefused("the service account's gcp-service-account annotation is malformed")

    class Supplier(identity_pool.SubjectTokenSupplier):  # type: ignore[misc]
        def get_subject_token(self, context: Any, request: Any) -> str:
            return account.token(audience)

    base = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
    return identity_pool.Credentials(
        audience=audience,
        subject_token_type="urn:ietf:params:oauth:token-type:jwt",  # noqa: S106
        token_url="https://sts.googleapis.com/v1/token",  # noqa: S106
        subject_token_supplier=Supplier(),
        service_account_impersonation_url=f"{base}/{email}:generateAccessToken" if email else None,
        scopes=list(_SCOPES),
    )


def _checked(data: bytes) -> dict[str, Any]:
    """Parse a key file. Other types may name files and programs of this machine to read tokens from."""
    try:
        info = json.loads(data)
    except ValueError:
        raise BadCredentials("is no JSON") from None
    if not isinstance(info, dict) or info.get("type") not in _TYPES:
        raise BadCredentials(f"must be a key file of type {' or '.join(_TYPES)}")
    return info
