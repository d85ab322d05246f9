"""From a source's tree to the objects to apply. Pure, and run in a worker thread."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from headgate.kustomize import BuildOptions, RemoteFetcher, build, dump
from headgate.kustomize.errors import BuildError, ResourceError
from headgate.kustomize.tree import EntryKind, Inputs, RecordingTree, Tree
from headgate.kustomize.yaml import Dialect, load_documents, printed
from headgate.overlay import prepare
from headgate.postbuild import Masks, PostBuildError, substitute
from headgate.postbuild.sops import DecryptionError, NotConfigured, is_secret, require_plain
from headgate.reconcile.datakeys import DataKeys
from headgate.reconcile.decryption import Decryption
from headgate.reconcile.inputs import ClusterInputs
from headgate.reconcile.outages import Outages

Obj = dict[str, Any]


class PathNotFound(BuildError):
    """``spec.path`` names no directory of the source."""


class PostBuildFailed(BuildError):
    """A built object could not be made ready for the apply."""


class StillEncrypted(BuildError):
    """An encrypted Secret that nobody decrypts: applied, it would hold ciphertext."""


@dataclass(frozen=True, slots=True)
class Built:
    """The outcome of a build and what it depended on."""

    objects: list[Obj]
    digest: str
    """``sha256:…`` of the objects, for the history."""
    inputs: Inputs
    masks: Masks = field(default_factory=Masks)
    """What of the objects must not be told."""


def build_directory(path: str | None) -> str:
    """``spec.path`` as a path of the tree; it is taken from the root and cannot leave it.

    >>> build_directory("./apps/production")
    'apps/production'
    >>> build_directory("../../etc")
    'etc'
    """
    return posixpath.normpath("/" + (path or "")).lstrip("/")


def check_path(tree: Tree, spec: Mapping[str, Any]) -> str:
    """Return the directory that ``spec.path`` names; raises :class:`PathNotFound` when the source has none there."""
    path = build_directory(spec.get("path"))
    kind = tree.kind(path)
    if kind is not EntryKind.DIRECTORY:
        what = "is a file, not a directory" if kind is EntryKind.FILE else "no such directory in the source"
        raise PathNotFound(f"kustomization path not found: {spec.get('path')}: {what}", field="spec.path")
    return path


@dataclass(frozen=True, slots=True)
class BuildRules:
    """How all builds are done, whatever they build."""

    remote_bases: RemoteFetcher | None = None
    """Where bases named by URL come from; None refuses them."""
    strict_substitutions: bool = True
    """A variable without value or default is an error."""
    data_keys: DataKeys = field(default_factory=DataKeys)
    """Data keys of what is encrypted, opened in former builds."""
    outages: Outages = field(default_factory=Outages)
    """Services that hold other such keys, and do not answer."""


def build_objects(
    tree: Tree,
    spec: Mapping[str, Any],
    inputs: ClusterInputs | None = None,
    rules: BuildRules | None = None,
) -> Built:
    """Build what a Kustomization's spec asks for from the tree of its source.

    Raises :class:`PathNotFound`, :class:`StillEncrypted`, or another :class:`headgate.kustomize.BuildError`.
    """
    inputs, rules = inputs or ClusterInputs(), rules or BuildRules()
    recording = RecordingTree(tree)
    path = check_path(recording, spec)
    options = BuildOptions(
        load_restrictor="none", reorder="none", unknown_fields="ignore", allow_remote=rules.remote_bases
    )
    prepared = prepare(recording, path, spec)
    if inputs.keys is None:
        built = build(prepared, path, options)
        objects = [_finished(obj, spec, inputs, rules) for obj in built if not _is_for_kustomize(obj)]
        masks = inputs.masks
    else:
        decryption = Decryption(inputs.keys, prepared, path, recording, rules.data_keys, rules.outages)
        try:
            built = build(decryption.tree, path, options)
            objects = [
                _finished(obj, spec, inputs, rules, decryption) for obj in built if not _is_for_kustomize(obj)
            ]
        except DecryptionError as error:
            raise decryption.failed(error) from None
        except BuildError as error:
            raise decryption.masked(error) from None
        masks = inputs.masks | decryption.masks
    # What is also a name is told anyway, and is no secret.
    masks.forget(name for obj in objects for name in _names(obj))
    data = orjson.dumps(objects, option=orjson.OPT_SORT_KEYS)
    return Built(objects, "sha256:" + hashlib.sha256(data).hexdigest(), recording.inputs, masks)


def _names(obj: Obj) -> Iterator[str]:
    meta = obj["metadata"]
    return (meta[field] for field in ("name", "namespace") if isinstance(meta.get(field), str))


def _is_for_kustomize(obj: Obj) -> bool:
    """Tell whether the object is a kustomization file among the resources, which Flux leaves out."""
    kind, api_version = obj.get("kind"), obj.get("apiVersion")
    return (
        isinstance(kind, str)
        and kind.lower() == "kustomization"
        and isinstance(api_version, str)
        and api_version.startswith("kustomize.config.k8s.io/")
    )


def _finished(
    obj: Obj,
    spec: Mapping[str, Any],
    inputs: ClusterInputs,
    rules: BuildRules,
    decryption: Decryption | None = None,
) -> Obj:
    """A built object as it is to be applied."""
    _check(obj)
    sensitive = False
    if decryption is not None:
        obj, sensitive = decryption.decrypt(obj)
    try:
        require_plain(obj)
    except NotConfigured as error:
        raise StillEncrypted(error.message) from None
    if is_secret(obj) and "sops" in obj:
        # Left encrypted on purpose, for somebody who knows the keys: no API server takes the metadata.
        obj = {field: value for field, value in obj.items() if field != "sops"}
    obj = _substituted(obj, inputs, rules, sensitive=sensitive)
    return _with_common_metadata(obj, spec.get("commonMetadata") or {})


def _substituted(obj: Obj, inputs: ClusterInputs, rules: BuildRules, *, sensitive: bool) -> Obj:
    if inputs.variables is None:
        return obj
    try:
        return substitute(
            obj,
            inputs.variables,
            dump=dump,
            load=_load,
            strict=rules.strict_substitutions,
            sensitive=sensitive,
        )
    except PostBuildError as error:
        raise PostBuildFailed(error.message, object=error.object, field=error.field) from error


def _load(text: str) -> Any:
    documents = load_documents(text.encode(), file="", dialect=Dialect.CONFIG)
    if len(documents) != 1:
        raise ValueError("not one document")
    return printed(documents[0].value)


def _check(obj: Obj) -> None:
    meta = obj.get("metadata")
    name = meta.get("name") if isinstance(meta, dict) else None
    missing = [
        f
        for f, v in (
            ("apiVersion", obj.get("apiVersion")),
            ("kind", obj.get("kind")),
            ("metadata.name", name),
        )
        if not v
    ]
    if missing:
        raise ResourceError(
            f"an object needs apiVersion, kind and metadata.name; missing: {', '.join(missing)}",
            object=f"{obj.get('kind', '?')}/{name or '?'}",
        )


def _with_common_metadata(obj: Obj, common: Mapping[str, Any]) -> Obj:
    """Labels and annotations of the spec win over the object's own; an object is never changed in place."""
    added = {k: common[k] for k in ("labels", "annotations") if common.get(k)}
    if not added:
        return obj
    meta = obj["metadata"]
    return {**obj, "metadata": {**meta, **{k: {**(meta.get(k) or {}), **v} for k, v in added.items()}}}
