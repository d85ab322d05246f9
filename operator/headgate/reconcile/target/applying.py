"""Applies and prunes for a Kustomization: chooses the cluster, the owner labels and the options.

The responses of the API server go to :class:`~headgate.reconcile.target.live.LiveObjects` immediately, so that no
health check evaluates a state older than the apply.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from headgate.api import Kustomization, ObjectKey
from headgate.api import inventory as inv
from headgate.apply import (
    ApplyOptions,
    ApplyResult,
    ChangeSet,
    DeleteOptions,
    GroupKind,
    KnownObjects,
    NoClaims,
    Owner,
    Record,
    apply_all,
    compile_rules,
    delete_all,
)
from headgate.fairness.pools import SMALL, aside
from headgate.kube import Client, ObjectRef
from headgate.names import KUSTOMIZATION, KUSTOMIZATION_VERSION, KUSTOMIZE_GROUP
from headgate.objects import Obj
from headgate.reconcile.core.inventories import Inventories
from headgate.reconcile.target.live import LiveObjects


@dataclass(frozen=True, slots=True)
class Pruned:
    """The result of a deletion, and what must be deleted later."""

    changes: ChangeSet
    """Without the objects whose deletion failed."""
    errors: tuple[str, ...] = ()
    survivors: frozenset[inv.Entry] = frozenset()
    terminating: tuple[ObjectRef, ...] = ()
    """Objects that may take a while to disappear, in the version that the API server serves."""


class Applier:
    """Applies and deletes a Kustomization's objects on one cluster."""

    def __init__(
        self,
        client: Client,
        known: KnownObjects,
        live: LiveObjects,
        *,
        concurrency: int,
        disallowed_managers: tuple[str, ...] = (),
        custom_stages: frozenset[GroupKind] = frozenset(),
        migrate_api_version: bool = False,
        account: str = "",
        inventories: Inventories | None = None,
        eyes: Client | None = None,
    ) -> None:
        """``inventories`` knows who else has an object; ``eyes`` may read labels that ``client`` may not read."""
        self._client, self._known, self._live = client, known, live
        self._concurrency = concurrency
        self._disallowed_managers, self._custom_stages = disallowed_managers, custom_stages
        self._migrate_api_version, self._account = migrate_api_version, account
        self._inventories, self._eyes = inventories, eyes

    async def apply(
        self, ks: Kustomization, objects: Iterable[Obj], *, full: bool, record: Record | None = None
    ) -> ApplyResult:
        """Apply ``objects``; ``full`` sends each of them to the API server.

        ``record`` stores the names of objects before they are written. Raises
        :class:`headgate.apply.ApplyFailed`, or :class:`headgate.apply.IgnoreRuleInvalid`.
        """
        rules = ks.spec.ignore
        # Compiling a pattern may take a while.
        ignore = await aside(ks.namespace, len(rules) * SMALL, lambda: compile_rules(rules))
        options = ApplyOptions(
            owner=Owner(ks.name, ks.namespace),
            actor=f"{ks.uid} {self._account}",
            force=ks.spec.force,
            full=full,
            concurrency=self._concurrency,
            timeout=ks.timeout,
            disallowed_managers=self._disallowed_managers,
            custom_stages=self._custom_stages,
            migrate_api_version=self._migrate_api_version,
            ignore=ignore,
        )
        return await apply_all(
            self._client, objects, options, self._known, lambda _, live: self._live.observe(live), record
        )

    async def prune(
        self,
        ks: Kustomization,
        obj: Obj,
        entries: Iterable[inv.Entry],
        spared: Collection[str] = (),
    ) -> Pruned:
        """Delete the objects of inventory entries that belong to this Kustomization and to no other.

        ``obj`` is the raw Kustomization, ``spared`` the UIDs of the objects that it has just applied.
        """
        by_ref = {ObjectRef(e.api_version, e.kind, e.name, e.namespace): e for e in entries}
        options = DeleteOptions(
            owner=Owner(ks.name, ks.namespace),
            concurrency=self._concurrency,
            spared={*spared, obj["metadata"]["uid"]},
            never={} if ks.spec.kube_config else supports(ks.key),
            claims=self._inventories.claim(obj) if self._inventories is not None else NoClaims(),
        )
        result = await delete_all(self._client, by_ref, options, self._known, self._eyes)
        failed = frozenset(result.survivors)
        done = ChangeSet([c for c in result.changes if c.ref not in failed])
        survivors = frozenset(by_ref[r] for r in failed)
        return Pruned(done, result.errors, survivors, result.terminating)

    def resolved(self, entries: Iterable[inv.Entry]) -> frozenset[inv.Entry]:
        """The entries by their identity on the cluster; unchanged if their kind is unknown."""
        return inv.resolved(entries, self._client.mapper.is_namespaced)

    def moved(self, owner: Owner, before: Iterable[inv.Entry], after: Iterable[inv.Entry]) -> None:
        """Forget cached objects under versions in which the Kustomization no longer applies them."""
        versions = {e: e.version for e in after}
        for entry in before:
            if versions.get(entry, entry.version) != entry.version:
                ref = ObjectRef(entry.api_version, entry.kind, entry.name, entry.namespace)
                self._known.forget_of(self._client.cluster, ref, owner)


def supports(key: ObjectKey) -> dict[ObjectRef, str]:
    """Objects that a Kustomization needs to act: deleting one of them would interrupt it and its cleanup."""
    return {
        ObjectRef(KUSTOMIZATION_VERSION, KUSTOMIZATION, key.name, key.namespace): (
            "a Kustomization does not delete itself; delete it by hand"
        ),
        ObjectRef("v1", "Namespace", key.namespace): (
            "a Kustomization does not delete the namespace it is in; delete it by hand"
        ),
        ObjectRef(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            f"kustomizations.{KUSTOMIZE_GROUP}",
        ): "a Kustomization does not delete the definition of its own kind; delete it by hand",
    }
