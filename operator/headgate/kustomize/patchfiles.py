"""Reading patches: from files or inline, and telling strategic merge patches from JSON patches."""

from __future__ import annotations

import codecs

from headgate.kustomize.context import Context
from headgate.kustomize.documents import Placed
from headgate.kustomize.errors import BuildError, KustomizationError, PatchError, TreeError
from headgate.kustomize.jsonpatch import JsonPatch, parse_json_patch
from headgate.kustomize.loader import Loader
from headgate.kustomize.model import Patch, PatchOptions, Selector
from headgate.kustomize.resource import Resource, has_bookkeeping, metadata_of
from headgate.kustomize.transform.patches import LoadedPatch
from headgate.kustomize.yaml import Dialect

_ANNOTATIONS = ("metadata", "annotations")


def load_patch(entry: Patch, where: str, loader: Loader, context: Context) -> LoadedPatch:
    """Make an entry of ``patches`` ready; raises PatchError or TreeError.

    An entry without content, such as a file of comments, is a patch that does nothing.
    """
    inline = entry.patch.strip()
    if not inline and not entry.path:
        raise KustomizationError("a patch needs a path or a patch", field=where)
    if inline and entry.path:
        raise KustomizationError("a patch takes either a path or a patch", field=where)
    options = entry.options or PatchOptions()
    source = where if inline else loader.at(entry.path)
    data = inline.encode() if inline else b""
    try:
        objects = (
            context.parse_objects(data, file=where, dialect=Dialect.PATCH)
            if inline
            else context.read_objects(loader, entry.path, Dialect.PATCH)
        )
    except TreeError:
        raise
    except BuildError as error:
        json = _json_or_none(data if inline else loader.load(entry.path), source)
        if json is None:
            raise PatchError(
                f"is neither a strategic merge patch nor a JSON patch: {error.message}",
                file=error.file or source,
                line=error.line,
            ) from None
        return LoadedPatch((), json, source, entry.target, options)
    merges = tuple(_as_patch(obj, context, options) for obj in objects)
    return LoadedPatch(merges, None, source, entry.target, options)


def _json_or_none(data: bytes, source: str) -> JsonPatch | None:
    stripped = data.removeprefix(codecs.BOM_UTF8).lstrip()
    if stripped[:1] not in (b"[", b"-", b"#"):
        return None
    return parse_json_patch(data, file=source)


def _as_patch(placed: Placed, context: Context, options: PatchOptions) -> Resource:
    patch = Resource(placed.obj, context.cluster_scoped)
    patch.null_words = {null.path: null.text for null in placed.nulls}
    annotations = patch.annotations
    if has_bookkeeping(annotations):
        patch.adopt_bookkeeping(annotations)
    patch.allow_name_change = options.allow_name_change or patch.allow_name_change
    patch.allow_kind_change = options.allow_kind_change or patch.allow_kind_change
    if options.allow_name_change or options.allow_kind_change:
        # kustomize notes them in the patch's annotations, and so writes all of these anew, as text.
        patch.obj = {**patch.obj, "metadata": dict(metadata_of(patch.obj))}
        patch.write_texts("annotations", annotations)
        patch.null_words = {path: word for path, word in patch.null_words.items() if path[:2] != _ANNOTATIONS}
    return patch


def load_merges(
    entries: tuple[str, ...], loader: Loader, context: Context, inline: str = ""
) -> list[tuple[Resource, str]]:
    """Make ``patchesStrategicMerge`` ready: entries are paths or patches themselves; raises PatchError."""
    merges: list[tuple[Resource, str]] = []
    for index, entry in enumerate(entries):
        source = f"patchesStrategicMerge[{index}]"
        objects = _inline_objects(entry, source, context)
        if objects is None:
            source = loader.at(entry)
            objects = context.read_objects(loader, entry, Dialect.PATCH)
        merges.extend((_as_patch(item, context, PatchOptions()), source) for item in objects)
    if inline:
        objects = context.parse_objects(inline.encode(), file="patches", dialect=Dialect.PATCH)
        merges.extend((_as_patch(item, context, PatchOptions()), "patches") for item in objects)
    if not merges:
        raise PatchError("the strategic merge patches are all empty", file=", ".join(entries) or None)
    return merges


def _inline_objects(entry: str, source: str, context: Context) -> list[Placed] | None:
    """Return the objects in an entry that is a patch, None when it can only be a path."""
    if "\n" not in entry and not entry.lstrip().startswith("{"):
        return None
    try:
        return context.parse_objects(entry.encode(), file=source, dialect=Dialect.PATCH)
    except BuildError:
        return None


def load_json(
    path: str, text: str, target: Selector | None, where: str, loader: Loader
) -> tuple[JsonPatch, Selector, str]:
    """Make an entry of ``patchesJson6902`` ready; raises PatchError, KustomizationError or TreeError."""
    if target is None or not target.name:
        raise KustomizationError("a JSON patch needs a target with a name", field=f"{where}.target")
    if not path and not text:
        raise KustomizationError("a JSON patch needs a path or a patch", field=where)
    if path and text:
        raise KustomizationError("a JSON patch takes either a path or a patch", field=where)
    source = loader.at(path) if path else where
    data = loader.load(path) if path else text.encode()
    return parse_json_patch(data, file=source), target, source
