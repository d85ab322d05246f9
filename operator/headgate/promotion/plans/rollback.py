"""Rollback: at once what was good before, on top of what is bad, and then a pull request that reverts it.

The commit of a rollback has the bad revision as its parent and the tree of the last good one, so that a range of
versions and a branch move forward to it. Its message marks the bad commit, which no promotion may contain until it is
reverted. Windows, soak and approvals do not apply.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from headgate.git.refs.reference import HEADS, Resolved
from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.model import ChangeStage, EnvironmentChange
from headgate.promotion.clone import RefUpdate
from headgate.promotion.clone.making import make_commit, make_tag
from headgate.promotion.clone.pushing import push
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import PromotionError
from headgate.promotion.fleet.rendering import RenderedSource
from headgate.promotion.plans.base import is_record_of, signer_of_base
from headgate.promotion.plans.difference import difference_of
from headgate.promotion.plans.execute import (
    Executed,
    PullRequestWish,
    Requester,
    change_commit,
    check_counts,
    check_signs,
    reused_commit,
)
from headgate.promotion.plans.history import BadMark, known_commit
from headgate.promotion.plans.lastgood import earlier_files, last_good
from headgate.promotion.plans.model import Mode
from headgate.promotion.plans.modes import Move, by_pull_request, mode_of, pin_edit, pin_field
from headgate.promotion.plans.revert import reverted_tree
from headgate.promotion.plans.rollbacks import is_told_by_tag, is_true, rollback_of
from headgate.promotion.plans.trailers import (
    DIGEST,
    ENVIRONMENT,
    FROM,
    REVERTS,
    ROLLBACK_OF,
    ROLLBACK_TO,
    message,
    record_ref,
    trailers_of,
)
from headgate.promotion.plans.versions import next_version
from headgate.promotion.plans.world import World, described, moved, source_of

__all__ = ["Rollback", "prepare", "revert", "roll_back"]


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback to do, or one that an earlier run began."""

    environment: str
    mode: Mode
    bad: str
    """The commit whose content the environment leaves: no promotion may contain it."""
    brought: str
    """The newest commit that it ever followed of what is taken back: :attr:`bad`, or one that contains it."""
    good: str
    """The commit whose tree it gets."""
    before: str
    """The commit that it follows now, if it is not the rollback yet."""
    good_name: str
    """The version, for people."""
    move: Move
    change: EnvironmentChange
    digest: str
    done: str = ""
    """The commit of the rollback, if the environment follows it already."""

    @property
    def trailers(self) -> list[tuple[str, str]]:
        """The audit of the rollback, which marks the bad commit."""
        return [
            (ENVIRONMENT, self.environment),
            (FROM, self.before),
            (DIGEST, self.digest),
            (ROLLBACK_OF, self.bad),
            (ROLLBACK_TO, self.good),
        ]


def prepare(world: World, name: str, to: str = "") -> Rollback:
    """Return the rollback of an environment to a version or commit; by default to what it ran before.

    If the environment follows a rollback already, that one is finished, unless ``to`` names something else.
    Raises :class:`PromotionError`.
    """
    target = world.environments[name]
    source = source_of(target, world.render(target))
    base = world.follows(source)
    if base is None:
        raise PromotionError(
            f"'{name}' follows {described(source.reference)}, which selects nothing: nothing to roll back"
        )
    mode = mode_of(world, target, source)
    finished = _begun(world, target, mode, base, to)
    if finished is not None:
        return finished
    good, good_name = last_good(world, target, source, mode, base, to)
    if world.clone.id_of_tree(good) == world.clone.id_of_tree(base.commit):
        raise PromotionError(f"'{name}' already runs the content of {good_name}: nothing to roll back")
    move = _move(world, target, source, mode, base, good, good_name)
    difference = difference_of(world, target, source, base, move, ChangeStage.BY_ROLLBACK)
    # After an earlier rollback, what is bad now is the content that it brought back.
    bad, brought = _content_of(world, base.commit)
    return Rollback(
        name, mode, bad, brought, good, base.commit, good_name, move, difference.change, difference.digest
    )


def roll_back(
    world: World, rollback: Rollback, requester: Requester, *, sign: bool = True
) -> tuple[Rollback, Executed]:
    """Do it, and return it with the commit that was made; raises :class:`PromotionError`."""
    if rollback.done:
        name = rollback.move.version or rollback.done[:12]
        return rollback, Executed((f"{rollback.environment} already follows the rollback {name}",), name)
    move, name = rollback.move, rollback.environment
    subject = f"Roll {name} back to {rollback.good_name}"
    text = message(subject, [f"{rollback.bad[:12]} is bad."], rollback.trailers)
    if rollback.mode in (Mode.PIN, Mode.FIELDS):
        commit = change_commit(world, move, text, sign)
        title, _, body = text.partition("\n\n")
        branch = move.ref.removeprefix(HEADS)
        wish = PullRequestWish(commit, branch, move.expected, move.branch, title, body)
        return rollback, Executed(tuple(requester(world, wish)))
    check_signs(world, name, sign)
    commit = make_commit(world.clone, rollback.good, [rollback.before], text, sign=sign)
    if rollback.mode is Mode.TAG:
        tag = make_tag(world.clone, move.version, commit, text, sign=sign)
        check_counts(world, world.promoters.of_tag(move.version, tag, commit)[1])
        push(world.clone, [RefUpdate(move.ref, tag)])
        line = f"pushed the tag {move.version} with the content of {rollback.good_name}: {name} follows it"
    else:
        check_counts(world, world.promoters.of_commit(commit)[1])
        push(world.clone, [RefUpdate(move.ref, commit, move.expected)])
        line = f"moved the branch '{move.ref.removeprefix(HEADS)}' to the content of {rollback.good_name}"
    return replace(rollback, done=commit), Executed((line,), move.version)


def revert(world: World, rollback: Rollback, requester: Requester, *, sign: bool = True) -> Executed:
    """Open the pull request that takes the bad promotion back on the default branch.

    Raises :class:`headgate.promotion.plans.revert.RevertConflicts` if a person must do it.
    """
    if rollback.mode in (Mode.PIN, Mode.FIELDS):
        return Executed(())
    default = world.default_branch
    tip = world.clone.tip(default)
    tree = reverted_tree(world.clone, default, tip, rollback.brought, rollback.good, _paths(world, rollback))
    if tree is None:
        return Executed((f"'{default}' has nothing of it any longer: no revert is needed",))
    # A branch only moves forward, so the default branch must receive the commit that rolled it back.
    others = [rollback.done] if rollback.mode is Mode.BRANCH and rollback.done else []
    subject = f"Revert what {rollback.bad[:12]} brought to {rollback.environment}"
    why = (
        f"{rollback.environment} was rolled back to {rollback.good_name}. Until this is merged, no promotion may "
        f"contain {rollback.bad[:12]}."
    )
    reverts = [(REVERTS, each) for each in dict.fromkeys((rollback.bad, rollback.brought))]
    text = message(subject, [why], [(ENVIRONMENT, rollback.environment), *reverts])
    ref = f"{HEADS}headgate/revert-{rollback.environment}"
    existing = world.refs.ids.get(ref, "")
    commit = reused_commit(world, existing, tree, [tip, *others], text) or make_commit(
        world.clone, tree, [tip, *others], text, sign=sign
    )
    title, _, body = text.partition("\n\n")
    wish = PullRequestWish(commit, ref.removeprefix(HEADS), existing, default, title, body)
    return Executed(tuple(requester(world, wish)))


def _begun(world: World, target: Environment, mode: Mode, base: Resolved, to: str) -> Rollback | None:
    """The rollback that the environment follows already, if it is the one to finish.

    Raises :class:`PromotionError` if it may be one, but nobody whom the policy names has signed it.
    """
    said = trailers_of(world.clone.commit(base.commit).message)
    bad, good = said.get(ROLLBACK_OF, ""), said.get(ROLLBACK_TO, "")
    mark = BadMark(base.commit, bad, good, said.get(ENVIRONMENT, ""))
    if mark.environment != target.name or not _is_followed(world, target, mode, base, mark):
        return None
    if to and world.clone.id_of_tree(world.clone.resolve(to)) != world.clone.id_of_tree(base.commit):
        return None
    if mode is not Mode.FIELDS and world.promoters.are_named:
        signer, why = signer_of_base(world, target, base)
        if not signer and not to:
            raise PromotionError(
                f"what '{target.name}' follows says that it is the rollback to {good[:12]}, but {why}: name what to "
                "return to with --to"
            )
        if not signer:
            return None
    now = world.render(target)
    version = base.ref.removeprefix("refs/tags/") if mode is Mode.TAG else ""
    move = Move(base.ref, base.commit, world.refs, version=version, head=base.commit)
    change = compare(now, now, ChangeStage.BY_ROLLBACK)
    before = said.get(FROM) or bad
    _, brought = _content_of(world, before)
    name, digest = to or good[:12], said.get(DIGEST, "")
    return Rollback(target.name, mode, bad, brought, good, before, name, move, change, digest, base.commit)


def _is_followed(world: World, target: Environment, mode: Mode, base: Resolved, mark: BadMark) -> bool:
    """Whether the target follows a rollback, as the contents show: anybody may write the message of a commit."""
    clone = world.clone
    if mode is Mode.FIELDS:
        # The pull request is merged: the files have their former contents.
        is_known = known_commit(clone, mark.bad) and known_commit(clone, mark.good)
        return is_known and not earlier_files(world, target, mark.good)
    if mode is Mode.PIN or not is_true(clone, mark):
        return False
    if mode is Mode.TAG:
        return is_told_by_tag(world, mark, signed=False)
    # A commit that came by a promotion was on the default branch before, or has a record.
    record = world.refs.ids.get(record_ref(target.name), "")
    if record and is_record_of(world, target, record, base.commit):
        return False
    tip = clone.tip(world.default_branch)
    return base.commit not in clone.git.text("rev-list", "--first-parent", "--end-of-options", tip).split()


def _content_of(world: World, commit: str) -> tuple[str, str]:
    """The commit whose content a commit has, and the newest one that led there: it may be a rollback itself."""
    brought = ""
    seen = {commit}
    while (mark := rollback_of(world.clone, commit)) is not None and mark.good not in seen:
        brought = brought or mark.bad
        commit = mark.good
        seen.add(commit)
    return commit, brought or commit


def _move(
    world: World,
    target: Environment,
    source: RenderedSource,
    mode: Mode,
    base: Resolved,
    good: str,
    good_name: str,
) -> Move:
    if mode is Mode.TAG:
        version = next_version(world.refs.ids, source.reference.semver, bump="patch")
        ref = f"refs/tags/{version}"
        return Move(ref, "", moved(world.refs, ref, good), version=version, head=good)
    if mode is Mode.BRANCH:
        return Move(base.ref, base.commit, moved(world.refs, base.ref, good), head=good)
    branch = f"headgate/rollback-{target.name}"
    if mode is Mode.PIN:
        return _unpin(world, target, source, branch, good, good_name)
    return _uncopy(world, target, branch, good)


def _unpin(
    world: World, target: Environment, source: RenderedSource, branch: str, good: str, good_name: str
) -> Move:
    field = pin_field(source.reference)
    value = good
    if field != "commit":
        value = good_name if world.refs.commit(f"refs/tags/{good_name}") == good else ""
        if not value:
            raise PromotionError(f"'{target.name}' is pinned to a tag: name the tag to return to with --to")
        value = f"refs/tags/{value}" if field == "name" else value
    edits, files = pin_edit(world, world.render(target), source, value, field)
    return by_pull_request(world, branch, edits, files, good)


def _uncopy(world: World, target: Environment, branch: str, good: str) -> Move:
    """Take the files that hold copied fields from an earlier commit of the default branch."""
    files = earlier_files(world, target, good)
    if not files:
        raise PromotionError(
            f"no file with fields of '{target.name}' differs from {good[:12]}: nothing to roll back"
        )
    return by_pull_request(world, branch, (), files)


def _paths(world: World, rollback: Rollback) -> set[str] | None:
    """The files that the target reads, before or after; None if this is not known."""
    target = world.environments[rollback.environment]
    found: set[str] = set()
    for commit in (rollback.bad, rollback.good):
        rendering = world.render(target, moved(world.refs, rollback.move.ref, commit))
        for each in rendering.kustomizations:
            if each.inputs is None:
                return None
            found.update(each.inputs)
    changed = world.clone.changed_paths(rollback.brought, rollback.good)
    return found | {path for path in changed if path.startswith(f"{target.cluster}/")}
