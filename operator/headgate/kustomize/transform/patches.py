"""``patches``, ``patchesStrategicMerge`` and ``patchesJson6902``.

A strategic merge patch finds its target by its own identity, or applies to all objects that ``target`` selects; a JSON
patch (RFC 6902) always needs a ``target``. Patches work on an object's annotations as kustomize keeps them, including
its bookkeeping: that is why a JSON patch can add an annotation to an object that has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from types import NoneType
from typing import NamedTuple

from headgate.documents.budget import NODE, size_of
from headgate.documents.errors import BuildError
from headgate.documents.yaml.scalars import Quoted, created_texts, scalar_text
from headgate.kustomize.errors import PatchError
from headgate.kustomize.merge import strategic_merge
from headgate.kustomize.merge.jsonpatch import JsonPatch
from headgate.kustomize.model.kustomization_file import ObjectSelector, PatchOptions
from headgate.kustomize.resources.bookkeeping import ANNOTATIONS, NOTED_ANNOTATIONS, ORIGIN, TRANSFORMATIONS
from headgate.kustomize.resources.objects import label_of, metadata_of
from headgate.kustomize.resources.places import Patched, json_sets, merge_sets
from headgate.kustomize.resources.provenance import transformations_text
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.resources.sharing import follow, trail_for
from headgate.kustomize.schema import Schema
from headgate.kustomize.transform.selection import select
from headgate.kustomize.transform.words import spelled, take_words
from headgate.objects import Obj


class LoadedPatch(NamedTuple):
    """A prepared patch: either strategic merge patches or one JSON patch, and its source."""

    merges: tuple[Resource, ...]
    json: JsonPatch | None
    source: str
    target: ObjectSelector | None = None
    options: PatchOptions = PatchOptions()


def apply_patch(resources: ResMap, patch: LoadedPatch, schema: Schema) -> bool:
    """Apply one entry of ``patches`` and return whether it has a target; raises PatchError."""
    if patch.json is not None:
        if patch.target is None:
            raise PatchError("a JSON patch needs a target", file=patch.source)
        in_notes = patch.json.touches(ANNOTATIONS)
        selected = select(resources, patch.target)
        for resource in selected:
            resource.remember_id()
            _apply_json(resource, patch.json, patch.source, in_notes)
            resources.touched(resource)
        return bool(selected)
    if patch.target is None:
        for merge in patch.merges:
            target = _find(resources, merge, patch.source)
            _merge_one(target, merge, patch.options, schema, patch.source, size_of(merge.obj))
            resources.touched(target)
        return True
    if len(patch.merges) > 1:
        raise PatchError(
            "several strategic merge patches in one entry cannot be used with a target", file=patch.source
        )
    if not patch.merges:
        return True
    selected = select(resources, patch.target)
    _merge_selected(resources, selected, patch.merges[0], patch, schema)
    return bool(selected)


def apply_merges(resources: ResMap, merges: Iterable[tuple[Resource, str]], schema: Schema) -> None:
    """Apply the patches of ``patchesStrategicMerge``, each with its source; raises PatchError."""
    for merge, source in merges:
        target = _find(resources, merge, source)
        _merge_selected(resources, [target], merge, LoadedPatch((merge,), None, source), schema)


def apply_json(resources: ResMap, patch: JsonPatch, target: ObjectSelector, source: str) -> bool:
    """Apply one entry of ``patchesJson6902`` and return whether it has a target; raises PatchError."""
    in_notes = patch.touches(ANNOTATIONS)
    selected = select(resources, target)
    for resource in selected:
        _apply_json(resource, patch, source, in_notes)
        resources.touched(resource)
    return bool(selected)


def _find(resources: ResMap, patch: Resource, source: str) -> Resource:
    identity = patch.original_id()
    found = resources.with_any_id(identity)
    if len(found) == 1:
        return found[0]
    if found:
        raise PatchError(
            "the patch matches several objects, which have or had this id", file=source, object=str(patch)
        )
    raise PatchError("the patch finds no object with this id", file=source, object=str(patch))


def _merge_selected(
    resources: ResMap, selected: list[Resource], patch: Resource, loaded: LoadedPatch, schema: Schema
) -> None:
    """Apply a patch to the selected targets as if it named each of them."""
    if not selected:
        return
    body = _with_text_metadata(patch)
    words = {path: word for path, word in patch.words.items() if path[0] != "metadata"}
    size = size_of(body)
    for target in selected:
        api_version = scalar_text(target.obj.get("apiVersion", ""))
        adapted = Resource({**body, "apiVersion": api_version}, patch.cluster_scoped, patch.budget)
        adapted.words = words
        _merge_one(target, adapted, loaded.options, schema, loaded.source, size)
        if not api_version and target.obj:
            # An empty value, in the style of the patch's own ``apiVersion``.
            as_text = target.in_braces or isinstance(patch.obj.get("apiVersion"), Quoted)
            target.obj["apiVersion"] = "" if as_text else None
        resources.touched(target)
    resources.check_unique()


def _with_text_metadata(patch: Resource) -> Obj:
    metadata = dict(metadata_of(patch.obj))
    for field in ("labels", "annotations"):
        if field in metadata:
            metadata[field] = created_texts(patch.texts("metadata", field))
            if not metadata[field]:
                del metadata[field]
    return {**patch.obj, "metadata": metadata}


def _merge_one(
    target: Resource, patch: Resource, options: PatchOptions, schema: Schema, source: str, size: int
) -> None:
    # As written: a name that is a number stays a number.
    kept = metadata_of(target.obj)
    name, namespace, kind = kept.get("name", ""), kept.get("namespace"), target.kind
    if options.allow_name_change or options.allow_kind_change:
        target.remember_id()
    exposed = _touches_annotations_whole(patch.obj)
    before = _expose(target) if exposed else target.obj
    trail = trail_for(target)
    target.budget.charge(NODE + size)
    try:
        # The result shares parts with the patch, which must stay unchanged for its other targets.
        merged = strategic_merge(before, spelled(patch), schema, target.budget, target.blanks, trail)
    except BuildError as error:
        raise error.at(file=source, object=str(target)) from None
    if not merged:
        target.obj = {}
        return
    target.obj = merged
    target.patches = (*target.patches, Patched(source, partial(merge_sets, patch.obj)))
    if patch.words or target.words:
        take_words(target, patch)
    if trail is not None:
        follow(target, before, trail)
    if exposed:
        _conceal(target)
    if not options.allow_kind_change:
        merged["kind"] = kind
    metadata = target.metadata
    if not options.allow_name_change:
        metadata["name"] = name
    if namespace is None or namespace == "":
        metadata.pop("namespace", None)
    else:
        metadata["namespace"] = namespace


def _touches_annotations_whole(patch: Obj) -> bool:
    """Return whether a patch may remove annotations that it does not name, such as kustomize's bookkeeping."""
    if "metadata" not in patch:
        return False
    metadata = patch["metadata"]
    if not isinstance(metadata, dict) or "$patch" in metadata:
        return True
    if "annotations" not in metadata:
        return False
    annotations = metadata["annotations"]
    return not isinstance(annotations, dict) or "$patch" in annotations


def _apply_json(resource: Resource, patch: JsonPatch, source: str, in_notes: bool) -> None:
    """Apply a JSON patch; ``in_notes`` says whether it may read or write the annotations."""
    resource.budget.charge(NODE)
    if not in_notes and type(resource.obj.get("metadata")) is dict and resource.is_plainly_noted():
        _apply_beside_notes(resource, patch, source)
        return
    notes = resource.bookkeeping()
    # The bookkeeping grows with every patch, and each patch writes and reads it.
    resource.budget.charge(4 * sum([len(text) for text in notes.values()]))
    before = _expose(resource)
    try:
        resource.obj = patch.apply(before, resource.budget)
    except BuildError as error:
        raise error.at(file=source, object=str(resource)) from None
    _note(resource, patch, source)
    if not isinstance(resource.obj.get("metadata"), (dict, NoneType)):
        raise PatchError(
            "the patch turns metadata into something that is not a mapping",
            file=source,
            object=label_of(before),
        )
    _forget_writing(resource)
    # kustomize restores its bookkeeping after a JSON patch, whatever the patch did to the annotations.
    resource.write_texts("annotations", {**resource.annotations, **notes})
    _conceal(resource)


def _apply_beside_notes(resource: Resource, patch: JsonPatch, source: str) -> None:
    """Apply a JSON patch that cannot affect the annotations, without writing the bookkeeping to them."""
    before = resource.obj
    annotations = metadata_of(before).get("annotations")
    if resource.transformations and annotations:
        # As in _expose.
        before = {**before, "metadata": {**before["metadata"], "annotations": resource.annotations}}
    try:
        resource.obj = patch.apply(before, resource.budget)
    except BuildError as error:
        raise error.at(file=source, object=str(resource)) from None
    _note(resource, patch, source)
    _forget_writing(resource)
    if "annotations" in resource.obj["metadata"]:
        resource.write_texts("annotations", resource.annotations)


def _note(resource: Resource, patch: JsonPatch, source: str) -> None:
    """Record that a JSON patch changed an object."""
    resource.patches = (*resource.patches, Patched(source, partial(json_sets, patch.written())))


def _forget_writing(resource: Resource) -> None:
    """Drop the spellings: a JSON patch converts the object to JSON, where all nulls look the same."""
    resource.words = {}
    resource.in_braces = False
    resource.shared = []


def _expose(resource: Resource) -> Obj:
    """Return the object with kustomize's bookkeeping in its annotations; copies nothing else."""
    notes = resource.bookkeeping()
    metadata = metadata_of(resource.obj)
    annotations = metadata.get("annotations")
    if not isinstance(annotations, dict):
        annotations = {}
    if resource.origin is not None:
        notes[ORIGIN] = resource.origin.text()
    if resource.transformations:
        # A line or more for each.
        resource.budget.charge(NODE * len(resource.transformations))
        notes[TRANSFORMATIONS] = transformations_text(resource.transformations)
        # This bookkeeping, unlike the rest, converts all annotations to text.
        annotations = resource.annotations
    if not notes:
        return resource.obj
    return {**resource.obj, "metadata": {**metadata, "annotations": {**annotations, **notes}}}


def _conceal(resource: Resource) -> None:
    """Move the bookkeeping from the annotations back into the resource."""
    annotations = resource.annotations
    resource.adopt_bookkeeping(annotations)
    if ORIGIN not in annotations:
        resource.origin = None
    if TRANSFORMATIONS not in annotations:
        resource.transformations = ()
    written = metadata_of(resource.obj).get("annotations")
    if isinstance(written, dict):
        kept = {key: value for key, value in written.items() if key not in NOTED_ANNOTATIONS}
        resource.set_map("annotations", kept)
