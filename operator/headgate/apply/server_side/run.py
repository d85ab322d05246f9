"""One apply from beginning to end: stage by stage, and in each stage plan, ask, send, wait.

The values of :mod:`.steps` pass through :func:`apply_all`. Each step has its own module: :mod:`.desired`,
:mod:`.plan`, :mod:`.ask`, :mod:`.send`, :mod:`.ready`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from headgate.apply.changeset import Change, ChangeSet
from headgate.apply.concurrently import concurrently
from headgate.apply.errors import ApplyFailed, ObjectError
from headgate.apply.known import KnownObjects
from headgate.apply.objects.stages import Stage, by_rank, sort_key
from headgate.apply.options import ApplyOptions
from headgate.apply.server_side.ask import Found, ask
from headgate.apply.server_side.context import ApplyContext, Observe
from headgate.apply.server_side.desired import desired_of, staged
from headgate.apply.server_side.plan import Planned, plan, without_needless_question
from headgate.apply.server_side.ready import may_be_unready, until_ready
from headgate.apply.server_side.send import send
from headgate.apply.server_side.steps import (
    NO_REMARKS,
    ApplyStep,
    Done,
    NotApplied,
    ToAsk,
    ToSend,
    ToSendAlone,
)
from headgate.fairness.pools import aside
from headgate.kube import Client
from headgate.kube.refs import ObjectRef
from headgate.loop import Pauses
from headgate.objects import Obj

Record = Callable[[Sequence[ObjectRef]], Awaitable[None]]
"""Stores the names of objects before their apply; if it raises, none of them is sent."""

S = TypeVar("S", bound=ApplyStep)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What was done, in the order of the stages."""

    changes: ChangeSet = field(default_factory=ChangeSet)
    warnings: tuple[str, ...] = ()
    """Fields in Git that the apply omitted because the kind does not have them, one line per object."""
    notices: tuple[str, ...] = ()
    """Warnings of the API server (deprecated versions, admission policies), one line each, naming the object."""
    uids: frozenset[str] = frozenset()
    """UIDs of all objects that were applied or are in place."""
    answered: frozenset[ObjectRef] = frozenset()
    """Objects about which the API server responded in this attempt, under the account that applies them."""


async def apply_all(
    client: Client,
    objects: Iterable[Obj],
    options: ApplyOptions,
    known: KnownObjects,
    observe: Observe | None = None,
    record: Record | None = None,
) -> ApplyResult:
    """Apply ``objects``, and so make the objects on the cluster match.

    Before the first write of each stage, ``record`` receives the names of all objects that the stage writes, as the
    cluster identifies them: without a namespace if the kind has none.

    Raises :class:`ApplyFailed` with everything that was done before, and with all errors of the stage that failed. If a
    dry run refuses an object, nothing of its stage is applied.
    """
    wanted = list(objects)
    stages = await aside(options.owner.namespace, len(wanted), lambda: staged(wanted, options))
    context = ApplyContext(client, options, known, observe or (lambda ref, live: None))
    done: list[Done] = []
    for stage, members in stages:
        report = await _apply_stage(context, members, record)
        if stage in (Stage.DEFINITIONS, Stage.CLASSES):
            report = replace(report, errors=report.errors + await _unready(context, report.done))
        done += report.done
        if report.errors:
            changes = ChangeSet([Change(d.ref, d.action) for d in done])
            raise ApplyFailed(changes, sorted(report.errors, key=lambda e: sort_key(e.ref)), report.unsure)
    return _result(done)


def _result(done: Sequence[Done]) -> ApplyResult:
    remarked = [d for d in done if d.remarks is not NO_REMARKS]
    return ApplyResult(
        ChangeSet([Change(d.ref, d.action) for d in done]),
        tuple(_left_out(d.ref, d.remarks.left_out) for d in remarked if d.remarks.left_out),
        tuple(f"{d.ref}: {text}" for d in remarked for text in d.remarks.notices),
        frozenset(d.uid for d in done if d.uid),
        frozenset(d.ref for d in done if d.answered),
    )


def _left_out(ref: ObjectRef, paths: Iterable[str]) -> str:
    names = ", ".join(sorted({path.lstrip(".") for path in paths}))
    return f"{ref}: not applied, as a {ref.api_version} {ref.kind} has no such field: {names}"


@dataclass(frozen=True, slots=True)
class _StageReport:
    """The outcome of one stage; objects are sorted by kind and name."""

    done: list[Done]
    errors: list[ObjectError]
    unsure: tuple[ObjectRef, ...] = ()
    """Objects with an error whose apply may nevertheless have succeeded."""


async def _apply_stage(context: ApplyContext, objects: Sequence[Obj], record: Record | None) -> _StageReport:
    """Apply the objects of one stage, unless a check or a dry run refuses one of them."""
    desired, errors = await desired_of(context.client, objects, context.options)
    first: list[Done | ToAsk] = []
    async for each in Pauses().between(desired):
        first.append(plan(each, context.state(each.ref), context.options))
    found = await _asked(context, without_needless_question(first))
    done = [step for step in found if isinstance(step, Done)]
    errors += [step.error for step in found if isinstance(step, NotApplied)]
    allowed = [step for step in found if not isinstance(step, NotApplied)]
    if errors or len(done) == len(found):
        return _StageReport(done, errors)
    if record is not None:
        await record([step.ref for step in allowed if not isinstance(step, Done)])
    return await _sent(context, allowed)


async def _asked(context: ApplyContext, planned: Sequence[Planned]) -> list[Found | ToSendAlone]:
    """The plan, with each dry run replaced by its result."""
    questions = [step for step in planned if isinstance(step, ToAsk)]
    answers = iter(await _each(context, questions, partial(ask, context)))
    return [next(answers) if isinstance(step, ToAsk) else step for step in planned]


async def _sent(context: ApplyContext, steps: Sequence[Done | ToSend]) -> _StageReport:
    """Apply the objects that need it, rank by rank, up to the first rank with a failure."""
    results: list[Done | NotApplied | None] = [step if isinstance(step, Done) else None for step in steps]
    for group in by_rank([step.ref for step in steps]):
        open_ = [(i, step) for i in group if not isinstance(step := steps[i], Done)]
        outcomes = await _each(context, [step for _, step in open_], partial(send, context))
        for (i, _), outcome in zip(open_, outcomes, strict=True):
            results[i] = outcome
        if any(isinstance(outcome, NotApplied) for outcome in outcomes):
            break
    failed = [result for result in results if isinstance(result, NotApplied)]
    return _StageReport(
        [result for result in results if isinstance(result, Done)],
        [each.error for each in failed],
        tuple(each.error.ref for each in failed if each.maybe_there),
    )


async def _unready(context: ApplyContext, done: Sequence[Done]) -> list[ObjectError]:
    """Wait until all definitions are ready for use; the errors of those that are not."""
    deadline = time.monotonic() + context.options.timeout
    waiting = [each for each in done if may_be_unready(context, each)]
    errors = await _each(context, waiting, lambda each: until_ready(context, each, deadline))
    return [error for error in errors if error is not None]


async def _each(context: ApplyContext, steps: Sequence[S], work: Callable[[S], Awaitable[R]]) -> list[R]:
    """Work on all objects, as many at once as the options allow."""

    async def named(step: S) -> R:
        try:
            return await work(step)
        except Exception as error:
            error.add_note(str(step.ref))
            raise

    return await concurrently(steps, named, context.options.concurrency)
