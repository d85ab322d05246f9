"""Reads a cluster: the live Kustomizations of an environment, and objects. Sends ``get`` and ``list`` only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from headgate.api import ObjectKey
from headgate.api import inventory as inv
from headgate.apply.concurrently import concurrently
from headgate.kube import ApiError, Client, Forbidden, NoMatch, NotFound, ObjectRef
from headgate.names import KUSTOMIZATION, KUSTOMIZATION_VERSION, KUSTOMIZE_GROUP
from headgate.objects import Obj

__all__ = ["AT_ONCE", "LiveKustomization", "Read", "live_kustomizations", "read"]

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
        answer, makers, pending = await read(client, refs), pending, {}
        for error in answer.forbidden.values():
            raise error
        for ref, obj in answer.objects.items():
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


@dataclass(frozen=True, slots=True)
class Read:
    """The answers to several reads."""

    objects: Mapping[ObjectRef, Obj] = field(default_factory=dict)
    """Those that exist."""
    forbidden: Mapping[ObjectRef, ApiError] = field(default_factory=dict)
    """Those that the user may not read."""


async def read(client: Client, refs: Iterable[ObjectRef]) -> Read:
    """The live objects among these; raises :class:`headgate.kube.ApiError` if the cluster does not answer."""
    wanted = sorted(set(refs), key=str)

    async def get(ref: ObjectRef) -> Obj | Forbidden | None:
        try:
            return await client.get(ref)
        except Forbidden as error:
            error.add_note(str(ref))
            return error
        except (NotFound, NoMatch):
            return None
        except ApiError as error:
            error.add_note(str(ref))
            raise

    found = list(zip(wanted, await concurrently(wanted, get, AT_ONCE), strict=True))
    return Read(
        {ref: each for ref, each in found if isinstance(each, dict)},
        {ref: each for ref, each in found if isinstance(each, Forbidden)},
    )
