"""The reconciliation history in a Kustomization's status. Pure.

One entry for each combination of outcome and digest of the applied objects, the latest first; a repetition increments
the entry's count. (Flux documentation, Kustomization, "History".)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from headgate.api.meta import timestamp
from headgate.durations import format_duration
from headgate.objects import Obj

LIMIT = 5
"""Maximum number of entries."""


def upsert(
    status: Obj,
    *,
    digest: str,
    duration: float,
    outcome: str,
    metadata: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> None:
    """Record an attempt in ``status["history"]``, replacing the list by a new one.

    ``digest`` is ``<algorithm>:<hex>`` of the objects, ``duration`` in seconds, ``outcome`` Ready's reason.
    """
    time = timestamp(now)
    entries = list(status.get("history") or ())
    same = next((e for e in entries if e["digest"] == digest and e["lastReconciledStatus"] == outcome), None)
    entry: Obj = {
        "digest": digest,
        "firstReconciled": same["firstReconciled"] if same else time,
        "lastReconciled": time,
        "lastReconciledDuration": format_duration(duration),
        "lastReconciledStatus": outcome,
        "totalReconciliations": (same["totalReconciliations"] if same else 0) + 1,
    }
    if metadata:
        entry["metadata"] = dict(metadata)
    status["history"] = [entry, *(e for e in entries if e is not same)][:LIMIT]
