"""Evidence of all environments: from the first origin that has any, of contexts, reports and commit statuses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from headgate.api import ObjectKey
from headgate.promotion.clone import Clone
from headgate.promotion.errors import CloneError, EvidenceMissing, ForgeError
from headgate.promotion.evidence.contexts import ClusterObjects, read_contexts
from headgate.promotion.evidence.model import Evidence
from headgate.promotion.evidence.objects import evidence_of_objects
from headgate.promotion.evidence.reports import Reporters, report_evidence
from headgate.promotion.evidence.statuses import MAX_COMMITS, Statuses, evidence_of_statuses
from headgate.promotion.fleet.rendering import Rendering

__all__ = ["gather", "only_of", "reporters_of", "statuses_of"]


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
    statuses: Callable[[str], Evidence | None] | None = None,
) -> dict[str, Evidence | str]:
    """Return what each environment runs, or one sentence that says why nobody knows.

    ``contexts``: kubeconfig contexts by environment; ``is_this``: whether a URL is that of this repository;
    ``expected``: the GitRepositories that Git has in each cluster folder; ``past``: how many earlier reports to read;
    ``statuses``: what commit statuses say of an environment, called for those without a report. It may raise
    :class:`ForgeError`.
    """
    environments = list(names)
    wanted = {name: context for name, context in (contexts or {}).items() if name in environments}
    clusters = read_contexts(wanted, kubeconfig)
    found: dict[str, Evidence | str] = {}
    for name in environments:
        sources = (expected or {}).get(name, ())
        each = _of_one(clone, name, is_this, reporters, now, clusters.get(name), sources, past, statuses)
        found[name] = each if isinstance(each, str) else only_of(each, sources)
    return found


def statuses_of(
    clone: Clone,
    rendering: Rendering,
    commit: str,
    read: Callable[[str], Statuses],
    *,
    provider: str = "",
    authors: Collection[str] = (),
) -> Evidence | None:
    """Return what commit statuses say of a rendered environment: of what it wants, and of what led to a commit.

    ``commit``: that of the default branch; ``read``, ``provider``, ``authors``: as in :func:`evidence_of_statuses`.
    None if no commit has one, or the environment follows no GitRepository of the repository.
    """
    if rendering.followed is None:
        return None
    wants = [each.resolved.commit for each in rendering.sources if each.resolved is not None]
    limit = f"--max-count={MAX_COMMITS}"
    listed = clone.git.text("rev-list", "--first-parent", limit, "--end-of-options", commit).split()
    return evidence_of_statuses(
        rendering.environment,
        list(dict.fromkeys([*wants, *listed])),
        read,
        source=rendering.followed,
        expected=[each.key for each in rendering.kustomizations],
        provider=provider,
        authors=authors,
    )


def only_of(found: Evidence, sources: Collection[ObjectKey]) -> Evidence:
    """Return the part of the evidence that is about these GitRepositories: a cluster may have several environments.

    All of it, if it has none of them: then the GitRepository is not in Git. What uses sources of other kinds stays.
    """
    if not any(key in sources for key in (*found.sources, *(each.source for each in found.kustomizations))):
        return found
    return replace(
        found,
        sources={key: commit for key, commit in found.sources.items() if key in sources},
        kustomizations=tuple(
            each for each in found.kustomizations if each.source is None or each.source in sources
        ),
        held={key: why for key, why in found.held.items() if key in sources},
        repositories=tuple(each for each in found.repositories if each.key in sources),
        past=tuple(only_of(each, sources) for each in found.past),
    )


def _of_one(
    clone: Clone,
    name: str,
    is_this: Callable[[str], bool],
    reporters: Reporters,
    now: datetime,
    cluster: ClusterObjects | None,
    expected: Collection[ObjectKey],
    past: int,
    statuses: Callable[[str], Evidence | None] | None,
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
        # A report that does not count is a reason to stop: somebody may have replaced a good one.
        return "; ".join((*notes, str(error)))
    if found is None and statuses is not None:
        try:
            found = statuses(name)
        except (ForgeError, CloneError) as error:
            notes = (*notes, f"its commit statuses cannot be read: {error}")
    if found is None:
        missing = f"nobody says what '{name}' runs: there is no report of it, and no context is given for it"
        return "; ".join(notes) or missing
    return replace(found, notes=(*notes, *found.notes))
