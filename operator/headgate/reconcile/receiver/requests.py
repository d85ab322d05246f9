"""Requests reconciles for a webhook call: finds the objects that a Receiver names, and annotates those that pass its
filters.

``flux reconcile`` and Flux's notification-controller set the same annotation, ``reconcile.fluxcd.io/requestedAt``: it
reaches whichever controller reconciles the object, stays visible on it, and survives a restart in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from headgate.api import labels
from headgate.api.receiver import EVERY, Receiver, ReceiverResource
from headgate.cel import CelError, Evaluator, ExpressionBudget
from headgate.kube import MERGE_PATCH, ApiError, Client, ObjectRef
from headgate.names import NOTIFICATION_CONTROLLER
from headgate.objects import Obj
from headgate.reconcile.target.read_access import may_refer

FILTER_VARIABLES = ("res", "req")
"""The variables of a filter: the object's metadata and the call's body."""
"""Field manager of the annotation and of Receivers' status, as in Flux."""
AT_ONCE = 8

_log = logging.getLogger("headgate.receiver")


class ReconcileRequests:
    """Sends the requests. One for all Receivers."""

    def __init__(self, client: Client, evaluator: Evaluator, *, no_cross_namespace: bool = False) -> None:
        self._client, self._evaluator, self._no_cross_namespace = client, evaluator, no_cross_namespace
        self._places = asyncio.Semaphore(AT_ONCE)

    async def send(self, receiver: Receiver, request: Mapping[str, Any]) -> bool:
        """Annotate all objects that the Receiver names and that pass its filters; whether nothing failed.

        ``request`` is the body of the call. Failures are logged; one does not stop the others.
        """
        now = datetime.now(UTC).isoformat()
        budget = self._evaluator.budget(receiver.key.namespace)
        done = await asyncio.gather(
            *(
                self._send_to(receiver, i, resource, request, now, budget)
                for i, resource in enumerate(receiver.spec.resources)
            )
        )
        return all(done)

    async def _send_to(
        self,
        receiver: Receiver,
        index: int,
        resource: ReceiverResource,
        request: Mapping[str, Any],
        now: str,
        budget: ExpressionBudget,
    ) -> bool:
        namespace = resource.namespace or receiver.key.namespace
        if not may_refer(receiver.key.namespace, namespace, no_cross_namespace=self._no_cross_namespace):
            _log.error("%s: cross-namespace references are not allowed: %s", receiver.key, namespace)
            return False
        filters = [text for text in (receiver.spec.resource_filter, resource.filter) if text]
        try:
            refs = await self._find(resource, namespace, filters, request, budget)
            await asyncio.gather(*(self._annotate(ref, now) for ref in refs))
        except (ApiError, CelError) as error:
            what = f"{resource.kind} {namespace}/{resource.name} (spec.resources[{index}])"
            _log.error("%s: unable to request reconciliation of %s: %s", receiver.key, what, error)
            return False
        _log.info("%s: requested %s", receiver.key, ", ".join(map(str, refs)) or "nothing")
        return True

    async def _find(
        self,
        resource: ReceiverResource,
        namespace: str,
        filters: Sequence[str],
        request: Mapping[str, Any],
        budget: ExpressionBudget,
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
        passed = [obj for obj in found if await _passes(obj, filters, request, budget)]
        names = [obj["metadata"]["name"] for obj in passed]
        return [ObjectRef(resource.api_version, resource.kind, name, namespace) for name in names]

    async def _annotate(self, ref: ObjectRef, now: str) -> None:
        patch = {"metadata": {"annotations": {labels.REQUESTED_AT: now}}}
        async with self._places:
            await self._client.patch(
                ref, patch, content_type=MERGE_PATCH, field_manager=NOTIFICATION_CONTROLLER
            )


async def _passes(
    obj: Obj, filters: Sequence[str], request: Mapping[str, Any], budget: ExpressionBudget
) -> bool:
    data = {"res": {name: obj[name] for name in ("apiVersion", "kind", "metadata")}, "req": request}
    for text in filters:
        if not await budget.evaluate_bool(await budget.compile(text, FILTER_VARIABLES), data):
            return False
    return True
