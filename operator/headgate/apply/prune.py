"""Deletes objects that a Kustomization no longer has, or all it had when it goes itself.

An object goes only if the live one carries the owner's labels, nothing on it asks to keep it, and no other
Kustomization applies it too: that one is given it. It is deleted by uid and resource version, so that what is deleted
is what was looked at, and in a version of its kind that the cluster serves, whichever it was applied in. One refusal
does not stop the rest.

The invariants are those of ``docs/decisions/0010-inventory-invariants.md``: what is not surely gone, or surely somebody
else's, is a survivor and stays in the inventory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby

from headgate.api.order import rank
from headgate.apply.changeset import Action, Change, ChangeSet
from headgate.apply.definitions import is_usable
from headgate.apply.known import KnownObjects
from headgate.apply.options import DeleteOptions, Owner, marked
from headgate.apply.stages import sort_key
from headgate.kube import ApiError, Client, Conflict, Forbidden, NoMatch, NotFound, Unavailable
from headgate.kube.refs import ObjectRef
from headgate.objects import Obj

TRIES = 5
_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_NAMES = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """What became of the objects."""

    changes: ChangeSet = field(default_factory=ChangeSet)
    """Deleted (also: gone already) and skipped ones, and with UNKNOWN those whose request failed."""
    errors: tuple[str, ...] = ()
    survivors: tuple[ObjectRef, ...] = ()
    """Objects whose request failed; to be tried again."""
    terminating: tuple[ObjectRef, ...] = ()
    """What may take a while to go, in the version that is served."""


class Fate(Enum):
    """What is to be done with a live object."""

    DELETE = "delete"
    KEEP = "keep"
    GOING = "going"
    """It is being deleted already."""


def fate(live: Obj, options: DeleteOptions, *, inherited: bool = False) -> Fate:
    """What to do with a live object. Pure.

    Kept are objects that belong to somebody else by their labels (unless they are just being given to us,
    ``inherited``), those marked ``prune: disabled``, ``reconcile: disabled`` or ``ssa: Ignore``, and what was applied
    under another name just now.
    """
    labels = live["metadata"].get("labels") or {}
    if not inherited and any(labels.get(k) != v for k, v in options.owner.labels.items()):
        return Fate.KEEP
    if marked(live, options.marks.kept) or live["metadata"].get("uid") in options.spared:
        return Fate.KEEP
    return Fate.GOING if live["metadata"].get("deletionTimestamp") else Fate.DELETE


async def delete_all(
    client: Client,
    refs: Iterable[ObjectRef],
    options: DeleteOptions,
    known: KnownObjects | None = None,
    eyes: Client | None = None,
) -> DeleteResult:
    """Delete the objects in the reverse of the order in which they are applied; never raises
    :class:`ApiError`.

    ``eyes`` reads the labels of what ``client`` may not read: an account that may not see an object cannot have
    applied it, and must not fail for ever to delete what was never its own.
    """
    ordered = sorted(refs, key=sort_key, reverse=True)
    run = _Run(client, options, known, eyes)
    slots = asyncio.Semaphore(options.concurrency)

    async def work(ref: ObjectRef) -> None:
        async with slots:
            try:
                await run.delete(ref)
            except Exception as error:
                error.add_note(str(ref))
                raise

    for _, group in groupby(ordered, key=lambda r: rank(r.kind)):
        await asyncio.gather(*(work(ref) for ref in group))
    failed = [ref for ref in ordered if ref in run.errors]
    return DeleteResult(
        ChangeSet([run.changes[ref] for ref in ordered]),
        tuple(run.errors[ref] for ref in failed),
        tuple(failed),
        tuple(run.terminating),
    )


class _Definitions:
    """What definitions there are. Asked once in a run, however many kinds of its inventory nobody knows.

    An answer may be a run old. A definition that came meanwhile has no objects that the run is to delete, and what
    belongs to one that went meanwhile is a survivor for one more run.
    """

    def __init__(self, client: Client) -> None:
        self._client, self._lock = client, asyncio.Lock()
        self._names: dict[str, list[str]] | None = None
        """By their groups."""
        self._usable: dict[str, dict[str, str]] = {}
        self._error: ApiError | None = None

    async def usable(self, group: str) -> dict[str, str]:
        """The names of a group's usable definitions, by kind; raises :class:`ApiError`.

        Who may not see definitions has discovery only; one that goes meanwhile takes its objects along.
        """
        async with self._lock:
            if self._error is not None:
                raise self._error.with_traceback(None)
            try:
                if self._names is None:
                    self._names = await self._list()
                if group not in self._usable:
                    self._usable[group] = await self._read(self._names.get(group, ()))
            except ApiError as error:
                self._error = error
                raise
            return self._usable[group]

    async def _list(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        with suppress(Forbidden, NotFound, NoMatch):
            async for page in self._client.list_pages(*_CRD, accept=_NAMES):
                for item in page["items"]:
                    name = item["metadata"]["name"]
                    names.setdefault(name.partition(".")[2], []).append(name)
        return names

    async def _read(self, names: Iterable[str]) -> dict[str, str]:
        kinds: dict[str, str] = {}
        for name in names:
            with suppress(Forbidden, NotFound, NoMatch):
                crd = await self._client.get(ObjectRef(*_CRD, name))
                if is_usable(crd):
                    kinds[crd["spec"]["names"]["kind"]] = name
        return kinds


class _Run:
    """One deletion of several objects."""

    def __init__(
        self, client: Client, options: DeleteOptions, known: KnownObjects | None, eyes: Client | None
    ) -> None:
        self._client, self._options, self._known, self._eyes = client, options, known, eyes
        self._definitions = _Definitions(eyes or client)
        self._since = time.monotonic()
        self._never = {_identity(ref): why for ref, why in options.never.items()}
        self.changes: dict[ObjectRef, Change] = {}
        self.errors: dict[ObjectRef, str] = {}
        self.terminating: list[ObjectRef] = []

    async def delete(self, ref: ObjectRef) -> None:
        """Delete one object, or note why not."""
        try:
            self.changes[ref] = await self._delete(ref)
        except ApiError as error:
            self.changes[ref] = Change(ref, Action.UNKNOWN)
            self.errors[ref] = f"{ref} delete failed: {error}"

    async def _delete(self, ref: ObjectRef) -> Change:
        """What is gone, or of a kind that is gone in all its versions, counts as deleted."""
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                at = await self._served(ref)
            except NoMatch:
                await self._check_gone(ref)
                return Change(ref, Action.DELETED)
            if at is None:
                return Change(ref, Action.DELETED)
            if self._known is not None:
                # Before the deletion, so that its watch event is not taken for somebody else's doing.
                for each in {ref, at}:
                    self._known.forget_of(self._client.cluster, each, self._options.owner)
            try:
                return await self._decide(ref, at)
            except NotFound as error:
                if error.names_object:
                    return Change(ref, Action.DELETED)
                # The path is not served (any more): perhaps another version is.
                self._client.mapper.forget(at.api_version, at.kind)
                if last:
                    raise
            except Conflict:
                if last:
                    raise
        raise AssertionError("unreachable")

    async def _served(self, ref: ObjectRef) -> ObjectRef | None:
        """The object in a version that is served; None when no such object can be."""
        resource = await self._client.mapper.served(ref.group, ref.kind, ref.version, since=self._since)
        if resource.namespaced and not ref.namespace:
            return None
        return ObjectRef(
            resource.api_version, ref.kind, ref.name, ref.namespace if resource.namespaced else ""
        )

    async def _check_gone(self, ref: ObjectRef) -> None:
        """Raise :class:`Unavailable` when a definition of a kind that is not served is there all the same.

        Discovery may be behind for a moment, or no version of the kind be served: its objects are there then.
        """
        name = (await self._definitions.usable(ref.group)).get(ref.kind) if ref.group else None
        if name is not None:
            message = f"{_CRD[1]}/{name} is there, but the API server does not serve it now"
            raise Unavailable(message, status=503)

    async def _decide(self, ref: ObjectRef, at: ObjectRef) -> Change:
        options, claims = self._options, self._options.claims
        live = await self._look(at)
        if live is None:
            return Change(ref, Action.SKIPPED)
        inherited = claims.is_heir(at)
        what = fate(live, options, inherited=inherited)
        why = self._never.get(_identity(at), "")
        if why or what is Fate.KEEP:
            return Change(ref, Action.SKIPPED, why)
        if what is Fate.DELETE:
            heir = None if inherited else claims.heir(at)
            if heir is not None:
                await self._give(at, live, heir)
                return Change(
                    ref, Action.SKIPPED, f"Kustomization/{heir.namespace}/{heir.name} applies it too"
                )
            meta = live["metadata"]
            await self._client.delete(
                at,
                propagation=options.propagation,
                uid=meta["uid"],
                resource_version=meta["resourceVersion"],
            )
            claims.deleted(at)
        self.terminating.append(at)
        return Change(ref, Action.DELETED)

    async def _look(self, at: ObjectRef) -> Obj | None:
        """The live object; None when we may not read it and it is not ours."""
        try:
            return await self._client.get(at)
        except Forbidden:
            if self._eyes is None:
                raise
            try:
                live = await self._eyes.get(at)
            except NotFound as error:
                if error.names_object:
                    return None
                raise
            if fate(live, self._options) is Fate.KEEP:
                return None
            raise

    async def _give(self, at: ObjectRef, live: Obj, heir: Owner) -> None:
        """Put the heir's labels on the object: it is that one's from now on, whatever becomes of us."""
        meta = {"labels": heir.labels, "resourceVersion": live["metadata"]["resourceVersion"]}
        try:
            await self._client.patch(at, {"metadata": meta}, field_manager=self._options.field_manager)
        finally:
            self._options.claims.given(at)


def _identity(ref: ObjectRef) -> tuple[str, str, str, str]:
    return ref.group, ref.kind, ref.namespace, ref.name
