"""Recognises, from an object alone, whether somebody else changed what we applied. Pure.

The API server keeps the books for us: when another writer changes or removes a field of ours, our entry in
``managedFields`` loses that field; when a manager whose changes are to be undone writes, it gets an entry of
its own. So what must be remembered of an object in place is a small digest of our entry, of those entries,
and of the marks that say whether the object is to be applied at all. A status update, or a field that another
controller adds and owns, leaves the digest as it is and costs nothing. Neither does what happens to fields that
are left to others (``spec.ignore``), nor to who owns them.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from headgate.apply.fields.managers import FieldManager, ours
from headgate.apply.fields.pointers import Pointer, disowned
from headgate.kube.encoding import encode
from headgate.objects import Obj


def digest(value: Any) -> bytes:
    """Sixteen bytes that differ when the value does; the order of keys does not matter."""
    return blake2b(encode(value, sort_keys=True), digest_size=16).digest()


def content_of(obj: Obj) -> Obj:
    """What an object holds: all but its status, who owns which field, and how often it was changed."""
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "generation")}
    return {**{k: v for k, v in obj.items() if k != "status"}, "metadata": meta}


def content_digest(obj: Obj) -> bytes:
    """:func:`digest` of :func:`content_of`."""
    return digest(content_of(obj))


def fingerprint(
    live: Obj,
    own: str,
    managers: Sequence[FieldManager],
    marks: frozenset[str],
    ignored: Sequence[Pointer] = (),
) -> bytes:
    """What of a live object, except ignored fields, must stay as it is for the object to count as in place."""
    meta = live["metadata"]
    entries = meta.get("managedFields") or ()
    mine = ours(live, own) or {}
    foreign = [
        (e.get("manager"), e.get("operation"), fields)
        for e in entries
        if any(m.matches(e) for m in managers)
        and ((fields := disowned(e.get("fieldsV1"), ignored, live)) or not ignored)
    ]
    marked = [
        (where, key, held[key])
        for where in ("labels", "annotations")
        if (held := meta.get(where))
        for key in marks
        if key in held
    ]
    state = (
        meta.get("uid"),
        disowned(mine.get("fieldsV1"), ignored, live),
        foreign,
        sorted(marked),
        bool(meta.get("deletionTimestamp")),
    )
    return digest(state)
