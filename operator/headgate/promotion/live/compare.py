"""Compares a rendering with the cluster of its environment.

The cluster becomes two renderings: as it is, and as it is after the apply. What differs between them is found, named
and hidden exactly as between two renderings of Git (:mod:`headgate.promotion.changes`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from headgate.api import InvalidSpec, ObjectKey
from headgate.apply import DeleteOptions, IgnoreRuleInvalid, Owner
from headgate.apply.deletion.prune import Fate, fate
from headgate.apply.objects.stages import GroupKind
from headgate.kube import Client, ObjectRef
from headgate.names import KUSTOMIZATION, KUSTOMIZATION_VERSION
from headgate.objects import Obj
from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.hiding import Curtain, unknown_in
from headgate.promotion.changes.model import (
    ChangeStage,
    ChangeType,
    EnvironmentChange,
    KustomizationChange,
    ObjectChange,
)
from headgate.promotion.changes.pairing import identity
from headgate.promotion.fleet.rendering import Problem, RenderedKustomization, RenderedObject, Rendering
from headgate.promotion.live.acting import Actor, Actors
from headgate.promotion.live.cluster import LiveKustomization, live_kustomizations, read
from headgate.promotion.live.desired import ApplyOutcome, Method, Provided, options_of, outcomes
from headgate.promotion.live.visible import content, visible
from headgate.reconcile.target.applying import supports

__all__ = ["compare_with_cluster"]


async def compare_with_cluster(
    client: Client,
    rendering: Rendering,
    method: Method,
    stage: ChangeStage,
    follows: str = "",
    *,
    live: Mapping[ObjectKey, LiveKustomization] | None = None,
    acting: bool = False,
) -> EnvironmentChange:
    """What the operator of the client's cluster would change to make it like the rendering; writes nothing.

    ``live``: the Kustomizations of the cluster if the caller has them. ``acting``: the client acts already as those
    who send the dry runs. Raises :class:`headgate.kube.ApiError`, :class:`headgate.kube.AccessFailed`.
    """
    if live is None:
        live = await live_kustomizations(client, rendering.by_key)
    comparison = _Comparison(client, rendering, method, live, acting=acting)
    sides = await comparison.sides()
    before = replace(
        rendering, kustomizations=tuple(each.before for each in sides if each.before), unknown_variables=()
    )
    after = replace(rendering, kustomizations=tuple(each.after for each in sides if each.after))
    # The answers of an API server may quote any value.
    curtain = Curtain((rendering, before, after))
    problems = tuple(
        replace(each, message=curtain.message(each.message)) for side in sides for each in side.problems
    )
    after = replace(after, problems=tuple(dict.fromkeys((*rendering.problems, *problems))))
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


@dataclass(frozen=True, slots=True)
class _Found:
    """What happens to the objects of one rendered Kustomization."""

    each: RenderedKustomization
    outcomes: tuple[ApplyOutcome, ...] = ()
    problems: tuple[Problem, ...] = ()
    compared: bool = True


class _Comparison:
    """One comparison with a cluster."""

    def __init__(
        self,
        client: Client,
        rendering: Rendering,
        method: Method,
        live: Mapping[ObjectKey, LiveKustomization],
        *,
        acting: bool,
    ) -> None:
        self._client, self._rendering, self._method, self._live = client, rendering, method, live
        self._actors = None if acting or method is Method.READS else Actors(client)
        self._provided = _provided(rendering)
        self._handed: dict[ObjectKey, list[RenderedObject]] = {}

    async def sides(self) -> list[_Sides]:
        """Every Kustomization of the rendering, and the live ones that are no longer in it."""
        found = [await self._found(each) for each in self._rendering.kustomizations]
        kept = {each.each.key: self._kept(each) for each in found}
        sides = [await self._sides(each, kept[each.each.key]) for each in found]
        for key, live in self._live.items():
            if key not in self._rendering.by_key:
                before, problems = await self._before(live, None, ())
                sides.append(_Sides(before, None, problems))
        return sides

    async def _found(self, each: RenderedKustomization) -> _Found:
        live = self._live.get(each.key)
        if each.problem is not None or each.skipped or _is_suspended(each, live):
            return _Found(each, compared=False)
        if each.spec.get("kubeConfig"):
            message = f"Kustomization/{each.key} applies to a remote cluster, which is not compared"
            return _Found(each, problems=(Problem(message, each.key),), compared=False)
        uid = "" if live is None else str(live.obj["metadata"]["uid"])
        try:
            options = options_of(each, uid)
        except (InvalidSpec, IgnoreRuleInvalid) as error:
            message = f"{each.place or 'Kustomization'}: Kustomization/{each.key}: {error}"
            return _Found(each, problems=(Problem(message, each.key),), compared=False)
        # Reads need no rights of others.
        actor = Actor(self._client) if self._actors is None else await self._actors.of(each)
        found = await outcomes(self._client, actor, each, options, self._provided, self._method)
        problems = [_placed(one.problem, one.after, each) for one in found if one.problem]
        if actor.problem:
            problems.insert(0, Problem(f"Kustomization/{each.key}: {actor.problem}", each.key))
        return _Found(each, tuple(found), tuple(problems))

    def _kept(self, found: _Found) -> tuple[RenderedObject, ...]:
        """The live objects of a Kustomization; notes those that another one hands over to it."""
        kept: list[RenderedObject] = []
        for one in found.outcomes:
            if one.before is None:
                continue
            if one.owner is not None and self._is_handed_over(one, one.owner, found.each.key):
                self._handed.setdefault(one.owner, []).append(one.before)
            else:
                kept.append(one.before)
        return tuple(kept)

    def _is_handed_over(self, one: ApplyOutcome, owner: ObjectKey, key: ObjectKey) -> bool:
        if owner == key or owner not in self._live or one.problem:
            return False
        former = self._rendering.by_key.get(owner)
        if former is None:
            return True
        at = identity(one.after.ref)
        return former.problem is None and all(identity(each.ref) != at for each in former.objects)

    async def _sides(self, found: _Found, kept: tuple[RenderedObject, ...]) -> _Sides:
        each, live = found.each, self._live.get(found.each.key)
        if not found.compared:
            nothing = replace(each, objects=())
            handed = tuple(self._handed.get(each.key, ()))
            old = None if live is None else replace(nothing, spec=_spec(live.obj, each), objects=handed)
            return _Sides(old, nothing, found.problems)
        after = replace(each, objects=tuple(one.after for one in found.outcomes))
        before: RenderedKustomization | None
        problems: tuple[Problem, ...] = ()
        if live is not None:
            before, problems = await self._before(live, each, kept, found.outcomes)
        else:
            # A new Kustomization may find its objects on the cluster: the comparison needs somebody who has them.
            before = replace(each, objects=kept) if kept else None
        applied = tuple(one.after for one in found.outcomes if one.applied)
        return _Sides(before, after, (*found.problems, *problems), applied)

    async def _before(
        self,
        live: LiveKustomization,
        each: RenderedKustomization | None,
        kept: Sequence[RenderedObject],
        found: Sequence[ApplyOutcome] = (),
    ) -> tuple[RenderedKustomization, tuple[Problem, ...]]:
        """The Kustomization as the cluster has it: with what it keeps, changes and prunes."""
        handed = self._handed.get(live.key, ())
        problems: list[Problem] = []
        pruned: list[RenderedObject] = []
        if any(any(unknown_in([one.after.ref.name, one.after.ref.namespace])) for one in found):
            message = (
                f"Kustomization/{live.key}: names of its objects have variables without a value, so nobody knows what "
                "it prunes; give the values with --vars"
            )
            problems.append(Problem(message, live.key))
        else:
            rendered = {identity(one.after.ref) for one in found} | {identity(one.ref) for one in handed}
            # Whether a kind has namespaces is not asked for what is not sent.
            withheld = {_unplaced(one.after.ref) for one in found if one.problem}
            stale = [
                ref
                for ref in live.inventory
                if identity(ref) not in rendered and _unplaced(ref) not in withheld
            ]
            answer = await read(self._client, stale)
            problems += [
                Problem(f"{ref}: you may not read it, so nobody knows whether it is pruned", live.key)
                for ref in answer.forbidden
            ]
            spared = {one.uid for one in found} | {str(live.obj["metadata"]["uid"])}
            pruned = _pruned(live, answer.objects, spared)
        spec = live.obj["spec"] if each is None else _spec(live.obj, each)
        before = RenderedKustomization(
            key=live.key,
            spec=spec,
            source=None if each is None else each.source,
            commit=str((live.obj.get("status") or {}).get("lastAppliedRevision") or "").rpartition(":")[2],
            objects=(*kept, *handed, *pruned),
            made_by=live.made_by if each is None else each.made_by,
            suspended=bool(live.obj["spec"].get("suspend")),
            prunes=bool(live.obj["spec"].get("prune")),
        )
        return before, tuple(problems)


def _pruned(
    live: LiveKustomization, stale: Mapping[ObjectRef, Obj], spared: Collection[str]
) -> list[RenderedObject]:
    """The stale objects that the operator deletes."""
    options = DeleteOptions(Owner(live.key.name, live.key.namespace), spared=spared)
    never = {identity(ref) for ref in supports(live.key)}
    return [
        RenderedObject(ref, content(obj))
        for ref, obj in stale.items()
        if identity(ref) not in never and fate(obj, options) is Fate.DELETE
    ]


def _is_suspended(each: RenderedKustomization, live: LiveKustomization | None) -> bool:
    """Whether the operator leaves it alone: an apply of Git resumes only what Git says about."""
    if live is None or (each.made_by is not None and "suspend" in each.spec):
        return each.suspended
    return each.suspended or bool(live.obj["spec"].get("suspend"))


def _placed(message: str, one: RenderedObject, each: RenderedKustomization) -> Problem:
    return Problem(f"{message} (from {one.place})" if one.place else message, each.key)


def _unplaced(ref: ObjectRef) -> tuple[str, str, str]:
    return ref.group, ref.kind, ref.name


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
            ObjectChange(one.ref, ChangeType.CHANGED, place=one.place)
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
