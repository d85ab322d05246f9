"""Data keys from Google Cloud KMS: its REST API, with ``google-auth`` for the credentials.

Credentials are the Secret's ``sops.gcp-kms`` (a key file of a service account or an authorized user), or those of a
service account of the cluster, through workload identity federation, or the operator's own.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import Any

from headgate.causes import network_cause
from headgate.identity.gcp import federated
from headgate.postbuild.sops.cloud import (
    ANSWER_TIMEOUT,
    CONNECT_TIMEOUT,
    NO_CONNECTION,
    OF_CLIENT,
    CloudKeys,
    wrapped_key,
)
from headgate.postbuild.sops.errors import ExtraMissing, KeyCredentialsInvalid
from headgate.postbuild.sops.keys import KeyRefused, ServiceSilent
from headgate.postbuild.sops.metadata import MasterKey

__all__ = ["GcpKms"]

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_RESOURCE = re.compile(r"projects/[^/?#]+/locations/[^/?#]+/keyRings/[^/?#]+/cryptoKeys/[^/?#]+")
_TYPES = ("service_account", "authorized_user")


class GcpKms(CloudKeys):
    """A client of Cloud KMS; ``credentials`` is the JSON of ``sops.gcp-kms``."""

    KIND = "gcp_kms"

    def check(self, credentials: Mapping[str, Any]) -> None:
        # Other types may name files and programs of this machine as sources of tokens.
        if credentials.get("type") not in _TYPES:
            raise KeyCredentialsInvalid(f"must be a key file of type {' or '.join(_TYPES)}")

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the data key; raises :class:`KeyRefused` and :class:`ExtraMissing`."""
        try:
            import requests
            from google.auth.exceptions import GoogleAuthError, TransportError
            from google.auth.transport.requests import AuthorizedSession
        except ImportError:
            raise ExtraMissing("GCP KMS", "gcp") from None
        resource = key.text("resource_id")
        if not _RESOURCE.fullmatch(resource):
            raise KeyRefused("its resource id is malformed")
        ciphertext = base64.b64encode(wrapped_key(key)).decode()
        try:
            with AuthorizedSession(self._google_credentials(), refresh_timeout=ANSWER_TIMEOUT) as session:
                answer = session.post(
                    f"{_endpoint()}/v1/{resource}:decrypt",
                    json={"ciphertext": ciphertext},
                    timeout=(CONNECT_TIMEOUT, ANSWER_TIMEOUT),
                    allow_redirects=False,
                )
            if answer.status_code != requests.codes.ok:
                raise KeyRefused(f"the service refused (status {answer.status_code})")
            return base64.b64decode(answer.json()["plaintext"], validate=True)
        except (TransportError, requests.ConnectionError, requests.Timeout) as error:
            raise ServiceSilent(
                f"the service cannot be reached: {network_cause(error, NO_CONNECTION)}"
            ) from None
        except (GoogleAuthError, requests.RequestException) as error:
            raise KeyRefused(f"the service could not be used: {network_cause(error, OF_CLIENT)}") from None
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise KeyRefused(
                "the service's answer holds no data key, or the credentials are malformed"
            ) from None

    def _google_credentials(self) -> Any:
        if self._credentials is not None:
            if self._credentials["type"] == "service_account":
                from google.oauth2 import service_account

                return service_account.Credentials.from_service_account_info(self._credentials, scopes=SCOPES)
            from google.oauth2 import credentials

            return credentials.Credentials.from_authorized_user_info(self._credentials, scopes=SCOPES)
        if self._identity is not None:
            return federated(self._identity, SCOPES)
        import google.auth

        return google.auth.default(scopes=SCOPES)[0]


def _endpoint() -> str:
    """The API endpoint, by SOPS' rule: sovereign clouds have other hosts."""
    endpoint = os.environ.get("SOPS_GCP_KMS_ENDPOINT")
    if endpoint:
        return endpoint.rstrip("/") if "://" in endpoint else f"https://{endpoint}"
    return f"https://cloudkms.{os.environ.get('SOPS_GCP_KMS_UNIVERSE_DOMAIN') or 'googleapis.com'}"
