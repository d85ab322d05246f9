"""Receivers: each gets its secret path, and a call of that path becomes requests to reconcile.

    watch of Receivers ──► queue ──► reconcile: Secret, filters, path, Ready
                                          │
    web/hooks.py ──► receive: genuine? ◄──┘──► requests.py: annotate

Behaves like Flux's notification-controller, so that Receivers, and the webhooks that Git servers have, continue to
work: same path, same status, same responses. While the kind does not exist, this module does nothing. Tokens are read
when they are needed, and not kept.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from dataclasses import dataclass

from headgate.api import InvalidSpec, ObjectKey, labels, reasons
from headgate.api.labelselector import matches
from headgate.api.receiver import API_VERSION, KIND, Receiver
from headgate.backoff import Backoff
from headgate.cel import BudgetExceeded, Evaluator, ExpressionBudget, ExpressionInvalid
from headgate.durations import format_duration
from headgate.kube import BadRequest, Client, Forbidden, NotFound, ObjectRef, Reflector
from headgate.names import NOTIFICATION_CONTROLLER
from headgate.objects import Obj
from headgate.reconcile.core import finalizers
from headgate.reconcile.core.controller import GONE, NOTHING_MORE, RETRIES, Controller, Observer, Outcome
from headgate.reconcile.core.queue import Priority, Trigger, WorkQueue
from headgate.reconcile.receiver.requests import FILTER_VARIABLES, ReconcileRequests
from headgate.reconcile.reporting.events import NORMAL, WARNING, Event, EventRecorder
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.reporting.unexpected import explained, is_passing
from headgate.settings import ObjectSettings, WatchSettings
from headgate.web.callers import Call, CallRefused, check, request_of

WORKERS = 2

_log = logging.getLogger("headgate.receiver")


class TokenNotFound(Exception):
    """The Secret, or the token in it, does not exist."""


@dataclass(frozen=True, slots=True)
class _Hook:
    """A path for webhook calls."""

    receiver: Receiver
    problem: str = ""
    """Why calls are rejected; empty if they are accepted."""


class Receivers:
    """Reconciles Receivers and answers webhook calls; a :class:`headgate.web.hooks.Hooks`."""

    def __init__(
        self,
        settings: ObjectSettings,
        watch: WatchSettings,
        client: Client,
        events: EventRecorder,
        evaluator: Evaluator,
        observer: Observer | None = None,
    ) -> None:
        self._client, self._events, self._evaluator = client, events, evaluator
        self._settings, self._selector = settings, watch.label_selector
        self._requests = ReconcileRequests(
            client, evaluator, no_cross_namespace=settings.no_cross_namespace_refs
        )
        self._hooks: dict[str, _Hook] = {}
        self._paths: dict[ObjectKey, str] = {}
        self._backoff: Backoff[ObjectKey] = Backoff(RETRIES)
        self.controller: Controller[ObjectKey] = Controller(
            "receiver",
            WorkQueue(WORKERS),
            self._reconcile,
            kind=KIND,
            observer=observer,
            on_unexpected_error=self._broke_off,
        )
        self._watch = Reflector[Obj](
            client,
            API_VERSION,
            KIND,
            project=dict,
            on_change=self._changed,
            namespace=watch.namespace,
        )

    async def run(self) -> None:
        """Watch Receivers and reconcile them until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch.run())
            group.create_task(self.controller.run())

    def config_changed(self, ref: ObjectRef) -> None:
        """Wake the Receivers that use a Secret after a watch reports that it was created, changed or deleted."""
        for _, obj in self._watch.items():
            key = ObjectKey(obj["metadata"]["namespace"], obj["metadata"]["name"])
            secret = (obj["spec"].get("secretRef") or {}).get("name")
            if ref == ObjectRef("v1", "Secret", secret or "", key.namespace):
                self.controller.queue.add(key, Trigger(Priority.CHANGED, "configuration changed", str(ref)))

    # Called by the web server.

    def namespace(self, path: str) -> str | None:
        """The namespace of the Receiver with this path; None if there is none."""
        hook = self._hooks.get(path)
        return None if hook is None else hook.receiver.key.namespace

    async def receive(self, path: str, call: Call) -> int:
        """Check the call and request the reconciles that it asks for; returns the HTTP status of the response."""
        hook = self._hooks.get(path)
        if hook is None:
            return 404
        receiver = hook.receiver
        if hook.problem:
            _log.error("%s: cannot serve a webhook call: the Receiver %s", receiver.key, hook.problem)
            return 503
        try:
            token = await self._token(receiver)
            check(receiver.spec.type, call, token, receiver.spec.events)
            filtered = receiver.spec.resource_filter or any(r.filter for r in receiver.spec.resources)
            request = request_of(call) if filtered else {}
        except (CallRefused, TokenNotFound) as error:
            _log.error("%s: refused a webhook call: %s", receiver.key, error)
            return 400
        return 200 if await self._requests.send(receiver, request) else 500

    # Reconciling.

    def _changed(self, ref: ObjectRef, old: Obj | None, new: Obj | None) -> None:
        key = ObjectKey(ref.namespace, ref.name)
        if new is not None and old is not None and _identity(old) == _identity(new):
            return
        reason = "deleted" if new is None else "first seen" if old is None else "changed"
        self.controller.queue.add(key, Trigger(Priority.CHANGED, reason, str(ref)))

    async def _reconcile(self, key: ObjectKey, _: tuple[Trigger, ...]) -> Outcome:
        obj = self._watch.get(ObjectRef(API_VERSION, KIND, key.name, key.namespace))
        if obj is None or (
            self._selector and not matches(self._selector, obj["metadata"].get("labels") or {})
        ):
            self._drop(key)
            self._backoff.reset(key)
            return GONE
        if obj["metadata"].get("deletionTimestamp"):
            self._drop(key)
            # Flux's finalizer: its controller may no longer exist to remove it.
            await finalizers.remove(self._client, obj, NOTIFICATION_CONTROLLER)
            return NOTHING_MORE
        session = StatusSession(self._client, obj, manager=NOTIFICATION_CONTROLLER, on_written=lambda _: None)
        requested = labels.requested_at(obj)
        if requested is not None:
            session.status["lastHandledReconcileAt"] = requested
        try:
            receiver = Receiver.from_object(obj, self._settings.max_list_entries)
        except InvalidSpec as error:
            self._drop(key)
            return await self._stall(session, reasons.VALIDATION_FAILED, str(error))
        if receiver.spec.suspend:
            self._block(key, receiver, "is suspended")
            return NOTHING_MORE
        try:
            problem = await _invalid_filter(receiver, self._evaluator.budget(key.namespace))
        except BudgetExceeded as error:
            self._block(key, receiver, "is not ready")
            return await self._without(session, reasons.INVALID_CEL_EXPRESSION, str(error), error.after)
        if problem:
            self._block(key, receiver, "is not ready")
            return await self._stall(session, reasons.INVALID_CEL_EXPRESSION, problem)
        try:
            token = await self._token(receiver)
        except TokenNotFound as error:
            self._drop(key)
            after = self._backoff.next(key)
            return await self._without(session, reasons.TOKEN_NOT_FOUND, str(error), after)
        return await self._ready(session, receiver, receiver.path(token))

    async def _broke_off(self, key: ObjectKey, error: Exception, times: int) -> None:
        """Report that a reconcile ended with an unexpected error; raises :class:`headgate.kube.ApiError`."""
        obj = self._watch.get(ObjectRef(API_VERSION, KIND, key.name, key.namespace))
        if obj is None or (times == 1 and is_passing(error)):
            return
        session = StatusSession(self._client, obj, manager=NOTIFICATION_CONTROLLER, on_written=lambda _: None)
        message = f"reconciling the Receiver failed: {explained(error)}"
        session.mark(reasons.READY, "False", reasons.FAILED, message)
        doing = "Reconciliation in progress"
        session.mark(reasons.RECONCILING, "True", reasons.PROGRESSING_WITH_RETRY, doing)
        session.unmark(reasons.STALLED)
        self._emit(session, WARNING, reasons.FAILED, message)
        await session.write()

    async def _ready(self, session: StatusSession, receiver: Receiver, path: str) -> Outcome:
        key = receiver.key
        self._drop(key)
        self._paths[key], self._hooks[path] = path, _Hook(receiver)
        self._backoff.reset(key)
        changed = session.status.get("webhookPath") != path or not session.is_true(reasons.READY)
        session.mark(reasons.READY, "True", reasons.SUCCEEDED, f"Receiver initialized for path: {path}")
        session.unmark(reasons.RECONCILING, reasons.STALLED)
        session.status["webhookPath"] = path
        session.status["observedGeneration"] = session.generation
        await session.write()
        if changed:
            every = format_duration(receiver.spec.interval)
            self._emit(session, NORMAL, reasons.SUCCEEDED, f"Reconciliation finished, next run in {every}")
        return Outcome(after=receiver.spec.interval)

    async def _without(self, session: StatusSession, reason: str, message: str, after: float) -> Outcome:
        """Report that something that the Receiver needs is missing now."""
        session.mark(reasons.READY, "False", reason, message)
        doing = "Reconciliation in progress"
        session.mark(reasons.RECONCILING, "True", reasons.PROGRESSING_WITH_RETRY, doing)
        session.unmark(reasons.STALLED)
        session.status.pop("webhookPath", None)
        await session.write()
        self._emit(session, WARNING, reasons.FAILED, message)
        return Outcome(after=after, failed=True)

    async def _stall(self, session: StatusSession, reason: str, problem: str) -> Outcome:
        """Report that only a change of the spec helps."""
        message = f"Reconciliation failed terminally due to configuration error: {problem}"
        session.mark(reasons.READY, "False", reason, message)
        session.mark(reasons.STALLED, "True", reason, message)
        session.unmark(reasons.RECONCILING)
        session.status["observedGeneration"] = session.generation
        await session.write()
        self._emit(session, WARNING, reason, message)
        return NOTHING_MORE

    async def _token(self, receiver: Receiver) -> bytes:
        """The token of the Receiver. Raises :class:`TokenNotFound`."""
        name = receiver.spec.secret_ref.name
        where = f"'{receiver.key.namespace}/{name}'"
        try:
            secret = await self._client.get(ObjectRef("v1", "Secret", name, receiver.key.namespace))
        except (NotFound, BadRequest, Forbidden) as error:
            raise TokenNotFound(f"unable to read token from secret {where} error: {error.message}") from error
        token = base64.b64decode((secret.get("data") or {}).get("token") or "")
        if not token:
            raise TokenNotFound(f"invalid {where} secret data: required fields 'token'")
        return token

    def _block(self, key: ObjectKey, receiver: Receiver, problem: str) -> None:
        """Keep the path, but reject its calls."""
        path = self._paths.get(key)
        if path is not None:
            self._hooks[path] = _Hook(receiver, problem)

    def _drop(self, key: ObjectKey) -> None:
        path = self._paths.pop(key, None)
        hook = self._hooks.get(path) if path is not None else None
        # The hash covers token, name and namespace without separators: two Receivers may have the same path.
        if path is not None and hook is not None and hook.receiver.key == key:
            del self._hooks[path]

    def _emit(self, session: StatusSession, type: str, reason: str, message: str) -> None:
        self._events.emit(Event(session.obj, NOTIFICATION_CONTROLLER, type, reason, message))


def _identity(obj: Obj) -> tuple[object, ...]:
    """The parts of a Receiver that its reconcile depends on."""
    meta = obj["metadata"]
    return (
        meta.get("uid"),
        meta.get("generation"),
        meta.get("deletionTimestamp"),
        meta.get("labels"),
        labels.requested_at(obj),
    )


async def _invalid_filter(receiver: Receiver, budget: ExpressionBudget) -> str:
    """What is wrong with the filters; empty if nothing is. Raises :class:`BudgetExceeded`."""
    named = [("invalid resourceFilter expression", "spec.resourceFilter", receiver.spec.resource_filter)]
    for i, each in enumerate(receiver.spec.resources):
        where = f'resources[{i}] (kind="{each.kind}", name="{each.name}")'
        what = f"invalid filter expression for {where}"
        named.append((what, f"spec.resources[{i}].filter", each.filter))
    for what, field, text in named:
        try:
            if text:
                await budget.compile(text, FILTER_VARIABLES)
        except ExpressionInvalid as error:
            return f"{what}: {error}"
        except BudgetExceeded as error:
            raise error.at(field) from None
    return ""
