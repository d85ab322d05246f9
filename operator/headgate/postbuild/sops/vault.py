"""Data keys by the transit engine of HashiCorp Vault and OpenBao, through ``hvac``.

Three ways to a token, the first that is given: the Secret's ``sops.vault-token``; a service account's token,
exchanged at a login path, which is done with trusted servers only; the operator's own ``VAULT_TOKEN``, which
is shown only to the operator's own server, as the address comes from the encrypted file.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any

from headgate.postbuild.sops.errors import ExtraMissing
from headgate.postbuild.sops.identity import WorkloadIdentity
from headgate.postbuild.sops.keys import KeyRefused
from headgate.postbuild.sops.metadata import MasterKey

__all__ = ["VaultTransit"]

_TIMEOUT = 10.0


class VaultTransit:
    """A client of any Vault that a key names.

    ``login_paths`` maps trusted addresses to login paths, such as ``auth/kubernetes/login``; the role is
    ``<namespace>_<name>`` of the service account. ``ambient`` allows the operator's own token.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        identity: WorkloadIdentity | None = None,
        login_paths: Mapping[str, str] | None = None,
        ambient: bool = False,
    ) -> None:
        self._token = token
        self._identity = identity
        self._login_paths = dict(login_paths or {})
        self._ambient = ambient
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
        client = self._client(hvac, address, self._token_for(hvac, address))
        try:
            answer = client.secrets.transit.decrypt_data(
                name=key.text("key_name"), ciphertext=key.enc, mount_point=key.text("engine_path").strip("/")
            )
            return base64.b64decode(answer["data"]["plaintext"], validate=True)
        except (KeyError, TypeError, binascii.Error):
            raise KeyRefused("the server's answer holds no data key") from None
        except Exception as error:
            raise KeyRefused(f"the server refused ({type(error).__name__})") from None

    @staticmethod
    def _client(hvac: Any, address: str, token: str | None) -> Any:
        if not address.startswith(("https://", "http://")):
            raise KeyRefused("its address is no URL")
        verify: bool | str = os.environ.get("VAULT_CACERT") or True
        # A redirect would carry the token to a server nobody named.
        return hvac.Client(url=address, token=token, verify=verify, timeout=_TIMEOUT, allow_redirects=False)

    def _token_for(self, hvac: Any, address: str) -> str:
        if self._token is not None:
            return self._token
        if self._identity is not None and self._login_paths:
            if address not in self._tokens:
                self._tokens[address] = self._login(hvac, address, self._identity)
            return self._tokens[address]
        own = os.environ.get("VAULT_TOKEN")
        if self._ambient and own:
            if address.rstrip("/") == (os.environ.get("VAULT_ADDR") or "").rstrip("/"):
                return own
            raise KeyRefused("the operator's VAULT_TOKEN is for the server in VAULT_ADDR only")
        raise KeyRefused("no token given (an entry sops.vault-token of the decryption Secret)")

    def _login(self, hvac: Any, address: str, identity: WorkloadIdentity) -> str:
        path = self._login_paths.get(address)
        if not path:
            raise KeyRefused("no login path is configured for this server")
        client = self._client(hvac, address, None)
        role = f"{identity.namespace}_{identity.name}"
        try:
            answer = client.adapter.post(
                f"/v1/{path.strip('/')}", json={"role": role, "jwt": identity.token(address)}
            )
            return str(answer["auth"]["client_token"])
        except KeyRefused:
            raise
        except Exception as error:
            raise KeyRefused(f"the login as role {role} was refused ({type(error).__name__})") from None
