"""The target cluster of a Kustomization, and the account that it acts as.

Three settings decide: ``kubeConfig`` (a remote cluster) and ``serviceAccountName`` (whose rights) in the spec, and the
operator's ``--default-service-account``. Kustomizations share connections: one per cluster and credentials, with one
set of watches, however many Kustomizations use it, and whatever account they act as.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from headgate.api import Kustomization, ObjectKey
from headgate.apply import KnownObjects
from headgate.kube import Client, NotFound, ObjectRef, RequestObserver
from headgate.peers import PeerRules, is_loopback
from headgate.reconcile.core.inventories import Inventories
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.target.applying import Applier
from headgate.reconcile.target.clusters import Cluster, Clusters
from headgate.reconcile.target.errors import AccountMissing, TargetError
from headgate.reconcile.target.kubeconfig import from_secret
from headgate.reconcile.target.live import LiveObjects
from headgate.reconcile.target.read_access import ReadAccess
from headgate.reconcile.target.remote import account_name, from_config_map
from headgate.settings import TargetSettings


@dataclass(frozen=True, slots=True)
class ClusterTarget:
    """A cluster as one user sees it: what a Kustomization is applied with."""

    access: ReadAccess
    live: LiveObjects
    applier: Applier


class Targets:
    """Returns each Kustomization's target, and closes connections that nobody uses."""

    def __init__(
        self,
        settings: TargetSettings,
        client: Client,
        wakeups: Wakeups,
        inventories: Inventories,
        observer: RequestObserver | None = None,
    ) -> None:
        self._settings, self._client, self._wakeups = settings, client, wakeups
        self._inventories = inventories
        known, live = self._parts(client)
        self._home = Cluster(client, live, known)
        peers = PeerRules(
            anywhere=settings.insecure_kubeconfig_addresses,
            # If the operator's own cluster runs on this machine, other clusters may too.
            loopback_by_tls=is_loopback(urlsplit(client.cluster).hostname or ""),
        )
        self._remote = Clusters(
            self._parts,
            wakeups.cluster_answered,
            observer,
            settings.max_remote_api_response,
            peers,
            settings.max_remote_cache,
        )

    @property
    def home(self) -> LiveObjects:
        """The managed objects of the operator's own cluster."""
        return self._home.live

    @property
    def has_default_account(self) -> bool:
        """Whether Kustomizations that name no service account act as one."""
        return bool(self._settings.default_service_account)

    async def of(self, ks: Kustomization) -> ClusterTarget:
        """The target of a Kustomization according to its present spec.

        Raises :class:`TargetError`, or :class:`~headgate.kube.ApiError`.
        """
        account = self.account(ks)
        cluster = await self._cluster(ks)
        if account and cluster.client.acts_as:
            named = "spec.serviceAccountName" if ks.spec.service_account_name else "--default-service-account"
            raise TargetError(
                f"the kubeconfig acts as {cluster.client.acts_as!r} (users[].user.as) and {named} as {account!r}: "
                "a request can impersonate only one user; remove one of the two"
            )
        access = ReadAccess(cluster.client, ks.namespace, account)
        applier = Applier(
            access.client,
            cluster.known,
            cluster.live,
            concurrency=self._settings.concurrent_ssa,
            disallowed_managers=self._settings.override_managers,
            custom_stages=self._settings.custom_stage_kinds,
            migrate_api_version=self._settings.migrate_api_version,
            account=account,
            inventories=self._inventories,
            eyes=cluster.client,
        )
        return ClusterTarget(access, cluster.live, applier)

    def access_here(self, ks: Kustomization) -> ReadAccess:
        """The read access of the Kustomization to the operator's own cluster, whatever its target cluster is.

        Raises :class:`TargetError`.
        """
        return ReadAccess(self._client, ks.namespace, self.account(ks))

    async def check_account(self, ks: Kustomization) -> None:
        """Raise :class:`AccountMissing` if the account that the Kustomization acts as does not exist."""
        account = self.account(ks)
        if not account:
            return
        cluster = await self._cluster(ks)
        try:
            await cluster.client.get(ObjectRef("v1", "ServiceAccount", account, ks.namespace))
        except NotFound as error:
            raise AccountMissing(f"service account '{ks.namespace}/{account}' not found") from error

    async def release(self, key: ObjectKey) -> None:
        """Forget the Kustomization, which is gone."""
        self._home.live.release(key)
        await self._remote.leave(key)

    def live_objects(self) -> int:
        """The number of cached managed objects of all clusters."""
        return sum(map(len, self._lives()))

    def open_watches(self) -> int:
        """The number of open watches of managed objects of all clusters."""
        return sum(live.open_watches() for live in self._lives())

    def _lives(self) -> list[LiveObjects]:
        return [self._home.live, *self._remote.lives()]

    async def close(self) -> None:
        """Stop all watches and close the connections to remote clusters."""
        await self._home.live.close()
        await self._remote.close()

    def account(self, ks: Kustomization) -> str:
        """The service account that the Kustomization acts as; empty for the operator's own user."""
        account = ks.spec.service_account_name or self._settings.default_service_account
        return account_name(account, "spec.serviceAccountName") if account else ""

    async def _cluster(self, ks: Kustomization) -> Cluster:
        wanted = ks.spec.kube_config
        if wanted is None:
            await self._remote.leave(ks.key)
            return self._home
        self._home.live.release(ks.key)
        if wanted.secret_ref is not None:
            access = await from_secret(self._client, self._settings, ks)
        else:
            access = await from_config_map(self._client, self._settings, ks)
        return await self._remote.connect(ks.key, access)

    def _parts(self, client: Client) -> tuple[KnownObjects, LiveObjects]:
        known = KnownObjects(disallowed_managers=self._settings.override_managers)
        live = LiveObjects(
            client,
            known,
            on_change=self._wakeups.live_changed,
            on_drift=self._wakeups.live_drifted,
            single_watches=self._settings.max_health_watches,
        )
        return known, live
