"""Detects, from an object alone, whether somebody else changed what Headgate applied. Pure.

The API server records it: when another writer changes or removes a field that Headgate applied, Headgate's entry in
``managedFields`` loses that field; when a manager writes whose changes Headgate overrides, it gets a separate entry.
So a small digest of these entries, and of the marks that restrict applies, is enough to detect drift. A status update,
or a field that another controller adds and owns, leaves the digest unchanged and costs nothing. The same holds for
fields that ``spec.ignore`` leaves to others, and for their owners.
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
    """Sixteen bytes that differ if the value differs; the order of keys does not matter."""
    return blake2b(encode(value, sort_keys=True), digest_size=16).digest()


def content_of(obj: Obj) -> Obj:
    """The content of an object: all but its status, its field managers, and the counters of its changes."""
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
    """The digest of a live object, without ignored fields, that must stay equal for the object to count as in place."""
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
