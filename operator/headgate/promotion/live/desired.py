"""What the operator would do with the objects of one Kustomization, each as the cluster identifies it.

By dry runs, the operator's own code decides (:mod:`headgate.apply.server_side`): its plan, its questions, with every
object sent. By reads, the objects of Git count as what the API server would store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

from headgate.api.kustomization import Kustomization
from headgate.apply import ApplyOptions, KnownObjects, Owner, compile_rules
from headgate.apply.concurrently import concurrently
from headgate.apply.objects.stages import GroupKind
from headgate.apply.server_side.ask import ask
from headgate.apply.server_side.context import ApplyContext
from headgate.apply.server_side.desired import desired_of, staged
from headgate.apply.server_side.plan import plan
from headgate.apply.server_side.requests import server_side_apply
from headgate.apply.server_side.steps import Desired, Done, NotApplied, ToApply
from headgate.kube import ApiError, Client
from headgate.objects import Obj
from headgate.promotion.changes.pairing import Identity, identity
from headgate.promotion.fleet.rendering import Problem, RenderedKustomization, RenderedObject
from headgate.promotion.live.cluster import AT_ONCE, read
from headgate.promotion.live.visible import content, git_differs, stored, visible

__all__ = ["Method", "Outcome", "Provided", "outcomes"]


class Method(Enum):
    """How to find out what an apply would change."""

    READS = "reads"
    """``get`` and ``list`` only: approximate, because only the API server knows its defaults and webhooks."""
    DRY_RUN = "dry run"
    """The operator's dry runs, which need its rights to patch."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One object before and after the apply; equal if it stays as it is."""

    before: RenderedObject | None
    """None if the apply creates it."""
    after: RenderedObject
    applied: bool = False
    """Whether a dry run says that the operator writes it, also where no visible field differs."""


@dataclass(frozen=True, slots=True)
class Provided:
    """What the same rendering creates, so that a dry run cannot know it yet."""

    namespaces: frozenset[str]
    kinds: frozenset[GroupKind]


async def outcomes(
    client: Client,
    each: RenderedKustomization,
    uid: str,
    provided: Provided,
    method: Method,
) -> tuple[list[Outcome], list[Problem]]:
    """What happens to the objects of one Kustomization; ``uid``: its own, empty if it is new.

    Raises :class:`headgate.kube.ApiError`.
    """
    options = _options(each, uid)
    context = ApplyContext(client, options, KnownObjects(), lambda ref, obj: None)
    rendered = {identity(one.ref): one for one in each.objects}
    found: list[Outcome] = []
    problems: list[Problem] = []
    for _, members in staged([one.obj for one in each.objects], options):
        desired, errors = await desired_of(client, members, options)
        for error in errors:
            origin = rendered.get(identity(error.ref))
            if origin is not None and _is_coming(error.ref.group, error.ref.kind, "", provided):
                found.append(Outcome(None, origin))
            else:
                problems.append(Problem(error.message, each.key))
        objects = await read(client, [one.ref for one in desired])
        live = {identity(ref): obj for ref, obj in objects.items()}
        work = partial(_outcome, context, each, rendered, live, provided, method)
        for outcome in await concurrently(desired, work, AT_ONCE):
            if isinstance(outcome, Problem):
                problems.append(outcome)
            else:
                found.append(outcome)
    return found, problems


def _options(each: RenderedKustomization, uid: str) -> ApplyOptions:
    meta = {"name": each.key.name, "namespace": each.key.namespace, "uid": uid}
    ks = Kustomization.from_object({"metadata": meta, "spec": each.spec})
    return ApplyOptions(
        owner=Owner(each.key.name, each.key.namespace),
        actor=f"{uid} ",
        force=ks.spec.force,
        full=True,
        ignore=compile_rules(ks.spec.ignore),
    )


async def _outcome(
    context: ApplyContext,
    each: RenderedKustomization,
    rendered: Mapping[Identity, RenderedObject],
    live: Mapping[Identity, Obj],
    provided: Provided,
    method: Method,
    desired: Desired,
) -> Outcome | Problem:
    at = identity(desired.ref)
    # Git may leave out the namespace that the Kustomization sets, or name one for a kind without namespaces.
    origin = rendered.get(at) or next(
        (one for key, one in rendered.items() if (*key[:2], key[3]) == (*at[:2], at[3])), None
    )
    if origin is None:
        origin = RenderedObject(desired.ref, desired.obj)
    wanted = replace(origin, ref=desired.ref, obj=desired.obj)
    exists = live.get(at)
    before = None if exists is None else replace(wanted, obj=visible(exists, desired.obj))
    step = plan(desired, None, context.options)
    if isinstance(step, Done) or origin.encrypted:
        # Nobody applies it, or its content is not known here.
        return Outcome(wanted, wanted)
    if method is Method.READS:
        kept = wanted if exists is None else replace(wanted, obj=stored(desired.obj, exists))
        return Outcome(before, kept)
    answer = await ask(context, step)
    if isinstance(answer, Done):
        return Outcome(wanted, wanted, applied=await _claims_fields(context, desired, exists))
    if isinstance(answer, NotApplied):
        if exists is None and _is_coming(
            desired.ref.group, desired.ref.kind, desired.ref.namespace, provided
        ):
            return Outcome(None, wanted, applied=True)
        return Problem(answer.error.message, each.key)
    if exists is None or not isinstance(answer, ToApply):
        return Outcome(before, wanted, applied=True)
    try:
        dry = await server_side_apply(context.client, desired.obj, context.options, dry_run=True)
    except ApiError as error:
        return Problem(f"{desired.ref}: {error}", each.key)
    old, new = replace(wanted, obj=content(exists)), replace(wanted, obj=content(dry.live))
    return Outcome(old, new, applied=True)


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


def _is_coming(group: str, kind: str, namespace: str, provided: Provided) -> bool:
    return namespace in provided.namespaces or GroupKind(group, kind) in provided.kinds
