"""Field specifications: the fields of each kind that a transformer changes, and the walk to them.

A specification contains a path such as ``spec/template/spec/containers[]/image``. A walk enters lists on its way
without a segment for them; ``[]`` only marks a segment that must be a list. ``create`` creates missing maps. Syntax and
merging rules: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/ (configurations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from headgate.caching import cached_if_short
from headgate.documents.budget import SCAN, Budget
from headgate.documents.errors import BuildError
from headgate.kustomize.errors import KustomizationError, ResourceError
from headgate.kustomize.resources.ids import Gvk
from headgate.kustomize.resources.resource import Resource
from headgate.objects import Obj

# Arguments: the container and the key of the field.
Setter = Callable[[Any, Any], None]


class FieldSpec(NamedTuple):
    """A field path, for the kinds that ``gvk`` selects."""

    path: str = ""
    gvk: Gvk = Gvk()
    create: bool = False


class PathStep(NamedTuple):
    """One segment of a path."""

    name: str
    is_list: bool


@cached_if_short(8192)
def steps(path: str) -> tuple[PathStep, ...]:
    """Split a path at its slashes; ``\\/`` is a slash inside a name, and a leading slash is ignored."""
    return tuple(
        PathStep(part[:-2], True) if part.endswith("[]") else PathStep(part, False)
        for part in split_path(path, "/")
    )


def split_path(path: str, delimiter: str) -> list[str]:
    """Split at ``delimiter`` unless a backslash precedes it; remove one leading delimiter."""
    parts = path.split(delimiter)
    if len(parts) > 1 and parts[0] == "":
        parts = parts[1:]
    result = [parts[0]]
    for part in parts[1:]:
        if result[-1].endswith("\\"):
            result[-1] = result[-1][:-1] + delimiter + part
        else:
            result.append(part)
    return result


def merge_specs(specs: Sequence[FieldSpec], more: Iterable[FieldSpec]) -> tuple[FieldSpec, ...]:
    """Add specifications that are not covered yet; raises KustomizationError when their ``create`` differs."""
    result = list(specs)
    # Only specifications of the same path can cover each other.
    by_path: dict[str, list[FieldSpec]] = {}
    for spec in result:
        by_path.setdefault(spec.path, []).append(spec)
    for spec in more:
        known = next((item for item in by_path.get(spec.path, ()) if item.gvk.selected_by(spec.gvk)), None)
        if known is None:
            result.append(spec)
            by_path.setdefault(spec.path, []).append(spec)
        elif known.create != spec.create:
            raise KustomizationError(
                f"conflicting field specifications: {spec.path!r} is given both with and without create"
            )
    return tuple(result)


def sort_specs(specs: Iterable[FieldSpec]) -> tuple[FieldSpec, ...]:
    """Return the specifications in kustomize's order of kinds."""
    return tuple(sorted(specs, key=lambda spec: spec.gvk.sort_key()))


class FieldPlan(NamedTuple):
    """A specification compiled for one kind: the steps, and whether to create missing fields."""

    path: str
    steps: tuple[PathStep, ...]
    create: bool


class Plans:
    """The field paths of a list of specifications by kind, compiled once for each kind."""

    __slots__ = ("_plans", "specs")

    def __init__(self, specs: Iterable[FieldSpec]) -> None:
        self.specs = tuple(specs)
        self._plans: dict[Gvk, tuple[FieldPlan, ...]] = {}

    def of(self, gvk: Gvk) -> tuple[FieldPlan, ...]:
        """Return the plans that apply to a kind, in the order of the specifications."""
        plans = self._plans.get(gvk)
        if plans is None:
            plans = self._plans[gvk] = tuple(
                plan_of(spec) for spec in self.specs if gvk.selected_by(spec.gvk)
            )
        return plans


def plan_of(spec: FieldSpec) -> FieldPlan:
    """Compile one specification."""
    return FieldPlan(spec.path, steps(spec.path), spec.create)


def for_each_field(
    resource: Resource, plan: FieldPlan, setter: Setter, create: Callable[[], Any] | None
) -> None:
    """Call ``setter(container, key)`` for each field at the plan's path.

    ``create`` makes the value of a missing last field, if the plan allows that; None creates nothing. Raises
    ResourceError, naming the object and the field, when the path leads through a scalar.
    """
    try:
        creating = plan.create and create is not None
        _in_map(resource.obj, plan.steps, 0, creating, setter, create, resource.budget)
    except BuildError as error:
        raise error.at(object=str(resource), field=plan.path) from None


def _in_map(
    obj: Obj,
    path: tuple[PathStep, ...],
    index: int,
    creating: bool,
    setter: Setter,
    create: Callable[[], Any] | None,
    budget: Budget,
) -> None:
    last = len(path) - 1
    while True:
        name, is_list = path[index]
        if name not in obj or obj[name] is None:
            if not _prepare(obj, name, is_list, index == last, creating, create):
                return
        elif not name:
            raise ResourceError("a field name is empty")
        if index == last:
            setter(obj, name)
            return
        child = obj[name]
        index += 1
        if type(child) is dict:
            obj = child
            continue
        if type(child) is list:
            _in_list(child, path, index, creating, setter, create, budget)
        elif child is not None:
            raise ResourceError("expected a map or a list on the way to this field, found a scalar")
        return


def _prepare(
    obj: Obj, name: str, is_list: bool, is_last: bool, creating: bool, create: Callable[[], Any] | None
) -> bool:
    """Handle a missing or null field; return whether the walk continues."""
    if not name:
        raise ResourceError("a field name is empty")
    if name == "*":
        raise ResourceError("the path of a field specification cannot contain '*'; name each field")
    if not creating or is_list:
        if name not in obj:
            return False
        if is_list:
            # The path requires a list, so kustomize turns a null into an empty one.
            obj[name] = []
        return is_last
    obj[name] = create() if is_last and create is not None else {}
    return True


def _in_list(
    items: list[Any],
    path: tuple[PathStep, ...],
    index: int,
    creating: bool,
    setter: Setter,
    create: Callable[[], Any] | None,
    budget: Budget,
) -> None:
    budget.charge(2 * SCAN * len(items))
    for item in items:
        if type(item) is dict:
            _in_map(item, path, index, creating, setter, create, budget)
        elif type(item) is list:
            _in_list(item, path, index, creating, setter, create, budget)
        elif item is not None:
            raise ResourceError("expected a map or a list on the way to this field, found a scalar")
