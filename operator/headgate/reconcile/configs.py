"""Wakes Kustomizations and GitRepositories when a ConfigMap or Secret they refer to changes.

Only objects with a label that asks for it are watched (Flux: ``reconcile.fluxcd.io/watch: Enabled``), and only their
names are kept: values are read when they are needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from headgate.kube import Client, ObjectRef, Reflector

KINDS = ("ConfigMap", "Secret")


class ConfigWatch:
    """Calls ``on_changed`` with each watched object that is created, changed or deleted after the start."""

    def __init__(
        self,
        client: Client,
        label_selector: str,
        on_changed: Callable[[ObjectRef], None],
        namespace: str | None = None,
    ) -> None:
        self._on_changed = on_changed
        self._reflectors = [
            Reflector[str](
                client,
                "v1",
                kind,
                project=lambda obj: str(obj["metadata"]["resourceVersion"]),
                on_change=self._changed,
                namespace=namespace,
                label_selector=label_selector,
            )
            for kind in KINDS
        ]

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())

    def _changed(self, ref: ObjectRef, old: str | None, new: str | None) -> None:
        reflector = self._reflectors[KINDS.index(ref.kind)]
        if reflector.synced.is_set():
            self._on_changed(ref)
