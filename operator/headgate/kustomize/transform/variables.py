"""``vars``: values of fields that replace ``$(NAME)`` wherever the configuration allows it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from headgate.documents.budget import NODE, SCAN, Budget
from headgate.documents.errors import BuildError, within
from headgate.documents.yaml.scalars import Folded, SpelledStr, plain, scalar_text
from headgate.kustomize.errors import ReferenceFault, ResourceError
from headgate.kustomize.model.kustomization_file import Var
from headgate.kustomize.paths.fieldpath import MISSING, look_up, split_dotted, with_indexes
from headgate.kustomize.paths.fieldspec import Plans, for_each_field
from headgate.kustomize.resources.ids import ResId, effective_namespace
from headgate.kustomize.resources.objects import written_text
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource, ScopeOf
from headgate.kustomize.resources.sharing import spread

_DECIMAL = re.compile(r"[-+]?[0-9]{1,20}")


class PlacedVar(NamedTuple):
    """A variable, and the entry of the file that defines it."""

    var: Var
    entry: str
    file: str


Vars = dict[str, PlacedVar]


def placed_vars(variables: Iterable[Var], file: str) -> list[PlacedVar]:
    """Return the ``vars`` of a kustomization file with their entries."""
    return [PlacedVar(var, f"vars[{index}]", file) for index, var in enumerate(variables)]


def merge_vars(known: Vars, incoming: Iterable[PlacedVar]) -> None:
    """Add variables; raises ReferenceFault when a name is taken."""
    for item in incoming:
        var, entry, file = item
        if var.name in known:
            other = known[var.name]
            raise ReferenceFault(
                f"the variable {var.name!r} is defined more than once, in {other.file} ({other.entry}), too",
                file=file,
                field=entry,
            )
        known[var.name] = item


def mark_sources(resources: ResMap, incoming: Iterable[PlacedVar], cluster_scoped: ScopeOf) -> None:
    """Record on objects which variables take their values from them.

    This happens where the variables are defined, while the objects still have the names used there. Raises
    ReferenceFault when a variable matches several objects.
    """
    for var, entry, file in incoming:
        found = _sources(resources, var, cluster_scoped)
        if len(found) > 1:
            names = ", ".join(str(item) for item in found)
            raise ReferenceFault(
                f"the variable {var.name!r} matches several objects: {names}", file=file, field=entry
            )
        if found:
            found[0].variables = (*found[0].variables, var.name)


def _sources(resources: ResMap, var: Var, cluster_scoped: ScopeOf) -> list[Resource]:
    gvk = var.gvk
    is_cluster_scoped = cluster_scoped(gvk)
    if var.objref.namespace or is_cluster_scoped:
        wanted = ResId(gvk, var.objref.name, effective_namespace(var.objref.namespace, is_cluster_scoped))
        return resources.with_any_id(wanted)
    # Without a namespace the variable matches objects in any namespace.
    return [
        resource
        for resource in resources.named(var.objref.name)
        if any(
            item.name == var.objref.name and item.gvk == gvk
            for item in (*resource.previous_ids(), resource.id())
        )
    ]


def resolve_vars(resources: ResMap, variables: Vars, plans: Plans) -> None:
    """Replace all references to variables; raises ReferenceFault when one has no value."""
    if not variables:
        return
    sources: dict[str, Resource] = {}
    for resource in resources:
        for name in resource.variables:
            sources.setdefault(name, resource)
    values = {name: _value(sources.get(name), variables[name]) for name in sorted(variables)}
    expansion = _Expansion(values, resources.budget)
    for resource in resources:
        expansion.resource = resource
        here = plans.of(resource.gvk)
        resources.budget.charge(NODE * len(here))
        for plan in here:
            for_each_field(resource, plan, expansion.apply, None)
    unused = sorted(values.keys() - expansion.used)
    if unused:
        import logging

        logging.getLogger(__name__).warning(
            "variables that are defined but nowhere used: %s", ", ".join(unused)
        )


def _value(source: Resource | None, placed: PlacedVar) -> Any:
    var, entry, file = placed
    if source is None:
        what = f"{var.gvk.kind}/{var.objref.name}"
        raise ReferenceFault(
            f"the variable {var.name!r} refers to {what}, which is not part of the build",
            file=file,
            field=entry,
        )
    path = with_indexes(split_dotted(var.field_path))
    try:
        value = look_up(source.obj, path)
    except BuildError:
        value = MISSING
    if value is MISSING:
        raise ReferenceFault(
            f"the variable {var.name!r} refers to a field that does not exist",
            object=str(source),
            field=var.field_path,
        ).inside(entry, file=file)
    if value is None:
        return written_text(value, source.words, tuple(path))
    if isinstance(value, int) and not isinstance(value, bool):
        with within(entry, file=file):
            return _decimal(value, var, source)
    # The value keeps its type, not its spelling; only a date becomes its text.
    return scalar_text(value) if isinstance(value, str) else plain(value)


def _decimal(value: int, var: Var, source: Resource) -> int:
    """Return a whole number as kustomize reads it: by its decimal digits, even if it is an octal number (``017``)."""
    text = scalar_text(value)
    if _DECIMAL.fullmatch(text) and -(1 << 63) <= int(text) < 1 << 63:
        return int(text)
    raise ReferenceFault(
        f"the variable {var.name!r} cannot take its value from {text}, only from text and from decimal whole numbers "
        "that fit in 64 bits: put it in quotes",
        object=str(source),
        field=var.field_path,
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, SpelledStr)


class _Expansion:
    """Replaces ``$(NAME)`` in the text fields of ``resource``."""

    resource: Resource

    def __init__(self, values: dict[str, Any], budget: Budget) -> None:
        self._budget = budget
        self._values = values
        self.used: set[str] = set()

    def apply(self, container: Any, key: Any) -> None:
        """Expand a text, the texts of a map, or those of a list."""
        value = container[key]
        if _is_text(value):
            container[key] = self.expand(value)
        elif isinstance(value, dict):
            for name, item in value.items():
                if _is_text(item):
                    value[name] = self.expand(item)
                    if value[name] != item:
                        spread(self.resource, value, name)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if not _is_text(item):
                    raise ResourceError("a list in which variables are replaced must contain only strings")
                value[index] = self.expand(item)

    def expand(self, text: str) -> Any:
        """Expand one text; a text that is a single reference gets the type of the value."""
        if "$" not in text:
            # Every text that is checked loses its style.
            return str(text) if type(text) is Folded else text
        self._budget.charge(4 * SCAN * text.count("$") + len(text) // SCAN)
        pieces: list[str] = []
        done = cursor = 0
        last = text.rfind(")")
        while 0 <= (cursor := text.find("$", cursor)) < len(text) - 1:
            pieces.append(text[done:cursor])
            follower = text[cursor + 1]
            end = text.find(")", cursor + 2) if follower == "(" and cursor < last else -1
            if end >= 0:
                name = text[cursor + 2 : end]
                value = self._mapped(name)
                if text == f"$({name})":
                    return value
                piece = scalar_text(value)
                self._budget.charge(len(piece))
                pieces.append(piece)
                cursor = end + 1
            else:
                pieces.append("$" if follower == "$" else f"${follower}")
                cursor += 2
            done = cursor
        return "".join(pieces) + text[done:]

    def _mapped(self, name: str) -> Any:
        value = self._values.get(name, MISSING)
        if value is MISSING or isinstance(value, (dict, list)):
            return f"$({name})"
        self.used.add(name)
        return value
