"""``replacements``: copies the value of one field, or a part of it, into fields of other objects.

Documented at https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/replacements/
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from headgate.documents.budget import NODE, SCAN, Budget
from headgate.documents.copying import copied
from headgate.documents.errors import BuildError, within
from headgate.documents.yaml.nodes import Node, NodeKind, kind_of, made_of
from headgate.documents.yaml.scalars import Quoted, resolve_v3, scalar_text
from headgate.kustomize.errors import ReferenceFault
from headgate.kustomize.model.kustomization_file import (
    FieldOptions,
    ObjectSelector,
    Replacement,
    ReplacementSource,
    ReplacementTarget,
)
from headgate.kustomize.paths.embedded import edit_embedded
from headgate.kustomize.paths.fieldpath import MISSING, clean, look_up, look_up_slot, split_dotted
from headgate.kustomize.paths.pathmatch import CREATED, Slot, find_slots
from headgate.kustomize.paths.scalars import retyped
from headgate.kustomize.resources.bookkeeping import ANNOTATIONS
from headgate.kustomize.resources.ids import DEFAULT_NAMESPACE, Gvk
from headgate.kustomize.resources.objects import metadata_of, written_text
from headgate.kustomize.resources.places import Patched, json_sets
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.resources.sharing import spread
from headgate.kustomize.transform.selection import accepts_metadata, candidates, compile_id

_DEFAULT_FIELD = "metadata.name"
_STAYS = (Quoted, dict, list)


class _Home(NamedTuple):
    """The field that a value comes from.

    The path may find another field later than ``slot``, because entries of lists are selected by values that may
    change.
    """

    resource: Resource
    path: list[str]
    slot: Slot


class _Value(NamedTuple):
    """The copied value and, for scalars, its text (which a delimiter may have cut).

    ``home`` is its field if the value is all of it: when a target is that same field, all that is written after it gets
    the changed value.
    """

    value: Any
    text: str
    home: _Home | None = None


class _LiteralId(NamedTuple):
    """An identity with the namespace as written, which replacements compare."""

    gvk: Gvk
    name: str
    namespace: str


def replace_fields(
    resources: ResMap, replacements: Iterable[Replacement], file: str = ""
) -> list[tuple[int, ObjectSelector | None]]:
    """Apply replacements one after the other; ``file`` holds them. Raises ReferenceFault.

    Returns the targets without a matching object: the index and selector of each.
    """
    idle: list[tuple[int, ObjectSelector | None]] = []
    for replacement in replacements:
        resources.budget.charge(NODE)
        if (replacement.source is None and replacement.source_value is None) or replacement.targets is None:
            raise ReferenceFault("a replacement needs a source and at least one target")
        with within("source"):
            value = _source_value(resources, replacement)
        for index, target in enumerate(replacement.targets):
            with within(f"targets[{index}]"):
                value, found = _replace(resources, value, target, file)
                if not found:
                    idle.append((index, target.select))
    return idle


def _ids(resource: Resource) -> list[_LiteralId]:
    """Return the current identity and all earlier ones."""
    gvk = resource.gvk
    ids = [_LiteralId(gvk, resource.name, resource.namespace)]
    ids.extend(
        _LiteralId(Gvk(gvk.group, gvk.version, kind), name, namespace)
        for namespace, name, kind, _ in resource.previous
    )
    return ids


# Source


def _source_value(resources: ResMap, replacement: Replacement) -> _Value:
    source = replacement.source
    if replacement.source_value is not None:
        if source is not None:
            raise ReferenceFault("must not be given together with sourceValue")
        text = replacement.source_value
        # The value has no quotes, even if the file has.
        return _Value(resolve_v3(str(text)), text)
    assert source is not None
    resource = _select_source(resources, source)
    path = source.field_path or _DEFAULT_FIELD
    try:
        value = look_up(resource.obj, split_dotted(path))
    except BuildError as error:
        raise error.at(object=str(resource), field=path) from None
    if value is MISSING or value is None or value == {} or value == []:
        raise ReferenceFault(
            "the source of a replacement has no such field, or it is empty", object=str(resource), field=path
        )
    return _part(value, source.options, resource, path)


def _select_source(resources: ResMap, source: ReplacementSource) -> Resource:
    wanted = Gvk(source.group, source.version, source.kind)
    namespace = source.namespace or DEFAULT_NAMESPACE
    offered = resources.named(source.name) if source.name else resources
    resources.budget.charge((NODE + 2 * SCAN) * len(offered))
    found = [
        resource
        for resource in offered
        if any(
            (not source.name or item.name == source.name)
            and (not source.namespace or (item.namespace or DEFAULT_NAMESPACE) == namespace)
            and item.gvk.selected_by(wanted)
            for item in _ids(resource)
        )
    ]
    if len(found) == 1:
        return found[0]
    what = "/".join(part for part in (source.kind, source.namespace, source.name) if part) or "anything"
    if found:
        names = ", ".join(str(item) for item in found[:5])
        raise ReferenceFault(f"the source of a replacement, {what}, matches several objects: {names}")
    raise ReferenceFault(f"the source of a replacement, {what}, matches no object")


def _part(value: Any, options: FieldOptions | None, resource: Resource, path: str) -> _Value:
    parts = split_dotted(path)
    text = _written(value, resource, parts)
    if options is None or not options.delimiter:
        # A path without names is that of the whole object, which has in itself what is written to it.
        home = _Home(resource, parts, look_up_slot(resource.obj, parts)) if clean(parts) else None
        return _Value(value, text, home)
    if isinstance(value, (dict, list)):
        raise ReferenceFault("a delimiter needs a scalar", object=str(resource), field=path)
    pieces = text.split(options.delimiter)
    if not 0 <= options.index < len(pieces):
        raise ReferenceFault(
            f"the index {options.index} is out of bounds: there are {len(pieces)} parts",
            object=str(resource),
            field=path,
        )
    return _Value(value, pieces[options.index])


# Targets


def _replace(resources: ResMap, value: _Value, target: ReplacementTarget, file: str) -> tuple[_Value, bool]:
    """Write the value to its targets; returns the value afterwards, and whether the target selected any object."""
    found = False
    if target.select is None:
        raise ReferenceFault("the target of a replacement needs a select")
    selected = compile_id(target.select, "select")
    rejected = [compile_id(item, "reject") for item in target.reject if item.selects_id]
    for resource in candidates(resources, target.select.name):
        resources.budget.charge(NODE + 4 * SCAN * (1 + len(rejected)) * (1 + len(resource.previous)))
        if not accepts_metadata(resource, target.select, "select") or _rejects_metadata(
            resource, target.reject
        ):
            continue
        ids = _ids(resource)
        if any(_accepts(pattern, item) for pattern in rejected for item in ids):
            continue
        if any(_accepts(selected, item) for item in ids):
            found = True
            for path in target.field_paths or (_DEFAULT_FIELD,):
                resources.budget.charge(4 * NODE)
                try:
                    value = _write(resource, value, path, target.options)
                except BuildError as error:
                    raise error.at(object=str(resource), field=path) from None
                if file:
                    written = partial(json_sets, [tuple(split_dotted(path))])
                    resource.patches = (*resource.patches, Patched(file, written))
                value = _read_again(value)
            resources.touched(resource)
    return value, found


def _read_again(value: _Value) -> _Value:
    if value.home is None:
        return value
    resource, path, (container, key) = value.home
    notes = path[: len(ANNOTATIONS)] == [*ANNOTATIONS]
    try:
        # The resource keeps its annotations in a separate map.
        now = look_up(resource.obj, path) if notes else container[key]
    except BuildError:
        return value
    if now is MISSING or now is value.value:
        return value
    return value._replace(value=now, text=_written(now, resource, path))


def _written(value: Any, resource: Resource, path: list[str]) -> str:
    """Return the text of a scalar as written: a boolean at a path of plain names may be ``TRUE``."""
    return "" if value is None else written_text(value, resource.words, tuple(path))


def _accepts(pattern: Any, item: _LiteralId) -> bool:
    return bool(
        pattern.accepts_gvk(item.gvk)
        and pattern.accepts_name(item.name)
        and pattern.accepts_namespace(item.namespace)
    )


def _rejects_metadata(resource: Resource, rejects: Iterable[ObjectSelector]) -> bool:
    return any(
        (item.annotation_selector or item.label_selector) and accepts_metadata(resource, item, "reject")
        for item in rejects
    )


def _write(resource: Resource, value: _Value, path: str, options: FieldOptions | None) -> _Value:
    """Write the value to all fields at a path; returns the value afterwards."""
    parts = split_dotted(path)
    create = kind_of(value.value) if options is not None and options.create else None

    def set_slot(slot: Slot, value: _Value) -> None:
        container, key = slot
        if _holds_annotations(resource, container) and not isinstance(container[key], _STAYS):
            # Annotations become text in any case, so the type need not stay.
            container[key] = "" if container[key] is CREATED else resource.annotations[key]
        in_place = not isinstance(container[key], (dict, list))
        _set(slot, value, options, resource.budget)
        if in_place and isinstance(container, dict):
            spread(resource, container, key)

    whole = (options is None or not options.delimiter) and not isinstance(value.value, (dict, list))
    edited = edit_embedded(
        resource.obj,
        parts,
        create,
        lambda node: _set_node(node, value, options, resource.budget),
        value.text if whole else None,
        resource.budget,
    )
    if edited is not None:
        if edited.text is not None:
            container, key = look_up_slot(resource.obj, edited.place)
            old = container[key]
            container[key] = type(old)(edited.text) if isinstance(old, Quoted) else edited.text
            if isinstance(container, dict):
                spread(resource, container, key)
        return value
    notes = tuple(parts) == ANNOTATIONS
    if notes and "annotations" not in metadata_of(resource.obj) and resource.has_notes():
        # kustomize's annotations exist, although the object does not show them.
        resource.metadata["annotations"] = {}
    slots = find_slots(resource.obj, parts, create, resource.budget, resource.blanks)
    if not slots:
        verb = "find or create" if create is not None else "find"
        raise ReferenceFault(f"unable to {verb} the target field of a replacement")
    for slot in slots:
        set_slot(slot, value)
        value = _read_again(value)
    if notes:
        resource.reread_notes()
    return value


def _holds_annotations(resource: Resource, container: object) -> bool:
    return container is metadata_of(resource.obj).get("annotations")


def _set(slot: Slot, value: _Value, options: FieldOptions | None, budget: Budget) -> None:
    container, key = slot
    old = container[key]
    is_scalar = old is CREATED or not isinstance(old, (dict, list))
    text = _joined(
        ("" if old is CREATED else scalar_text(old)) if is_scalar else None, value, options, budget
    )
    budget.charge(NODE)
    try:
        if old is CREATED:
            container[key] = resolve_v3(text)
        elif is_scalar:
            container[key] = retyped(old, text)
        elif isinstance(value.value, (dict, list)):
            budget.charge_value(value.value)
            container[key] = copied(value.value)
        else:
            container[key] = retyped(value.value, text)
    except ValueError as error:
        raise ReferenceFault(f"a replacement would change the type of the field: {error}") from None


def _set_node(node: Node, value: _Value, options: FieldOptions | None, budget: Budget) -> None:
    """Write into a node of an embedded text, whatever its type: the document is parsed again afterwards."""
    is_scalar = node.kind is NodeKind.SCALAR
    text = _joined(node.value if is_scalar else None, value, options, budget)
    if is_scalar:
        node.value = text
    else:
        budget.charge_value(value.value)
        node.become(made_of(value.value, text))


def _joined(old: str | None, value: _Value, options: FieldOptions | None, budget: Budget) -> str:
    """Return the new text for an old one (None if not a scalar), in which only the delimited part may change."""
    text = value.text
    if options is not None and options.delimiter:
        if old is None:
            raise ReferenceFault("a delimiter needs a scalar")
        parts = old.split(options.delimiter)
        if options.index < 0:
            parts.insert(0, text)
        elif options.index >= len(parts):
            parts.append(text)
        else:
            parts[options.index] = text
        text = options.delimiter.join(parts)
    budget.charge(len(text))
    return text
