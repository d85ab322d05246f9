"""What of bad commits a candidate brings back: the commits themselves, or copies, which would do the same again.

A branch that was rebased, or a squash merge, has other commits with the same content. What counts is what the target
would run: a candidate is a copy if every field and object that the bad commit changed in the target is again as it was
there. A candidate that differs in one of them is not, because that may be the fix. The same holds of a message that
says that it reverts a bad commit: anybody may write it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from headgate.git.refs.reference import HEADS, Resolved
from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.model import (
    ChangeStage,
    ChangeType,
    EnvironmentChange,
    FieldChange,
    Hidden,
    ObjectChange,
)
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import CloneError, PromotionError
from headgate.promotion.fleet.rendering import RenderedSource, Rendering
from headgate.promotion.guards import Bad
from headgate.promotion.plans.history import BadMark, bad_commits, name_of
from headgate.promotion.plans.model import Mode
from headgate.promotion.plans.modes import Move, Wish, move_of
from headgate.promotion.plans.world import World, moved

__all__ = ["brought_back", "is_copy"]

MAX_MARKS = 20
"""Rollbacks whose effect is compared: each needs two renderings."""

_Effect = tuple[tuple[object, ...], tuple[object, ...]]
"""What changes, and the path of the field; an empty path is all of it."""


def brought_back(
    world: World,
    target: Environment,
    source: RenderedSource,
    mode: Mode,
    base: Resolved,
    move: Move,
    candidate: str,
    found: Sequence[BadMark],
) -> Iterator[Bad]:
    """Yield the bad commits that ``candidate`` contains, reverted or not, and those whose effect it brings back.

    What the target already has is not brought back. Raises :class:`CloneError`.
    """
    now, after = world.render(target), world.render(target, move.refs)

    def at(commit: str) -> Rendering:
        if mode is Mode.PIN:
            return world.render(target, move_of(world, target, source, mode, base, commit, Wish()).refs)
        ref = HEADS + world.default_branch if mode is Mode.FIELDS else move.ref
        return world.render(target, moved(world.refs, ref, commit))

    contained = {each.commit: each for each in bad_commits(world.clone, candidate, found)}
    # Where fields are copied, the target follows what the candidate is on already.
    settled = set() if mode is Mode.FIELDS else _settled(world, base, found)
    yield from (each for each in contained.values() if not each.reverted or each.commit in settled)
    rest: dict[tuple[str, str], BadMark] = {}
    for mark in found:
        is_elsewhere = mark.bad not in contained
        if mark.good and mark.bad not in settled and (is_elsewhere or contained[mark.bad].reverted):
            rest.setdefault((mark.bad, mark.good), mark)
    if len(rest) > MAX_MARKS and mode is not Mode.FIELDS:
        raise CloneError(f"there are more than {MAX_MARKS} rollbacks to compare with")
    for mark in list(rest.values())[:MAX_MARKS]:
        claim = contained.get(mark.bad)
        try:
            good, bad = at(mark.good), at(mark.bad)
        except PromotionError as error:
            if claim is not None:
                raise CloneError(f"it cannot be seen whether {mark.bad[:12]} is reverted: {error}") from None
            # Such as a tag that is gone: nobody can pin it again either.
            continue
        # A pin names the commit, which is another one for each candidate.
        brought, since, has = (
            _without_pin(compare(one, other, ChangeStage.BETWEEN), source)
            for one, other in ((good, bad), (bad, after), (bad, now))
        )
        is_back = is_copy(brought, since) and not is_copy(brought, has)
        if claim is not None:
            yield replace(claim, reverted=not is_back, claimed=is_back)
        elif is_back:
            yield Bad(mark.bad, name_of(world.clone, mark.commit), reverted=False, copied=True)


def _without_pin(change: EnvironmentChange, source: RenderedSource) -> EnvironmentChange:
    def rest(changes: Iterable[ObjectChange]) -> tuple[ObjectChange, ...]:
        return tuple(
            each
            for each in changes
            if (each.ref.kind, each.ref.namespace, each.ref.name)
            != ("GitRepository", source.key.namespace, source.key.name)
        )

    kustomizations = tuple(replace(each, objects=rest(each.objects)) for each in change.kustomizations)
    return replace(change, root=rest(change.root), kustomizations=kustomizations)


def _settled(world: World, base: Resolved, found: Sequence[BadMark]) -> set[str]:
    """The bad commits whose reverts the target follows already, so that an earlier promotion has checked them."""
    if any(mark.commit == base.commit for mark in found):
        return set()
    return {each.commit for each in bad_commits(world.clone, base.commit, found) if each.reverted}


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
        if each.action is ChangeType.CHANGED and each.fields:
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
