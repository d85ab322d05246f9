"""Copies of bad commits: a candidate that does not contain what a rollback marked, but would do the same again.

A branch that was rebased, or a squash merge, has other commits with the same content. What counts is what the target
would run: a candidate is a copy if every field and object that the bad commit changed in the target is again as it was
there. A candidate that differs in one of them is not, because that may be the fix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headgate.git.refs.reference import HEADS, Resolved
from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.model import Action, EnvironmentChange, FieldChange, Hidden, Stage
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import PromotionError
from headgate.promotion.fleet.rendering import RenderedSource, Rendering
from headgate.promotion.guards import Bad
from headgate.promotion.plans.history import Mark, name_of
from headgate.promotion.plans.model import Mode
from headgate.promotion.plans.modes import Move, Wish, move_of
from headgate.promotion.plans.world import World, moved

__all__ = ["copies_of", "is_copy"]

MAX_MARKS = 20
"""The newest rollbacks whose copies are looked for: each needs two renderings."""

_Effect = tuple[tuple[object, ...], tuple[object, ...]]
"""What changes, and the path of the field; an empty path is all of it."""


def copies_of(
    world: World,
    target: Environment,
    source: RenderedSource,
    mode: Mode,
    base: Resolved,
    move: Move,
    now: Rendering,
    after: Rendering,
    candidate: str,
    found: Iterable[Mark],
) -> Iterator[Bad]:
    """Yield the bad commits that ``candidate`` does not contain, and whose effect it brings back all the same.

    ``now`` is what the target has, ``after`` what it would get. What it already has is not brought back.
    """

    def at(commit: str) -> Rendering:
        if mode is Mode.PIN:
            return world.render(target, move_of(world, target, source, mode, base, commit, Wish()).refs)
        ref = HEADS + world.default_branch if mode is Mode.FIELDS else move.ref
        return world.render(target, moved(world.refs, ref, commit))

    elsewhere = (mark for mark in found if mark.good and not world.clone.is_ancestor(mark.bad, candidate))
    for mark, _ in zip(elsewhere, range(MAX_MARKS), strict=False):
        try:
            good, bad = at(mark.good), at(mark.bad)
        except PromotionError:
            # Such as a tag that is gone: nobody can pin it again either.
            continue
        brought = compare(good, bad, Stage.BETWEEN)
        if is_copy(brought, compare(bad, after, Stage.BETWEEN)) and not is_copy(
            brought, compare(bad, now, Stage.BETWEEN)
        ):
            yield Bad(mark.bad, name_of(world.clone, mark.commit), reverted=False, copied=True)


def is_copy(brought: EnvironmentChange, since: EnvironmentChange) -> bool:
    """Whether a candidate has all that a bad commit brought: ``since`` is the difference from the bad commit to it."""
    effects = list(_effects(brought))
    if not effects:
        return False
    visible = [effect for effect, is_hidden in effects if not is_hidden]
    # Encryption gives the same values another ciphertext, so that it decides only if there is nothing else.
    wanted = visible or [effect for effect, _ in effects]
    changed = [effect for effect, _ in _effects(since, before=True)]
    return not any(_overlap(one, other) for one in wanted for other in changed if one[0] == other[0])


def _effects(change: EnvironmentChange, *, before: bool = False) -> Iterator[tuple[_Effect, bool]]:
    """Every changed field, and whether its value is hidden; ``before``: by the names that objects had before."""
    for each in change.changes:
        if each.inert:
            continue
        name = (each.renamed_from if before else "") or each.ref.name
        what = (each.ref.kind, each.ref.api_version.rpartition("/")[0], each.ref.namespace, name)
        if each.action is Action.CHANGED and each.fields:
            yield from (((what, field.steps or (field.path,)), _is_hidden(field)) for field in each.fields)
        else:
            yield (what, ()), False
    for one in change.kustomizations:
        if one.action:
            yield (("Kustomization", one.key), ()), False
        else:
            yield from (
                ((("Kustomization", one.key), field.steps or (field.path,)), False) for field in one.fields
            )


def _is_hidden(field: FieldChange) -> bool:
    return Hidden.CIPHERTEXT in (field.before, field.after)


def _overlap(one: _Effect, other: _Effect) -> bool:
    """Whether the two fields are the same one, or one is in the other."""
    return all(mine == theirs for mine, theirs in zip(one[1], other[1], strict=False))
