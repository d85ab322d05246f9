"""Generators, transformers and validators configured by objects of their own.

kustomize's built-in ones are configured by objects of ``apiVersion: builtin``; anything else would be a program to
run, which this engine never does.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headgate.kustomize import patchfiles
from headgate.kustomize.context import Context
from headgate.kustomize.decode import Decoder, Record, boolean, integer, list_of, text, text_map, texts
from headgate.kustomize.errors import BuildError, KustomizationError, Refused
from headgate.kustomize.fieldspec import FieldSpec, Plans
from headgate.kustomize.generators import make_config_map, make_secret
from headgate.kustomize.loader import Loader
from headgate.kustomize.model import (
    CONFIG_MAP_ARGS,
    SECRET_ARGS,
    GeneratorArgs,
    Image,
    Patch,
    PatchOptions,
    Replacement,
    Replica,
    Selector,
    field_specs,
    image,
    patch_options,
    replacement,
    replica,
    selector,
)
from headgate.kustomize.resource import Resource
from headgate.kustomize.steps import Generate, GeneratorStep, Step, Transform, load_replacements
from headgate.kustomize.transform.images import set_images
from headgate.kustomize.transform.labels import add_pairs
from headgate.kustomize.transform.names import add_hashes, add_prefix, add_suffix
from headgate.kustomize.transform.namespace import check_mode, set_namespace
from headgate.kustomize.transform.patches import apply_json, apply_merges, apply_patch
from headgate.kustomize.transform.replacements import replace_fields
from headgate.kustomize.transform.replicas import set_replicas
from headgate.kustomize.transform.valueadd import ValueTarget, add_value
from headgate.kustomize.yaml import Dialect, load_documents, plain

_BUILTIN = "builtin"


@dataclass(frozen=True, slots=True)
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
    return lambda resources: set_images(resources, [config.image_tag], plans)


def _replicas(config: _Config, loader: Loader, context: Context) -> Transform:
    return lambda resources: set_replicas(resources, config.replica, config.field_specs or ())


def _patch(config: _Config, loader: Loader, context: Context) -> Transform:
    entry = Patch(config.path, config.patch, config.target, config.options)
    loaded = patchfiles.load_patch(entry, "patch", loader, context)
    return lambda resources: apply_patch(resources, loaded, context.schema)


def _merges(config: _Config, loader: Loader, context: Context) -> Transform:
    if not config.paths and not config.patches:
        raise KustomizationError("one of paths and patches must be given")
    merges = patchfiles.load_merges(config.paths, loader, context, config.patches)
    return lambda resources: apply_merges(resources, merges, context.schema)


def _json(config: _Config, loader: Loader, context: Context) -> Transform:
    loaded, target, source = patchfiles.load_json(
        config.path, config.json_op, config.target, "jsonOp", loader
    )
    return lambda resources: apply_json(resources, loaded, target, source)


def _replacement(config: _Config, loader: Loader, context: Context) -> Transform:
    replacements = load_replacements(config.replacements, loader)
    return lambda resources: replace_fields(resources, replacements)


def _value_add(config: _Config, loader: Loader, context: Context) -> Transform:
    value = config.value.strip() or posixpath.basename(loader.root)
    targets = config.targets
    if config.target_file_path:
        documents = load_documents(
            loader.load(config.target_file_path), file=config.target_file_path, dialect=Dialect.CONFIG
        )
        more = Record(_Config, {"targets": ("targets", _value_targets)})
        targets += more(documents[0].value if documents else {}, "", False).targets
    if not targets:
        raise KustomizationError("at least one must be given", field="targets")
    for target in targets:
        if not target.field_path:
            raise KustomizationError("must not be empty", field="targets.fieldPath")
        if target.file_path_position < 0:
            raise KustomizationError("must not be negative", field="targets.filePathPosition")
    return lambda resources: add_value(resources, value, targets)


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
        raise Refused(f"there is no built-in transformer {kind!r}", file=config.place)
    decode, make = entry
    try:
        run = make(decode(plain(config.obj), "", False), loader, context)
    except BuildError as error:
        raise error.at(object=str(config)) from None
    origin = config.origin.by_custom(config) if config.origin is not None else None
    return Step(kind, run, origin)


# Generators

_config_map: Decoder[GeneratorArgs] = Record(GeneratorArgs, CONFIG_MAP_ARGS)
_secret: Decoder[GeneratorArgs] = Record(GeneratorArgs, SECRET_ARGS)
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
        run = _generator(kind, config, loader, context)
    except BuildError as error:
        raise error.at(object=str(config)) from None
    origin = config.origin.by_custom(config) if config.origin is not None else None
    return GeneratorStep(kind, run, origin)


GENERATORS = ("ConfigMapGenerator", "SecretGenerator", "IAMPolicyGenerator", "HelmChartInflationGenerator")


def _generator(kind: str, config: Resource, loader: Loader, context: Context) -> Generate:
    obj = plain(config.obj)
    if kind in ("ConfigMapGenerator", "SecretGenerator"):
        args = (_secret if kind == "SecretGenerator" else _config_map)(obj, "", False)
        args = args._replace(name=args.name or config.name, namespace=args.namespace or config.namespace)
        make = make_secret if kind == "SecretGenerator" else make_config_map
        return lambda: [make(args, loader, context.cluster_scoped)]
    if kind == "IAMPolicyGenerator":
        policy = _iam_policy(obj, "", False)
        return lambda: [_iam_account(policy, context)]
    if kind in GENERATORS:
        raise Refused("Helm charts in kustomizations are not supported; use a HelmRelease")
    raise Refused(f"there is no built-in generator {kind!r}", file=config.place)


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
            file=config.place,
        )
    return gvk.kind
