"""Applies one object: onto the live object, around its ignored fields, or after its deletion."""

from __future__ import annotations

from dataclasses import replace

from headgate.apply.changeset import Action
from headgate.apply.errors import describe
from headgate.apply.fields import ignore
from headgate.apply.server_side import decide
from headgate.apply.server_side.ask import RESOLVE_TRIES, ask
from headgate.apply.server_side.context import ApplyContext
from headgate.apply.server_side.requests import ApplyResponse, delete_and_wait, server_side_apply, take_over
from headgate.apply.server_side.steps import Done, NotApplied, ToApply, ToAsk, ToRecreate, ToSend, ToSendAlone
from headgate.kube import ApiError, Conflict, Invalid, NotFound, ServerError
from headgate.objects import Obj


async def send(context: ApplyContext, step: ToSend) -> Done | NotApplied:
    """Apply one object. Never raises :class:`ApiError`."""
    cluster, ref = context.client.cluster, step.ref
    applies = _Applies(context)
    context.known.sending(cluster, ref)
    try:
        return await _send(context, step, applies)
    except ApiError as error:
        context.known.invalidate(cluster, ref)
        return NotApplied(describe(error, ref, "apply", step.desired.obj), applies.maybe_done)
    finally:
        shown = context.known.sent(cluster, ref)
        if shown is not None:
            context.observe(ref, shown)


class _Applies:
    """All applies of one object. After the first one that was not certainly refused, the object may exist."""

    def __init__(self, context: ApplyContext) -> None:
        self._context = context
        self.maybe_done = False

    async def apply(self, obj: Obj, *, version: str | None = None) -> ApplyResponse:
        """Apply the object; with ``version``, only if the live object has this resource version."""
        try:
            applied = await server_side_apply(
                self._context.client, obj, self._context.options, version=version
            )
        except ApiError as error:
            self.maybe_done = self.maybe_done or error.maybe_done
            raise
        self.maybe_done = True
        return applied


async def _send(context: ApplyContext, step: ToSend, applies: _Applies) -> Done | NotApplied:
    match step:
        case ToSendAlone():
            return await _send_alone(context, step, applies)
        case ToRecreate(desired, live):
            # Before the deletion, so that its watch event does not count as drift.
            context.known.forget(context.client.cluster, desired.ref)
            await delete_and_wait(context.client, live, context.options)
            return await _finish(context, ToApply(desired, ""), await applies.apply(desired.obj), applies)
        case ToApply():
            if step.take_over:
                await take_over(context.client, step.ref, context.options)
            if step.dry_run is not None:
                return await _send_around_ignored(context, step, step.dry_run, applies)
            return await _finish(context, step, await applies.apply(step.desired.obj), applies)


async def _send_alone(context: ApplyContext, step: ToSendAlone, applies: _Applies) -> Done | NotApplied:
    """Apply if the live object is unchanged; otherwise ask first."""
    version = (context.state(step.ref) or step.known).resource_version
    try:
        applied = await applies.apply(step.desired.obj, version=version)
    except (Conflict, Invalid, ServerError):
        # The object changed, or the API server refuses it: the dry run distinguishes these.
        match await ask(context, ToAsk(step.desired, step.known)):
            case Done() as done:
                return done
            case NotApplied() as refused:
                return replace(refused, maybe_there=applies.maybe_done)
            case allowed:
                return await _send(context, allowed, applies)
    return await _finish(context, ToApply(step.desired, version), applied, applies)


async def _send_around_ignored(context: ApplyContext, step: ToApply, dry_run: Obj, applies: _Applies) -> Done:
    """Apply with the values that the ignored fields have on the cluster now."""
    own, desired = context.options.field_manager, step.desired
    attempt = 0
    while True:
        attempt += 1
        try:
            live = await context.client.get(step.ref)
        except NotFound:
            # Deleted since the dry run: create it, with all its fields.
            return await _finish(context, step, await applies.apply(desired.obj), applies)
        version = live["metadata"]["resourceVersion"]
        payload = ignore.resolved(desired.obj, live, dry_run, step.ignored, own)
        try:
            applied = await applies.apply(payload, version=version)
        except Conflict:
            if attempt == RESOLVE_TRIES:
                raise
        else:
            return await _finish(context, replace(step, version=version), applied, applies)


async def _finish(context: ApplyContext, step: ToApply, applied: ApplyResponse, applies: _Applies) -> Done:
    """Report what the apply did; repeat it if another manager wrote between dry run and apply."""
    live, remarks = applied.live, step.remarks.and_then(applied.remarks)
    if applied.created:
        action = Action.CREATED
    elif live["metadata"]["resourceVersion"] == step.version and not (step.take_over or step.migrated):
        action = Action.UNCHANGED
    else:
        action = Action.CONFIGURED
    if decide.wants_takeover(step.desired.obj, live, context.options):
        await take_over(context.client, step.ref, context.options)
        again = await applies.apply(applied.sent)
        live, remarks = again.live, remarks.and_then(again.remarks)
        action = action if action is Action.CREATED else Action.CONFIGURED
    return context.in_place(step.desired, action, live, ignored=step.ignored, remarks=remarks)
