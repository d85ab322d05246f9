"""Data keys from the transit engine of HashiCorp Vault and OpenBao, through ``hvac``.

There are three sources of a token, of which the first available one counts: the Secret's ``sops.vault-token``; a
service account's token, exchanged at a configured login path, with the servers in the configuration only; the
operator's ``VAULT_TOKEN``. Because the address comes from the encrypted file, only the operator's server receives
``VAULT_TOKEN``, and Kustomizations that act as a service account, as those of tenants do, cannot use it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import Any

from headgate.causes import network_cause
from headgate.identity import IdentityRefused, WorkloadIdentity
from headgate.postbuild.sops.cloud import ANSWER_TIMEOUT, CONNECT_TIMEOUT, NO_CONNECTION
from headgate.postbuild.sops.errors import ExtraMissing
from headgate.postbuild.sops.keys import KeyRefused, ServiceSilent
from headgate.postbuild.sops.metadata import MasterKey

__all__ = ["VaultTransit"]

# The paths come from the encrypted file: they must not lead to other endpoints of the server.
_NAME = re.compile(r"(?!\.+$)[\w.-]+")
_ENGINE = re.compile(r"(?:(?!\.+(?:/|$))[\w.-]+/)*(?!\.+$)[\w.-]+")


class VaultTransit:
    """A client of any Vault that a key names.

    ``login_paths`` maps trusted addresses to login paths, such as ``auth/kubernetes/login``; None without
    configuration. The role is ``<namespace>_<name>`` of the service account.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        identity: WorkloadIdentity | None = None,
        login_paths: Mapping[str, str] | None = None,
    ) -> None:
        self._token = token
        self._identity = identity
        self._login_paths = login_paths
        self._tokens: dict[str, str] = {}

    def serves(self, key: MasterKey) -> bool:
        return key.kind == "hc_vault"

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the data key; raises :class:`KeyRefused` and :class:`ExtraMissing`."""
        try:
            import hvac
        except ImportError:
            raise ExtraMissing("Vault transit", "vault") from None
        address = key.text("vault_address")
        engine, name = key.text("engine_path").strip("/"), key.text("key_name")
        if not (_ENGINE.fullmatch(engine) and _NAME.fullmatch(name)):
            raise KeyRefused("its engine's path or its name is malformed")
        client = self._client(hvac, address, self._token_for(hvac, address))
        try:
            answer = client.secrets.transit.decrypt_data(name=name, ciphertext=key.enc, mount_point=engine)
            return base64.b64decode(answer["data"]["plaintext"], validate=True)
        except (KeyError, TypeError, binascii.Error):
            raise KeyRefused("the server's answer holds no data key") from None
        except Exception as error:
            raise _refusal("the server could not be used", error) from None

    @staticmethod
    def _client(hvac: Any, address: str, token: str) -> Any:
        if not address.startswith(("https://", "http://")):
            raise KeyRefused("its address is not a URL")
        # hvac requires the library of the sessions.
        from headgate.postbuild.sops.sessions import bounded_session

        verify: bool | str = os.environ.get("VAULT_CACERT") or True
        return hvac.Client(
            url=address,
            token=token,
            verify=verify,
            session=bounded_session(verify=verify),
            timeout=(CONNECT_TIMEOUT, ANSWER_TIMEOUT),
            # A redirect would send the token to another server.
            allow_redirects=False,
            namespace=os.environ.get("VAULT_NAMESPACE") or None,
        )

    def _token_for(self, hvac: Any, address: str) -> str:
        if self._token is not None:
            return self._token
        if self._identity is not None and self._login_paths is not None:
            if address not in self._tokens:
                self._tokens[address] = self._login(hvac, address, self._identity)
            return self._tokens[address]
        own = os.environ.get("VAULT_TOKEN")
        if own and self._identity is not None:
            raise KeyRefused(
                "a Kustomization that acts as a service account cannot use the operator's VAULT_TOKEN: add an entry "
                "sops.vault-token to the decryption Secret, or name the server in --sops-vault-configmap"
            )
        if own:
            if address.rstrip("/") == (os.environ.get("VAULT_ADDR") or "").rstrip("/"):
                return own
            raise KeyRefused("the operator's VAULT_TOKEN is for the server in VAULT_ADDR only")
        raise KeyRefused("no token given (an entry sops.vault-token of the decryption Secret)")

    def _login(self, hvac: Any, address: str, identity: WorkloadIdentity) -> str:
        path = (self._login_paths or {}).get(address)
        if not path:
            raise KeyRefused("no login path is configured for this server")
        # With None, hvac would use the operator's token.
        client = self._client(hvac, address, "")
        role = f"{identity.namespace}_{identity.name}"
        try:
            answer = client.adapter.post(
                f"/v1/{path.strip('/')}", json={"role": role, "jwt": identity.token(address)}
            )
            return str(answer["auth"]["client_token"])
        except (KeyRefused, IdentityRefused):
            raise
        except Exception as error:
            raise _refusal(f"the login as role {role} failed", error) from None


def _refusal(what: str, error: Exception) -> KeyRefused:
    """The error, without quoting the server or the library."""
    import requests

    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return ServiceSilent(f"{what}: {network_cause(error, NO_CONNECTION)}")
    known = {
        "Forbidden": "permission denied",
        "Unauthorized": "the token is not accepted",
        "InvalidPath": "no such key or engine",
        "InvalidRequest": "invalid request",
        "RateLimitExceeded": "it limits the rate of requests",
        "VaultDown": "it is sealed or under maintenance",
        "VaultNotInitialized": "it is not initialized",
        "InternalServerError": "it failed",
        "BadGateway": "it failed",
    }
    why = next((known[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in known), "")
    return KeyRefused(f"{what}: {why or network_cause(error, 'its answer is malformed')}")
