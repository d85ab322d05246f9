"""What the response to a dry run means, and what an apply may do. Pure; :mod:`headgate.apply.server_side.ask` sends.

What the API server does (observed on Kubernetes 1.37 with ConfigMaps, Deployments, CRDs and custom resources; the
e2e tests check it):

* An apply that changes nothing leaves ``resourceVersion`` and all times in ``managedFields`` as they are. One that
  changes anything, even only the owner of a field, sets the manager's entry to the server's present time.
* The response to a dry run is that of the apply, but with the ``resourceVersion`` of the live object; if the apply
  would create the object, it has none and the status is 201. So a dry run that would change nothing shows only old
  times, and no read of the live object is necessary.
* ``metadata.resourceVersion`` in an applied object is a precondition (409 if the live object has another), but an
  absent object is created nevertheless.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

from headgate.api import labels
from headgate.apply.changeset import Action
from headgate.apply.fields.drift import content_digest, content_of
from headgate.apply.fields.managers import needs_takeover, ours
from headgate.apply.known import KnownState
from headgate.apply.options import ApplyOptions
from headgate.objects import Obj

SURELY_OLD = timedelta(seconds=60)
"""The age of a change from which on its time cannot be the present, despite inexact clocks and slow proxies."""


class DryRunVerdict(Enum):
    """The meaning of the response to a dry run."""

    CREATE = "create"
    SKIP = "skip"
    """A mark of the live object excludes it."""
    KEEP = "keep"
    """Nothing would change."""
    CHANGE = "change"
    """Something would change, or the times are too recent to tell."""
    TAKE_OVER = "take over"
    """Another manager's fields must be taken over first."""


def judge_dry_run(
    obj: Obj, created: bool, answer: Obj, now: datetime, options: ApplyOptions
) -> DryRunVerdict:
    """The meaning of a dry run's response: ``created`` if the object does not exist yet, ``now`` is the server's clock
    (or earlier).
    """
    if created or not answer["metadata"].get("resourceVersion"):
        return DryRunVerdict.CREATE
    if labels.marked(answer, labels.EXCLUDED):
        return DryRunVerdict.SKIP
    if wants_takeover(obj, answer, options):
        return DryRunVerdict.TAKE_OVER
    return (
        DryRunVerdict.KEEP
        if _untouched(answer, now - SURELY_OLD, options.field_manager)
        else DryRunVerdict.CHANGE
    )


def is_inherited(live: Obj, answer: Obj, own: str) -> bool:
    """Whether an apply would change the owners of fields in the live object, and nothing else.

    ``answer`` is the response to the dry run on this very object. Flux compares in this way and writes nothing then,
    and its applies own fields that Headgate's do not name: it sends objects through Go's types, with ``strategy: {}``
    and the like. Only an object that Headgate's field manager has applied before stays so; any other must become
    Headgate's. The object may change between dry run and read, as one whose controller writes its status does at any
    moment.
    """
    if ours(live, own) is None:
        return False
    return _without_version(content_of(live)) == _without_version(content_of(answer))


def _without_version(content: Obj) -> Obj:
    meta = {k: v for k, v in content["metadata"].items() if k != "resourceVersion"}
    return {**content, "metadata": meta}


def may_be_inherited(known: KnownState | None, digest: bytes) -> bool:
    """Whether a request for :func:`is_inherited` may help: only if the cache shows no change by others."""
    return known is None or known.inherited or (known.in_place and known.desired == digest)


def is_known_content(known: KnownState, answer: Obj) -> bool:
    """Whether a dry run's response differs from the known content of the live object in field owners only.

    The API server stores some fields in another form than the applied one: an empty list of a built-in kind disappears,
    and each apply would claim it again, raise the generation and change nothing else.
    """
    return (
        known.in_place
        and known.outcome is Action.UNCHANGED
        and not known.ignored
        and known.content is not None
        and known.content == (answer["metadata"].get("resourceVersion"), content_digest(answer))
    )


def wants_takeover(obj: Obj, live: Obj, options: ApplyOptions) -> bool:
    """Whether fields of other managers must be taken over: never for ``ssa: Merge``."""
    if not needs_takeover(live, options.managers):
        return False
    return not labels.marked(obj, labels.MERGED) and not labels.marked(live, labels.MERGED)


def may_recreate(obj: Obj, live: Obj, options: ApplyOptions) -> bool:
    """Whether the object may be deleted and created again."""
    return options.force or labels.marked(obj, labels.FORCED) or labels.marked(live, labels.FORCED)


def server_time(date_header: str | None, local: datetime) -> datetime:
    """The earlier one of the server's clock (its ``Date`` header) and the local clock."""
    if not date_header:
        return local
    try:
        return min(local, parsedate_to_datetime(date_header))
    except ValueError:
        return local


def now() -> datetime:
    """The local clock."""
    return datetime.now(UTC)


def _untouched(answer: Obj, before: datetime, own: str) -> bool:
    """Whether Headgate's entry exists and no entry of the object itself is as recent as ``before``."""
    if ours(answer, own) is None:
        return False
    limit = before.strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = answer["metadata"].get("managedFields") or ()
    return all(e.get("time", "9") < limit for e in entries if not e.get("subresource"))
