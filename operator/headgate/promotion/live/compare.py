"""Compares a rendering with the cluster of its environment.

The cluster becomes two renderings: as it is, and as it is after the apply. What differs between them is found, named
and hidden exactly as between two renderings of Git (:mod:`headgate.promotion.changes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headgate.api import ObjectKey
from headgate.apply import DeleteOptions, Owner
from headgate.apply.deletion.prune import Fate, fate
from headgate.apply.objects.stages import GroupKind
from headgate.kube import Client, ObjectRef
from headgate.names import KUSTOMIZATION, KUSTOMIZATION_VERSION
from headgate.objects import Obj
from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.model import (
    Action,
    EnvironmentChange,
    KustomizationChange,
    ObjectChange,
    Stage,
)
from headgate.promotion.changes.pairing import identity
from headgate.promotion.fleet.rendering import Problem, RenderedKustomization, RenderedObject, Rendering
from headgate.promotion.live.cluster import LiveKustomization, live_kustomizations, read
from headgate.promotion.live.desired import Method, Outcome, Provided, outcomes
from headgate.promotion.live.visible import content, visible

__all__ = ["compare_with_cluster"]


async def compare_with_cluster(
    client: Client, rendering: Rendering, method: Method, stage: Stage, follows: str = ""
) -> EnvironmentChange:
    """What the operator of the client's cluster would change to make it like the rendering; writes nothing.

    Raises :class:`headgate.kube.ApiError`, :class:`headgate.kube.AccessFailed`.
    """
    live = await live_kustomizations(client, rendering.by_key)
    provided = _provided(rendering)
    sides: list[_Sides] = []
    for each in rendering.kustomizations:
        sides.append(await _sides(client, each, live.get(each.key), provided, method))
    for key, found in live.items():
        if key not in rendering.by_key:
            sides.append(_Sides(await _before(client, found, None, ()), None))
    before = replace(
        rendering, kustomizations=tuple(each.before for each in sides if each.before), unknown_variables=()
    )
    problems = tuple(problem for each in sides for problem in each.problems)
    after = replace(
        rendering,
        kustomizations=tuple(each.after for each in sides if each.after),
        problems=(*rendering.problems, *problems),
    )
    change = compare(before, after, stage, follows)
    change = replace(change, base=_revisions(live), approximate=method is Method.READS)
    return _with_silent(change, sides)


@dataclass(frozen=True, slots=True)
class _Sides:
    """One Kustomization before and after."""

    before: RenderedKustomization | None
    after: RenderedKustomization | None
    problems: tuple[Problem, ...] = ()
    applied: tuple[RenderedObject, ...] = ()
    """The objects that the operator writes, according to its dry runs."""


async def _sides(
    client: Client,
    each: RenderedKustomization,
    live: LiveKustomization | None,
    provided: Provided,
    method: Method,
) -> _Sides:
    if each.problem is not None or each.skipped or each.suspended or each.spec.get("kubeConfig"):
        problems: tuple[Problem, ...] = ()
        if each.spec.get("kubeConfig") and not each.suspended and each.problem is None:
            problems = (Problem("it applies to a remote cluster, which is not compared", each.key),)
        nothing = replace(each, objects=())
        old = nothing if live is None else replace(nothing, spec=_spec(live.obj, each))
        return _Sides(None if live is None else old, nothing, problems)
    uid = "" if live is None else str(live.obj["metadata"]["uid"])
    found, failed = await outcomes(client, each, uid, provided, method)
    encrypted = [
        Problem(f"{one.ref}: it is encrypted, so it is not compared; give its key", each.key)
        for one in each.objects
        if one.encrypted
    ]
    after = replace(each, objects=tuple(one.after for one in found))
    before: RenderedKustomization | None
    if live is not None:
        before = await _before(client, live, each, found)
    else:
        # A new Kustomization may find its objects on the cluster: the comparison needs somebody who has them.
        kept = tuple(one.before for one in found if one.before is not None)
        before = replace(each, objects=kept) if kept else None
    applied = tuple(one.after for one in found if one.applied)
    return _Sides(before, after, (*failed, *encrypted), applied)


async def _before(
    client: Client, live: LiveKustomization, each: RenderedKustomization | None, found: Sequence[Outcome]
) -> RenderedKustomization:
    """The Kustomization as the cluster has it: with what it keeps, changes and prunes."""
    kept = [one.before for one in found if one.before is not None]
    rendered = {identity(one.after.ref) for one in found}
    stale = await read(client, (ref for ref in live.inventory if identity(ref) not in rendered))
    options = DeleteOptions(Owner(live.key.name, live.key.namespace))
    pruned = [
        RenderedObject(ref, content(obj))
        for ref, obj in stale.items()
        if fate(obj, options) is Fate.DELETE and obj["metadata"]["uid"] != live.obj["metadata"]["uid"]
    ]
    spec = live.obj["spec"] if each is None else _spec(live.obj, each)
    return RenderedKustomization(
        key=live.key,
        spec=spec,
        source=None if each is None else each.source,
        commit=str((live.obj.get("status") or {}).get("lastAppliedRevision") or "").rpartition(":")[2],
        objects=(*kept, *pruned),
        made_by=live.made_by if each is None else each.made_by,
        suspended=bool(live.obj["spec"].get("suspend")),
        prunes=bool(live.obj["spec"].get("prune")),
    )


def _spec(live: Obj, each: RenderedKustomization) -> Obj:
    """The fields of a live spec that Git sets or the operator owns."""
    desired = {"apiVersion": KUSTOMIZATION_VERSION, "kind": KUSTOMIZATION, "metadata": {}, "spec": each.spec}
    spec: Obj = visible(live, desired).get("spec") or {}
    return spec


def _provided(rendering: Rendering) -> Provided:
    objects = [one.obj for each in rendering.kustomizations for one in each.objects]
    kinds = set()
    for obj in objects:
        if obj.get("kind") == "CustomResourceDefinition":
            spec = obj.get("spec") or {}
            kinds.add(GroupKind(str(spec.get("group")), str((spec.get("names") or {}).get("kind"))))
    names = frozenset(str(obj["metadata"]["name"]) for obj in objects if obj.get("kind") == "Namespace")
    return Provided(names, frozenset(kinds))


def _revisions(live: Mapping[ObjectKey, LiveKustomization]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, each in live.items():
        ref = each.obj["spec"].get("sourceRef") or {}
        revision = (each.obj.get("status") or {}).get("lastAppliedRevision")
        if revision:
            found[f"{ref.get('namespace') or key.namespace}/{ref.get('name')}"] = str(revision)
    return found


def _ref_of(key: ObjectKey) -> ObjectRef:
    return ObjectRef(KUSTOMIZATION_VERSION, KUSTOMIZATION, key.name, key.namespace)


def _with_silent(change: EnvironmentChange, sides: Sequence[_Sides]) -> EnvironmentChange:
    """The change with the objects that the operator writes although no visible field differs."""
    named = {identity(each.ref) for each in change.changes}
    named |= {
        identity(_ref_of(each.key))
        for each in change.kustomizations
        if each.action is not None or each.fields
    }
    by_key = {each.key: each for each in change.kustomizations}
    for side in sides:
        silent = tuple(
            ObjectChange(one.ref, Action.CHANGED, place=one.place)
            for one in side.applied
            if identity(one.ref) not in named
        )
        if silent and side.after is not None:
            key = side.after.key
            known = by_key.get(key) or KustomizationChange(key, None, place=side.after.place)
            by_key[key] = replace(known, objects=(*known.objects, *silent))
    order = [side.after.key for side in sides if side.after is not None and side.after.key in by_key]
    order += [key for key in by_key if key not in order]
    return replace(change, kustomizations=tuple(by_key[key] for key in order))
