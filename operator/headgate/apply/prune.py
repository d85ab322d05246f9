"""Deletes objects that a Kustomization no longer has, or all it had when it goes itself.

An object goes only if the live one carries the owner's labels and nothing on it asks to keep it. It is
deleted by uid and resource version, so that what is deleted is what was looked at. One refusal does not stop
the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby

from headgate.api.order import rank
from headgate.apply.changeset import Action, Change, ChangeSet
from headgate.apply.known import KnownObjects
from headgate.apply.options import DeleteOptions, marked
from headgate.apply.stages import sort_key
from headgate.kube import ApiError, Client, Conflict, NotFound
from headgate.kube.refs import Obj, ObjectRef

TRIES = 5


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """What became of the objects."""

    changes: ChangeSet = field(default_factory=ChangeSet)
    """Deleted (also: gone already) and skipped ones, and with UNKNOWN those whose request failed."""
    errors: tuple[str, ...] = ()
    survivors: tuple[ObjectRef, ...] = ()
    """Objects whose request failed; to be tried again."""


class Fate(Enum):
    """What is to be done with a live object."""

    DELETE = "delete"
    KEEP = "keep"
    GOING = "going"
    """It is being deleted already."""


def fate(live: Obj, options: DeleteOptions) -> Fate:
    """What to do with a live object. Pure.

    Kept are objects that belong to somebody else by their labels, and those marked ``prune: disabled``,
    ``reconcile: disabled`` or ``ssa: Ignore``.
    """
    labels = live["metadata"].get("labels") or {}
    if any(labels.get(k) != v for k, v in options.owner.labels.items()):
        return Fate.KEEP
    if marked(live, options.marks.kept):
        return Fate.KEEP
    return Fate.GOING if live["metadata"].get("deletionTimestamp") else Fate.DELETE


async def delete_all(
    client: Client, refs: Iterable[ObjectRef], options: DeleteOptions, known: KnownObjects | None = None
) -> DeleteResult:
    """Delete the objects in the reverse of the order in which they are applied; never raises
    :class:`ApiError`.
    """
    ordered = sorted(refs, key=sort_key, reverse=True)
    outcomes: dict[ObjectRef, Action] = {}
    errors: list[tuple[ObjectRef, str]] = []
    slots = asyncio.Semaphore(options.concurrency)

    async def work(ref: ObjectRef) -> None:
        async with slots:
            if known is not None:
                # Before the deletion, so that its watch event is not taken for somebody else's doing.
                known.forget(client.cluster, ref)
            try:
                outcomes[ref] = await _delete(client, ref, options)
            except ApiError as error:
                outcomes[ref] = Action.UNKNOWN
                errors.append((ref, f"{ref} delete failed: {error}"))

    for _, group in groupby(ordered, key=lambda r: rank(r.kind)):
        await asyncio.gather(*(work(ref) for ref in group))
    errors.sort(key=lambda e: ordered.index(e[0]))
    return DeleteResult(
        ChangeSet([Change(ref, outcomes[ref]) for ref in ordered]),
        tuple(message for _, message in errors),
        tuple(ref for ref, _ in errors),
    )


async def _delete(client: Client, ref: ObjectRef, options: DeleteOptions) -> Action:
    """Delete one object. What is gone, or of a kind that is gone, counts as deleted."""
    for attempt in range(TRIES):
        try:
            live = await client.get(ref)
            what = fate(live, options)
            if what is Fate.KEEP:
                return Action.SKIPPED
            if what is Fate.DELETE:
                meta = live["metadata"]
                await client.delete(
                    ref,
                    propagation=options.propagation,
                    uid=meta["uid"],
                    resource_version=meta["resourceVersion"],
                )
            return Action.DELETED
        except NotFound:
            return Action.DELETED
        except Conflict:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")
