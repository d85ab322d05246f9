"""Reads patches from files or inline, and distinguishes strategic merge patches from JSON patches."""

from __future__ import annotations

import codecs

from headgate.documents.budget import NODE, SCAN, Budget
from headgate.documents.errors import BuildError, LimitExceeded, TreeError, within
from headgate.documents.yaml import Dialect
from headgate.kustomize.context import Context
from headgate.kustomize.errors import KustomizationError, PatchError
from headgate.kustomize.merge.jsonpatch import JsonPatch, parse_json_patch
from headgate.kustomize.model.kustomization_file import ObjectSelector, PatchEntry, PatchOptions
from headgate.kustomize.reading.loader import Loader
from headgate.kustomize.reading.objects import Placed
from headgate.kustomize.resources.bookkeeping import ANNOTATIONS, has_bookkeeping
from headgate.kustomize.resources.objects import metadata_of
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.transform.patches import LoadedPatch


def load_patch(entry: PatchEntry, loader: Loader, context: Context, file: str) -> LoadedPatch:
    """Prepare an entry of ``patches``; raises PatchError, KustomizationError or TreeError.

    ``file`` contains the entry, and thus an inline patch; fields in errors are those of the entry. An entry without
    content, such as a file with only comments, is a patch without effect.
    """
    inline = entry.patch.strip()
    if not inline and not entry.path:
        raise KustomizationError("a patch needs a path or a patch")
    if inline and entry.path:
        raise KustomizationError("a patch takes either a path or a patch")
    options = entry.options or PatchOptions()
    try:
        source = file if inline else loader.name_of(entry.path)
        data = inline.encode() if inline else b""
        try:
            objects = (
                context.parse_objects(data, file=source, dialect=Dialect.PATCH)
                if inline
                else context.read_objects(loader, entry.path, Dialect.PATCH)
            )
        except (TreeError, LimitExceeded):
            raise
        except BuildError as error:
            json = _json_or_none(data if inline else loader.load(entry.path), source, context.budget)
            if json is None:
                raise PatchError(
                    f"is neither a strategic merge patch nor a JSON patch: {error.message}",
                    file=error.file or source,
                    line=error.line,
                ) from None
            return LoadedPatch((), json, source, entry.target, options)
    except BuildError as error:
        raise _placed(error, "patch" if inline else "", _lines_before(entry.patch)) from None
    merges = tuple(_as_patch(obj, context, options) for obj in objects)
    return LoadedPatch(merges, None, source, entry.target, options)


def _placed(error: BuildError, field: str, skipped: int = 0) -> BuildError:
    """Add the field of the entry to an error in its patch: ``field`` for an inline patch, otherwise the path."""
    if isinstance(error, TreeError):
        return error.inside("path")
    return error.of_text("patch", skipped=skipped).inside(field) if field else error


def _lines_before(text: str) -> int:
    """Return the number of blank lines that the reader skips at the start of a patch."""
    return text[: len(text) - len(text.lstrip())].count("\n")


def _json_or_none(data: bytes, source: str, budget: Budget) -> JsonPatch | None:
    stripped = data.removeprefix(codecs.BOM_UTF8).lstrip()
    if stripped[:1] not in (b"[", b"-", b"#"):
        return None
    return parse_json_patch(data, file=source, budget=budget)


def _as_patch(placed: Placed, context: Context, options: PatchOptions) -> Resource:
    patch = Resource(placed.obj, context.cluster_scoped, context.budget)
    patch.words = {word.path: word.text for word in placed.words}
    annotations = patch.annotations
    context.budget.charge(2 * NODE + 2 * SCAN * len(annotations))
    if has_bookkeeping(annotations):
        patch.adopt_bookkeeping(annotations)
    patch.allow_name_change = options.allow_name_change or patch.allow_name_change
    patch.allow_kind_change = options.allow_kind_change or patch.allow_kind_change
    if options.allow_name_change or options.allow_kind_change:
        # kustomize records them in the patch's annotations, and so rewrites all of these as text.
        patch.obj = {**patch.obj, "metadata": dict(metadata_of(patch.obj))}
        patch.write_texts("annotations", annotations)
        patch.words = {path: word for path, word in patch.words.items() if path[:2] != ANNOTATIONS}
    return patch


def load_merges(
    entries: tuple[str, ...], field: str, loader: Loader, context: Context, file: str, inline: str = ""
) -> list[tuple[Resource, str, str]]:
    """Prepare ``patchesStrategicMerge``; raises PatchError or TreeError.

    The entries of ``field`` are paths or inline patches; ``inline`` has more patches, for plugins only. Each result
    contains a patch, its file (``file`` for an inline patch), and the field that names or contains it.
    """
    merges: list[tuple[Resource, str, str]] = []

    def add(objects: list[Placed], source: str, where: str) -> None:
        merges.extend((_as_patch(item, context, PatchOptions()), source, where) for item in objects)

    for index, entry in enumerate(entries):
        where = f"{field}[{index}]"
        with within(where):
            objects = _inline_objects(entry, loader, context, file)
            if objects is None:
                add(context.read_objects(loader, entry, Dialect.PATCH), loader.name_of(entry), where)
            else:
                add(objects, file, where)
    if inline:
        try:
            add(context.parse_objects(inline.encode(), file=file, dialect=Dialect.PATCH), file, "patches")
        except BuildError as error:
            raise error.of_text("text").inside("patches") from None
    if not merges:
        raise PatchError("the strategic merge patches are all empty", field=field)
    return merges


def _inline_objects(entry: str, loader: Loader, context: Context, file: str) -> list[Placed] | None:
    """Return the objects of an inline patch, None when the entry is a path."""
    if "\n" not in entry and not entry.lstrip().startswith("{"):
        return None
    try:
        return context.parse_objects(entry.encode(), file=file, dialect=Dialect.PATCH)
    except LimitExceeded:
        raise
    except BuildError as error:
        # As in kustomize, it is a path then; but if no such file exists, the author meant a patch.
        if loader.exists(entry):
            return None
        raise error.of_text("patch") from None


def load_json(
    path: str, text: str, target: ObjectSelector | None, loader: Loader, file: str, field: str = "patch"
) -> tuple[JsonPatch, ObjectSelector, str]:
    """Prepare an entry of ``patchesJson6902``; raises PatchError, KustomizationError or TreeError.

    ``field`` contains an inline patch; the rest is as in :func:`load_patch`.
    """
    if target is None or not target.name:
        raise KustomizationError("a JSON patch needs a target with a name", field="target")
    if not path and not text:
        raise KustomizationError(f"a JSON patch needs a path or a {field}")
    if path and text:
        raise KustomizationError(f"a JSON patch takes either a path or a {field}")
    try:
        source = loader.name_of(path) if path else file
        data = loader.load(path) if path else text.encode()
        return parse_json_patch(data, file=source, budget=loader.budget), target, source
    except BuildError as error:
        raise _placed(error, "" if path else field) from None
