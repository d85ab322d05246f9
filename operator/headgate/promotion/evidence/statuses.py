"""Evidence from commit statuses, which Flux's notification-controller writes to a forge. Pure.

They say whether a Kustomization was Ready at a commit, without times and digests, so they prove less than the rest. A
status names its Kustomization as ``kustomization/<name>/<id>``, where the id is that of the Provider, or what its
``commitStatusExpr`` says; the environment must be a part of the name, between slashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from headgate.api import ObjectKey
from headgate.promotion.evidence.model import Evidence, Origin, RunningKustomization

__all__ = ["evidence_of_statuses", "statuses_of"]

KIND = "kustomization"
_SUCCESS = frozenset(("success",))
_PENDING = frozenset(("pending", "running", "created", "waiting_for_resource", "preparing"))

Statuses = Mapping[str, tuple[str, str]]
"""The newest state and description of each context, as a forge has them."""


def statuses_of(environment: str, statuses: Statuses) -> dict[str, str]:
    """Return the state of each Kustomization of an environment by its name.

    >>> statuses_of("staging", {"staging/kustomization/apps": ("success", ""), "ci/test": ("failure", "")})
    {'apps': 'success'}
    """
    found: dict[str, str] = {}
    for context, (state, _) in statuses.items():
        parts = context.split("/")
        if KIND not in parts[:-1] or environment not in parts:
            continue
        name = parts[parts.index(KIND) + 1]
        if name:
            # A Kustomization with several statuses is as good as its worst.
            found[name] = state.lower() if found.get(name, "success") in _SUCCESS else found[name]
    return found


def evidence_of_statuses(
    environment: str,
    commits: Iterable[str],
    read: Callable[[str], Statuses],
    now: datetime,
    *,
    source: ObjectKey,
    expected: Iterable[ObjectKey] = (),
    detail: str = "commit statuses",
) -> Evidence | None:
    """Return what the statuses of the newest commit with any say; None if no commit has one.

    ``commits``: the newest first; ``read`` asks the forge for those of one commit. A Kustomization of ``expected``
    without a status there is at none: it may run anything.
    """
    for commit in commits:
        states = statuses_of(environment, read(commit))
        if states:
            break
    else:
        return None
    known = {key.name: key for key in expected}
    keys = {name: known.get(name, ObjectKey(source.namespace, name)) for name in {*states, *known}}
    return Evidence(
        environment=environment,
        origin=Origin.COMMIT_STATUS,
        detail=detail,
        at=now.replace(microsecond=0),
        sources={source: commit},
        kustomizations=tuple(
            _running(key, states.get(name, ""), commit, source)
            for name, key in sorted(keys.items(), key=lambda item: item[1])
        ),
        held={},
        notes=("commit statuses have no times: since when it runs is not known",),
    )


def _running(key: ObjectKey, state: str, commit: str, source: ObjectKey) -> RunningKustomization:
    ready = state in _SUCCESS
    reason = (
        ""
        if ready
        else "Progressing"
        if state in _PENDING
        else "ReconciliationFailed"
        if state
        else "NoStatus"
    )
    return RunningKustomization(
        key=key,
        ready=ready,
        commit=commit if ready else "",
        attempted=commit if state else "",
        since=None,
        reason=reason,
        source=source,
    )
