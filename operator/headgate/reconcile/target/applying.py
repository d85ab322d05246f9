"""Applies and prunes for a Kustomization: which cluster, whose labels, with what options.

What the API server answers goes to :class:`~headgate.reconcile.target.live.LiveObjects` at once, so that health is
never judged on a state older than the apply.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from headgate.api import Kustomization
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
from headgate.names import KUSTOMIZATION_VERSION, KUSTOMIZE_GROUP
from headgate.objects import Obj
from headgate.reconcile.core.inventories import Inventories
from headgate.reconcile.core.store import KUSTOMIZATION
from headgate.reconcile.target.live import LiveObjects


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a deletion did, and what is left to be tried again."""

    changes: ChangeSet
    """Without the objects whose deletion failed."""
    errors: tuple[str, ...] = ()
    survivors: frozenset[inv.Entry] = frozenset()
    terminating: tuple[ObjectRef, ...] = ()
    """What may take a while to go, in the version that is served."""


class Applier:
    """Carries a Kustomization's objects to the cluster and away from it."""

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
        """``inventories`` knows who else has an object; ``eyes`` may read the labels of what ``client`` may not."""
        self._client, self._known, self._live = client, known, live
        self._concurrency = concurrency
        self._disallowed_managers, self._custom_stages = disallowed_managers, custom_stages
        self._migrate_api_version, self._account = migrate_api_version, account
        self._inventories, self._eyes = inventories, eyes

    async def apply(
        self, ks: Kustomization, objects: Iterable[Obj], *, full: bool, record: Record | None = None
    ) -> ApplyResult:
        """Bring the cluster to ``objects``; ``full`` asks the API server about each of them.

        ``record`` stores the names of objects before they are written. Raises
        :class:`headgate.apply.ApplyFailed`, or :class:`headgate.apply.IgnoreRuleInvalid`.
        """
        rules = ks.spec.ignore
        # Each pattern may take its time.
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
        """Delete objects of the inventory that are still the Kustomization's, and nobody else's.

        ``obj`` is the raw Kustomization, ``spared`` the UIDs of what it applied just now.
        """
        by_ref = {ObjectRef(e.api_version, e.kind, e.name, e.namespace): e for e in entries}
        options = DeleteOptions(
            owner=Owner(ks.name, ks.namespace),
            concurrency=self._concurrency,
            spared={*spared, obj["metadata"]["uid"]},
            never={} if ks.spec.kube_config else _supports(ks),
            claims=self._inventories.claim(obj) if self._inventories is not None else NoClaims(),
        )
        result = await delete_all(self._client, by_ref, options, self._known, self._eyes)
        done = ChangeSet([c for c in result.changes if c.ref not in result.survivors])
        survivors = frozenset(by_ref[r] for r in result.survivors)
        return Pruned(done, result.errors, survivors, result.terminating)

    def resolved(self, entries: Iterable[inv.Entry]) -> frozenset[inv.Entry]:
        """The entries by their identity in the cluster, as far as their kinds are known."""
        return inv.resolved(entries, self._client.mapper.is_namespaced)

    def moved(self, owner: Owner, before: Iterable[inv.Entry], after: Iterable[inv.Entry]) -> None:
        """Know nothing any more of objects under a version in which they are not applied any more."""
        versions = {e: e.version for e in after}
        for entry in before:
            if versions.get(entry, entry.version) != entry.version:
                ref = ObjectRef(entry.api_version, entry.kind, entry.name, entry.namespace)
                self._known.forget_of(self._client.cluster, ref, owner)


def _supports(ks: Kustomization) -> dict[ObjectRef, str]:
    """What a Kustomization stands on: to delete these would end it, and what it looks after, half way."""
    return {
        ObjectRef(KUSTOMIZATION_VERSION, KUSTOMIZATION, ks.name, ks.namespace): (
            "a Kustomization does not delete itself; delete it by hand"
        ),
        ObjectRef("v1", "Namespace", ks.namespace): (
            "a Kustomization does not delete the namespace it is in; delete it by hand"
        ),
        ObjectRef(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            f"kustomizations.{KUSTOMIZE_GROUP}",
        ): "a Kustomization does not delete the kind it is of; delete it by hand",
    }
