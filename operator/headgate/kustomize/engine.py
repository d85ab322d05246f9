"""Builds an overlay: from a directory of a tree to Kubernetes objects."""

from __future__ import annotations

from typing import NamedTuple

from headgate.documents.budget import Budget
from headgate.documents.contentcache import ContentCache
from headgate.documents.errors import BuildError, FileMissing
from headgate.documents.tree import EntryKind, Tree, resolve
from headgate.documents.yaml import A_POINTER, printed
from headgate.kustomize.context import Context
from headgate.kustomize.errors import KustomizationError, ResourceError
from headgate.kustomize.options import BuildOptions
from headgate.kustomize.paths.fieldspec import FieldSpec, Plans
from headgate.kustomize.reading.loader import Loader
from headgate.kustomize.recipe.target import Accumulator, KustomizationTarget
from headgate.kustomize.resources.bookkeeping import NOTED_ANNOTATIONS, ORIGIN, TRANSFORMATIONS
from headgate.kustomize.resources.objects import metadata_of
from headgate.kustomize.resources.places import PatchedPlace, place_of_field
from headgate.kustomize.resources.provenance import (
    MANAGED_BY_LABEL,
    ORIGIN_ANNOTATIONS,
    TRANSFORMER_ANNOTATIONS,
    Origin,
    transformations_text,
)
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.transform.labels import add_pairs
from headgate.kustomize.transform.namerefs import fix_references
from headgate.kustomize.transform.names import add_hashes
from headgate.kustomize.transform.order import LEGACY, sort_resources
from headgate.kustomize.transform.variables import resolve_vars
from headgate.objects import Obj

KUSTOMIZE_VERSION = "v5.8.1"
"""The release of kustomize whose behavior this engine reproduces."""

LOCAL_CONFIG = "config.kubernetes.io/local-config"
_MANAGED_BY = {"app.kubernetes.io/managed-by": f"kustomize-{KUSTOMIZE_VERSION}"}
_METADATA_LABELS = Plans((FieldSpec("metadata/labels", create=True),))
_DEFAULT_OPTIONS = BuildOptions()


class Output(NamedTuple):
    """The result of a build: objects, their places, and warnings for the author."""

    objects: list[Obj]
    places: list[str | None]
    """For each object its file in the tree and, after a colon, the line; for generated ones, the kustomization file."""
    warnings: tuple[str, ...] = ()
    """One sentence each, with file and field."""
    hashed: frozenset[tuple[str, str]] = frozenset()
    """Kind and name of the objects whose names end with a hash of their content."""


def build(tree: Tree, path: str, options: BuildOptions = _DEFAULT_OPTIONS) -> list[Obj]:
    """Return the objects that the kustomization file in directory ``path`` of ``tree`` describes, in order.

    These are the objects that ``kustomize build`` prints, as plain JSON-compatible values that belong to the caller.
    Raises BuildError (see :mod:`headgate.kustomize.errors`) with file, line, object and field as far as known.
    """
    return assemble(tree, path, options).objects


def assemble(tree: Tree, path: str, options: BuildOptions = _DEFAULT_OPTIONS) -> Output:
    """Return the objects of :func:`build` with their places and the warnings."""
    budget, cache = Budget(options.limits.bytes_written), options.cache
    if cache is None:
        cache = ContentCache()
    loader = Loader(tree, "", options, budget, cache)
    root = loader.at("/" + path)
    kind = tree.kind(root)
    if kind is not EntryKind.DIRECTORY:
        what = "is a file; a directory is needed" if kind is EntryKind.FILE else "no such directory"
        raise FileMissing(what, file=path or ".")
    loader.root = resolve(tree, root)
    context = Context(options, budget, cache)
    try:
        target = KustomizationTarget(loader, context)
        try:
            return _build(target, loader, context, options)
        except BuildError as error:
            # Errors at the end concern the output of the whole build.
            raise error.at(file=target.file) from None
    except RecursionError:
        raise KustomizationError("the input is nested too deeply") from None


def _build(target: KustomizationTarget, loader: Loader, context: Context, options: BuildOptions) -> Output:
    kustomization = target.kustomization
    context.use_openapi(kustomization.openapi, loader, top=True)
    metadata = kustomization.build_metadata
    target.with_metadata(metadata, Origin())
    gathered = target.accumulate()
    _finish(gathered)
    resources = gathered.resources
    resources.keep(lambda item: bool(item.obj) and not _is_local(item))
    _check_identities(resources)
    if kustomization.sort_options is not None:
        sort_resources(resources, kustomization.sort_options)
    elif options.reorder == "legacy":
        sort_resources(resources, LEGACY)
    if MANAGED_BY_LABEL in metadata:
        add_pairs(resources, _MANAGED_BY, _METADATA_LABELS)
    for resource in resources:
        _clean(resource, metadata)
    for place in loader.pointers:
        context.warn(f"its content is {A_POINTER}", file=place)
    return Output(
        [printed(resource.obj, in_braces=resource.in_braces) for resource in resources],
        [_place(resource) for resource in resources],
        context.warnings(),
        frozenset((resource.kind, resource.name) for resource in resources if resource.needs_hash),
    )


def _finish(gathered: Accumulator) -> None:
    """Run the steps that need all objects: hashes, then references, then variables."""
    add_hashes(gathered.resources)
    fix_references(gathered.resources, gathered.config)
    resolve_vars(gathered.resources, gathered.vars, gathered.config.var_plans)


def _check_identities(resources: ResMap) -> None:
    """Raise ResourceError for an object that lost its name or kind through a patch."""
    for resource in resources:
        if not resource.kind:
            raise ResourceError(
                "is left without a kind", file=_patch_of(resource, "kind"), object=str(resource)
            )
        if not resource.name and not resource.kind.endswith("List"):
            file = _patch_of(resource, "metadata.name")
            raise ResourceError("is left without metadata.name", file=file, object=str(resource))


def _place(resource: Resource) -> str | None:
    place = resource.place
    return PatchedPlace(place or "", resource.patches) if resource.patches else place


def _patch_of(resource: Resource, field: str) -> str | None:
    """The file of the patch that set a field, if one did."""
    return place_of_field(PatchedPlace("", resource.patches), field) or None


def _is_local(resource: Resource) -> bool:
    """Return whether kustomize only uses the object itself and does not print it."""
    annotations = metadata_of(resource.obj).get("annotations")
    return bool(annotations) and resource.annotations.get(LOCAL_CONFIG, "false") != "false"


def _clean(resource: Resource, metadata: tuple[str, ...]) -> None:
    """Keep only the annotations of the output, all as text; remove the field if there are none."""
    fields = resource.obj.get("metadata")
    if not isinstance(fields, dict):
        return
    annotations = {}
    if "annotations" in fields:
        annotations = {
            key: value for key, value in resource.annotations.items() if key not in NOTED_ANNOTATIONS
        }
    if ORIGIN_ANNOTATIONS in metadata and resource.origin is not None:
        annotations[ORIGIN] = resource.origin.text()
    if TRANSFORMER_ANNOTATIONS in metadata and resource.transformations:
        annotations[TRANSFORMATIONS] = transformations_text(resource.transformations)
    resource.set_map("annotations", annotations)
