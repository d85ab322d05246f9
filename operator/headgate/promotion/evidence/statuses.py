"""Evidence from commit statuses, which Flux's notification-controller writes to a forge. Pure.

They say whether a Kustomization was Ready at a commit, without digests, so they prove less than the rest. Flux names
the Kustomization and the Provider of its cluster: ``kustomization/<name>/<id>``. A context that a ``commitStatusExpr``
makes counts if it has the name of the environment and ``kustomization/<name>`` between its slashes.

Flux writes a status when something changes, and does not renew it. So it says what ran then: as old as it is, as old is
the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from headgate.api import ObjectKey
from headgate.promotion.evidence.model import Evidence, EvidenceOrigin, RunningKustomization
from headgate.promotion.forges.fluxstatus import parse
from headgate.promotion.forges.model import CommitStatus

__all__ = ["MAX_COMMITS", "Statuses", "evidence_of_statuses", "kustomization_of"]

KIND = "kustomization"
MAX_COMMITS = 30
"""Limit for the commits whose statuses are read: each is a request to the forge."""
_SUCCESS = "success"
_FOREIGN = "foreign"
"""In place of the state of a status that an account wrote which does not count."""
_REASONS = {"pending": "Progressing", _FOREIGN: "StatusAuthorNotAccepted"}
_NOTES = (
    "commit statuses do not say what is built: a commit that changes nothing begins a new soak",
    "commit statuses are not renewed: they prove nothing when the oldest of them is ten minutes old",
)
_ANYBODY = "every account that may write commit statuses is believed: name Flux's as 'statusAuthors' in headgate.yaml"

Statuses = Mapping[str, CommitStatus]
"""The newest status of each context of a commit."""


@dataclass(frozen=True, slots=True)
class _Newest:
    commit: str
    status: CommitStatus


def kustomization_of(context: str, environment: str, provider: str = "") -> str:
    """Return the name of the Kustomization that a context is about; empty if it is not one of the environment.

    ``provider``: the first eight digits of the uid of the Provider in the environment's cluster, if known.

    >>> kustomization_of("kustomization/apps/0c9c2e41", "staging", "0c9c2e41")
    'apps'
    >>> kustomization_of("staging/kustomization/apps", "staging"), kustomization_of("ci/test", "staging")
    ('apps', '')
    """
    flux = parse(context)
    if flux is not None and provider:
        return flux.name if (flux.kind, flux.provider) == (KIND, provider) else ""
    parts = context.split("/")
    if KIND not in parts[:-1]:
        return ""
    at = parts.index(KIND)
    others = parts[:at] + parts[at + 2 :]
    return parts[at + 1] if environment in others else ""


def evidence_of_statuses(
    environment: str,
    commits: Iterable[str],
    read: Callable[[str], Statuses],
    *,
    source: ObjectKey,
    expected: Iterable[ObjectKey] = (),
    provider: str = "",
    authors: Collection[str] = (),
) -> Evidence | None:
    """Return what the newest status of each Kustomization says; None if no commit has one.

    ``commits``: those that the environment may run, the newest first, of which the first :data:`MAX_COMMITS` count;
    ``read`` requests the statuses of one commit from the forge, and may raise its errors. A Kustomization of
    ``expected`` without a status may run anything. ``authors``: the accounts whose statuses count, in any case of
    letters; empty: all. The status of another account counts as a failure, since it may hide one.
    """
    accepted = {each.lower() for each in authors}
    newest: dict[str, _Newest] = {}
    for commit, _ in zip(commits, range(MAX_COMMITS), strict=False):
        for context, found in read(commit).items():
            name = kustomization_of(context, environment, provider)
            is_foreign = bool(accepted) and found.author.lower() not in accepted
            status = replace(found, state=_FOREIGN) if is_foreign else found
            # The last one counts, and of two of the same time the one that says that something failed.
            if name and (name not in newest or _rank(status) > _rank(newest[name].status)):
                newest[name] = _Newest(commit, status)
    if not newest:
        return None
    known = {key.name: key for key in expected}
    keys = {name: known.get(name, ObjectKey(source.namespace, name)) for name in {*newest, *known}}
    return Evidence(
        environment=environment,
        origin=EvidenceOrigin.COMMIT_STATUS,
        detail="commit statuses",
        at=min(each.status.at for each in newest.values()).astimezone(UTC).replace(microsecond=0),
        sources={},
        kustomizations=tuple(
            _running(key, newest.get(name), source)
            for name, key in sorted(keys.items(), key=lambda item: item[1])
        ),
        held={},
        notes=_NOTES if accepted else (*_NOTES, _ANYBODY),
    )


def _rank(status: CommitStatus) -> tuple[datetime, bool]:
    return status.at, status.state != _SUCCESS


def _running(key: ObjectKey, newest: _Newest | None, source: ObjectKey) -> RunningKustomization:
    if newest is None:
        return RunningKustomization(
            key, ready=False, commit="", attempted="", since=None, reason="NoStatus", source=source
        )
    ready = newest.status.state == _SUCCESS
    return RunningKustomization(
        key=key,
        ready=ready,
        commit=newest.commit if ready else "",
        attempted=newest.commit,
        since=newest.status.at.astimezone(UTC).replace(microsecond=0) if ready else None,
        reason="" if ready else _REASONS.get(newest.status.state, "ReconciliationFailed"),
        source=source,
    )
