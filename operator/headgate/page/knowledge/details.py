"""Details of one object, from the object and the reconciler's notes, when somebody looks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from headgate.documents.tree import EntryKind, Inputs
from headgate.insight import Ref
from headgate.insight.fields import entries, inventory_of, mapping, number, text
from headgate.insight.texts import message_text, short_text
from headgate.kube.refs import ObjectRef
from headgate.objects import Obj
from headgate.page.knowledge.model import (
    AppliedRevision,
    BuildFiles,
    Details,
    DriftedObject,
    ManagedObject,
)
from headgate.page.knowledge.updates import Notes

__all__ = ["MAX_FILES", "MAX_OBJECTS", "DetailsByRef", "details_of", "shown_ref"]

MAX_OBJECTS = 500
"""Limit for the managed objects of one Kustomization; beyond it only those that are not healthy."""
MAX_FILES = 500
"""Limit for the files of one build."""
MAX_HISTORY = 20
HEALTHY = "Current"
NOT_LISTED = 100_000
"""Limit for the entries of an inventory that are read."""


class DetailsByRef(Mapping[Ref, Details]):
    """The details of all objects, each made when somebody needs it. Immutable except for this cache."""

    def __init__(self, objects: Mapping[Ref, Obj], notes: Mapping[Ref, Notes]) -> None:
        self._objects, self._notes = objects, notes
        self._made: dict[Ref, Details] = {}

    def __getitem__(self, ref: Ref) -> Details:
        made = self._made.get(ref)
        if made is None:
            made = self._made[ref] = details_of(self._objects[ref], self._notes.get(ref, Notes()))
        return made

    def __iter__(self) -> Iterator[Ref]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)


def details_of(obj: Obj, notes: Notes) -> Details:
    """Return the details of a raw, reduced object."""
    shown, count = _inventory(obj, notes)
    return Details(
        inventory=shown,
        inventory_count=count,
        checked=notes.verdicts.at if notes.verdicts is not None else None,
        history=tuple(map(_revision, islice(entries(mapping(obj, "status").get("history")), MAX_HISTORY))),
        events=tuple(replace(each, message=message_text(each.message)) for each in notes.events),
        drifts=tuple(
            DriftedObject(shown_ref(each.ref), each.at, message_text(each.what)) for each in notes.drifts
        ),
        files=_files(notes.inputs),
        skipped_builds=notes.skipped_builds,
        steps=notes.steps,
        next_at=notes.next_at,
        next_reason=notes.next_reason,
    )


def _files(inputs: Inputs | None) -> BuildFiles:
    if inputs is None:
        return BuildFiles()
    files = sorted(path for path, seen in inputs.items() if seen.kind is EntryKind.FILE)
    return BuildFiles(tuple(map(short_text, files[:MAX_FILES])), len(files))


def shown_ref(ref: ObjectRef) -> Ref:
    """Return a reference as the page shows it."""
    return Ref(short_text(ref.kind), short_text(ref.namespace), short_text(ref.name), short_text(ref.group))


def _inventory(obj: Obj, notes: Notes) -> tuple[tuple[ManagedObject, ...], int]:
    verdicts = _by_identity(notes)
    listed: list[ManagedObject] = []
    beyond: list[ManagedObject] = []
    count = 0
    for entry in islice(inventory_of(obj), NOT_LISTED):
        count += 1
        health, message = verdicts.get((entry.group, entry.kind, entry.namespace, entry.name), ("", ""))
        is_bad = health not in ("", HEALTHY)
        if count > MAX_OBJECTS and not (is_bad and len(beyond) < MAX_OBJECTS):
            continue
        ref = Ref(entry.kind, entry.namespace, short_text(entry.name), entry.group)
        managed = ManagedObject(ref, short_text(entry.api_version), health, message_text(message))
        (listed if count <= MAX_OBJECTS else beyond).append(managed)
    return (*listed, *beyond), count


def _by_identity(notes: Notes) -> dict[tuple[str, str, str, str], tuple[str, str]]:
    verdicts: dict[ObjectRef, tuple[str, str]] = {}
    if notes.verdicts is not None:
        unhealthy, healthy = notes.verdicts.unhealthy, (HEALTHY, "")
        verdicts = {ref: unhealthy.get(ref, healthy) for ref in notes.verdicts.targets}
    for ref, (health, message) in notes.live.items():
        before = verdicts.get(ref)
        # The verdict of a health check may have a message that the watches alone must not give.
        verdicts[ref] = before if before is not None and before[0] == health else (health, message)
    return {(ref.group, ref.kind, ref.namespace, ref.name): said for ref, said in verdicts.items()}


def _revision(entry: Obj) -> AppliedRevision:
    said: Iterable[str] = (
        text(mapping(entry, "metadata").get("revision")),
        text(entry.get("digest")),
        text(entry.get("lastReconciledStatus")),
        text(entry.get("firstReconciled")),
        text(entry.get("lastReconciled")),
        text(entry.get("lastReconciledDuration")),
    )
    revision, digest, outcome, first, last, duration = map(short_text, said)
    times = number(entry.get("totalReconciliations")) or 0
    return AppliedRevision(revision, digest, outcome, first, last, duration, times)
