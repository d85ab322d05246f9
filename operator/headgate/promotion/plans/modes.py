"""How a target learns of a promotion, by its ``spec.ref``: which ref moves, or which files change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from headgate.git.refs.reference import DEFAULT_BRANCH, HEADS, TAGS, GitReference, Refs, Resolved
from headgate.promotion.clone import Clone
from headgate.promotion.clone.making import make_commit, make_tree
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import PromotionError
from headgate.promotion.fleet.rendering import RenderedSource, Rendering
from headgate.promotion.plans.edits import pinned, replaced
from headgate.promotion.plans.fields import copied_fields
from headgate.promotion.plans.model import Edit, Mode
from headgate.promotion.plans.versions import Bump, next_version
from headgate.promotion.plans.world import World, described, moved, source_of

__all__ = ["Move", "Wish", "mode_of", "move_of", "pinned_tag", "promotion_branch"]

_DIGITS = re.compile("[0-9]+")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants of the new version."""

    version: str = ""
    bump: Bump | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """What is pushed, and what the remote would have then."""

    ref: str
    expected: str
    refs: Refs
    """The refs of the remote when the promotion has arrived."""
    version: str = ""
    branch: str = ""
    """The branch that a pull request goes to; empty without one."""
    edits: tuple[Edit, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The new contents of the files that change."""
    head: str = ""
    """The commit whose tree the target gets."""
    problem: str = ""
    """Why the target cannot go there."""


def mode_of(world: World, target: Environment, source: RenderedSource) -> Mode:
    """Return the mode of a target; raises :class:`PromotionError` if it cannot be promoted."""
    reference = source.reference
    if reference.commit or reference.tag or reference.name.startswith(TAGS):
        return Mode.PIN
    if reference.name and not reference.name.startswith(HEADS):
        raise PromotionError(
            f"GitRepository {source.key}: spec.ref.name '{reference.name}' is neither a branch nor a tag, so that "
            f"'{target.name}' cannot be promoted"
        )
    if reference.semver and not reference.name:
        return Mode.TAG
    branch = _branch(reference)
    for name in target.after:
        before = world.environments[name]
        other = source_of(before, world.render(before)).reference
        if not (other.commit or other.tag or other.semver) and _branch(other) == branch:
            if target.fields:
                return Mode.FIELDS
            raise PromotionError(
                f"'{target.name}' follows the branch '{branch}', as '{name}' does: a change reaches both at once. Name "
                "what a promotion copies as 'fields' in headgate.yaml, or let one of them follow something else"
            )
    return Mode.BRANCH


def move_of(
    world: World,
    target: Environment,
    source: RenderedSource,
    mode: Mode,
    base: Resolved,
    candidate: str,
    wish: Wish,
) -> Move:
    """Return what a promotion of ``candidate`` moves; raises :class:`PromotionError`."""
    refs = world.refs
    if mode is Mode.TAG:
        version = next_version(refs.ids, source.reference.semver, given=wish.version, bump=wish.bump)
        ref = f"{TAGS}{version}"
        return Move(ref, "", moved(refs, ref, candidate), version=version, head=candidate)
    if mode is Mode.BRANCH:
        ref = HEADS + _branch(source.reference)
        problem = ""
        if not world.clone.is_ancestor(base.commit, candidate):
            problem = (
                f"the branch '{_branch(source.reference)}' has commits that {candidate[:12]} does not contain, such as "
                f"{base.commit[:12]}: it only moves forward, so merge it into '{world.default_branch}' first"
            )
        return Move(ref, base.commit, moved(refs, ref, candidate), head=candidate, problem=problem)
    if mode is Mode.PIN:
        edits, files = _pin(world, target, source, candidate)
    else:
        edits, files = copied_fields(world, target, candidate)
    return by_pull_request(
        world, promotion_branch(target), edits, files, candidate if mode is Mode.PIN else ""
    )


def by_pull_request(
    world: World, branch: str, edits: tuple[Edit, ...], files: Mapping[str, bytes], head: str = ""
) -> Move:
    """Return the move of a pull request that changes files on the default branch."""
    default = world.default_branch
    tip = world.clone.tip(default)
    commit = tip
    if files:
        tree = make_tree(world.clone, tip, files)
        commit = make_commit(world.clone, tree, [tip], "Promote\n", sign=False, at=world.now)
    ref = HEADS + branch
    return Move(
        ref,
        world.refs.ids.get(ref, ""),
        moved(world.refs, HEADS + default, commit),
        branch=default,
        edits=edits,
        files=files,
        head=head or commit,
    )


def promotion_branch(target: Environment) -> str:
    """The branch of a target's pull request: always the same, so that there is one."""
    return f"headgate/promote-{target.name}"


def pinned_tag(clone: Clone, commit: str, present: str) -> str:
    """Return the tag that a pin goes to from the tag ``present``: the only one of this form that names the commit.

    Tags have one form if they differ in numbers only. Whoever may push tags must not choose: of several, none is taken,
    and none of a commit that the default branch does not contain. Raises :class:`PromotionError`.
    """
    refs, branch = clone.refs(), clone.default_branch()
    names = {name.removeprefix(TAGS) for name in refs.ids if name.startswith(TAGS)}
    names = {name for name in names if refs.commit(TAGS + name) == commit}
    if present in names:
        return present
    found = sorted(name for name in names if _form(name) == _form(present))
    if not found:
        raise PromotionError(
            f"no tag names {commit[:12]} in the form of '{present}': tag it so and push the tag, or pin the commit "
            "('spec.ref.commit'), then run the command again"
        )
    if len(found) > 1:
        raise PromotionError(
            f"{len(found)} tags name {commit[:12]} in the form of '{present}', such as '{found[0]}' and '{found[1]}': "
            "delete all but one, or pin the commit ('spec.ref.commit'), then run the command again"
        )
    if not clone.is_ancestor(commit, clone.tip(branch)):
        raise PromotionError(
            f"the tag '{found[0]}' names {commit[:12]}, which '{branch}' does not contain: merge it first, or pin the "
            "commit ('spec.ref.commit')"
        )
    return found[0]


def _form(tag: str) -> str:
    return _DIGITS.sub("0", tag)


def pin_edit(
    world: World, rendering: Rendering, source: RenderedSource, value: str, field_name: str
) -> tuple[tuple[Edit, ...], dict[str, bytes]]:
    """Return the edit that pins a GitRepository to another value."""
    file = (source.place or "").rpartition(":")[0] or (source.place or "")
    tip = world.clone.tip(world.default_branch)
    content = world.clone.file(tip, file) if file else None
    if content is None:
        raise PromotionError(
            f"GitRepository {source.key}: its manifest is not a file of the branch '{world.default_branch}' "
            f"({file or rendering.cluster}), so that no pull request can change it"
        )
    found = pinned(content, file, source.key.namespace, source.key.name, field_name)
    if found is None:
        raise PromotionError(
            f"{file}: GitRepository {source.key} has no spec.ref.{field_name} there: does a patch set it?"
        )
    if found.value == value:
        return (), {}
    edit = Edit(file, f"spec.ref.{field_name}", found.value, value)
    return (edit,), {file: replaced(content, [(found, value, "!!str")], file)}


def pin_field(reference: GitReference) -> str:
    """The field that pins."""
    return "commit" if reference.commit else "name" if reference.name else "tag"


def _pin(
    world: World, target: Environment, source: RenderedSource, candidate: str
) -> tuple[tuple[Edit, ...], dict[str, bytes]]:
    name = pin_field(source.reference)
    value = candidate
    if name != "commit":
        present = source.reference.name.removeprefix(TAGS) or source.reference.tag
        try:
            value = pinned_tag(world.clone, candidate, present)
        except PromotionError as error:
            raise PromotionError(
                f"'{target.name}' is pinned to {described(source.reference)}, and {error}"
            ) from None
        value = TAGS + value if name == "name" else value
    return pin_edit(world, world.render(target), source, value, name)


def _branch(reference: GitReference) -> str:
    return reference.name.removeprefix(HEADS) if reference.name else reference.branch or DEFAULT_BRANCH
