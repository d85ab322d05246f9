"""Data keys by Azure Key Vault, through ``azure-keyvault-keys`` and ``azure-identity``.

Credentials are the Secret's ``sops.azure-kv`` (a client secret, a client certificate, the output of
``az ad sp create-for-rbac``, or a managed identity's client id), or a service account's, federated with the
application in its annotations, or the operator's own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from headgate.postbuild.sops.errors import BadCredentials, ExtraMissing
from headgate.postbuild.sops.identity import WorkloadIdentity
from headgate.postbuild.sops.keys import KeyRefused
from headgate.postbuild.sops.metadata import MasterKey

__all__ = ["AzureKeyVault"]

_AUDIENCE = "api://AzureADTokenExchange"


class AzureKeyVault:
    """A client of any vault; ``credentials`` is the mapping of ``sops.azure-kv``."""

    def __init__(
        self,
        *,
        credentials: Mapping[str, Any] | None = None,
        identity: WorkloadIdentity | None = None,
        ambient: bool = False,
    ) -> None:
        self._credentials = None if credentials is None else {k: str(v) for k, v in credentials.items()}
        self._identity = identity
        self._ambient = ambient
        if self._credentials is not None:
            _kind(self._credentials)

    def serves(self, key: MasterKey) -> bool:
        return key.kind == "azure_kv" and bool(self._credentials or self._identity or self._ambient)

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the data key; raises :class:`KeyRefused` and :class:`ExtraMissing`."""
        try:
            from azure.core.exceptions import AzureError, HttpResponseError
            from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm
        except ImportError:
            raise ExtraMissing("Azure Key Vault", "azure") from None
        parts = (key.text("vault_url").rstrip("/"), "keys", key.text("name"), key.text("version"))
        try:
            wrapped = base64.urlsafe_b64decode(key.enc + "=" * (-len(key.enc) % 4))
            client = CryptographyClient("/".join(filter(None, parts)), self._credential())
            return bytes(client.decrypt(EncryptionAlgorithm.rsa_oaep_256, wrapped).plaintext)
        except binascii.Error:
            raise KeyRefused("its data key is no base64") from None
        except HttpResponseError as error:
            raise KeyRefused(f"the service refused (status {error.status_code})") from None
        except (AzureError, ValueError) as error:
            raise KeyRefused(f"the service could not be used ({type(error).__name__})") from None

    def _credential(self) -> Any:
        try:
            from azure import identity as sdk
        except ImportError:
            raise ExtraMissing("Azure Key Vault", "azure") from None
        given = self._credentials
        if given is None:
            account = self._identity
            if account is None:
                return sdk.DefaultAzureCredential()
            return sdk.ClientAssertionCredential(
                account.annotation("azure.workload.identity/tenant-id"),
                account.annotation("azure.workload.identity/client-id"),
                lambda: account.token(_AUDIENCE),
            )
        options = {"authority": given["authorityHost"]} if given.get("authorityHost") else {}
        match _kind(given):
            case "secret":
                return sdk.ClientSecretCredential(
                    given["tenantId"], given["clientId"], given["clientSecret"], **options
                )
            case "certificate":
                return sdk.CertificateCredential(
                    given["tenantId"],
                    given["clientId"],
                    certificate_data=given["clientCertificate"].encode(),
                    password=given.get("clientCertificatePassword") or None,
                    send_certificate_chain=given.get("clientCertificateSendChain", "").lower() == "true",
                    **options,
                )
            case "principal":
                return sdk.ClientSecretCredential(
                    given["tenant"], given["appId"], given["password"], **options
                )
            case _:
                return sdk.ManagedIdentityCredential(client_id=given["clientId"])


def _kind(given: Mapping[str, str]) -> str:
    """Tell which credentials these are, in Flux's order; raises :class:`BadCredentials`."""

    def has(*names: str) -> bool:
        return all(given.get(name) for name in names)

    if has("tenantId", "clientId", "clientSecret"):
        return "secret"
    if has("tenantId", "clientId", "clientCertificate"):
        return "certificate"
    if has("tenant", "appId", "password"):
        return "principal"
    if has("clientId"):
        return "managed"
    raise BadCredentials(
        "needs clientId, or tenantId, clientId and clientSecret, or tenantId, clientId and clientCertificate"
    )
