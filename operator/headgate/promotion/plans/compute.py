"""From what the user asks for to a plan: candidate, move, rendered difference, guards. Pushes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from headgate.git.refs.reference import HEADS, Resolved
from headgate.git.refs.semver import Version
from headgate.git.verify.signature import split_commit
from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.model import ChangeStage, EnvironmentChange
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import (
    CloneError,
    EvidenceMissing,
    PlanOutdated,
    PromotionError,
)
from headgate.promotion.fleet.rendering import RenderedSource, Rendering
from headgate.promotion.guards import Approval, Bad, Base, Facts, Guard, Override, evaluate
from headgate.promotion.plans.approvals import approved_base, given_approvals
from headgate.promotion.plans.base import base_of
from headgate.promotion.plans.candidate import Candidate, candidate_of
from headgate.promotion.plans.copies import brought_back
from headgate.promotion.plans.difference import difference_of
from headgate.promotion.plans.fields import last_equal
from headgate.promotion.plans.history import BadMark, marks
from headgate.promotion.plans.intended import problems_elsewhere, problems_of_fields, problems_of_pin
from headgate.promotion.plans.model import Mode, Plan, Point
from headgate.promotion.plans.modes import Move, Wish, mode_of, move_of
from headgate.promotion.plans.proven import unproven
from headgate.promotion.plans.rollbacks import counted, follows_again, is_proven
from headgate.promotion.plans.versions import version_tags
from headgate.promotion.plans.world import World, described, source_of, verifies_commits

__all__ = ["Computed", "base_of_plan", "compute", "compute_again", "rendered_difference"]


@dataclass(frozen=True, slots=True)
class Computed:
    """A plan and what it was made from."""

    plan: Plan
    change: EnvironmentChange
    """What happens to the target."""
    move: Move
    approvals: tuple[Approval, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether the target follows the candidate already, so that only the guard ``not-empty`` refuses."""
        refusing = {each.guard for each in self.plan.verdicts if each.refuses}
        return self.plan.base.commit == self.plan.candidate and refusing == {Guard.NOT_EMPTY}


def compute(
    world: World,
    name: str,
    *,
    wanted: str = "",
    wish: Wish | None = None,
    overrides: Sequence[Override] = (),
) -> Computed:
    """Compute the promotion of an environment; ``wanted`` is a commit. Raises :class:`PromotionError`."""
    target = world.environments[name]
    source = source_of(target, world.render(target))
    base = world.follows(source)
    if base is None:
        raise PromotionError(
            f"'{name}' follows {described(source.reference)}, which selects nothing yet: begin by hand, such as with "
            f"'git tag 1.0.0 && git push {world.clone.remote} 1.0.0'"
        )
    mode = mode_of(world, target, source)
    candidate = candidate_of(world, target, wanted)
    commit = candidate.commit or base.commit
    move = move_of(world, target, source, mode, base, commit, wish or Wish())
    difference = difference_of(world, target, source, base, move)
    after, change, digest = difference.after, difference.change, difference.digest
    found = _marks(world, source, base)
    problem = candidate.problem or move.problem
    # Where fields are copied, both environments follow one branch, which contains every candidate.
    if not problem and mode is not Mode.FIELDS:
        problem = _backwards(world, target, base, commit, found)
    wrong = [
        *_unintended(world, target, source, mode, move, change, after, commit),
        *(_unsigned(world, source, commit) if mode is not Mode.FIELDS else ()),
    ]
    bad, bad_problem = _bad(world, target, source, mode, base, move, commit, found)
    approvals = _approvals(world, target, digest, mode, base.commit, commit, move, found)
    facts = Facts(
        target,
        world.now,
        candidate.commit,
        problem,
        candidate.evidence,
        candidate.expected,
        candidate.soaks,
        _unproven(target, change, after, candidate),
        bad,
        bad_problem,
        tuple(each.message for each in change.uncertain) + tuple(wrong),
        change.is_empty,
        tuple(_suspended(world, target, source, change)),
        approvals,
        base=base_of(world, target, source, base),
    )
    plan = Plan(
        environment=name,
        mode=mode,
        source=str(source.key),
        after=target.after,
        candidate=commit,
        base=Point(base.commit, difference.trees[0], _pointer(base)),
        head=Point(move.head if mode is not Mode.FIELDS else commit, difference.trees[1], move.version),
        digest=digest,
        ref=move.ref,
        expected=move.expected,
        version=move.version,
        branch=move.branch,
        edits=move.edits,
        verdicts=evaluate(facts, overrides),
        summary=_summary(change),
        notes=(*_notes(world, target, base, commit, found), *_notes_of_evidence(candidate)),
    )
    return Computed(plan, change, move, approvals)


def compute_again(world: World, plan: Plan, overrides: Sequence[Override]) -> Computed:
    """Compute a plan again from what the remote and the environments have now.

    Raises :class:`PlanOutdated` if anything has moved since it was made.
    """
    try:
        now = compute(
            world,
            plan.environment,
            wanted=plan.candidate,
            wish=Wish(version=plan.version),
            overrides=overrides,
        )
    except EvidenceMissing:
        raise
    except PromotionError as error:
        if plan.version and f"refs/tags/{plan.version}" in world.refs.ids:
            message = f"the plan for '{plan.environment}' is outdated: the tag {plan.version} exists now"
            raise PlanOutdated(f"{message}; make a new one") from None
        raise error
    plan.check_current(now.plan)
    return now


def rendered_difference(world: World, plan: Plan) -> EnvironmentChange:
    """Render the difference of a plan from Git alone; raises :class:`PlanOutdated` if it is another one now."""
    target = world.environments[plan.environment]
    source = source_of(target, world.render(target))
    base = world.follows(source)
    if base is None or base.commit != plan.base.commit:
        raise PlanOutdated(
            f"the plan for '{plan.environment}' is outdated: the environment no longer follows {plan.base.commit[:12]}"
        )
    _check_version(world, plan, source)
    mode = mode_of(world, target, source)
    move = move_of(world, target, source, mode, base, plan.candidate, Wish(version=plan.version))
    difference = difference_of(world, target, source, base, move)
    if difference.digest != plan.digest:
        raise PlanOutdated(
            f"the plan for '{plan.environment}' is outdated: it now renders another difference"
        )
    return difference.change


def base_of_plan(world: World, plan: Plan) -> Base:
    """Return whether the target runs what the difference of a plan starts from, as far as this is known here."""
    target = world.environments[plan.environment]
    source = source_of(target, world.render(target))
    base = world.follows(source)
    return Base() if base is None else base_of(world, target, source, base)


def _check_version(world: World, plan: Plan, source: RenderedSource) -> None:
    """A version that exists, or that a higher one has overtaken, would only be refused as a bad argument."""
    version, newest = Version.parse(plan.version), version_tags(world.refs.ids, source.reference.semver)[:1]
    if version is not None and newest and not version > newest[0].version:
        raise PlanOutdated(
            f"the plan for '{plan.environment}' is outdated: the tag {newest[0].name} exists now; make a new one"
        )


def _backwards(
    world: World, target: Environment, base: Resolved, commit: str, found: Iterable[BadMark]
) -> str:
    """Why the target must not go to a commit that it already contains; after a rollback, it may."""
    if commit == base.commit or not world.clone.is_ancestor(commit, base.commit):
        return ""
    if any(
        mark.commit == base.commit and world.clone.is_ancestor(commit, mark.bad) and is_proven(world, mark)
        for mark in found
    ):
        return ""
    return (
        f"{target.name} already contains {commit[:12]}: it follows {_pointer(base) or base.commit[:12]}; to go back, "
        f"use 'headgate rollback {target.name}'"
    )


def _marks(world: World, source: RenderedSource, base: Resolved) -> list[BadMark]:
    branches = [world.default_branch, source.reference.branch, base.ref.removeprefix(HEADS)]
    branches += [
        name.removeprefix(HEADS) for name in world.refs.ids if name.startswith(f"{HEADS}headgate/rollback-")
    ]
    found = marks(world.clone, [each for each in dict.fromkeys(branches) if each])
    return counted(world, found, base.commit)


def _bad(
    world: World,
    target: Environment,
    source: RenderedSource,
    mode: Mode,
    base: Resolved,
    move: Move,
    commit: str,
    found: Sequence[BadMark],
) -> tuple[tuple[Bad, ...] | None, str]:
    """The bad commits of the candidate; or none, and why they are not known."""
    try:
        every = brought_back(world, target, source, mode, base, move, commit, found)
        # Nobody has to decide on what is reverted, and each answer asks Git many questions.
        decided = (
            each
            if each.reverted
            else replace(each, decided=follows_again(world, target.name, base.commit, each.commit, found))
            for each in every
        )
        return tuple(decided), ""
    except CloneError as error:
        return None, str(error)


def _unproven(
    target: Environment, change: EnvironmentChange, after: Rendering, candidate: Candidate
) -> tuple[str, ...] | None:
    is_seen = all(not isinstance(candidate.evidence.get(each, ""), str) for each in target.after)
    if not is_seen or len(candidate.renderings) != len(target.after):
        # What an environment should run proves nothing.
        return None
    return unproven(change, after, candidate.renderings, target.expect)


def _unintended(
    world: World,
    target: Environment,
    source: RenderedSource,
    mode: Mode,
    move: Move,
    change: EnvironmentChange,
    after: Rendering,
    commit: str,
) -> Iterator[str]:
    if mode is Mode.PIN and move.files:
        yield from problems_of_pin(change, after, source, commit)
    elif mode is Mode.FIELDS:
        yield from problems_of_fields(change, move.edits)
    if move.files:
        others = [each for each in world.environments.all if each.name != target.name]
        yield from problems_elsewhere(
            {
                each.name: compare(world.render(each), world.render(each, move.refs), ChangeStage.ON_MERGE)
                for each in others
            }
        )


def _unsigned(world: World, source: RenderedSource, commit: str) -> Iterator[str]:
    """Why the target would not take the candidate, although everything can be built."""
    if verifies_commits(source):
        content = world.clone.git.read("cat-file", "commit", commit)
        if not split_commit(content, sha256=len(commit) == 64).signature:
            yield (
                f"the commit {commit[:12]} has no signature, as 'verify' of GitRepository {source.key} demands: the "
                "environment would not take it; promote a signed commit, such as a signed merge"
            )


def _approvals(
    world: World,
    target: Environment,
    digest: str,
    mode: Mode,
    base: str,
    commit: str,
    move: Move,
    found: Iterable[BadMark],
) -> tuple[Approval, ...]:
    if target.approvals is None:
        return ()
    try:
        people = {world.promoter_email}
        if target.approvals.not_author:
            for start in _starts(world, target, mode, base, commit, found):
                people |= world.clone.contributor_emails(start, commit)
    except CloneError as error:
        return (Approval("", "all", f"the authors are not known: {error}"),)
    start = approved_base(world.clone, base, move.edits)
    return given_approvals(world.clone, target.name, digest, start, target.approvals, people)


def _starts(
    world: World, target: Environment, mode: Mode, base: str, commit: str, found: Iterable[BadMark]
) -> Iterator[str]:
    """The commits from which on the candidate's history has what the target gets; an empty one: from the first on."""
    if mode is Mode.FIELDS:
        # Both follow one branch, so that the history of what the target follows has the candidate's.
        yield last_equal(world, target, commit)
        return
    yield base
    # The history of a rollback has what it took back, and its files do not.
    yield from (mark.good for mark in found if mark.commit == base)


def _suspended(
    world: World, target: Environment, source: RenderedSource, change: EnvironmentChange
) -> Iterator[str]:
    found = set()
    if source.spec.get("suspend") is True:
        found.add(f"GitRepository/{source.key}")
    found |= {f"Kustomization/{each.key}" for each in change.kustomizations if each.suspended}
    try:
        seen = world.observe(target)
    except EvidenceMissing:
        # What Git says must do: the target may be out of reach.
        yield from sorted(found)
        return
    found |= {
        f"GitRepository/{each.key}" for each in seen.repositories if each.suspended and each.key == source.key
    }
    changed = {each.key for each in change.kustomizations}
    found |= {
        f"Kustomization/{each.key}" for each in seen.kustomizations if each.suspended and each.key in changed
    }
    yield from sorted(found)


def _notes(
    world: World, target: Environment, base: Resolved, commit: str, found: Iterable[BadMark]
) -> Iterator[str]:
    is_rollback = any(mark.commit == base.commit and is_proven(world, mark) for mark in found)
    related = world.clone.is_ancestor(base.commit, commit) or world.clone.is_ancestor(commit, base.commit)
    if not is_rollback and not related:
        yield (
            f"{target.name} follows commits that {commit[:12]} does not contain, such as {base.commit[:12]}: the "
            "promotion takes them back"
        )


def _notes_of_evidence(candidate: Candidate) -> Iterator[str]:
    for name, seen in candidate.evidence.items():
        if not isinstance(seen, str):
            yield from (f"{name}: {note}" for note in seen.notes)


def _pointer(resolved: Resolved) -> str:
    return resolved.revision.partition("@")[0] if "@" in resolved.revision else ""


def _summary(change: EnvironmentChange) -> str:
    counts: dict[str, int] = {}
    for each in change.changes:
        counts[each.action.value] = counts.get(each.action.value, 0) + 1
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "no change"
