"""The custom resources of a cluster from watches, for ``--watch``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from headgate.cli.cluster.reading import other_kinds, served_version
from headgate.insight import Fleet
from headgate.kube import Client, Reflector
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION
from headgate.objects import Obj

__all__ = ["follow"]

SETTLE = 0.2
"""Seconds that changes are gathered for, so that a burst of them is one report."""


async def follow(client: Client, first: Fleet) -> AsyncIterator[Fleet]:
    """Yield the fleet as it is now, and again after each change; ends when it is closed.

    ``first``: what a list returned, which says what the user may read.
    """
    namespaces = sorted(first.namespaces) if first.namespaces is not None else [None]
    used = [GIT_REPOSITORY, KUSTOMIZATION, *other_kinds(first.objects.values())]
    changed = asyncio.Event()
    reflectors: list[Reflector[Obj]] = []
    for kind in (each for each in used if each not in first.unread):
        version = await served_version(client, kind)
        for namespace in namespaces:
            reflectors.append(
                Reflector(
                    client,
                    version,
                    kind,
                    project=lambda obj: obj,
                    on_change=lambda *_: changed.set(),
                    namespace=namespace,
                )
            )
    tasks = [asyncio.create_task(each.run()) for each in reflectors]
    try:
        for reflector in reflectors:
            await reflector.synced.wait()
        while True:
            changed.clear()
            objects = [obj for reflector in reflectors for _, obj in reflector.items()]
            yield Fleet.of(objects, namespaces=first.namespaces, unread=first.unread)
            await changed.wait()
            await asyncio.sleep(SETTLE)
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
