"""What the operator would do with the objects of one Kustomization, each as the cluster identifies it.

By dry runs, the operator's own code decides (:mod:`headgate.apply.server_side`): its plan, its questions, with every
object sent. By reads, the objects of Git count as what the API server would store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

from headgate.api import ObjectKey
from headgate.api.kustomization import Kustomization
from headgate.api.labels import OWNER_NAME, OWNER_NAMESPACE
from headgate.apply import ApplyOptions, KnownObjects, Owner, compile_rules
from headgate.apply.concurrently import concurrently
from headgate.apply.errors import ObjectError, describe
from headgate.apply.objects.stages import GroupKind
from headgate.apply.server_side.ask import ask
from headgate.apply.server_side.context import ApplyContext
from headgate.apply.server_side.desired import desired_of, staged
from headgate.apply.server_side.plan import plan
from headgate.apply.server_side.requests import server_side_apply
from headgate.apply.server_side.steps import Desired, Done, NotApplied, ToApply
from headgate.kube import ApiError, Client, ObjectRef
from headgate.objects import Obj
from headgate.promotion.changes.hiding import unknown_in
from headgate.promotion.changes.pairing import Identity, identity
from headgate.promotion.fleet.rendering import RenderedKustomization, RenderedObject
from headgate.promotion.live.acting import Actor
from headgate.promotion.live.cluster import AT_ONCE, read
from headgate.promotion.live.visible import content, git_differs, stored, visible

__all__ = ["ApplyOutcome", "Method", "Provided", "options_of", "outcomes"]


class Method(Enum):
    """How to find out what an apply would change."""

    READS = "reads"
    """``get`` and ``list`` only: approximate, because only the API server knows its defaults and webhooks."""
    DRY_RUN = "dry run"
    """The operator's dry runs, which need its rights to patch."""


@dataclass(frozen=True, slots=True)
class ApplyOutcome:
    """One object before and after the apply; equal if it stays as it is, or if that is not known."""

    before: RenderedObject | None
    """None if the apply creates it."""
    after: RenderedObject
    applied: bool = False
    """Whether a dry run says that the operator writes it, also where no visible field differs."""
    problem: str = ""
    """Why it is not known what happens to it."""
    owner: ObjectKey | None = None
    """The Kustomization that the labels of the live object name."""
    uid: str = ""
    """Of the live object."""


@dataclass(frozen=True, slots=True)
class Provided:
    """What the same rendering creates, so that a dry run cannot know it yet."""

    namespaces: frozenset[str]
    kinds: frozenset[GroupKind]


@dataclass(frozen=True, slots=True)
class _Asking:
    """What the questions about the objects of one Kustomization share."""

    client: Client
    """Reads as the user."""
    context: ApplyContext
    """Asks as the operator does."""
    rendered: Mapping[Identity, RenderedObject]
    provided: Provided
    method: Method

    def origin(self, ref: ObjectRef) -> RenderedObject | None:
        """The rendered object that became this one."""
        at = identity(ref)
        # Git may leave out the namespace that the Kustomization sets, or name one for a kind without namespaces.
        return self.rendered.get(at) or next(
            (one for key, one in self.rendered.items() if (*key[:2], key[3]) == (*at[:2], at[3])), None
        )


async def outcomes(
    client: Client,
    actor: Actor,
    each: RenderedKustomization,
    options: ApplyOptions,
    provided: Provided,
    method: Method,
) -> list[ApplyOutcome]:
    """What happens to the objects of one Kustomization.

    Raises :class:`headgate.kube.ApiError`.
    """
    context = ApplyContext(actor.client, options, KnownObjects(), lambda ref, obj: None)
    asking = _Asking(client, context, {identity(one.ref): one for one in each.objects}, provided, method)
    found = [ApplyOutcome(one, one, problem=why) for one in each.objects if (why := _withheld(one))]
    sent = [one.obj for one in each.objects if not _withheld(one)]
    for _, members in staged(sent, options):
        desired, errors = await desired_of(client, members, options)
        found += [_unsendable(asking, error) for error in errors]
        answer = await read(client, [one.ref for one in desired])
        found += [
            _same(asking, one, problem=f"{one.ref}: you may not read it, so it is not compared")
            for one in desired
            if one.ref in answer.forbidden
        ]
        live = {identity(ref): obj for ref, obj in answer.objects.items()}
        work = partial(_outcome, asking, live)
        found += await concurrently(
            [one for one in desired if one.ref not in answer.forbidden], work, AT_ONCE
        )
    return found


def _withheld(one: RenderedObject) -> str:
    """Why an object is not sent to a cluster; empty if it is."""
    unknown = tuple(dict.fromkeys(unknown_in(one.obj)))
    if unknown:
        what = "the variable" if len(unknown) == 1 else "the variables"
        return (
            f"{one.ref}: nobody gave {what} {', '.join(unknown)}, so the object is neither sent nor compared; give the "
            "value with --vars"
        )
    if one.encrypted:
        return f"{one.ref}: it is encrypted, so the object is neither sent nor compared; give its key with --age-key"
    return ""


def options_of(each: RenderedKustomization, uid: str) -> ApplyOptions:
    """The options of its apply; ``uid``: its own, empty if it is new.

    Raises :class:`headgate.api.InvalidSpec`, :class:`headgate.apply.IgnoreRuleInvalid`.
    """
    meta = {"name": each.key.name, "namespace": each.key.namespace, "uid": uid}
    ks = Kustomization.from_object({"metadata": meta, "spec": each.spec})
    return ApplyOptions(
        owner=Owner(each.key.name, each.key.namespace),
        actor=f"{uid} {ks.spec.service_account_name}",
        force=ks.spec.force,
        full=True,
        ignore=compile_rules(ks.spec.ignore),
    )


def _unsendable(asking: _Asking, error: ObjectError) -> ApplyOutcome:
    """An object that the operator cannot send: it is faulty, or the cluster does not have its kind."""
    ref = error.ref
    origin = asking.origin(ref) or RenderedObject(ref, {"metadata": {"name": ref.name}})
    if _is_coming(ref, asking.provided):
        return ApplyOutcome(None, origin)
    return ApplyOutcome(origin, origin, problem=error.message)


def _wanted(asking: _Asking, desired: Desired) -> RenderedObject:
    origin = asking.origin(desired.ref) or RenderedObject(desired.ref, desired.obj)
    return replace(origin, ref=desired.ref, obj=desired.obj)


def _same(asking: _Asking, desired: Desired, *, problem: str = "") -> ApplyOutcome:
    wanted = _wanted(asking, desired)
    return ApplyOutcome(wanted, wanted, problem=problem)


async def _outcome(asking: _Asking, live: Mapping[Identity, Obj], desired: Desired) -> ApplyOutcome:
    exists = live.get(identity(desired.ref))
    found = await _asked(asking, desired, exists)
    if exists is None:
        return found
    return replace(found, owner=_owner(exists), uid=str(exists["metadata"]["uid"]))


async def _asked(asking: _Asking, desired: Desired, exists: Obj | None) -> ApplyOutcome:
    context, wanted = asking.context, _wanted(asking, desired)
    before = None if exists is None else replace(wanted, obj=visible(exists, desired.obj))
    step = plan(desired, None, context.options)
    if isinstance(step, Done):
        # Nobody applies it.
        return ApplyOutcome(wanted, wanted)
    if asking.method is Method.READS:
        kept = wanted if exists is None else replace(wanted, obj=stored(desired.obj, exists))
        return ApplyOutcome(before, kept)
    answer = await ask(context, step)
    if isinstance(answer, Done):
        return ApplyOutcome(wanted, wanted, applied=await _claims_fields(context, desired, exists))
    if isinstance(answer, NotApplied):
        if exists is None and _is_coming(desired.ref, asking.provided):
            return ApplyOutcome(None, wanted, applied=True)
        return ApplyOutcome(wanted, wanted, problem=answer.error.message)
    if exists is None or not isinstance(answer, ToApply):
        return ApplyOutcome(before, wanted, applied=True)
    try:
        dry = await server_side_apply(context.client, desired.obj, context.options, dry_run=True)
    except ApiError as error:
        return ApplyOutcome(
            wanted, wanted, problem=describe(error, desired.ref, "dry-run", desired.obj).message
        )
    old, new = replace(wanted, obj=content(exists)), replace(wanted, obj=content(dry.live))
    return ApplyOutcome(old, new, applied=True)


def _owner(live: Obj) -> ObjectKey | None:
    labels = live["metadata"].get("labels") or {}
    name, namespace = labels.get(OWNER_NAME), labels.get(OWNER_NAMESPACE)
    return ObjectKey(namespace, name) if name and namespace else None


async def _claims_fields(context: ApplyContext, desired: Desired, live: Obj | None) -> bool:
    """Whether an operator that remembers its last apply writes an object although only owners of fields differ."""
    state = context.state(desired.ref)
    if live is None or state is None or not state.inherited:
        return False
    try:
        dry = await server_side_apply(context.client, desired.obj, context.options, dry_run=True)
    except ApiError:
        return False
    return git_differs(live, dry.live)


def _is_coming(ref: ObjectRef, provided: Provided) -> bool:
    return ref.namespace in provided.namespaces or GroupKind(ref.group, ref.kind) in provided.kinds
