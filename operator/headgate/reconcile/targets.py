"""Which cluster a Kustomization is applied to, and as whom.

Three things of its spec decide: ``kubeConfig`` (another cluster), ``serviceAccountName`` (whose rights) and the
operator's ``--default-service-account``. Connections are shared: one per cluster and credentials, with one set of
watches, however many Kustomizations use it and as whomever they act. What a Secret holds is untrusted: a kubeconfig
may name no program to run and no file to read.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from headgate.api import Kustomization, ObjectKey
from headgate.apply import KnownObjects
from headgate.kube import AccessError, ApiError, Client, NotFound, ObjectRef
from headgate.reconcile.applying import Applier
from headgate.reconcile.config import Config
from headgate.reconcile.live import LiveObjects
from headgate.reconcile.remote import AccountMissing, RemoteAccess, TargetError, from_config_map

Obj = dict[str, Any]

_log = logging.getLogger("headgate.targets")

DEFAULT_KEYS = ("value", "value.yaml")
"""Keys of a kubeconfig Secret that are looked at when the spec names none."""

_PROGRAMS = ("exec", "auth-provider")
_FILES = ("client-certificate", "client-key", "tokenFile", "certificate-authority")


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster as one user: what a Kustomization is applied with."""

    client: Client
    live: LiveObjects
    applier: Applier


@dataclass(slots=True)
class _Cluster:
    client: Client
    live: LiveObjects
    users: set[ObjectKey]
    access: RemoteAccess | None = None


class Targets:
    """Gives each Kustomization its target, and closes connections nobody uses."""

    def __init__(
        self,
        config: Config,
        client: Client,
        known: KnownObjects,
        make_live: Callable[[Client], LiveObjects],
    ) -> None:
        self._config, self._client, self._known, self._make_live = config, client, known, make_live
        self._home = _Cluster(client, make_live(client), set())
        self._remote: dict[str, _Cluster] = {}
        self._used: dict[ObjectKey, str] = {}

    @property
    def home(self) -> LiveObjects:
        """The managed objects of the operator's own cluster."""
        return self._home.live

    async def of(self, ks: Kustomization) -> Target:
        """The target of a Kustomization as its spec says now.

        Raises :class:`TargetError` with a message for the user, or :class:`~headgate.kube.ApiError`.
        """
        cluster = self._home if ks.spec.kube_config is None else await self._connect(ks)
        if cluster is self._home:
            await self._leave(ks.key)
        account = ks.spec.service_account_name or self._config.default_service_account
        client = cluster.client
        if account:
            client = client.impersonate(f"system:serviceaccount:{ks.namespace}:{account}")
        applier = Applier(
            client,
            self._known,
            cluster.live,
            concurrency=self._config.concurrent_ssa,
            disallowed_managers=self._config.override_managers,
            custom_stages=self._config.custom_stage_kinds,
        )
        return Target(client, cluster.live, applier)

    async def check_account(self, ks: Kustomization) -> None:
        """Raise :class:`AccountMissing` when the account that the Kustomization acts as does not exist."""
        account = ks.spec.service_account_name or self._config.default_service_account
        if not account:
            return
        cluster = self._home if ks.spec.kube_config is None else await self._connect(ks)
        try:
            await cluster.client.get(ObjectRef("v1", "ServiceAccount", account, ks.namespace))
        except NotFound as error:
            raise AccountMissing(f"service account '{ks.namespace}/{account}' not found") from error

    async def release(self, key: ObjectKey) -> None:
        """The Kustomization is gone."""
        await self._leave(key)

    async def close(self) -> None:
        """Stop all watches and close the connections to other clusters."""
        await self._home.live.close()
        for cluster in self._remote.values():
            await cluster.live.close()
            await cluster.client.close()
        self._remote.clear()

    # Other clusters.

    async def _connect(self, ks: Kustomization) -> _Cluster:
        access = await self._access(ks)
        cluster = self._remote.get(access.identity)
        if cluster is None:
            try:
                client = await Client.connect(access.kubeconfig)
            except AccessError as error:
                raise TargetError(f"failed to build kube client: {error}") from error
            cluster = _Cluster(client, self._make_live(client), set(), access)
            self._remote[access.identity] = cluster
            _log.info("%s: connected to the cluster %s", ks.key, client.cluster)
        if self._used.get(ks.key) != access.identity:
            await self._leave(ks.key)
        self._used[ks.key] = access.identity
        cluster.users.add(ks.key)
        return cluster

    async def _access(self, ks: Kustomization) -> RemoteAccess:
        wanted = ks.spec.kube_config
        assert wanted is not None
        if wanted.config_map_ref is not None:
            current = self._remote.get(self._used.get(ks.key, ""))
            previous = current.access if current is not None else None
            return await from_config_map(self._client, self._config, ks, previous)
        assert wanted.secret_ref is not None
        ref = ObjectRef("v1", "Secret", wanted.secret_ref.name, ks.namespace)
        name = f"{ks.namespace}/{ref.name}"
        try:
            secret = await self._client.get(ref)
        except NotFound as error:
            raise AccountMissing(
                f"unable to read KubeConfig secret '{name}' error: {error.message}"
            ) from error
        except ApiError as error:
            raise TargetError(f"unable to read KubeConfig secret '{name}' error: {error.message}") from error
        data = secret.get("data") or {}
        keys = (wanted.secret_ref.key,) if wanted.secret_ref.key else DEFAULT_KEYS
        found = next((data[k] for k in keys if data.get(k)), None)
        if found is None:
            raise TargetError(
                f"KubeConfig secret '{name}' does not contain a {' or '.join(map(repr, keys))} key"
            )
        content = base64.b64decode(found)
        identity = hashlib.sha256(content).hexdigest()
        return RemoteAccess(identity, parse_kubeconfig(content, f"KubeConfig secret '{name}'", self._config))

    async def _leave(self, key: ObjectKey) -> None:
        identity = self._used.pop(key, None)
        cluster = self._remote.get(identity or "")
        if identity is None or cluster is None:
            return
        cluster.users.discard(key)
        if not cluster.users:
            del self._remote[identity]
            await cluster.live.close()
            await cluster.client.close()


def parse_kubeconfig(content: bytes, origin: str, config: Config) -> Mapping[str, Any]:
    """An untrusted kubeconfig as data; ``origin`` names it in errors.

    Raises :class:`TargetError` when it is none, or would run a program or read a file of the operator. Running
    programs can be allowed by ``--insecure-kubeconfig-exec``, unverified TLS by ``--insecure-kubeconfig-tls``.
    """
    try:
        value = yaml.load(content, yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        # The reader's message quotes the content, which is secret.
        raise TargetError(f"{origin} is not valid YAML") from None
    if not isinstance(value, dict):
        raise TargetError(f"{origin} is not a kubeconfig")
    for section, field in (("users", "user"), ("clusters", "cluster")):
        for entry in value.get(section) or ():
            inner = entry.get(field) if isinstance(entry, dict) else None
            if not isinstance(inner, dict):
                continue
            for name in _PROGRAMS:
                if inner.get(name) and not config.insecure_kubeconfig_exec:
                    raise TargetError(
                        f"{origin}: {section}[].{field}.{name} is not allowed; use a token or certificate"
                    )
            for name in _FILES:
                if inner.get(name):
                    raise TargetError(
                        f"{origin}: {section}[].{field}.{name} names a file; give its content instead"
                    )
            if inner.get("insecure-skip-tls-verify") and not config.insecure_kubeconfig_tls:
                raise TargetError(
                    f"{origin}: {section}[].{field}.insecure-skip-tls-verify is not allowed; "
                    "give certificate-authority-data"
                )
    return value
