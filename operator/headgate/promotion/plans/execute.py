"""Does what a plan says: a tag, a branch, or the branch of a pull request. One push, which one of several wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headgate.promotion.clone import RefUpdate
from headgate.promotion.clone.making import make_commit, make_tag, make_tree
from headgate.promotion.clone.pushing import push, remote_refs
from headgate.promotion.errors import PromotionError, PromotionRefused, PushRefused
from headgate.promotion.plans.compute import Computed
from headgate.promotion.plans.model import Mode, Plan
from headgate.promotion.plans.modes import Move
from headgate.promotion.plans.trailers import DIGEST, audit, message, record_ref, trailers_of
from headgate.promotion.plans.world import World, source_of, verifies_commits, verifies_tags

__all__ = [
    "Executed",
    "PullRequestWish",
    "Requester",
    "change_commit",
    "check_counts",
    "check_signs",
    "execute",
    "finished",
    "reused_commit",
]


@dataclass(frozen=True, slots=True)
class PullRequestWish:
    """A pull request to open or to update."""

    commit: str
    """What its branch must be."""
    branch: str
    expected: str
    """What the branch is on the server now; empty if it does not exist."""
    base: str
    title: str
    body: str


Requester = Callable[[World, PullRequestWish], Sequence[str]]
"""Pushes the branch and opens or updates the pull request; returns what the user must know, such as its address."""


@dataclass(frozen=True, slots=True)
class Executed:
    """What was done."""

    lines: tuple[str, ...]
    """For the user: what was pushed, where a pull request is."""
    version: str = ""


def execute(
    world: World,
    computed: Computed,
    requester: Requester,
    *,
    sign: bool = True,
    by_pull_request: bool = False,
) -> Executed:
    """Carry out a plan that was computed just now; ``by_pull_request`` moves a branch through a pull request.

    Raises :class:`PromotionRefused` if a guard refuses; :class:`PushRefused`, with ``race`` if somebody else was first;
    :class:`headgate.promotion.errors.ForgeError` if the branch is pushed but the pull request is not: a second run
    opens it.
    """
    plan, move = computed.plan, computed.move
    if refusals := {each.guard.value: each.message for each in plan.verdicts if each.refuses}:
        raise PromotionRefused(refusals)
    before = plan.base.name or plan.base.commit
    trailers = audit(
        environment=plan.environment,
        before=before if plan.base.commit in before else f"{before} ({plan.base.commit})",
        sources=plan.after,
        digest=plan.digest,
        verdicts=plan.verdicts,
        approvals=computed.approvals,
        evidence_options=world.evidence_options,
    )
    what = plan.version or plan.candidate[:12]
    text = message(f"Promote {what} to {plan.environment}", [f"{plan.summary.capitalize()}."], trailers)
    if by_pull_request and plan.mode is Mode.TAG:
        raise PromotionError(
            f"'{plan.environment}' follows versions: a tag cannot be a pull request; omit --pr"
        )
    if plan.mode is Mode.TAG:
        check_signs(world, plan.environment, sign)
        tag = make_tag(world.clone, plan.version, plan.candidate, text, sign=sign)
        check_counts(world, world.promoters.of_tag(plan.version, tag, plan.candidate)[1])
        push(world.clone, [RefUpdate(plan.ref, tag, plan.expected)])
        return Executed((f"pushed the tag {plan.version}: {plan.environment} follows it",), plan.version)
    title, _, body = text.partition("\n\n")
    if plan.mode is Mode.BRANCH:
        if not by_pull_request:
            return _move_branch(world, plan, text, sign)
        name = f"headgate/promote-{plan.environment}"
        existing = world.refs.ids.get(f"refs/heads/{name}", "")
        wish = PullRequestWish(
            plan.candidate, name, existing, plan.ref.removeprefix("refs/heads/"), title, body
        )
        return Executed(tuple(requester(world, wish)))
    commit = change_commit(world, move, text, sign)
    name = move.ref.removeprefix("refs/heads/")
    wish = PullRequestWish(commit, name, plan.expected, plan.branch, title, body)
    return Executed(tuple(requester(world, wish)))


def check_signs(world: World, environment: str, sign: bool) -> None:
    """Raise :class:`PromotionError` if an environment takes signed versions only, and this one would not be signed."""
    target = world.environments[environment]
    source = source_of(target, world.render(target))
    if not sign and (verifies_tags(source) or verifies_commits(source)):
        raise PromotionError(
            f"--no-sign: 'verify' of GitRepository {source.key} demands signatures, so that '{environment}' would not "
            "take it; nothing was pushed"
        )


def check_counts(world: World, why: str) -> None:
    """Raise :class:`PromotionError` if promoters are named and a signature that was just made is not one of theirs.

    ``why``: why it does not count.
    """
    if why and world.promoters.are_named:
        raise PromotionError(f"your signature would not count, so nothing was pushed: {why}")


def finished(world: World, plan: Plan) -> Executed | None:
    """What an earlier run of the same plan did, if its push went through; None otherwise."""
    if plan.mode is Mode.TAG and world.refs.commit(plan.ref) == plan.candidate:
        tag = world.refs.ids[plan.ref]
        text = world.clone.git.read("cat-file", "-p", tag).decode("utf-8", "replace")
        is_ours = (
            not world.promoters.are_named or world.promoters.of_tag(plan.version, tag, plan.candidate)[0]
        )
        if is_ours and trailers_of(text).get(DIGEST) == plan.digest:
            return Executed(
                (f"the tag {plan.version} is on the remote already: this plan has been applied",),
                plan.version,
            )
    if plan.mode is Mode.BRANCH and world.refs.ids.get(plan.ref) == plan.candidate:
        name = plan.ref.removeprefix("refs/heads/")
        return Executed(
            (f"the branch '{name}' is at {plan.candidate[:12]} already: {plan.environment} follows it",)
        )
    return None


def change_commit(world: World, move: Move, text: str, sign: bool) -> str:
    """Return the commit of a pull request's branch: the one that is there already, if it is the same change."""
    tip = world.clone.tip(move.branch)
    tree = make_tree(world.clone, tip, move.files)
    return reused_commit(world, move.expected, tree, [tip], text) or make_commit(
        world.clone, tree, [tip], text, sign=sign
    )


def reused_commit(world: World, existing: str, tree: str, parents: Sequence[str], text: str) -> str:
    """Return a commit that an earlier run pushed, if it is the same change; otherwise nothing.

    Whoever may push can put a commit on the branch, so that its message must be ours, and, where promoters are named,
    its signature one of theirs.
    """
    if not existing:
        return ""
    found = world.clone.commit(existing)
    if (found.tree, found.parents, found.message.strip()) != (tree, tuple(parents), text.strip()):
        return ""
    return "" if world.promoters.are_named and not world.promoters.of_commit(existing)[0] else existing


def _move_branch(world: World, plan: Plan, text: str, sign: bool) -> Executed:
    """Move a branch forward. It has no commit of ours, so that a record next to it holds the audit."""
    update = RefUpdate(plan.ref, plan.candidate, plan.expected)
    name = plan.ref.removeprefix("refs/heads/")
    done = f"moved the branch '{name}' to {plan.candidate[:12]}: {plan.environment} follows it"
    record = record_ref(plan.environment)
    last = world.refs.ids.get(record, "")
    entry = make_commit(world.clone, plan.candidate, [last] if last else [], text, sign=sign)
    check_counts(world, world.promoters.of_commit(entry)[1])
    try:
        push(world.clone, [update, RefUpdate(record, entry, last)])
    except PushRefused as error:
        if error.race or _moved(world, update):
            raise
        # Some forges accept branches and tags only.
        push(world.clone, [update])
        return Executed(
            (done, f"the server does not accept {record}, so that no record of the promotion was kept")
        )
    return Executed((done,))


def _moved(world: World, update: RefUpdate) -> bool:
    try:
        return remote_refs(world.clone, [update.ref]).ids.get(update.ref, "") != update.expected
    except PromotionError:
        return True
