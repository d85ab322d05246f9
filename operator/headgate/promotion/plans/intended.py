"""Whether the rendered change of a pull request is exactly what the promotion wants. Pure.

A line of YAML may have another effect than the one that somebody expects: none, because a patch sets the field again,
or more, because others use the file. The change must be the intended one before there is anything to merge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from headgate.promotion.changes.model import ChangeType, EnvironmentChange, FieldChange, Hidden, ObjectChange
from headgate.promotion.fleet.rendering import RenderedSource, Rendering
from headgate.promotion.plans.model import Edit

__all__ = ["problems_elsewhere", "problems_of_fields", "problems_of_pin"]


def problems_of_pin(
    change: EnvironmentChange, after: Rendering, source: RenderedSource, candidate: str
) -> Iterator[str]:
    """What is wrong with the change that a new pin makes: it moves one GitRepository, and what comes from it."""
    if after.commit_of(source.key) != candidate:
        yield (
            f"the edit does not change what GitRepository {source.key} selects: is the cluster folder read at the "
            "pinned commit itself? It needs a second GitRepository that follows the default branch"
        )
        return
    comes = {each.key for each in after.kustomizations if each.source == source.key}
    for each in change.root:
        yield from _unless_pin(each, source)
    for one in change.kustomizations:
        if one.key not in comes and one.action is not ChangeType.REMOVED:
            for each in one.objects:
                yield from _unless_pin(each, source)
            for field in one.fields:
                yield f"Kustomization {one.key} changes at {field.path}"


def problems_of_fields(change: EnvironmentChange, edits: Sequence[Edit]) -> Iterator[str]:
    """What is wrong with the change that copied fields make: each difference must be one of the copied values."""
    values = [(each.before, each.after) for each in edits]
    if edits and change.is_empty:
        yield "the edits change nothing that is applied: is the field set again elsewhere?"
    for each in change.changes:
        if each.action is not ChangeType.CHANGED and not each.renamed_from:
            yield f"{each.ref} is {each.action.value}"
            continue
        for field in each.fields:
            if not _is_explained(field, values, change):
                yield f"{each.ref} changes at {field.path}, which no copied value explains"
    for one in change.kustomizations:
        if one.action is not None:
            yield f"Kustomization {one.key} is {one.action.value}"
        for field in one.fields:
            yield f"Kustomization {one.key} changes at {field.path}"


def problems_elsewhere(changes: Mapping[str, EnvironmentChange]) -> Iterator[str]:
    """What the pull request would change in other environments: nothing may."""
    for name, change in changes.items():
        if not change.is_empty or change.uncertain:
            first = next((str(each.ref) for each in change.changes), "something that cannot be built")
            yield f"it would also change '{name}': {first}"


def _unless_pin(each: ObjectChange, source: RenderedSource) -> Iterator[str]:
    is_source = (each.ref.kind, each.ref.name) == ("GitRepository", source.key.name)
    others = [field.path for field in each.fields if not field.path.startswith("spec.ref")]
    if not is_source or each.action is not ChangeType.CHANGED or others:
        yield f"{each.ref} is {each.action.value}" + (f" at {others[0]}" if others else "")


def _is_explained(field: FieldChange, values: Iterable[tuple[str, str]], change: EnvironmentChange) -> bool:
    before, after = field.before, field.after
    if isinstance(before, Hidden) or isinstance(after, Hidden):
        return False
    for old, new in values:
        if _text(before) == old and _text(after) == new:
            return True
        if isinstance(before, str) and isinstance(after, str) and old and before.replace(old, new) == after:
            return True
    # A generated object has another name, and what uses it says so.
    renames = [(each.renamed_from, each.ref.name) for each in change.changes if each.renamed_from]
    return any(before == old and after == new for old, new in renames)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
