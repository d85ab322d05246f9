"""What a root cause needs besides custom resources: failing managed objects, their pods, and warnings about them.

Each request is optional: what the user may not read becomes a note. Data of Secrets and ConfigMaps is never requested.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from headgate.api.labels import OWNER_NAME, OWNER_NAMESPACE
from headgate.cli.cluster.reading import listed
from headgate.health import HealthStatus, compute
from headgate.insight import Cause, Fleet, Link, Ref
from headgate.insight.failing import Evidence, suspects, with_evidence
from headgate.insight.fields import mapping, ref_of
from headgate.insight.texts import message_text, short_text
from headgate.insight.tree import managed
from headgate.insight.values import Relation
from headgate.kube import METADATA_LIST, ApiError, Client, Forbidden, NoMatch
from headgate.names import KUSTOMIZATION
from headgate.objects import Obj
from headgate.symptoms import CONFIDENTIAL, symptoms_of

__all__ = ["managed_health", "with_objects"]

MAX_CAUSES = 5
"""Limit for the causes whose managed objects are read."""
MAX_KINDS = 60
"""Limit for the kinds of one Kustomization's managed objects."""
TIMEOUT = 20.0
"""Seconds for all requests of one call."""


async def with_objects(
    client: Client, fleet: Fleet, causes: Sequence[Cause]
) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    """Return the causes with their failing objects, and notes on what could not be read."""
    notes: dict[str, None] = {}
    found = list(causes)
    chosen = [
        at
        for at, cause in enumerate(causes)
        if cause.root.kind == KUSTOMIZATION and cause.root in fleet.objects
    ]
    try:
        async with asyncio.timeout(TIMEOUT):
            better = await asyncio.gather(
                *(
                    _better(client, fleet.objects[causes[at].root], causes[at], notes)
                    for at in chosen[:MAX_CAUSES]
                )
            )
    except TimeoutError:
        return tuple(causes), ("managed objects: the API server did not answer in time",)
    for at, cause in zip(chosen, better, strict=False):
        found[at] = cause
    return tuple(found), tuple(notes)


async def managed_health(client: Client, fleet: Fleet, ref: Ref) -> tuple[dict[Ref, Link], tuple[str, ...]]:
    """Return the health of the managed objects of a Kustomization, and notes on what could not be read."""
    if _is_remote(fleet.objects[ref]):
        return {}, (f"the objects of {ref} are on another cluster",)
    groups: defaultdict[tuple[str, str], list[Ref]] = defaultdict(list)
    for each, api_version in managed(fleet, ref):
        if each not in fleet.objects:
            groups[api_version, each.kind].append(each)
    notes: dict[str, None] = {}
    found: dict[Ref, Link] = {}
    chosen = sorted(groups)[:MAX_KINDS]
    if len(groups) > MAX_KINDS:
        notes[f"only {MAX_KINDS} of {len(groups)} kinds were read"] = None
    try:
        async with asyncio.timeout(TIMEOUT):
            answers = await asyncio.gather(
                *(_of_kind(client, ref, *key, groups[key], notes) for key in chosen)
            )
    except TimeoutError:
        return {}, ("managed objects: the API server did not answer in time",)
    for answer in answers:
        found |= answer
    return found, tuple(notes)


async def _of_kind(
    client: Client, owner: Ref, api_version: str, kind: str, refs: list[Ref], notes: dict[str, None]
) -> dict[Ref, Link]:
    namespaces = {each.namespace for each in refs}
    namespace = refs[0].namespace if len(namespaces) == 1 else ""
    selector = f"{OWNER_NAME}={owner.name},{OWNER_NAMESPACE}={owner.namespace}"
    accept = METADATA_LIST if kind in CONFIDENTIAL else None
    try:
        objects = await listed(client, api_version, kind, namespace or None, accept, selector)
    except ApiError as error:
        notes[f"{kind} objects: {_why(error)}"] = None
        return {}
    there = {ref_of(obj): obj for obj in objects}
    return {each: _health(each, there.get(each)) for each in refs}


def _health(ref: Ref, obj: Obj | None) -> Link:
    if obj is None:
        # It may exist without our labels.
        return Link(
            Relation.OBJECT, ref, HealthStatus.NOT_FOUND.value, "", "no such object with the owner labels"
        )
    health = compute(obj)
    return Link(Relation.OBJECT, ref, health.status.value, "", message_text(health.message))


async def _better(client: Client, kustomization: Obj, cause: Cause, notes: dict[str, None]) -> Cause:
    found = suspects(kustomization)
    if _is_remote(kustomization):
        if found:
            notes[f"the objects of {cause.root} are on another cluster"] = None
        return with_evidence(cause, [(each, Evidence()) for each in found])

    def unread(kind: str, error: ApiError) -> None:
        notes[f"{kind} objects: {_why(error)}"] = None

    evidence = await asyncio.gather(*(symptoms_of(client, each, unread) for each in found))
    return with_evidence(cause, [*zip(found, evidence, strict=True)])


def _is_remote(kustomization: Obj) -> bool:
    return bool(mapping(kustomization, "spec", "kubeConfig"))


def _why(error: ApiError) -> str:
    if isinstance(error, Forbidden):
        return "you may not read them"
    return "the cluster does not serve this kind" if isinstance(error, NoMatch) else short_text(error.message)
