"""One object from a watch, and changes to its metadata and spec."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from headgate.cli.cluster.options import CommandFailed
from headgate.cli.cluster.reading import served_version
from headgate.insight import Ref
from headgate.kube import Client, Gone, NotFound, ObjectRef
from headgate.objects import Obj

__all__ = ["changed", "located", "observe", "present"]

FIELD_MANAGER = "headgate-cli"
PAUSE = 1.0
"""Seconds before a watch that the server has ended begins again."""


async def located(client: Client, ref: Ref) -> ObjectRef:
    """Return the object in the version that the cluster serves. Raises :class:`headgate.kube.NoMatch`."""
    return ObjectRef(await served_version(client, ref.kind), ref.kind, ref.name, ref.namespace)


async def present(client: Client, ref: Ref) -> Obj:
    """Return the object; raises :class:`CommandFailed` if it does not exist."""
    try:
        return await client.get(await located(client, ref))
    except NotFound:
        raise CommandFailed(f"{ref} does not exist") from None


async def changed(client: Client, ref: Ref, body: Obj) -> Obj:
    """Send a merge patch and return the object; raises :class:`CommandFailed` if it does not exist."""
    try:
        return await client.patch(await located(client, ref), body, field_manager=FIELD_MANAGER)
    except NotFound:
        raise CommandFailed(f"{ref} does not exist") from None


async def observe(client: Client, ref: Ref) -> AsyncGenerator[Obj | None, None]:
    """Yield the object as it is now, and after each change; None while it does not exist."""
    there = await located(client, ref)
    while True:
        version = None
        try:
            obj = await client.get(there)
            yield obj
            version = obj["metadata"].get("resourceVersion")
        except NotFound:
            yield None
        try:
            async for event in client.watch(
                there.api_version,
                there.kind,
                namespace=there.namespace,
                field_selector=f"metadata.name={there.name}",
                resource_version=version,
            ):
                if event.type != "BOOKMARK":
                    yield None if event.type == "DELETED" else event.object
        except Gone:
            pass
        await asyncio.sleep(PAUSE)
