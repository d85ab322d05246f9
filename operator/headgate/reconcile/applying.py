"""Applies and prunes for a Kustomization: which cluster, whose labels, with what options.

What the API server answers goes to :class:`~headgate.reconcile.live.LiveObjects` at once, so that health is
never judged on a state older than the apply.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from headgate.api import Kustomization
from headgate.api import inventory as inv
from headgate.apply import (
    ApplyOptions,
    ApplyResult,
    ChangeSet,
    DeleteOptions,
    GroupKind,
    KnownObjects,
    Owner,
    apply_all,
    compile_rules,
    delete_all,
)
from headgate.kube import Client, ObjectRef
from headgate.reconcile.live import LiveObjects

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a deletion did, and what is left to be tried again."""

    changes: ChangeSet
    """Without the objects whose deletion failed."""
    errors: tuple[str, ...] = ()
    survivors: frozenset[inv.Entry] = frozenset()


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
    ) -> None:
        self._client, self._known, self._live = client, known, live
        self._concurrency = concurrency
        self._disallowed_managers, self._custom_stages = disallowed_managers, custom_stages
        self._migrate_api_version, self._account = migrate_api_version, account

    async def apply(self, ks: Kustomization, objects: Iterable[Obj], *, full: bool) -> ApplyResult:
        """Bring the cluster to ``objects``; ``full`` asks the API server about each of them.

        Raises :class:`headgate.apply.ApplyFailed`, or :class:`headgate.apply.InvalidIgnoreRule`.
        """
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
            ignore=compile_rules(ks.spec.ignore),
        )
        return await apply_all(
            self._client, objects, options, self._known, lambda _, live: self._live.observe(live)
        )

    async def prune(self, ks: Kustomization, entries: Iterable[inv.Entry]) -> Pruned:
        """Delete objects of the inventory that are still the Kustomization's."""
        by_ref = {ObjectRef(e.api_version, e.kind, e.name, e.namespace): e for e in entries}
        options = DeleteOptions(owner=Owner(ks.name, ks.namespace), concurrency=self._concurrency)
        result = await delete_all(self._client, by_ref, options, self._known)
        done = ChangeSet([c for c in result.changes if c.ref not in result.survivors])
        return Pruned(done, result.errors, frozenset(by_ref[r] for r in result.survivors))

    async def intended(self, objects: Iterable[Obj]) -> frozenset[inv.Entry]:
        """The inventory that applying ``objects`` would give, as far as the cluster knows their kinds."""
        entries = set()
        for obj in objects:
            entry = inv.Entry.of_object(obj)
            resource = self._client.mapper.known(entry.api_version, entry.kind)
            if resource is not None and not resource.namespaced:
                entry = inv.Entry("", entry.name, entry.group, entry.kind, entry.version)
            entries.add(entry)
        return frozenset(entries)
