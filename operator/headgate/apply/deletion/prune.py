"""Deletes objects that a Kustomization no longer has, or all of them when the Kustomization itself is deleted.

An object is deleted only if the live one has the owner's labels, none of its marks forbids it, and no other
Kustomization applies it too: that one takes it over. The deletion names UID and resource version, so that it deletes
exactly the object that was checked, and uses a version of its kind that the cluster serves, whatever version it was
applied in. One refusal does not stop the rest.

The invariants are those of ``docs/decisions/0010-inventory-invariants.md``: an object that may still exist, and may
still be the Kustomization's, is a survivor and stays in the inventory.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import groupby

from headgate.api.labels import KEPT, marked
from headgate.api.order import rank
from headgate.apply.changeset import Action, Change, ChangeSet
from headgate.apply.concurrently import concurrently
from headgate.apply.deletion.lookup import CRD, DefinitionLookup
from headgate.apply.known import KnownObjects
from headgate.apply.objects.stages import sort_key
from headgate.apply.options import DeleteOptions, Owner
from headgate.kube import ApiError, Client, Conflict, Forbidden, NoMatch, NotFound, Unavailable
from headgate.kube.refs import ObjectRef
from headgate.objects import Obj

TRIES = 5


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """The outcome for all objects."""

    changes: ChangeSet = field(default_factory=ChangeSet)
    """Deleted objects (including those already gone), skipped ones, and with UNKNOWN those whose request failed."""
    errors: tuple[str, ...] = ()
    survivors: tuple[ObjectRef, ...] = ()
    """Objects whose request failed and must be repeated."""
    terminating: tuple[ObjectRef, ...] = ()
    """Objects that may take a while to disappear, in the version that the API server serves."""


class Fate(Enum):
    """What happens to a live object."""

    DELETE = "delete"
    KEEP = "keep"
    GOING = "going"
    """Its deletion has already begun."""


def fate(live: Obj, options: DeleteOptions, *, inherited: bool = False) -> Fate:
    """What happens to a live object. Pure.

    The deletion spares objects with the labels of another owner (unless that one hands them over, ``inherited``), those
    with ``prune: disabled``, ``reconcile: disabled`` or ``ssa: Ignore``, and those that the present attempt has
    applied under another name.
    """
    labels = live["metadata"].get("labels") or {}
    if not inherited and any(labels.get(k) != v for k, v in options.owner.labels.items()):
        return Fate.KEEP
    if marked(live, KEPT) or live["metadata"].get("uid") in options.spared:
        return Fate.KEEP
    return Fate.GOING if live["metadata"].get("deletionTimestamp") else Fate.DELETE


async def delete_all(
    client: Client,
    refs: Iterable[ObjectRef],
    options: DeleteOptions,
    known: KnownObjects | None = None,
    eyes: Client | None = None,
) -> DeleteResult:
    """Delete the objects in the reverse order of an apply; never raises :class:`ApiError`.

    ``eyes`` reads the labels of objects that ``client`` may not read: an account that may not read an object cannot
    have applied it, and must not fail forever to delete an object that was never its own.
    """
    ordered = sorted(refs, key=sort_key, reverse=True)
    never = {_identity(ref): why for ref, why in options.never.items()}
    run = _DeleteContext(
        client, options, known, eyes, never, DefinitionLookup(eyes or client), time.monotonic()
    )
    outcomes: list[_Deletion] = []
    for _, group in groupby(ordered, key=lambda r: rank(r.kind)):
        outcomes += await concurrently(list(group), partial(_delete, run), options.concurrency)
    failed = [each for each in outcomes if each.error]
    return DeleteResult(
        ChangeSet([each.change for each in outcomes]),
        tuple(each.error for each in failed),
        tuple(each.change.ref for each in failed),
        tuple(each.terminating for each in outcomes if each.terminating is not None),
    )


@dataclass(frozen=True, slots=True)
class _DeleteContext:
    """What all deletions of one run share."""

    client: Client
    options: DeleteOptions
    known: KnownObjects | None
    eyes: Client | None
    never: Mapping[_Identity, str]
    definitions: DefinitionLookup
    since: float
    """Monotonic time of the start; for unknown kinds, discovery must not be older."""


@dataclass(frozen=True, slots=True)
class _Deletion:
    """The outcome for one object."""

    change: Change
    terminating: ObjectRef | None = None
    """The object in the version that the API server serves, if it may take a while to disappear."""
    error: str = ""
    """Why the request failed."""


async def _delete(run: _DeleteContext, ref: ObjectRef) -> _Deletion:
    try:
        return await _delete_in_any_version(run, ref)
    except ApiError as error:
        return _Deletion(Change(ref, Action.UNKNOWN), error=f"{ref} delete failed: {error}")
    except Exception as error:
        error.add_note(str(ref))
        raise


async def _delete_in_any_version(run: _DeleteContext, ref: ObjectRef) -> _Deletion:
    """Delete one object. An object that is gone, or whose kind is gone in all versions, counts as deleted."""
    deleted = _Deletion(Change(ref, Action.DELETED))
    attempt = 0
    while True:
        attempt += 1
        try:
            at = await _served(run, ref)
        except NoMatch:
            await _check_gone(run, ref)
            return deleted
        if at is None:
            return deleted
        if run.known is not None:
            # Before the deletion, so that its watch event does not count as drift.
            for each in {ref, at}:
                run.known.forget_of(run.client.cluster, each, run.options.owner)
        try:
            return await _decide(run, ref, at)
        except NotFound as error:
            if error.names_object:
                return deleted
            # The API server no longer serves the path, but perhaps another version.
            run.client.mapper.forget(at.api_version, at.kind)
            if attempt == TRIES:
                raise
        except Conflict:
            if attempt == TRIES:
                raise


async def _served(run: _DeleteContext, ref: ObjectRef) -> ObjectRef | None:
    """The object in a version that the API server serves; None if no such object can exist."""
    resource = await run.client.mapper.served(ref.group, ref.kind, ref.version, since=run.since)
    if resource.namespaced and not ref.namespace:
        return None
    return ObjectRef(resource.api_version, ref.kind, ref.name, ref.namespace if resource.namespaced else "")


async def _check_gone(run: _DeleteContext, ref: ObjectRef) -> None:
    """Raise :class:`Unavailable` if a kind that the API server does not serve has a definition nevertheless.

    Discovery may be late for a moment, or the definition may serve no version: the objects exist then.
    """
    name = (await run.definitions.usable(ref.group)).get(ref.kind) if ref.group else None
    if name is not None:
        message = f"{CRD[1]}/{name} exists, but the API server does not serve it now"
        raise Unavailable(message, status=503)


async def _decide(run: _DeleteContext, ref: ObjectRef, at: ObjectRef) -> _Deletion:
    options, claims = run.options, run.options.claims
    live = await _read(run, at)
    if live is None:
        return _Deletion(Change(ref, Action.SKIPPED))
    inherited = claims.is_heir(at)
    what = fate(live, options, inherited=inherited)
    why = run.never.get(_identity(at), "")
    if why or what is Fate.KEEP:
        return _Deletion(Change(ref, Action.SKIPPED, why))
    if what is Fate.DELETE:
        heir = None if inherited else claims.heir(at)
        if heir is not None:
            await _give(run, at, live, heir)
            why = f"Kustomization/{heir.namespace}/{heir.name} applies it too"
            return _Deletion(Change(ref, Action.SKIPPED, why))
        meta = live["metadata"]
        await run.client.delete(
            at, propagation=options.propagation, uid=meta["uid"], resource_version=meta["resourceVersion"]
        )
        claims.deleted(at)
    return _Deletion(Change(ref, Action.DELETED), terminating=at)


async def _read(run: _DeleteContext, at: ObjectRef) -> Obj | None:
    """The live object; None if this account may not read it and it belongs to somebody else."""
    try:
        return await run.client.get(at)
    except Forbidden:
        if run.eyes is None:
            raise
        try:
            live = await run.eyes.get(at)
        except NotFound as error:
            if error.names_object:
                return None
            raise
        if fate(live, run.options) is Fate.KEEP:
            return None
        raise


async def _give(run: _DeleteContext, at: ObjectRef, live: Obj, heir: Owner) -> None:
    """Set the heir's labels on the object: it belongs to the heir from now on, whatever happens to its former owner."""
    meta = {"labels": heir.labels, "resourceVersion": live["metadata"]["resourceVersion"]}
    try:
        await run.client.patch(at, {"metadata": meta}, field_manager=run.options.field_manager)
    finally:
        run.options.claims.given(at)


_Identity = tuple[str, str, str, str]


def _identity(ref: ObjectRef) -> _Identity:
    return ref.group, ref.kind, ref.namespace, ref.name
