"""Which Kustomizations a range of commits rebuilds, by the operator's own rule: the inputs of the last build.

The operator builds a Kustomization again if its spec changes, if anything that its last build read changes, or if that
build failed. So the answer needs both renderings, and no cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from headgate.api import ObjectKey
from headgate.documents.tree import Inputs
from headgate.objects import Obj
from headgate.promotion.config.model import Environment
from headgate.promotion.fleet import Fleet
from headgate.promotion.fleet.rendering import RenderedKustomization, Rendering
from headgate.promotion.ranges.answers import follows
from headgate.promotion.ranges.commits import Range

__all__ = ["Affected", "AffectedEnvironment", "Why", "affected_by", "affected_document"]

MAX_PATHS = 100
"""Limit for the paths that one Kustomization lists."""


class Why(Enum):
    """Why a Kustomization is built again."""

    CREATED = "created"
    SPEC = "spec"
    """Its own spec changes."""
    FILES = "files"
    """Files that its build reads change."""
    VARIABLES = "variables"
    """Values of its variables change."""
    FAILED = "failed"
    """Its build failed before, so that each new revision is built."""


@dataclass(frozen=True, slots=True)
class Affected:
    """A Kustomization that is built again."""

    key: ObjectKey
    why: Why
    paths: tuple[str, ...] = ()
    """What its build reads and what changes: files, and directories whose list of entries does; sorted."""
    problem: str = ""
    """Why the build fails; empty if it does not."""


@dataclass(frozen=True, slots=True)
class AffectedEnvironment:
    """What a range of commits rebuilds in one environment."""

    environment: str
    follows: str
    assumed: bool
    """Whether the environment does not follow the default branch: the answer is for its move from base to head."""
    kustomizations: tuple[Affected, ...]
    """In the order in which the operator applies them."""
    count: int
    """How many Kustomizations the environment has."""
    unknown: tuple[str, ...] = ()
    """What could not be rendered, and why."""


def affected_by(
    fleet: Fleet, environments: Iterable[Environment], commits: Range
) -> tuple[AffectedEnvironment, ...]:
    """Return what a range of commits rebuilds in each environment; raises :class:`CloneError`."""
    return tuple(_of(fleet, each, commits) for each in environments)


def _of(fleet: Fleet, environment: Environment, commits: Range) -> AffectedEnvironment:
    now = fleet.state()
    base = now.with_branch(now.default_branch, commits.base_commit)
    head = now.with_branch(now.default_branch, commits.head_commit)
    source = fleet.followed(environment, head)
    selected = source.resolved.commit if source is not None and source.resolved is not None else ""
    source = source or fleet.followed(environment, base)
    assumed = source is not None and selected != commits.head_commit
    if assumed and source is not None:
        base = base.with_source(source.key, commits.base_commit)
        head = head.with_source(source.key, commits.head_commit)
    # Not as a pair: that would skip what no change reaches, and nobody would learn that it fails already.
    before, after = fleet.render(environment, base), fleet.render(environment, head)
    found = tuple(_compared(before, after))
    # A build that fails is an answer: it says so itself. What has no source or no commit is none.
    failing = {each.key for each in found if each.problem}
    unknown = [each.message for each in after.problems if each.kustomization not in failing]
    return AffectedEnvironment(
        environment.name,
        follows(after) or follows(before),
        assumed,
        found,
        len(after.kustomizations),
        tuple(dict.fromkeys(unknown)),
    )


def _compared(before: Rendering, after: Rendering) -> Iterable[Affected]:
    for each in after.kustomizations:
        if each.suspended or not _has_source(each):
            continue
        moved = before.commit_of(each.source) != after.commit_of(each.source)
        why = _why(before.by_key.get(each.key), each, moved=moved)
        if why is not None:
            problem = each.problem.message if each.problem is not None else ""
            yield Affected(each.key, why, _paths(before.by_key.get(each.key), each), problem)


def _has_source(each: RenderedKustomization) -> bool:
    # Without a source it is not built, whatever changes.
    return each.source is not None


def _why(old: RenderedKustomization | None, new: RenderedKustomization, *, moved: bool) -> Why | None:
    if old is None:
        return Why.CREATED
    if old.spec != new.spec:
        return Why.SPEC
    if old.inputs is None:
        return Why.FAILED if moved else None
    # One build serves all trees with equal inputs, so equal inputs are one value; with other variables they are not.
    if old.inputs is new.inputs:
        return None
    return Why.VARIABLES if old.inputs == new.inputs else Why.FILES


def _paths(old: RenderedKustomization | None, new: RenderedKustomization) -> tuple[str, ...]:
    if old is None or old.inputs is None or new.inputs is None:
        return ()
    first, second = old.inputs, new.inputs
    changed = {path for path in first.keys() | second.keys() if _at(first, path) != _at(second, path)}
    return tuple(sorted(changed)[:MAX_PATHS])


def _at(inputs: Inputs, path: str) -> object:
    return inputs.get(path)


def affected_document(commits: Range, found: Iterable[AffectedEnvironment]) -> Obj:
    """Return the answer as JSON, as docs/reference/affected.schema.json describes it."""
    return {
        "schemaVersion": 1,
        "kind": "Affected",
        "base": commits.base_commit,
        "head": commits.head_commit if commits.head_commit.strip("0") else None,
        "environments": [
            {
                "environment": each.environment,
                "follows": each.follows,
                "assumed": each.assumed,
                "kustomizations": [_as_json(one) for one in each.kustomizations],
                "unaffected": each.count - len(each.kustomizations),
                "unknown": list(each.unknown),
            }
            for each in found
        ],
    }


def _as_json(one: Affected) -> Obj:
    return {
        "namespace": one.key.namespace,
        "name": one.key.name,
        "why": one.why.value,
        "paths": list(one.paths),
        "problem": one.problem,
    }
