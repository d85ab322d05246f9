"""Evidence from the custom resources of a cluster, whoever reconciles them: Headgate or Flux. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from headgate.api import ObjectKey
from headgate.api.report import EnvironmentReport
from headgate.api.running import RunningSource, belonging, running_kustomization, running_source
from headgate.objects import Obj
from headgate.promotion.evidence.model import Evidence, EvidenceOrigin

__all__ = ["evidence_of_objects", "evidence_of_report"]


def evidence_of_objects(
    environment: str,
    detail: str,
    sources: Sequence[Obj],
    kustomizations: Sequence[Obj],
    is_this: Callable[[str], bool],
    now: datetime,
    *,
    expected: Collection[ObjectKey] = (),
) -> Evidence:
    """Return what the raw GitRepositories and Kustomizations of a cluster say about one repository.

    ``is_this`` decides whether a URL is that of the repository. If it accepts none, the GitRepositories of ``expected``
    count, which Git has in the cluster folder; without them the only GitRepository of the cluster; both with a note.
    """
    found, note = _choose(sources, is_this, expected)
    ours, applied = belonging(sources, kustomizations, lambda url: url in {_url(each) for each in found})
    repositories = tuple(running_source(each) for each in ours)
    moment = now.replace(microsecond=0)
    problem = "" if found else f"no GitRepository of {detail} has the URL of this repository"
    return Evidence(
        environment=environment,
        origin=EvidenceOrigin.CONTEXT,
        detail=detail,
        at=moment,
        sources={each.key: each.commit for each in repositories if each.commit},
        kustomizations=tuple(replace(running_kustomization(each), message="") for each in applied),
        held=_held(repositories),
        problem=problem,
        notes=(note,) if note else (),
        repositories=repositories,
    )


def evidence_of_report(report: EnvironmentReport, detail: str) -> Evidence:
    """Return what a report says; whoever calls has checked who signed it."""
    return Evidence(
        environment=report.environment,
        origin=EvidenceOrigin.REPORT,
        detail=detail,
        at=report.observed,
        sources={each.key: each.commit for each in report.sources if each.commit},
        kustomizations=report.kustomizations,
        held=_held(report.sources),
        repositories=report.sources,
        begun=report.begun,
    )


def _choose(
    sources: Sequence[Obj], is_this: Callable[[str], bool], expected: Collection[ObjectKey]
) -> tuple[list[Obj], str]:
    matching = [each for each in sources if is_this(_url(each))]
    if matching:
        return matching, ""
    named = [each for each in sources if _key(each) in expected]
    if not named and len(sources) == 1:
        named = list(sources)
    if not named:
        return [], ""
    names = ", ".join(f"'{_key(each)}'" for each in named)
    return (
        named,
        f"the URL of GitRepository {names} is not one of this clone's remotes; it counts as this repository",
    )


def _held(repositories: Sequence[RunningSource]) -> dict[ObjectKey, str]:
    return {each.key: each.held for each in repositories if each.held}


def _url(source: Obj) -> str:
    return str((source.get("spec") or {}).get("url") or "")


def _key(obj: Obj) -> ObjectKey:
    meta = obj["metadata"]
    return ObjectKey(meta.get("namespace") or "", meta["name"])
