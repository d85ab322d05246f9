"""From a source tree to the objects to apply. Pure; runs in a thread."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headgate.documents.contentcache import ContentCache
from headgate.documents.errors import BuildError, raise_all
from headgate.documents.tree import EntryKind, Inputs, RecordingTree, Tree, left_out
from headgate.kube import BadRequest
from headgate.kube.encoding import encode
from headgate.kustomize import BuildOptions, Output, RemoteFetcher, assemble
from headgate.kustomize.errors import ResourceError
from headgate.kustomize.resources.objects import label_of
from headgate.objects import Obj
from headgate.overlay import prepare
from headgate.postbuild import Masks, PostBuildError, is_substitution_disabled, substitute
from headgate.postbuild.sops import DecryptionError, NotConfigured, is_secret, require_plain
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs
from headgate.reconcile.kustomization.build.datakeys import DataKeys
from headgate.reconcile.kustomization.build.decryption import BuildDecryption
from headgate.reconcile.kustomization.build.errors import (
    PathIsFile,
    PathNotFound,
    PostBuildFailed,
    StillEncrypted,
)
from headgate.reconcile.kustomization.build.outages import Outages
from headgate.reconcile.kustomization.build.shape import check_shape, located, named


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The result of a build and its inputs."""

    objects: list[Obj]
    digest: str
    """``sha256:…`` of the objects without ``commonMetadata``, for the history."""
    inputs: Inputs
    masks: Masks = field(default_factory=Masks)
    """The masks of the values in the objects that no report may quote."""
    places: Sequence[str | None] = ()
    """For each object its file and, after a colon, the line."""
    warnings: tuple[str, ...] = ()
    """Hints for the author of the files although nothing failed, one sentence each."""
    hashed: frozenset[tuple[str, str]] = frozenset()
    """Kind and name, before substitution, of the objects whose names end with a hash of their content."""


def build_directory(path: str | None) -> str:
    """``spec.path`` as a path of the tree; it starts at the root and cannot leave it.

    >>> build_directory("./apps/production")
    'apps/production'
    >>> build_directory("../../etc")
    'etc'
    """
    return posixpath.normpath("/" + (path or "")).lstrip("/")


def check_path(tree: Tree, spec: Mapping[str, Any]) -> str:
    """Return the directory that ``spec.path`` names.

    Raises :class:`PathNotFound`, or :class:`PathIsFile`, if the source has no directory there.
    """
    path = build_directory(spec.get("path"))
    kind = tree.kind(path)
    if kind is EntryKind.FILE:
        raise PathIsFile(f"{spec.get('path')}: is a file, not a directory", field="spec.path")
    if kind is not EntryKind.DIRECTORY:
        raise PathNotFound(
            f"kustomization path not found: {spec.get('path')}: no such directory in the source"
            + left_out(tree, path),
            field="spec.path",
        )
    return path


@dataclass(frozen=True, slots=True)
class BuildRules:
    """Rules for all builds."""

    remote_bases: RemoteFetcher | None = None
    """Fetches remote bases; None refuses them."""
    strict_substitutions: bool = True
    """A variable without value or default is an error."""
    keep_encrypted: bool = False
    """A Secret that nobody decrypts stays in the result as it is in the file; otherwise it is an error."""
    data_keys: DataKeys = field(default_factory=DataKeys)
    """Data keys that earlier builds opened."""
    outages: Outages = field(default_factory=Outages)
    """Key services that do not respond."""
    documents: ContentCache = field(default_factory=ContentCache)
    """Files that earlier builds parsed."""


def build_objects(
    tree: Tree,
    spec: Mapping[str, Any],
    inputs: ClusterInputs | None = None,
    rules: BuildRules | None = None,
) -> BuildResult:
    """Build the objects of a Kustomization's spec from its source tree.

    Raises :class:`PathNotFound`, :class:`PathIsFile`, :class:`StillEncrypted`, or another
    :class:`headgate.kustomize.BuildError`.
    """
    inputs, rules = inputs or ClusterInputs(), rules or BuildRules()
    recording = RecordingTree(tree)
    path = check_path(recording, spec)
    options = BuildOptions(
        load_restrictor="none",
        reorder="none",
        unknown_fields="ignore",
        allow_remote=rules.remote_bases,
        cache=rules.documents,
    )
    prepared = prepare(recording, path, spec, rules.documents)
    if inputs.keys is None:
        built = assemble(prepared, path, options)
        finished = _all_finished(built, inputs, rules)
        masks = inputs.masks
    else:
        decryption = BuildDecryption(inputs.keys, prepared, path, recording, rules.data_keys, rules.outages)
        try:
            built = assemble(decryption.tree, path, options)
            finished = _all_finished(built, inputs, rules, decryption)
        except DecryptionError as error:
            raise decryption.failed(error) from None
        except BuildError as error:
            raise decryption.masked(error) from None
        masks = inputs.masks | decryption.masks
    # A value that is also a name appears in reports anyway, and is not a secret.
    masks.forget(name for obj, _ in finished for name in _names(obj))
    digest = _digest(finished)
    common = spec.get("commonMetadata") or {}
    objects = [_with_common_metadata(obj, common) for obj, _ in finished]
    places = [place for _, place in finished]
    return BuildResult(objects, digest, recording.inputs, masks, places, built.warnings, built.hashed)


def _digest(objects: Sequence[tuple[Obj, str | None]]) -> str:
    try:
        data = encode([obj for obj, _ in objects], sort_keys=True)
    except BadRequest as error:
        for obj, place in objects:
            check_shape(obj, place)
            try:
                encode(obj)
            except BadRequest as cause:
                raise ResourceError(cause.message, file=place, object=label_of(obj)) from None
        raise ResourceError(error.message) from None
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _names(obj: Obj) -> Iterator[str]:
    meta = obj["metadata"]
    return (meta[field] for field in ("name", "namespace") if isinstance(meta.get(field), str))


def _is_for_kustomize(obj: Obj) -> bool:
    """Whether the object is a kustomization file among the resources, which Flux excludes."""
    kind, api_version = obj.get("kind"), obj.get("apiVersion")
    return (
        isinstance(kind, str)
        and kind.lower() == "kustomization"
        and isinstance(api_version, str)
        and api_version.startswith("kustomize.config.k8s.io/")
    )


def _all_finished(
    built: Output, inputs: ClusterInputs, rules: BuildRules, decryption: BuildDecryption | None = None
) -> list[tuple[Obj, str | None]]:
    """The built objects as the apply needs them, except common metadata, each with its file and line."""
    placed = [
        (obj, place)
        for obj, place in zip(built.objects, built.places, strict=True)
        if not _is_for_kustomize(obj)
    ]
    _check_all(placed)
    finished = []
    for obj, place in placed:
        try:
            finished.append((_finished(obj, place, inputs, rules, decryption), place))
        except (BuildError, DecryptionError):
            raise
        except Exception as error:
            error.add_note(f"{label_of(obj)} of {place}" if place else label_of(obj))
            raise
    expanded = [(item, place) for obj, place in finished for item in _expanded(obj)]
    if decryption is not None or inputs.variables is not None or len(expanded) != len(placed):
        # A value that was text may now be a number, and a list may hold anything.
        _check_all(expanded, hint="" if inputs.variables is None else _SUBSTITUTED)
    return expanded


_SUBSTITUTED = " (where a variable is substituted, quotes around it are lost: write '\"${name}\"')"


def _check_all(placed: Iterable[tuple[Obj, str | None]], hint: str = "") -> None:
    """Raise :class:`ResourceError` with what is wrong with the shape of any of the objects."""
    errors: list[BuildError] = []
    for obj, place in placed:
        try:
            check_shape(obj, place, hint=hint)
        except BuildError as error:
            errors.append(error)
    raise_all(errors)


def _expanded(obj: Obj) -> Iterator[Obj]:
    """The object, or the objects of a list: the apply sends each of them separately."""
    kind, items = obj.get("kind"), obj.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for item in items:
            if isinstance(item, dict):
                yield from _expanded(item)
            elif item is not None:
                raise ResourceError(
                    f"holds {named(item)} where an object is needed", object=label_of(obj), field="items"
                )
    else:
        yield obj


def _finished(
    obj: Obj,
    place: str | None,
    inputs: ClusterInputs,
    rules: BuildRules,
    decryption: BuildDecryption | None = None,
) -> Obj:
    sensitive = False
    if decryption is not None:
        obj, sensitive = decryption.decrypt(obj)
    try:
        require_plain(obj)
    except NotConfigured as error:
        if rules.keep_encrypted:
            return _substituted(obj, place, inputs, rules, sensitive=True)
        raise StillEncrypted(error.message) from None
    if is_secret(obj) and "sops" in obj:
        # Still encrypted on purpose, for a reader with the keys: no API server accepts the metadata.
        obj = {field: value for field, value in obj.items() if field != "sops"}
    return _substituted(obj, place, inputs, rules, sensitive=sensitive)


def _substituted(
    obj: Obj, place: str | None, inputs: ClusterInputs, rules: BuildRules, *, sensitive: bool
) -> Obj:
    if inputs.lacking and not is_substitution_disabled(obj):
        raise PostBuildFailed(inputs.lacking, object=label_of(obj)).at(**located(place))
    if inputs.variables is None:
        return obj
    try:
        return substitute(
            obj,
            inputs.variables,
            strict=rules.strict_substitutions,
            sensitive=sensitive,
        )
    except PostBuildError as error:
        raise PostBuildFailed(error.message, object=error.object, field=error.field).at(
            **located(place, error.field)
        ) from error


def _with_common_metadata(obj: Obj, common: Mapping[str, Any]) -> Obj:
    """Labels and annotations of the spec override the object's own; an object never changes in place."""
    added = {k: common[k] for k in ("labels", "annotations") if common.get(k)}
    if not added:
        return obj
    meta = obj["metadata"]
    return {**obj, "metadata": {**meta, **{k: {**(meta.get(k) or {}), **v} for k, v in added.items()}}}
