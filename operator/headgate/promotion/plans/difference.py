"""What a move changes in its target: rendered before and after, compared, and digested."""

from __future__ import annotations

from dataclasses import dataclass

from headgate.git.refs.reference import Resolved
from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.model import ChangeStage, EnvironmentChange
from headgate.promotion.config.model import Environment
from headgate.promotion.fleet.rendering import RenderedSource, Rendering
from headgate.promotion.plans.digest import digest_of
from headgate.promotion.plans.modes import Move
from headgate.promotion.plans.world import World, described

__all__ = ["TargetDifference", "difference_of"]


@dataclass(frozen=True, slots=True)
class TargetDifference:
    """What changes between what a target follows and what it would follow."""

    after: Rendering
    """What the target would get."""
    change: EnvironmentChange
    trees: tuple[str, str]
    """The ids of the trees before and after."""
    digest: str
    """What people approve."""


def difference_of(
    world: World,
    target: Environment,
    source: RenderedSource,
    base: Resolved,
    move: Move,
    stage: ChangeStage = ChangeStage.AT_PROMOTION,
) -> TargetDifference:
    """Return what a move changes in a target that follows ``base``; raises :class:`PromotionError`."""
    now, after = world.render(target), world.render(target, move.refs)
    change = compare(now, after, stage, described(source.reference))
    trees = world.clone.id_of_tree(base.commit), world.clone.id_of_tree(move.head)
    return TargetDifference(after, change, trees, digest_of(change, after, trees))
