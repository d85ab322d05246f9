"""What a rollback returns to: what the environment ran before, or what the user names."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from headgate.api.revision import COMMIT_ID
from headgate.git.refs.reference import HEADS, TAGS, Resolved
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import PromotionError
from headgate.promotion.fleet.rendering import RenderedSource
from headgate.promotion.plans.history import PLAIN, BadMark, marks
from headgate.promotion.plans.model import Mode
from headgate.promotion.plans.rollbacks import counted, is_proven
from headgate.promotion.plans.trailers import ENVIRONMENT, FROM, record_ref, trailers_of
from headgate.promotion.plans.versions import version_tags
from headgate.promotion.plans.world import World, moved

__all__ = ["earlier_files", "last_good"]


def last_good(
    world: World, target: Environment, source: RenderedSource, mode: Mode, base: Resolved, to: str
) -> tuple[str, str]:
    """Return the commit to return to, and its name for people; raises :class:`PromotionError`."""
    clone = world.clone
    if to:
        return _named(world, target, mode, base, to), to
    if mode is Mode.TAG:
        found = counted(world, marks(clone, [world.default_branch]), base.commit)
        # A forged mark must not make an older version the last good one.
        bad = {mark.bad for mark in found if is_proven(world, mark)}
        tree = clone.id_of_tree(base.commit)
        for each in version_tags(world.refs.ids, source.reference.semver):
            commit = world.refs.commit(f"refs/tags/{each.name}") or ""
            if commit != base.commit and commit not in bad and clone.id_of_tree(commit) != tree:
                if problem := _doubt(world, target, base, each.name, commit, found):
                    raise PromotionError(f"{problem}: if it is right, name it with --to {commit}")
                return commit, each.name
        raise PromotionError(
            f"no earlier version of '{target.name}' is in the range '{source.reference.semver}': name one with --to"
        )
    if mode is Mode.BRANCH:
        last = world.refs.ids.get(record_ref(target.name), "")
        said = trailers_of(clone.commit(last).message) if last else {}
        before = said.get(FROM, "").rpartition("(")[2].rstrip(")")
        is_of_base = last and clone.id_of_tree(last) == clone.id_of_tree(base.commit)
        is_of_base = is_of_base and (
            not world.promoters.are_named or bool(world.promoters.of_commit(last)[0])
        )
        # More people may push the record than the branch: it only chooses from what the branch has had.
        if (
            is_of_base
            and COMMIT_ID.fullmatch(before)
            and clone.is_ancestor(clone.resolve(before), base.commit)
        ):
            return before, before[:12]
        raise PromotionError(
            f"no record says what '{target.name}' ran before {base.commit[:12]}: name a commit with --to"
        )
    for commit in _earlier(world, target):
        earlier = _before(world, target, source, mode, base, commit)
        if earlier is not None:
            return earlier
    raise PromotionError(
        f"the history of '{world.default_branch}' does not say what '{target.name}' ran before: use --to"
    )


def _named(world: World, target: Environment, mode: Mode, base: Resolved, to: str) -> str:
    """The commit that the user names; the name of a tag is as good as who made it."""
    clone = world.clone
    commit = clone.resolve(to)
    if mode is not Mode.TAG:
        if not clone.is_ancestor(commit, base.commit):
            raise PromotionError(f"--to: {target.name} never contained {to}")
    elif TAGS + to in world.refs.ids and not COMMIT_ID.fullmatch(to):
        found = counted(world, marks(clone, [world.default_branch]), base.commit)
        if problem := _doubt(world, target, base, to, commit, found):
            raise PromotionError(f"--to: {problem}: if it is right, name the commit with --to {commit}")
    return commit


def _doubt(
    world: World, target: Environment, base: Resolved, name: str, commit: str, found: Iterable[BadMark]
) -> str:
    """Why a tag may not be a version that the target had; a rollback signs what it brings back."""
    if world.promoters.are_named:
        signer, why = world.promoters.of_tag(name, world.refs.ids[TAGS + name], commit)
        return "" if signer else f"the tag {name} names {commit[:12]}, and {why}"
    if _was_accepted(world, base, commit, found):
        return ""
    return (
        f"the tag {name} names {commit[:12]}, which is part of neither what '{target.name}' follows nor "
        f"'{world.default_branch}'"
    )


def _was_accepted(world: World, base: Resolved, commit: str, found: Iterable[BadMark]) -> bool:
    """Whether a commit went through the default branch or the target, itself or as what a rollback brought back.

    A rollback signs what it brings back, and anybody who may push tags can give a commit a version.
    """
    clone = world.clone
    known = base.commit, clone.tip(world.default_branch)
    wanted = [commit]
    for mark in found:
        if mark.commit == commit and mark.good and clone.id_of_tree(mark.good) == clone.id_of_tree(commit):
            wanted.append(mark.good)
    return any(clone.is_ancestor(each, tip) for each in wanted for tip in known)


def _before(
    world: World, target: Environment, source: RenderedSource, mode: Mode, base: Resolved, commit: str
) -> tuple[str, str] | None:
    """What the target had at a commit of the default branch, if it was something else: the message may be anybody's."""
    if mode is Mode.FIELDS:
        return (commit, commit[:12]) if earlier_files(world, target, commit) else None
    then = world.render(target, moved(world.refs, HEADS + world.default_branch, commit)).source(source.key)
    pinned = None if then is None else then.resolved
    if then is None or pinned is None:
        return None
    if world.clone.id_of_tree(pinned.commit) == world.clone.id_of_tree(base.commit):
        return None
    tag = then.reference.tag or then.reference.name.removeprefix(TAGS)
    return pinned.commit, tag or pinned.commit[:12]


def _earlier(world: World, target: Environment) -> Iterator[str]:
    """Commits of the default branch before the promotions of a target, the latest first."""
    tip = world.clone.tip(world.default_branch)
    options = (*PLAIN, "--format=%H", "--max-count=100", f"--grep=^{ENVIRONMENT}: {target.name}$", tip, "--")
    for commit in world.clone.git.text("log", *options).split():
        yield from world.clone.commit(commit).parents[:1]


def earlier_files(world: World, target: Environment, good: str) -> dict[str, bytes]:
    """Return the files that hold copied fields and were others at an earlier commit, as they were."""
    tip = world.clone.tip(world.default_branch)
    names = {posixpath.normpath(each.partition(":")[0]) for each in target.fields}
    files = {}
    for each in world.render(target).kustomizations:
        path = each.spec.get("path")
        for name in names:
            file = posixpath.normpath(posixpath.join(path.lstrip("/") if isinstance(path, str) else "", name))
            old, now = world.clone.file(good, file), world.clone.file(tip, file)
            if old is not None and now is not None and old != now:
                files[file] = old
    return files
