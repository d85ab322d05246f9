"""Reads the keys that decrypt a Kustomization's content: ``spec.decryption`` and the operator's own options.

The precedence is Flux's. ``secretRef`` provides private keys and credentials; without it, the Secret of
``--sops-age-secret`` does. Headgate calls clouds' key services as ``serviceAccountName``, else as
``--default-decryption-service-account``, else as the operator itself. The same holds for Vault servers that the
ConfigMap of ``--sops-vault-configmap`` names.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from headgate.api import Kustomization
from headgate.identity import IdentityRefused, WorkloadIdentity
from headgate.kube import AccessFailed, ApiError, Client, NotFound, ObjectRef
from headgate.objects import Obj
from headgate.reconcile.kustomization.build.decryption import Keys
from headgate.reconcile.target.tokens import is_account_name, own_account, token_of
from headgate.settings import DecryptionSettings

VAULT_CONFIG = "config.yaml"
"""The key in the ConfigMap of ``--sops-vault-configmap``."""
TOKEN_TIMEOUT = 15.0
"""Seconds that a build waits for a service account's token."""


class KeysMissing(Exception):
    """A Secret, a ConfigMap or an account that decryption needs cannot be read; the message names it."""


@dataclass(frozen=True, slots=True)
class SharedKeys:
    """The objects in the operator's own namespace that provide keys to Kustomizations; None for an unset option."""

    age_secret: ObjectRef | None
    vault_config: ObjectRef | None

    @staticmethod
    def of(config: DecryptionSettings) -> SharedKeys:
        """The objects that the options name; requires a known namespace of the operator."""
        namespace = config.runtime_namespace

        def named(kind: str, name: str) -> ObjectRef | None:
            return ObjectRef("v1", kind, name, namespace) if name and namespace else None

        return SharedKeys(
            named("Secret", config.sops_age_secret), named("ConfigMap", config.sops_vault_configmap)
        )

    def used_by(self, spec: Mapping[str, Any]) -> frozenset[ObjectRef]:
        """The objects that provide keys to a raw spec."""
        decryption = spec.get("decryption")
        if not decryption:
            return frozenset()
        refs = (None if decryption.get("secretRef") else self.age_secret, self.vault_config)
        return frozenset(ref for ref in refs if ref is not None)


class KeyReader:
    """Reads keys. Others decide when to decrypt what with them."""

    def __init__(self, client: Client, config: DecryptionSettings) -> None:
        self._client, self._config = client, config
        self._shared = SharedKeys.of(config)

    async def read(self, ks: Kustomization) -> Keys | None:
        """The keys of a Kustomization; None without ``spec.decryption``; raises :class:`KeysMissing`."""
        wanted = ks.spec.decryption
        if wanted is None:
            return None
        seen: list[Any] = []
        secret = fallback = None
        name = ""
        if wanted.secret_ref is not None:
            ref = ObjectRef("v1", "Secret", wanted.secret_ref.name, ks.namespace)
            name = f"{ks.namespace}/{ref.name}"
            secret = await self._data(ref, "decryption Secret", seen)
        elif self._shared.age_secret is not None:
            ref = self._shared.age_secret
            name = f"{ref.namespace}/{ref.name}"
            fallback = await self._data(ref, "Secret of --sops-age-secret", seen)
        paths = await self._login_paths(seen)
        account = wanted.service_account_name or self._config.default_decryption_service_account
        identity = await self._identity(ks.namespace, account, seen) if account else None
        return Keys(
            version=hashlib.sha256(repr((ks.namespace, seen)).encode()).hexdigest(),
            name=name,
            secret=secret,
            age_fallback=fallback,
            identity=identity,
            vault_identity=identity if identity or paths is None else self._own_identity(),
            vault_login_paths=paths,
        )

    async def _data(self, ref: ObjectRef, what: str, seen: list[Any]) -> dict[str, bytes]:
        obj = await self._get(ref, what, seen)
        try:
            # The base64 decoder accepts no line breaks, but the text may have some.
            return {
                key: base64.b64decode("".join(text.split()), validate=True)
                for key, text in (obj.get("data") or {}).items()
            }
        except binascii.Error:
            raise KeysMissing(f"{what} '{ref.namespace}/{ref.name}' has a value that is not base64") from None

    async def _login_paths(self, seen: list[Any]) -> dict[str, str] | None:
        ref = self._shared.vault_config
        if ref is None:
            return None
        what = "ConfigMap of --sops-vault-configmap"
        obj = await self._get(ref, what, seen)
        try:
            config = yaml.load((obj.get("data") or {})[VAULT_CONFIG], yaml.CSafeLoader)
            return {str(each["address"]): str(each["loginPath"]) for each in config["instances"]}
        except (KeyError, TypeError, yaml.YAMLError):
            raise KeysMissing(
                f"{what} '{ref.namespace}/{ref.name}': the key '{VAULT_CONFIG}' must hold a list 'instances', "
                "each with 'address' and 'loginPath'"
            ) from None

    async def _identity(self, namespace: str, name: str, seen: list[Any]) -> WorkloadIdentity:
        """The account; if it does not exist, only a caller that needs a token or an annotation of it fails."""
        if not is_account_name(name):
            raise KeysMissing(f"{name!r} is not the name of a service account")
        ref = ObjectRef("v1", "ServiceAccount", name, namespace)
        try:
            annotations = (await self._get(ref, "decryption service account", seen))["metadata"].get(
                "annotations"
            )
        except KeysMissing as error:
            message = str(error)
            seen.append(message)

            def refuse(audience: str) -> str:
                raise IdentityRefused(message)

            return WorkloadIdentity(namespace, name, refuse)
        return WorkloadIdentity(namespace, name, self._token_of(namespace, name), annotations or {})

    def _own_identity(self) -> WorkloadIdentity | None:
        own = own_account()
        return None if own is None else WorkloadIdentity(*own, self._token_of(*own))

    def _token_of(self, namespace: str, name: str) -> Callable[[str], str]:
        """A function for the thread of a build that requests a token through the event loop."""
        loop = asyncio.get_running_loop()

        def token(audience: str) -> str:
            asked = asyncio.run_coroutine_threadsafe(
                token_of(self._client, namespace, name, [audience]), loop
            )
            try:
                return asked.result(TOKEN_TIMEOUT).token
            except AccessFailed as error:
                raise IdentityRefused(str(error)) from None
            except TimeoutError:
                asked.cancel()
                raise IdentityRefused(f"no token for service account '{namespace}/{name}' in time") from None

        return token

    async def _get(self, ref: ObjectRef, what: str, seen: list[Any]) -> Obj:
        try:
            found = await self._client.get(ref)
        except NotFound:
            raise KeysMissing(f"{what} '{ref.namespace}/{ref.name}' not found") from None
        except ApiError as error:
            raise KeysMissing(f"cannot get {what} '{ref.namespace}/{ref.name}': {error.message}") from error
        seen.append((str(ref), found["metadata"]["uid"], found["metadata"]["resourceVersion"]))
        return found
