"""Which objects of a change have not run in an environment before. Pure.

An object has run there if an environment before has its counterpart, of the same kind and name, and if every field that
changes has the same value there, or one that may differ by ``expect``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from headgate.promotion.changes.fields import Difference
from headgate.promotion.changes.model import ChangeType, EnvironmentChange, ObjectChange
from headgate.promotion.changes.objects import differences_of
from headgate.promotion.changes.paths import Path, Pattern
from headgate.promotion.changes.shapes import Shapes
from headgate.promotion.fleet.rendering import RenderedObject, Rendering

__all__ = ["unproven"]


def unproven(
    change: EnvironmentChange, after: Rendering, before: Iterable[Rendering], expect: Iterable[str]
) -> tuple[str, ...]:
    """Return the objects of a change that did not run before, such as ``Ingress/production/my-app``.

    ``after`` is the rendering of the target that the change leads to, ``before`` those of the environments before it,
    at the candidate; ``expect`` lists the fields that may differ.
    """
    patterns = [Pattern.parse(each) for each in expect]
    mine = {each.ref: each for each in after.objects}
    others = [_by_name(each) for each in before]
    shapes = Shapes(each.obj for each in after.objects)
    found = []
    for each in change.changes:
        if each.inert or any(pattern.covers_object(each.ref.kind) for pattern in patterns):
            continue
        proofs = (_is_proven(each, mine.get(each.ref), other, patterns, shapes) for other in others)
        if not any(proofs):
            found.append(str(each.ref))
    return tuple(dict.fromkeys(found))


def _is_proven(
    change: ObjectChange,
    mine: RenderedObject | None,
    others: dict[tuple[str, str, str], list[RenderedObject]],
    patterns: Sequence[Pattern],
    shapes: Shapes,
) -> bool:
    name = mine.original_name if mine is not None and mine.original_name else change.ref.name
    counterparts = others.get((change.ref.group, change.ref.kind, name), [])
    if change.action is ChangeType.REMOVED:
        return not counterparts
    if mine is None or not counterparts:
        return False
    if change.action is ChangeType.ADDED or not change.fields:
        return True
    wanted = [each.steps for each in change.fields if not _covered(patterns, change.ref.kind, each.steps)]
    return any(
        not any(_touch(path, difference.path) for difference in _real(mine, other, shapes) for path in wanted)
        for other in counterparts
    )


def _real(mine: RenderedObject, other: RenderedObject, shapes: Shapes) -> Iterator[Difference]:
    """The differences between an object and its counterpart, except for names of the namespace itself."""
    for each in differences_of(other.obj, mine.obj, shapes):
        if not (each.before == other.ref.namespace and each.after == mine.ref.namespace):
            yield each


def _touch(one: Path, other: Path) -> bool:
    """Whether one path is the other, or leads to it."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _covered(patterns: Sequence[Pattern], kind: str, path: Path) -> bool:
    return any(pattern.covers(kind, path) for pattern in patterns)


def _by_name(rendering: Rendering) -> dict[tuple[str, str, str], list[RenderedObject]]:
    found: dict[tuple[str, str, str], list[RenderedObject]] = {}
    for each in rendering.objects:
        key = each.ref.group, each.ref.kind, each.original_name or each.ref.name
        found.setdefault(key, []).append(each)
    return found
