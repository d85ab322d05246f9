"""What GitRepositories and Kustomizations run, as their statuses say. Pure; reads statuses of Flux and of Headgate.

A history holds one entry for each combination of outcome and digest, so an entry does not say when its content came
back after something else had run in between. Each time here is one that the status proves, never an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headgate.api import conditions as cond
from headgate.api import history as hist
from headgate.api.gitrepository import REFERENCE_FIELDS, GitRepositoryRef, held_revision
from headgate.api.labels import OWNER_NAME, OWNER_NAMESPACE
from headgate.api.meta import ObjectKey
from headgate.api.reasons import PROGRESSING, READY, RECONCILIATION_SUCCEEDED
from headgate.api.revision import COMMIT_ID, Revision
from headgate.names import GIT_REPOSITORY
from headgate.objects import Obj

__all__ = [
    "RunningKustomization",
    "RunningSource",
    "belonging",
    "commit_of",
    "running_kustomization",
    "running_source",
]


@dataclass(frozen=True, slots=True)
class RunningSource:
    """One GitRepository, as its spec and status say."""

    key: ObjectKey
    reference: GitRepositoryRef
    """What it follows."""
    revision: str
    """Of its artifact; empty without one."""
    ready: bool
    suspended: bool = False
    held: str = ""
    """Why a newer revision is held back; empty if none is."""

    @property
    def commit(self) -> str:
        """The commit of its artifact; empty without one."""
        return commit_of(self.revision)


@dataclass(frozen=True, slots=True)
class RunningKustomization:
    """One Kustomization of an environment, as its status says."""

    key: ObjectKey
    ready: bool
    commit: str
    """Of ``status.lastAppliedRevision``; empty if it never succeeded, or if its source is not a GitRepository."""
    attempted: str
    """The commit of ``status.lastAttemptedRevision``."""
    since: datetime | None
    """Since when it has been Ready without a break, at any revision; None if it is not Ready."""
    digest: str = ""
    """``status.history[0].digest``: equal for two revisions that build the same objects."""
    digest_since: datetime | None = None
    """Since when this digest has run successfully without a break; None if it does not, or without a history."""
    suspended: bool = False
    reason: str = ""
    message: str = ""
    source: ObjectKey | None = None
    """The GitRepository that it uses; None for a source of another kind."""


def commit_of(revision: str) -> str:
    """Return the commit of a revision, also of one written as before Flux 2.0; empty if it names none.

    >>> commit_of("main@sha1:" + "a" * 40) == commit_of("main/" + "a" * 40) == "a" * 40
    True
    """
    found = Revision.parse(revision).hash.rpartition("/")[2]
    return found if COMMIT_ID.fullmatch(found) else ""


def running_source(obj: Obj) -> RunningSource:
    """Return what a raw GitRepository follows and has."""
    spec, status = _mapping(obj.get("spec")), _mapping(obj.get("status"))
    ref = _mapping(spec.get("ref"))
    return RunningSource(
        key=_key(obj),
        reference=GitRepositoryRef(**{name: _text(ref.get(name)) for name in REFERENCE_FIELDS}),
        revision=_text(_mapping(status.get("artifact")).get("revision")),
        ready=cond.is_true(_entries(status.get("conditions")), READY),
        suspended=spec.get("suspend") is True,
        held=held_revision(obj),
    )


def running_kustomization(obj: Obj) -> RunningKustomization:
    """Return what a raw Kustomization runs.

    It counts as Ready only if the condition is about the present spec, unless it is suspended: then nobody reads
    the spec. Until then its reason is ``Progressing``.
    """
    meta, spec, status = obj["metadata"], _mapping(obj.get("spec")), _mapping(obj.get("status"))
    ready = cond.get(_entries(status.get("conditions")), READY) or {}
    suspended = spec.get("suspend") is True
    generation, observed = meta.get("generation"), status.get("observedGeneration")
    is_current = suspended or not isinstance(generation, int) or observed == generation
    is_ready = ready.get("status") == "True" and is_current and not meta.get("deletionTimestamp")
    from_git, source = _source(obj)
    entries = _entries(status.get("history"))
    turned = _time(ready.get("lastTransitionTime")) if is_ready else None
    newest = entries[0] if entries else {}
    return RunningKustomization(
        key=_key(obj),
        ready=is_ready,
        commit=commit_of(_text(status.get("lastAppliedRevision"))) if from_git else "",
        attempted=commit_of(_text(status.get("lastAttemptedRevision"))) if from_git else "",
        since=_earliest(turned, _ready_since(entries, turned)) if is_ready else None,
        digest=_text(newest.get("digest")),
        digest_since=_digest_since(entries, turned) if is_ready else None,
        suspended=suspended,
        # A condition that says True of something else gives no reason for not being Ready.
        reason=PROGRESSING if ready.get("status") == "True" and not is_ready else _text(ready.get("reason")),
        message=_text(ready.get("message")),
        source=source if from_git else None,
    )


def belonging(
    sources: Iterable[Obj], kustomizations: Iterable[Obj], is_this: Callable[[str], bool]
) -> tuple[list[Obj], list[Obj]]:
    """Return the raw GitRepositories and Kustomizations that belong to one repository, sorted by key.

    Those are the GitRepositories whose URL ``is_this`` accepts, the Kustomizations that use them, and those that such a
    Kustomization applies, whatever their source is.
    """
    ours = [each for each in sources if is_this(_text(_mapping(each.get("spec")).get("url")))]
    keys = {_key(each) for each in ours}
    found: dict[ObjectKey, Obj] = {}
    others: dict[ObjectKey, list[Obj]] = {}
    pending: list[Obj] = []
    for each in kustomizations:
        from_git, source = _source(each)
        if from_git and source in keys:
            pending.append(each)
            continue
        labels = _mapping(each["metadata"].get("labels"))
        owner = ObjectKey(_text(labels.get(OWNER_NAMESPACE)), _text(labels.get(OWNER_NAME)))
        others.setdefault(owner, []).append(each)
    while pending:
        each = pending.pop()
        found[_key(each)] = each
        pending += others.pop(_key(each), ())
    return sorted(ours, key=_key), [found[key] for key in sorted(found)]


def _ready_since(entries: Sequence[Obj], turned: datetime | None) -> datetime | None:
    """Since when every result has been a success."""
    spans = [_span(each) for each in entries]
    if not entries or not all(spans) or not _succeeded(entries[0]):
        return None
    failures = [span[1] for each, span in zip(entries, spans, strict=True) if span and not _succeeded(each)]
    successes = [span for each, span in zip(entries, spans, strict=True) if span and _succeeded(each)]
    if failures:
        after = [first for first, _ in successes if first >= max(failures)]
        return min(after, default=turned)
    if len(entries) >= hist.LIMIT:
        # What a longer history would show is older than every entry here was when it was last seen.
        return min(last for _, last in successes)
    return min(first for first, _ in successes)


def _digest_since(entries: Sequence[Obj], turned: datetime | None) -> datetime | None:
    """Since when the newest entry's content has run without any other result in between."""
    if not entries or not _succeeded(entries[0]):
        return None
    spans = [_span(each) for each in entries]
    newest = spans[0]
    if newest is None:
        return None
    others = [span[1] if span else newest[1] for span in spans[1:]]
    interrupted = max(others, default=newest[0])
    if interrupted <= newest[0]:
        return newest[0]
    # It came back after something else: Ready's transition says when, if that was later; else only the last result.
    return turned if turned is not None and turned > interrupted else newest[1]


def _earliest(*times: datetime | None) -> datetime | None:
    return min((each for each in times if each is not None), default=None)


def _succeeded(entry: Obj) -> bool:
    return entry.get("lastReconciledStatus") == RECONCILIATION_SUCCEEDED


def _span(entry: Obj) -> tuple[datetime, datetime] | None:
    first, last = _time(entry.get("firstReconciled")), _time(entry.get("lastReconciled"))
    return (first, last) if first is not None and last is not None else None


def _source(kustomization: Obj) -> tuple[bool, ObjectKey]:
    """Whether the source is a GitRepository, and its key."""
    ref = _mapping(_mapping(kustomization.get("spec")).get("sourceRef"))
    namespace = _text(ref.get("namespace")) or _key(kustomization).namespace
    return ref.get("kind") == GIT_REPOSITORY, ObjectKey(namespace, _text(ref.get("name")))


def _key(obj: Obj) -> ObjectKey:
    meta = obj["metadata"]
    return ObjectKey(meta.get("namespace") or "", meta["name"])


def _mapping(value: Any) -> Obj:
    return value if isinstance(value, dict) else {}


def _entries(value: Any) -> list[Obj]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time(value: Any) -> datetime | None:
    """A time of the API server, in UTC; None if it is not one."""
    try:
        found = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else None
