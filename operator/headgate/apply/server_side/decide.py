"""What the answer to a dry run means, and what may be done about it. Pure; :mod:`headgate.apply.server_side.ask` asks.

What the API server does (seen on Kubernetes 1.37 with ConfigMaps, Deployments, CRDs and custom resources; the
e2e tests hold it):

* An apply that changes nothing leaves ``resourceVersion`` and all times in ``managedFields`` as they are. One that
  changes anything, be it only who owns a field, gives the manager's entry the server's present time.
* A dry run answers as the apply would, but with the ``resourceVersion`` of the live object; when the object would be
  created, it has none and the status is 201. A dry run that would change nothing therefore shows only old times, which
  tells it from one that would, without reading the live object.
* ``metadata.resourceVersion`` in an applied object is a precondition (409 when the live object has another), but an
  absent object is created all the same.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

from headgate.apply.changeset import Action
from headgate.apply.fields.drift import content_digest, content_of
from headgate.apply.fields.managers import needs_takeover, ours
from headgate.apply.known import KnownState
from headgate.apply.options import ApplyOptions, marked
from headgate.objects import Obj

SURELY_OLD = timedelta(seconds=60)
"""How long ago a change must have been for its time not to be the present, whatever clocks and proxies say."""


class DryRunVerdict(Enum):
    """What the answer to a dry run means."""

    CREATE = "create"
    SKIP = "skip"
    """The live object asks to be left alone."""
    KEEP = "keep"
    """Nothing would change."""
    CHANGE = "change"
    """Something would change, or the times are too new to tell."""
    TAKE_OVER = "take over"
    """Another manager's fields must be taken over before."""


def judge_dry_run(
    obj: Obj, created: bool, answer: Obj, now: datetime, options: ApplyOptions
) -> DryRunVerdict:
    """What a dry run's answer means: ``created`` when there is no such object yet, ``now`` is the server's clock
    (or earlier).
    """
    if created or not answer["metadata"].get("resourceVersion"):
        return DryRunVerdict.CREATE
    if marked(answer, options.marks.excluded):
        return DryRunVerdict.SKIP
    if wants_takeover(obj, answer, options):
        return DryRunVerdict.TAKE_OVER
    return (
        DryRunVerdict.KEEP
        if _untouched(answer, now - SURELY_OLD, options.field_manager)
        else DryRunVerdict.CHANGE
    )


def is_inherited(live: Obj, answer: Obj, own: str) -> bool:
    """Whether the live object is what our apply would make of it, but for who owns which field.

    ``answer`` is that of the dry run on this very object. Flux compares like this and writes nothing then, and its
    applies own fields that ours do not name: it sends objects by way of Go's types, with ``strategy: {}`` and the like.
    Only an object that our field manager has applied before is left so; any other must become ours. It may have moved
    on between the two, as one whose status its controller writes does at any moment.
    """
    if ours(live, own) is None:
        return False
    return _without_version(content_of(live)) == _without_version(content_of(answer))


def _without_version(content: Obj) -> Obj:
    meta = {k: v for k, v in content["metadata"].items() if k != "resourceVersion"}
    return {**content, "metadata": meta}


def may_be_inherited(known: KnownState | None, digest: bytes) -> bool:
    """Whether it is worth a request to see if :func:`is_inherited` holds: for what nobody is known to have changed."""
    return known is None or known.inherited or (known.in_place and known.desired == digest)


def is_known_content(known: KnownState, answer: Obj) -> bool:
    """Whether a dry run's answer is what the live object is known to hold, but for who owns which field.

    The API server keeps some of what is applied otherwise than it was written: an empty list of a built-in kind becomes
    none, and each apply would claim it anew, raise the generation and change nothing else.
    """
    return (
        known.in_place
        and known.outcome is Action.UNCHANGED
        and not known.ignored
        and known.content is not None
        and known.content == (answer["metadata"].get("resourceVersion"), content_digest(answer))
    )


def wants_takeover(obj: Obj, live: Obj, options: ApplyOptions) -> bool:
    """Whether fields of other managers are to be taken over: never for ``ssa: Merge``."""
    if not needs_takeover(live, options.managers):
        return False
    return not marked(obj, options.marks.merged) and not marked(live, options.marks.merged)


def may_recreate(obj: Obj, live: Obj, options: ApplyOptions) -> bool:
    """Whether the object may be deleted and created anew."""
    return options.force or marked(obj, options.marks.forced) or marked(live, options.marks.forced)


def server_time(date_header: str | None, local: datetime) -> datetime:
    """The earlier of the server's clock (its ``Date`` header) and ours."""
    if not date_header:
        return local
    try:
        return min(local, parsedate_to_datetime(date_header))
    except ValueError:
        return local


def now() -> datetime:
    """Our clock."""
    return datetime.now(UTC)


def _untouched(answer: Obj, before: datetime, own: str) -> bool:
    """Whether our entry is there and no entry of the object itself is as new as ``before``."""
    if ours(answer, own) is None:
        return False
    limit = before.strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = answer["metadata"].get("managedFields") or ()
    return all(e.get("time", "9") < limit for e in entries if not e.get("subresource"))
