"""Generators, transformers and validators configured by objects of their own.

kustomize's built-in ones are configured by objects of ``apiVersion: builtin``; anything else would be a program to
run, which this engine never does.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headgate.documents.errors import BuildError, within
from headgate.documents.yaml import Dialect, load_documents, plain
from headgate.kustomize.context import Context
from headgate.kustomize.errors import KustomizationError, Refused
from headgate.kustomize.model.decode import Decoder, Record, boolean, integer, list_of, text, text_map, texts
from headgate.kustomize.model.kustomization_file import (
    Image,
    Patch,
    PatchOptions,
    Replacement,
    Replica,
    Selector,
    config_map_args,
    field_specs,
    image,
    patch_options,
    replacement,
    replica,
    secret_args,
    selector,
)
from headgate.kustomize.paths.fieldspec import FieldSpec, Plans
from headgate.kustomize.reading.loader import Loader
from headgate.kustomize.recipe import patchfiles
from headgate.kustomize.recipe.steps import (
    Generate,
    GeneratorStep,
    Step,
    Transform,
    imaging,
    merging,
    patching,
    patching_json,
    replacing,
)
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.transform.generators import make_config_map, make_secret
from headgate.kustomize.transform.labels import add_pairs
from headgate.kustomize.transform.names import add_hashes, add_prefix, add_suffix
from headgate.kustomize.transform.namespace import check_mode, set_namespace
from headgate.kustomize.transform.replicas import set_replicas
from headgate.kustomize.transform.valueadd import ValueTarget, add_value

_BUILTIN = "builtin"


@dataclass(slots=True)
class _Config:
    """The fields of all built-in plugins together; each uses a few."""

    metadata: dict[str, str] | None = None
    field_specs: tuple[FieldSpec, ...] | None = None
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    unset_only: bool = False
    subjects: str = ""
    prefix: str = ""
    suffix: str = ""
    image_tag: Image = Image()
    replica: Replica = Replica()
    path: str = ""
    patch: str = ""
    json_op: str = ""
    target: Selector | None = None
    options: PatchOptions | None = None
    paths: tuple[str, ...] = ()
    patches: str = ""
    replacements: tuple[Replacement, ...] = ()
    value: str = ""
    targets: tuple[ValueTarget, ...] = ()
    target_file_path: str = ""
    cloud: str = ""
    kubernetes_service: dict[str, str] | None = None
    service_account: dict[str, str] | None = None
    namespace: str = ""
    file: str = ""
    """Where the configuration stands."""


_metadata: Decoder[dict[str, str]] = Record(
    dict, {"name": ("name", text), "namespace": ("namespace", text)}
).loose()
_value_target: Decoder[ValueTarget] = Record(
    ValueTarget,
    {
        "selector": ("selector", selector),
        "fieldPath": ("field_path", text),
        "filePathPosition": ("file_path_position", integer),
    },
)
_value_targets = list_of(_value_target, ValueTarget())
_FIELD_SPECS: dict[str, tuple[str, Decoder[Any]]] = {"fieldSpecs": ("field_specs", field_specs)}


def _fields(**fields: tuple[str, Decoder[Any]]) -> Decoder[_Config]:
    return Record(_Config, {**_FIELD_SPECS, "metadata": ("metadata", _metadata), **fields}).loose()


# Transformers: what each reads of its configuration, and the step it makes.

_Maker = Callable[[_Config, Loader, Context], Transform]


def _annotations(config: _Config, loader: Loader, context: Context) -> Transform:
    pairs, plans = config.annotations or {}, Plans(config.field_specs or ())
    return lambda resources: add_pairs(resources, pairs, plans)


def _labels(config: _Config, loader: Loader, context: Context) -> Transform:
    pairs, plans = config.labels or {}, Plans(config.field_specs or ())
    return lambda resources: add_pairs(resources, pairs, plans)


def _namespace(config: _Config, loader: Loader, context: Context) -> Transform:
    check_mode(config.subjects)
    namespace, plans = (config.metadata or {}).get("namespace", ""), Plans(config.field_specs or ())
    return lambda resources: set_namespace(
        resources, namespace, plans, unset_only=config.unset_only, subjects=config.subjects
    )


def _needed_specs(config: _Config) -> tuple[FieldSpec, ...]:
    if config.field_specs is None:
        raise KustomizationError("must be given", field="fieldSpecs")
    return config.field_specs


def _prefix(config: _Config, loader: Loader, context: Context) -> Transform:
    specs = _needed_specs(config)
    return lambda resources: add_prefix(resources, config.prefix, specs)


def _suffix(config: _Config, loader: Loader, context: Context) -> Transform:
    specs = _needed_specs(config)
    return lambda resources: add_suffix(resources, config.suffix, specs)


def _prefix_and_suffix(config: _Config, loader: Loader, context: Context) -> Transform:
    first, second = _prefix(config, loader, context), _suffix(config, loader, context)

    def run(resources: Any) -> None:
        first(resources)
        second(resources)

    return run


def _hash(config: _Config, loader: Loader, context: Context) -> Transform:
    return add_hashes


def _images(config: _Config, loader: Loader, context: Context) -> Transform:
    plans = Plans(config.field_specs or ())
    return imaging([config.image_tag], plans, context, config.file, "imageTag")


def _replicas(config: _Config, loader: Loader, context: Context) -> Transform:
    return lambda resources: set_replicas(resources, config.replica, config.field_specs or ())


def _patch(config: _Config, loader: Loader, context: Context) -> Transform:
    entry = Patch(config.path, config.patch, config.target, config.options)
    loaded = patchfiles.load_patch(entry, loader, context, config.file)
    return patching(loaded, context, config.file, "target")


def _merges(config: _Config, loader: Loader, context: Context) -> Transform:
    if not config.paths and not config.patches:
        raise KustomizationError("one of paths and patches must be given")
    return merging(config.paths, "paths", loader, context, config.file, config.patches)


def _json(config: _Config, loader: Loader, context: Context) -> Transform:
    loaded = patchfiles.load_json(config.path, config.json_op, config.target, loader, config.file, "jsonOp")
    return patching_json(loaded, context, config.file, "target")


def _replacement(config: _Config, loader: Loader, context: Context) -> Transform:
    return replacing(config.replacements, loader, context, config.file)


def _value_add(config: _Config, loader: Loader, context: Context) -> Transform:
    value = config.value.strip() or posixpath.basename(loader.root)
    targets = config.targets
    if config.target_file_path:
        targets += _targets_of_file(config.target_file_path, loader)
    if not targets:
        raise KustomizationError("at least one must be given", field="targets")
    for index, target in enumerate(targets):
        file, number = None, index
        if index >= len(config.targets):
            file, number = loader.name_of(config.target_file_path), index - len(config.targets)
        if not target.field_path:
            raise KustomizationError("must not be empty", file=file, field=f"targets[{number}].fieldPath")
        if target.file_path_position < 0:
            raise KustomizationError(
                "must not be negative", file=file, field=f"targets[{number}].filePathPosition"
            )
    return lambda resources: add_value(resources, value, targets)


def _targets_of_file(path: str, loader: Loader) -> tuple[ValueTarget, ...]:
    with within("targetFilePath"):
        data, file = loader.load(path), loader.name_of(path)
        documents = load_documents(data, file=file, dialect=Dialect.CONFIG)
    decode = Record(_Config, {"targets": ("targets", _value_targets)})
    try:
        return decode(documents[0].value if documents else {}, "", False).targets
    except KustomizationError as error:
        raise error.at(file=file) from None


_SELECTED: dict[str, tuple[str, Decoder[Any]]] = {"target": ("target", selector), "path": ("path", text)}

TRANSFORMERS: dict[str, tuple[Decoder[_Config], _Maker]] = {
    "AnnotationsTransformer": (_fields(annotations=("annotations", text_map)), _annotations),
    "HashTransformer": (_fields(), _hash),
    "ImageTagTransformer": (_fields(imageTag=("image_tag", image.loose())), _images),
    "LabelTransformer": (_fields(labels=("labels", text_map)), _labels),
    "NamespaceTransformer": (
        _fields(unsetOnly=("unset_only", boolean), setRoleBindingSubjects=("subjects", text)),
        _namespace,
    ),
    "PatchJson6902Transformer": (_fields(**_SELECTED, jsonOp=("json_op", text)), _json),
    "PatchStrategicMergeTransformer": (_fields(paths=("paths", texts), patches=("patches", text)), _merges),
    "PatchTransformer": (
        _fields(**_SELECTED, patch=("patch", text), options=("options", patch_options)),
        _patch,
    ),
    "PrefixSuffixTransformer": (
        _fields(prefix=("prefix", text), suffix=("suffix", text)),
        _prefix_and_suffix,
    ),
    "PrefixTransformer": (_fields(prefix=("prefix", text)), _prefix),
    "SuffixTransformer": (_fields(suffix=("suffix", text)), _suffix),
    "ReplacementTransformer": (
        _fields(replacements=("replacements", list_of(replacement, Replacement()))),
        _replacement,
    ),
    "ReplicaCountTransformer": (_fields(replica=("replica", replica.loose())), _replicas),
    "ValueAddTransformer": (
        _fields(
            value=("value", text),
            targets=("targets", _value_targets),
            targetFilePath=("target_file_path", text),
        ),
        _value_add,
    ),
}


def make_transformer(config: Resource, loader: Loader, context: Context) -> Step:
    """Return the transformer that an object configures; raises Refused for what would be a program."""
    kind = _builtin_kind(config)
    entry = TRANSFORMERS.get(kind)
    if entry is None:
        raise Refused(f"there is no built-in transformer {kind!r}", **config.placed())
    decode, make = entry
    try:
        settings = decode(plain(config.obj), "", False)
        settings.file = config.placed()["file"] or ""
        transform = make(settings, loader, context)
    except BuildError as error:
        raise error.at(**config.placed()) from None

    def run(resources: ResMap) -> None:
        try:
            transform(resources)
        except BuildError as error:
            raise error.at(**config.placed()) from None

    origin = config.origin.by_custom(config.author) if config.origin is not None else None
    return Step(kind, run, origin)


# Generators

_iam_policy: Decoder[_Config] = Record(
    _Config,
    {
        "cloud": ("cloud", text),
        "kubernetesService": ("kubernetes_service", _metadata),
        "serviceAccount": (
            "service_account",
            Record(dict, {"name": ("name", text), "projectId": ("project", text)}),
        ),
    },
)


def make_generator(config: Resource, loader: Loader, context: Context) -> GeneratorStep:
    """Return the generator that an object configures; raises Refused for what would be a program."""
    kind = _builtin_kind(config)
    try:
        generate = _generator(kind, config, loader, context)
    except BuildError as error:
        raise error.at(**config.placed()) from None

    def run() -> list[Resource]:
        try:
            return generate()
        except BuildError as error:
            raise error.at(**config.placed()) from None

    origin = config.origin.by_custom(config.author) if config.origin is not None else None
    return GeneratorStep(kind, run, origin)


GENERATORS = ("ConfigMapGenerator", "SecretGenerator", "IAMPolicyGenerator", "HelmChartInflationGenerator")


def _generator(kind: str, config: Resource, loader: Loader, context: Context) -> Generate:
    obj = plain(config.obj)
    if kind in ("ConfigMapGenerator", "SecretGenerator"):
        args = (secret_args if kind == "SecretGenerator" else config_map_args)(obj, "", False)
        args = args._replace(name=args.name or config.name, namespace=args.namespace or config.namespace)
        make = make_secret if kind == "SecretGenerator" else make_config_map
        return lambda: [make(args, loader, context.cluster_scoped)]
    if kind == "IAMPolicyGenerator":
        policy = _iam_policy(obj, "", False)
        return lambda: [_iam_account(policy, context)]
    if kind in GENERATORS:
        raise Refused("Helm charts in kustomizations are not supported; use a HelmRelease")
    raise Refused(f"there is no built-in generator {kind!r}")


def _iam_account(policy: _Config, context: Context) -> Resource:
    if policy.cloud != "gke":
        raise KustomizationError(f"the cloud {policy.cloud!r} is not known, only gke is", field="cloud")
    account, service = policy.service_account or {}, policy.kubernetes_service or {}
    email = f"{account.get('name', '')}@{account.get('project', '')}.iam.gserviceaccount.com"
    metadata: dict[str, Any] = {
        "annotations": {"iam.gke.io/gcp-service-account": email},
        "name": service.get("name", ""),
    }
    if service.get("namespace"):
        metadata["namespace"] = service["namespace"]
    obj = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    return Resource(obj, context.cluster_scoped)


def _builtin_kind(config: Resource) -> str:
    gvk = config.gvk
    if gvk.group or gvk.version != _BUILTIN:
        raise Refused(
            f"the plugin {gvk.kind!r} ({gvk.api_version}) would be a program to run: only built-in ones "
            "(apiVersion: builtin) are supported",
            **config.placed(),
        )
    return gvk.kind
