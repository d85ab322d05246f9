"""Asks for reconciles in a webhook's name: finds the objects a Receiver names, and annotates those it lets through.

The annotation ``reconcile.fluxcd.io/requestedAt`` is what ``flux reconcile`` and Flux's notification-controller set: it
reaches whichever controller has the object, stays visible on it, and survives a restart in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from headgate.api import labels
from headgate.api.receiver import EVERY, Receiver, ReceiverResource
from headgate.cel import EvaluationError, Expression, InvalidExpression
from headgate.kube import MERGE_PATCH, ApiError, Client, ObjectRef
from headgate.pools import OTHERS

Obj = dict[str, Any]

FILTER_VARIABLES = ("res", "req")
"""The variables of a filter: the object's metadata and the call's body."""
MANAGER = "notification-controller"
"""Field manager of the annotation and of Receivers' status, as in Flux."""
AT_ONCE = 8

_log = logging.getLogger("headgate.receiver")


class Requests:
    """Makes them. One for all Receivers."""

    def __init__(self, client: Client, *, no_cross_namespace: bool = False) -> None:
        self._client, self._no_cross_namespace = client, no_cross_namespace
        self._places = asyncio.Semaphore(AT_ONCE)

    async def send(self, receiver: Receiver, request: Mapping[str, Any]) -> bool:
        """Annotate all that the Receiver names and its filters let through; whether nothing failed.

        ``request`` is the body of the call. Failures are logged; one does not stop the others.
        """
        now = datetime.now(UTC).isoformat()
        done = await asyncio.gather(
            *(self._send_to(receiver, resource, request, now) for resource in receiver.spec.resources)
        )
        return all(done)

    async def _send_to(
        self, receiver: Receiver, resource: ReceiverResource, request: Mapping[str, Any], now: str
    ) -> bool:
        namespace = resource.namespace or receiver.key.namespace
        if self._no_cross_namespace and namespace != receiver.key.namespace:
            _log.error("%s: cross-namespace references are not allowed: %s", receiver.key, namespace)
            return False
        filters = [text for text in (receiver.spec.resource_filter, resource.filter) if text]
        try:
            refs = await self._find(resource, namespace, filters, request)
            await asyncio.gather(*(self._annotate(ref, now) for ref in refs))
        except (ApiError, EvaluationError, InvalidExpression) as error:
            what = f"{resource.kind} {namespace}/{resource.name}"
            _log.error("%s: unable to request reconciliation of %s: %s", receiver.key, what, error)
            return False
        _log.info("%s: requested %s", receiver.key, ", ".join(map(str, refs)) or "nothing")
        return True

    async def _find(
        self, resource: ReceiverResource, namespace: str, filters: Sequence[str], request: Mapping[str, Any]
    ) -> list[ObjectRef]:
        ref = ObjectRef(resource.api_version, resource.kind, resource.name, namespace)
        if resource.name != EVERY and not filters:
            return [ref]
        if resource.name == EVERY:
            selector = ",".join(f"{key}={value}" for key, value in resource.match_labels)
            found = await self._client.list(
                resource.api_version, resource.kind, namespace=namespace, label_selector=selector
            )
        else:
            found = [await self._client.get(ref)]
        passed = [obj for obj in found if await OTHERS.run(namespace, _passes, obj, filters, request)]
        names = [obj["metadata"]["name"] for obj in passed]
        return [ObjectRef(resource.api_version, resource.kind, name, namespace) for name in names]

    async def _annotate(self, ref: ObjectRef, now: str) -> None:
        patch = {"metadata": {"annotations": {labels.REQUESTED_AT: now}}}
        async with self._places:
            await self._client.patch(ref, patch, content_type=MERGE_PATCH, field_manager=MANAGER)


def _passes(obj: Obj, filters: Sequence[str], request: Mapping[str, Any]) -> bool:
    metadata = {name: obj[name] for name in ("apiVersion", "kind", "metadata")}
    return all(
        Expression.compile(text, FILTER_VARIABLES).evaluate_bool({"res": metadata, "req": request})
        for text in filters
    )
