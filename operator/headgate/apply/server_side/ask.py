"""Asks the API server about one object: a dry run, and reads if the dry run leaves a question open.

Nothing changes on the cluster, with one exception: an entry of ``managedFields`` with an old API version makes the API
server refuse even the dry run. With the feature gate MigrateAPIVersion, such entries get the applied version.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from headgate.api import labels
from headgate.apply.changeset import Action
from headgate.apply.errors import describe, is_immutable, may_be_immutable
from headgate.apply.fields import ignore
from headgate.apply.fields.pointers import Pointer
from headgate.apply.server_side import decide
from headgate.apply.server_side.context import ApplyContext
from headgate.apply.server_side.decide import DryRunVerdict
from headgate.apply.server_side.requests import ApplyResponse, migrate, server_side_apply, would_be_created
from headgate.apply.server_side.steps import Desired, Done, NotApplied, ToApply, ToAsk, ToRecreate
from headgate.kube import ApiError, NoMatch, NotFound
from headgate.objects import Obj

RESOLVE_TRIES = 5
"""How often an object that keeps changing is read again if some of its fields are ignored."""

Found = Done | ToApply | ToRecreate | NotApplied


async def ask(context: ApplyContext, question: ToAsk) -> Found:
    """Decide what an object needs. Never raises :class:`ApiError`."""
    return await _ask(context, question, migrated=False)


async def _ask(context: ApplyContext, question: ToAsk, *, migrated: bool) -> Found:
    desired = question.desired
    try:
        if question.look and (left := await _left_alone(context, question)) is not None:
            return left
        asked = decide.now()
        dry = await server_side_apply(context.client, desired.obj, context.options, dry_run=True)
    except ApiError as error:
        return await _after_refusal(context, question, error, migrated=migrated)
    if dry.sent is not desired.obj:
        question = replace(question, desired=replace(desired, obj=dry.sent))
    return await _judged(context, question, dry, asked, migrated=migrated)


async def _judged(
    context: ApplyContext, question: ToAsk, dry: ApplyResponse, asked: datetime, *, migrated: bool
) -> Done | ToApply:
    """Decide from the response to the dry run, and read the live object if the response is not enough."""
    desired, options = question.desired, context.options
    done = Action.CONFIGURED if migrated else Action.UNCHANGED
    verdict = decide.judge_dry_run(
        desired.obj, dry.created, dry.live, decide.server_time(dry.date, asked), options
    )
    version = dry.live["metadata"].get("resourceVersion") or ""
    ignored = ignore.ignored(desired.rules, dry.live) if desired.rules else ()
    live: Obj | None = dry.live if verdict is DryRunVerdict.KEEP else None
    inherited = False
    if verdict is DryRunVerdict.CHANGE and ignored:
        live, dry = await _in_place_but_for(context, desired, ignored, dry)
    elif verdict is DryRunVerdict.CHANGE:
        known = context.state(question.ref) or question.known
        if known is not None and decide.is_known_content(known, dry.live):
            context.known.adopt(context.client.cluster, desired.ref, desired.digest, options.owner)
            return Done(desired.ref, Action.UNCHANGED, question.uid, answered=True, remarks=dry.remarks)
        if decide.may_be_inherited(known, desired.digest):
            live = await _inherited(context, desired, dry.live)
            inherited = live is not None and not migrated
    if verdict is DryRunVerdict.SKIP:
        return context.skipped(desired, question.uid, answered=True, remarks=dry.remarks)
    if live is not None:
        return context.in_place(
            desired, done, live, ignored=ignored, inherited=inherited, remarks=dry.remarks
        )
    return ToApply(
        desired,
        version,
        ignored,
        dry_run=dry.live if ignored and version else None,
        take_over=verdict is DryRunVerdict.TAKE_OVER,
        migrated=migrated,
        remarks=dry.remarks,
    )


async def _in_place_but_for(
    context: ApplyContext, desired: Desired, ignored: tuple[Pointer, ...], dry: ApplyResponse
) -> tuple[Obj | None, ApplyResponse]:
    """The live object if it differs from the dry run only in ignored fields, and the newest response to the dry run."""
    with suppress(ApiError):
        for _ in range(RESOLVE_TRIES):
            live = await context.client.get(desired.ref)
            if ignore.is_in_place(live, dry.live, ignored, context.options.field_manager):
                return live, dry
            if live["metadata"]["resourceVersion"] == dry.live["metadata"]["resourceVersion"]:
                break
            # Somebody wrote between the two requests: their responses are not comparable.
            later = await server_side_apply(context.client, dry.sent, context.options, dry_run=True)
            dry = replace(later, remarks=dry.remarks.and_then(later.remarks))
    return None, dry


async def _inherited(context: ApplyContext, desired: Desired, answer: Obj) -> Obj | None:
    """The live object if an apply would change the owners of fields, and nothing else."""
    with suppress(ApiError):
        live = await context.client.get(desired.ref)
        if decide.is_inherited(live, answer, context.options.field_manager):
            return live
    return None


async def _left_alone(context: ApplyContext, question: ToAsk) -> Done | None:
    """Read the live object and skip the apply if its marks, or its mere existence, forbid it."""
    desired = question.desired
    try:
        live = await context.client.get(desired.ref)
    except NotFound:
        return None
    keep = labels.marked(desired.obj, labels.IF_NOT_PRESENT)
    if not keep and not labels.marked(live, labels.EXCLUDED):
        return None
    owned = context.options.owner.labels.items() <= (live["metadata"].get("labels") or {}).items()
    if not (keep and owned):
        return context.skipped(desired, question.uid, answered=True)
    # A watch reports its deletion.
    context.remember(desired, live, Action.SKIPPED, ignore.ignored(desired.rules, live))
    return Done(desired.ref, Action.SKIPPED, live["metadata"]["uid"], answered=True)


async def _after_refusal(context: ApplyContext, question: ToAsk, error: ApiError, *, migrated: bool) -> Found:
    """The API server refuses the object: skip it, recreate it, or report the refusal."""
    desired, options = question.desired, context.options
    live = None
    if not isinstance(error, NotFound | NoMatch) and 0 < error.status <= 500:
        with suppress(ApiError):
            live = await context.client.get(desired.ref)
    if live is not None:
        if labels.marked(live, labels.EXCLUDED):
            return context.skipped(desired, question.uid, answered=False)
        if options.migrate_api_version and not migrated and await _migrate(context, desired, live):
            return await _ask(context, question, migrated=True)
        if (
            may_be_immutable(error)
            and decide.may_recreate(desired.obj, live, options)
            and (is_immutable(error) or await _is_valid(context, desired))
        ):
            return ToRecreate(desired, live)
    context.known.invalidate(context.client.cluster, desired.ref)
    return NotApplied(describe(error, desired.ref, "dry-run", desired.obj))


async def _migrate(context: ApplyContext, desired: Desired, live: Obj) -> bool:
    """Bring the entries of all field managers to the applied API version; False if that was not necessary."""
    try:
        return await migrate(context.client, live, desired.ref.api_version, context.options)
    except ApiError:
        # The refusal that caused the attempt is the better explanation.
        return False


async def _is_valid(context: ApplyContext, desired: Desired) -> bool:
    """Whether the API server would create the object: otherwise the deletion of the old one would leave nothing."""
    name = f"headgate-probe-{desired.digest.hex()[:8]}"
    return await would_be_created(context.client, desired.obj, name, context.options)
