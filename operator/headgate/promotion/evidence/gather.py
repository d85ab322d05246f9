"""Evidence of all environments: from the first origin that has any, of contexts and reports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from headgate.api import ObjectKey
from headgate.promotion.clone import Clone
from headgate.promotion.errors import CloneError, EvidenceMissing
from headgate.promotion.evidence.contexts import ClusterObjects, read_contexts
from headgate.promotion.evidence.model import Evidence
from headgate.promotion.evidence.objects import evidence_of_objects
from headgate.promotion.evidence.reports import Reporters, report_evidence

__all__ = ["gather", "reporters_of"]


def reporters_of(clone: Clone, commit: str, path: str, *, unsigned: bool = False) -> Reporters:
    """Return whose reports count, as the policy at a commit of the default branch says; raises :class:`CloneError`."""
    return Reporters(clone.file(commit, path) if commit else None, path, unsigned=unsigned)


def gather(
    clone: Clone,
    names: Iterable[str],
    is_this: Callable[[str], bool],
    reporters: Reporters,
    now: datetime,
    *,
    contexts: Mapping[str, str] | None = None,
    kubeconfig: str | None = None,
    expected: Mapping[str, Collection[ObjectKey]] | None = None,
    past: int = 0,
) -> dict[str, Evidence | str]:
    """Return what each environment runs, or one sentence that says why nobody knows.

    ``contexts``: kubeconfig contexts by environment; ``is_this``: whether a URL is that of this repository;
    ``expected``: the GitRepositories that Git has in each cluster folder; ``past``: how many earlier reports to read.
    """
    environments = list(names)
    wanted = {name: context for name, context in (contexts or {}).items() if name in environments}
    clusters = read_contexts(wanted, kubeconfig)
    return {
        name: _of_one(
            clone, name, is_this, reporters, now, clusters.get(name), (expected or {}).get(name, ()), past
        )
        for name in environments
    }


def _of_one(
    clone: Clone,
    name: str,
    is_this: Callable[[str], bool],
    reporters: Reporters,
    now: datetime,
    cluster: ClusterObjects | None,
    expected: Collection[ObjectKey],
    past: int,
) -> Evidence | str:
    notes: tuple[str, ...] = ()
    if cluster is not None and not cluster.failure:
        detail = f"context '{cluster.context}'"
        return evidence_of_objects(
            name, detail, cluster.sources, cluster.kustomizations, is_this, now, expected=expected
        )
    if cluster is not None:
        notes = (cluster.failure,)
    try:
        found = report_evidence(clone, name, reporters, now, past=past)
    except (EvidenceMissing, CloneError) as error:
        return "; ".join((*notes, str(error)))
    if found is None:
        missing = f"nobody says what '{name}' runs: there is no report of it, and no context is given for it"
        return "; ".join(notes) or missing
    return replace(found, notes=(*notes, *found.notes))
