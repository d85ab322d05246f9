"""Data keys from Azure Key Vault, through ``azure-keyvault-keys`` and ``azure-identity``.

Credentials are the Secret's ``sops.azure-kv`` (a client secret, a client certificate, the output of ``az ad sp
create-for-rbac``, or a managed identity's client id), or those of a service account, federated with the application in
its annotations, or the operator's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate.causes import network_cause
from headgate.postbuild.sops.cloud import (
    ANSWER_TIMEOUT,
    CONNECT_TIMEOUT,
    NO_CONNECTION,
    OF_CLIENT,
    RETRIES,
    CloudKeys,
    wrapped_key,
)
from headgate.postbuild.sops.errors import ExtraMissing, KeyCredentialsInvalid
from headgate.postbuild.sops.keys import KeyRefused, ServiceSilent
from headgate.postbuild.sops.metadata import MasterKey

__all__ = ["AzureKeyVault"]

_AUDIENCE = "api://AzureADTokenExchange"
_LIMITS: dict[str, Any] = {
    "connection_timeout": CONNECT_TIMEOUT,
    "read_timeout": ANSWER_TIMEOUT,
    "retry_total": RETRIES,
}

_NO_PROGRAMS = {
    f"exclude_{name}_credential": True
    for name in ("broker", "cli", "developer_cli", "interactive_browser", "powershell", "shared_token_cache")
}
"""Excludes the sources for developers' machines, which may run programs."""


class AzureKeyVault(CloudKeys):
    """A client of any key vault; ``credentials`` is the mapping of ``sops.azure-kv``.

    ``options`` are for the SDK's clients, such as ``transport``.
    """

    KIND = "azure_kv"

    def __init__(self, *args: Any, options: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._options = {**_LIMITS, **(options or {})}

    def check(self, credentials: Mapping[str, Any]) -> None:
        _kind(credentials)

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the data key; raises :class:`KeyRefused` and :class:`ExtraMissing`."""
        try:
            from azure.core.exceptions import (
                AzureError,
                HttpResponseError,
                ServiceRequestError,
                ServiceResponseError,
            )
            from azure.core.pipeline.transport import RequestsTransport
            from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm

            from headgate.postbuild.sops.sessions import bounded_session
        except ImportError:
            raise ExtraMissing("Azure Key Vault", "azure") from None
        parts = (key.text("vault_url").rstrip("/"), "keys", key.text("name"), key.text("version"))
        wrapped = wrapped_key(key, urlsafe=True)
        transport = RequestsTransport(
            session=bounded_session(), connection_timeout=CONNECT_TIMEOUT, read_timeout=ANSWER_TIMEOUT
        )
        options = {"transport": transport, **self._options}
        try:
            with CryptographyClient("/".join(filter(None, parts)), self._credential(), **options) as client:
                return bytes(client.decrypt(EncryptionAlgorithm.rsa_oaep_256, wrapped).plaintext)
        except HttpResponseError as error:
            raise KeyRefused(f"the service refused (status {error.status_code})") from None
        except (ServiceRequestError, ServiceResponseError) as error:
            raise ServiceSilent(
                f"the service cannot be reached: {network_cause(error, NO_CONNECTION)}"
            ) from None
        except (AzureError, ValueError) as error:
            raise KeyRefused(f"the service could not be used: {network_cause(error, OF_CLIENT)}") from None

    def _credential(self) -> Any:
        from azure import identity as sdk

        options = dict(self._options)
        if self._credentials is None:
            account = self._identity
            if account is None:
                return sdk.DefaultAzureCredential(**_NO_PROGRAMS, **options)
            return sdk.ClientAssertionCredential(
                account.annotation("azure.workload.identity/tenant-id"),
                account.annotation("azure.workload.identity/client-id"),
                lambda: account.token(_AUDIENCE),
                **options,
            )
        given = {name: str(value) for name, value in self._credentials.items()}
        if given.get("authorityHost"):
            options["authority"] = given["authorityHost"]
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
                return sdk.ManagedIdentityCredential(client_id=given["clientId"], **options)


def _kind(given: Mapping[str, Any]) -> str:
    """Return the kind of the credentials, in Flux's order; raises :class:`KeyCredentialsInvalid`."""

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
    raise KeyCredentialsInvalid(
        "needs clientId, or tenantId, clientId and clientSecret, or tenantId, clientId and clientCertificate"
    )
