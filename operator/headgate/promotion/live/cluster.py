"""Reads a cluster: the live Kustomizations of an environment, and objects. Sends ``get`` and ``list`` only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headgate.api import ObjectKey
from headgate.api import inventory as inv
from headgate.apply.concurrently import concurrently
from headgate.kube import ApiError, Client, NoMatch, NotFound, ObjectRef
from headgate.names import KUSTOMIZATION, KUSTOMIZATION_VERSION, KUSTOMIZE_GROUP
from headgate.objects import Obj

__all__ = ["AT_ONCE", "LiveKustomization", "live_kustomizations", "read"]

AT_ONCE = 8
"""The limit for simultaneous requests."""


@dataclass(frozen=True, slots=True)
class LiveKustomization:
    """A Kustomization of the cluster, and what its inventory names."""

    key: ObjectKey
    obj: Obj
    inventory: frozenset[ObjectRef]
    made_by: ObjectKey | None = None
    """The Kustomization whose inventory names it."""


async def live_kustomizations(
    client: Client, keys: Iterable[ObjectKey]
) -> dict[ObjectKey, LiveKustomization]:
    """The live Kustomizations with these keys, and those that their inventories name.

    Raises :class:`headgate.kube.ApiError`.
    """
    found: dict[ObjectKey, LiveKustomization] = {}
    pending: dict[ObjectKey, ObjectKey | None] = dict.fromkeys(keys)
    seen = set(pending)
    while pending:
        refs = [ObjectRef(KUSTOMIZATION_VERSION, KUSTOMIZATION, key.name, key.namespace) for key in pending]
        objects, makers, pending = await read(client, refs), pending, {}
        for ref, obj in objects.items():
            key = ObjectKey(ref.namespace, ref.name)
            entries = inv.from_status(obj.get("status") or {})
            inventory = frozenset(ObjectRef(e.api_version, e.kind, e.name, e.namespace) for e in entries)
            found[key] = LiveKustomization(key, obj, inventory, makers[key])
            for each in inventory:
                below = ObjectKey(each.namespace, each.name)
                if (each.group, each.kind) == (KUSTOMIZE_GROUP, KUSTOMIZATION) and below not in seen:
                    seen.add(below)
                    pending[below] = key
    return found


async def read(client: Client, refs: Iterable[ObjectRef]) -> Mapping[ObjectRef, Obj]:
    """The live objects among these; raises :class:`headgate.kube.ApiError` if one cannot be read."""
    wanted = sorted(set(refs), key=str)

    async def get(ref: ObjectRef) -> Obj | None:
        try:
            return await client.get(ref)
        except (NotFound, NoMatch):
            return None
        except ApiError as error:
            error.add_note(str(ref))
            raise

    objects = await concurrently(wanted, get, AT_ONCE)
    return {ref: obj for ref, obj in zip(wanted, objects, strict=True) if obj is not None}
