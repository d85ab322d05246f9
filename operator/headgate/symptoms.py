"""What a failing managed object, its pods and the warnings about it say, read from a cluster.

The command line reads with the rights of its user, the operator with those of the account that a Kustomization applies
with. Data of Secrets and ConfigMaps is never requested.
"""

from __future__ import annotations

from collections.abc import Callable

from headgate.insight.failing import Evidence, Suspect, selector_of
from headgate.kube import ApiError, Client, NotFound, ObjectRef
from headgate.objects import Obj

__all__ = ["CONFIDENTIAL", "symptoms_of"]

CONFIDENTIAL = frozenset(("Secret", "ConfigMap"))
"""Kinds whose objects are never read as a whole."""
MAX_PODS = 50

OnUnread = Callable[[str, ApiError], None]
"""Takes a kind of objects that could not be read, and why."""


async def symptoms_of(client: Client, suspect: Suspect, on_unread: OnUnread) -> Evidence:
    """Read the object, its pods and warnings about it; what cannot be read is reported and absent."""
    ref = suspect.ref
    if not suspect.api_version or ref.kind in CONFIDENTIAL:
        return Evidence()
    try:
        obj = await client.get(ObjectRef(suspect.api_version, ref.kind, ref.name, ref.namespace))
    except NotFound:
        return Evidence()
    except ApiError as error:
        on_unread(ref.kind, error)
        return Evidence()
    pods = [obj] if ref.kind == "Pod" else await _pods(client, ref.namespace, selector_of(obj), on_unread)
    return Evidence(obj, pods, await _warnings(client, suspect, on_unread))


async def _pods(client: Client, namespace: str, selector: str, on_unread: OnUnread) -> list[Obj]:
    if not selector or not namespace:
        return []
    try:
        async for page in client.list_pages(
            "v1", "Pod", namespace=namespace, label_selector=selector, limit=MAX_PODS
        ):
            return [{**item, "apiVersion": "v1", "kind": "Pod"} for item in page["items"]]
    except ApiError as error:
        on_unread("Pod", error)
    return []


async def _warnings(client: Client, suspect: Suspect, on_unread: OnUnread) -> list[Obj]:
    ref = suspect.ref
    if not ref.namespace:
        return []
    selector = f"involvedObject.kind={ref.kind},involvedObject.name={ref.name},type=Warning"
    try:
        async for page in client.list_pages(
            "v1", "Event", namespace=ref.namespace, field_selector=selector, limit=MAX_PODS
        ):
            return [item for item in page["items"] if isinstance(item, dict)]
    except ApiError as error:
        on_unread("Event", error)
    return []
