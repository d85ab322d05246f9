"""Adds and removes Headgate's finalizer, whatever others write to the object in the meantime."""

from __future__ import annotations

from headgate.api.labels import FINALIZER
from headgate.kube import MERGE_PATCH, Client, Conflict, NotFound, ref_of
from headgate.objects import Obj


async def add(client: Client, obj: Obj, manager: str) -> Obj | None:
    """The object with Headgate's finalizer; None if it no longer exists or is being deleted."""
    while True:
        finalizers = obj["metadata"].get("finalizers") or []
        if FINALIZER in finalizers:
            return obj
        if obj["metadata"].get("deletionTimestamp"):
            return None
        try:
            return await _set(client, obj, [*finalizers, FINALIZER], manager)
        except NotFound:
            return None
        except Conflict:
            obj = await client.get(ref_of(obj))


async def remove(client: Client, obj: Obj, manager: str) -> None:
    """Remove the finalizer; the object may already be gone."""
    while FINALIZER in (obj["metadata"].get("finalizers") or []):
        left = [f for f in obj["metadata"]["finalizers"] if f != FINALIZER]
        try:
            await _set(client, obj, left, manager)
            return
        except NotFound:
            return
        except Conflict:
            try:
                obj = await client.get(ref_of(obj))
            except NotFound:
                return


async def _set(client: Client, obj: Obj, finalizers: list[str], manager: str) -> Obj:
    # With the resource version, the API server rejects the change if another writer changed the list.
    meta = {"finalizers": finalizers, "resourceVersion": obj["metadata"]["resourceVersion"]}
    return await client.patch(
        ref_of(obj), {"metadata": meta}, content_type=MERGE_PATCH, field_manager=manager
    )
