"""The candidate of a promotion: what the environments before run healthy now, and how they relate to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from headgate.api import ObjectKey
from headgate.git.refs.reference import Resolved
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import EvidenceMissing
from headgate.promotion.evidence.facts import healthy, soaked_since
from headgate.promotion.evidence.model import Evidence, RunningKustomization
from headgate.promotion.fleet.rendering import RenderedKustomization, Rendering
from headgate.promotion.guards import Soak
from headgate.promotion.plans.base import signer_of_base
from headgate.promotion.plans.history import known_commit
from headgate.promotion.plans.world import World, described, pointed, source_of

__all__ = ["Candidate", "candidate_of"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A commit to promote, and how the environments before relate to it."""

    commit: str
    """Empty if :attr:`problem` says why there is none."""
    problem: str = ""
    evidence: Mapping[str, Evidence | str] = field(default_factory=dict)
    expected: Mapping[str, frozenset[ObjectKey]] = field(default_factory=dict)
    soaks: Mapping[str, Mapping[ObjectKey, Soak]] = field(default_factory=dict)
    renderings: tuple[Rendering, ...] = ()
    """Of the environments before, at the candidate."""


def candidate_of(world: World, target: Environment, wanted: str = "") -> Candidate:
    """Return the candidate for a target: ``wanted``, a commit, or else what the environments before run healthy now.

    ``wanted`` must be part of what each of them runs. If nobody says what an environment runs, what it follows takes
    its place, so that a plan can be shown: the guards refuse it. A target that comes after no other environment takes
    the tip of the default branch.
    """
    if not target.after:
        return Candidate(wanted or world.clone.tip(world.default_branch))
    evidence: dict[str, Evidence | str] = {}
    running: dict[str, str] = {}
    problem = ""
    for name in target.after:
        environment = world.environments[name]
        source = source_of(environment, world.render(environment))
        follows = world.follows(source)
        try:
            found = world.observe(environment)
        except EvidenceMissing as error:
            evidence[name] = str(error)
            running[name] = follows.commit if follows and _is_accepted(world, environment, follows) else ""
            if not running[name]:
                problem = problem or f"nobody says which commit of {source.key} {name} runs: {error}"
            continue
        evidence[name] = found
        commit = healthy(found, source.key).commit or _tried(found, source.key)
        running[name] = commit
        if not commit:
            problem = problem or f"nobody says which commit of {source.key} {name} runs"
        elif not known_commit(world.clone, commit):
            problem = (
                problem or f"{name} runs {commit[:12]}, which the remote does not have (was it force-pushed?)"
            )
        elif follows is not None and not world.clone.is_ancestor(commit, follows.commit):
            problem = problem or (
                f"{name} runs {commit[:12]}, which '{described(source.reference)}' no longer contains: it was "
                f"force-pushed; wait until {name} runs what it has now"
            )
    if problem:
        return Candidate(wanted, problem, evidence)
    commit, problem = (wanted, "") if wanted else _oldest(world, running)
    for name, runs in running.items():
        if wanted and not (runs and world.clone.is_ancestor(wanted, runs)):
            problem = problem or f"{name} runs {runs[:12] or 'nothing'}, which does not contain {wanted[:12]}"
    if not commit or problem:
        return Candidate(commit, problem, evidence)
    return _described(world, target, Candidate(commit, "", evidence))


def _is_accepted(world: World, environment: Environment, follows: Resolved) -> bool:
    """Whether what an environment follows may take the place of evidence: whoever may push tags must not choose."""
    tip = world.clone.tip(world.default_branch)
    return world.clone.is_ancestor(follows.commit, tip) or bool(
        signer_of_base(world, environment, follows)[0]
    )


def _tried(found: Evidence, source: ObjectKey) -> str:
    """The commit that an environment that is not healthy has or tries, so that the guards can say what is wrong."""
    tried = {each.attempted or each.commit for each in found.kustomizations if each.source == source} - {""}
    return found.sources.get(source, "") or (tried.pop() if len(tried) == 1 else "")


def _oldest(world: World, running: Mapping[str, str]) -> tuple[str, str]:
    """The commit that all environments contain, of those that they run, or why there is none."""
    for commit in running.values():
        if commit and all(other and world.clone.is_ancestor(commit, other) for other in running.values()):
            return commit, ""
    names = ", ".join(f"{name} runs {commit[:12] or 'nothing'}" for name, commit in running.items())
    return "", f"the environments before have no commit in common: {names}"


def _described(world: World, target: Environment, found: Candidate) -> Candidate:
    expected: dict[str, frozenset[ObjectKey]] = {}
    soaks: dict[str, Mapping[ObjectKey, Soak]] = {}
    renderings = []
    for name in target.after:
        environment = world.environments[name]
        source = source_of(environment, world.render(environment))
        follows = world.follows(source)
        here: dict[str, Rendering] = {}

        def at(
            commit: str, environment: Environment = environment, here: dict[str, Rendering] = here
        ) -> Rendering:
            if commit not in here:
                refs = pointed(world.refs, follows, commit) if follows is not None else None  # noqa: B023
                here[commit] = world.render(environment, refs)
            return here[commit]

        def same(each: RunningKustomization, one: str, other: str) -> bool:
            if one == other:
                return True
            known = known_commit(world.clone, one) and known_commit(world.clone, other)
            if each.source != source.key or not known:  # noqa: B023
                return False
            return _same(at(one).by_key.get(each.key), at(other).by_key.get(each.key))

        rendering = at(found.commit)
        renderings.append(rendering)
        expected[name] = frozenset(each.key for each in rendering.kustomizations)
        seen = found.evidence[name]
        if isinstance(seen, str):
            continue
        since = soaked_since(seen, same, commit=found.commit)
        soaks[name] = {
            each.key: Soak(
                each.source != source.key or (bool(each.commit) and same(each, found.commit, each.commit)),
                since,
            )
            for each in seen.kustomizations
        }
    return Candidate(found.commit, "", found.evidence, expected, soaks, tuple(renderings))


def _same(one: RenderedKustomization | None, other: RenderedKustomization | None) -> bool:
    """Whether a Kustomization applies the same objects; nobody knows it of one that cannot be built."""
    if one is None or other is None or one.problem is not None or other.problem is not None:
        return False
    return one is other or _content(one) == _content(other)


def _content(each: RenderedKustomization) -> bytes:
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    return orjson.dumps([each.spec, [one.obj for one in each.objects]], default=repr, option=options)
