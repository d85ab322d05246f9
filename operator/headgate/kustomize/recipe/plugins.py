"""Generators, transformers and validators that objects configure.

Objects of ``apiVersion: builtin`` configure kustomize's built-in ones; all others would run a program, which this
engine never does.
"""

from __future__ import annotations

import posixpath
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any, NamedTuple

from headgate.documents.errors import BuildError, within
from headgate.documents.yaml import Dialect, first_value, plain
from headgate.kustomize.context import Context
from headgate.kustomize.errors import KustomizationError, Refused
from headgate.kustomize.model.decode import Mark, record
from headgate.kustomize.model.kustomization_file import (
    Args,
    GeneratorArgs,
    ImageEntry,
    ObjectSelector,
    PatchEntry,
    PatchOptions,
    Replacement,
    Replica,
    SecretArgs,
)
from headgate.kustomize.paths.fieldspec import FieldSpec, Plans
from headgate.kustomize.reading.loader import Loader
from headgate.kustomize.recipe import patchfiles
from headgate.kustomize.recipe.steps import (
    Generate,
    GeneratorStep,
    Transform,
    TransformerStep,
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


class _Work(NamedTuple):
    """The arguments of a plugin; ``file`` contains its configuration."""

    loader: Loader
    context: Context
    file: str


class _ObjectName(NamedTuple):
    name: str = ""
    namespace: str = ""


_NO_NAME = _ObjectName()


# Transformers: the configuration fields that each reads, and the step that it creates.


@dataclass(frozen=True, slots=True)
class _Transformer(ABC):
    """The configuration fields common to all transformers."""

    metadata: Annotated[_ObjectName, Mark.LOOSE] = _NO_NAME
    field_specs: tuple[FieldSpec, ...] | None = None

    @property
    def specs(self) -> tuple[FieldSpec, ...]:
        """The field specifications, if any."""
        return self.field_specs or ()

    @property
    def needed_specs(self) -> tuple[FieldSpec, ...]:
        """The field specifications; raises KustomizationError when the field is absent."""
        if self.field_specs is None:
            raise KustomizationError("must be given", field="fieldSpecs")
        return self.field_specs

    @abstractmethod
    def make(self, work: _Work) -> Transform:
        """Read what the transformer needs and return it, ready to run; raises BuildError."""


@dataclass(frozen=True, slots=True)
class _Annotations(_Transformer):
    annotations: dict[str, str] = field(default_factory=dict)

    def make(self, work: _Work) -> Transform:
        return partial(add_pairs, pairs=self.annotations, plans=Plans(self.specs))


@dataclass(frozen=True, slots=True)
class _Hash(_Transformer):
    def make(self, work: _Work) -> Transform:
        return add_hashes


@dataclass(frozen=True, slots=True)
class _ImageTag(_Transformer):
    image_tag: Annotated[ImageEntry, Mark.LOOSE] = ImageEntry()

    def make(self, work: _Work) -> Transform:
        return imaging([self.image_tag], Plans(self.specs), work.context, work.file, "imageTag")


@dataclass(frozen=True, slots=True)
class _Labels(_Transformer):
    labels: dict[str, str] = field(default_factory=dict)

    def make(self, work: _Work) -> Transform:
        return partial(add_pairs, pairs=self.labels, plans=Plans(self.specs))


@dataclass(frozen=True, slots=True)
class _Namespace(_Transformer):
    unset_only: bool = False
    set_role_binding_subjects: str = ""

    def make(self, work: _Work) -> Transform:
        check_mode(self.set_role_binding_subjects)
        return partial(
            set_namespace,
            namespace=self.metadata.namespace,
            plans=Plans(self.specs),
            unset_only=self.unset_only,
            subjects=self.set_role_binding_subjects,
        )


@dataclass(frozen=True, slots=True)
class _JsonPatch(_Transformer):
    target: ObjectSelector | None = None
    path: str = ""
    json_op: str = ""

    def make(self, work: _Work) -> Transform:
        loaded = patchfiles.load_json(self.path, self.json_op, self.target, work.loader, work.file, "jsonOp")
        return patching_json(loaded, work.context, work.file, "target")


@dataclass(frozen=True, slots=True)
class _StrategicMerge(_Transformer):
    paths: tuple[str, ...] = ()
    patches: str = ""

    def make(self, work: _Work) -> Transform:
        if not self.paths and not self.patches:
            raise KustomizationError("one of paths and patches must be given")
        return merging(self.paths, "paths", work.loader, work.context, work.file, self.patches)


@dataclass(frozen=True, slots=True)
class _Patch(_Transformer):
    target: ObjectSelector | None = None
    path: str = ""
    patch: str = ""
    options: PatchOptions | None = None

    def make(self, work: _Work) -> Transform:
        entry = PatchEntry(self.path, self.patch, self.target, self.options)
        loaded = patchfiles.load_patch(entry, work.loader, work.context, work.file)
        return patching(loaded, work.context, work.file, "target")


@dataclass(frozen=True, slots=True)
class _Prefix(_Transformer):
    prefix: str = ""

    def make(self, work: _Work) -> Transform:
        return partial(add_prefix, prefix=self.prefix, specs=self.needed_specs)


@dataclass(frozen=True, slots=True)
class _Suffix(_Transformer):
    suffix: str = ""

    def make(self, work: _Work) -> Transform:
        return partial(add_suffix, suffix=self.suffix, specs=self.needed_specs)


@dataclass(frozen=True, slots=True)
class _PrefixAndSuffix(_Transformer):
    prefix: str = ""
    suffix: str = ""

    def make(self, work: _Work) -> Transform:
        specs = self.needed_specs

        def run(resources: ResMap) -> None:
            add_prefix(resources, self.prefix, specs)
            add_suffix(resources, self.suffix, specs)

        return run


@dataclass(frozen=True, slots=True)
class _Replacements(_Transformer):
    replacements: tuple[Replacement, ...] = ()

    def make(self, work: _Work) -> Transform:
        return replacing(self.replacements, work.loader, work.context, work.file)


@dataclass(frozen=True, slots=True)
class _Replicas(_Transformer):
    replica: Annotated[Replica, Mark.LOOSE] = Replica()

    def make(self, work: _Work) -> Transform:
        return partial(set_replicas, replica=self.replica, specs=self.specs)


class _ValueTargets(NamedTuple):
    targets: tuple[ValueTarget, ...] = ()


@dataclass(frozen=True, slots=True)
class _ValueAdd(_Transformer):
    value: str = ""
    targets: tuple[ValueTarget, ...] = ()
    target_file_path: str = ""

    def make(self, work: _Work) -> Transform:
        value = self.value.strip() or posixpath.basename(work.loader.root)
        targets = self.targets
        if self.target_file_path:
            targets += _targets_of_file(self.target_file_path, work.loader)
        if not targets:
            raise KustomizationError("at least one must be given", field="targets")
        for index, target in enumerate(targets):
            file, number = None, index
            if index >= len(self.targets):
                file, number = work.loader.name_of(self.target_file_path), index - len(self.targets)
            if not target.field_path:
                raise KustomizationError("must not be empty", file=file, field=f"targets[{number}].fieldPath")
            if target.file_path_position < 0:
                raise KustomizationError(
                    "must not be negative", file=file, field=f"targets[{number}].filePathPosition"
                )
        return partial(add_value, value=value, targets=targets)


def _targets_of_file(path: str, loader: Loader) -> tuple[ValueTarget, ...]:
    with within("targetFilePath"):
        data, file = loader.load(path), loader.name_of(path)
        value = first_value(data, file=file, dialect=Dialect.CONFIG, budget=loader.budget, empty={})
    try:
        return record(_ValueTargets)(value, "", False).targets
    except KustomizationError as error:
        raise error.at(file=file) from None


TRANSFORMERS: dict[str, type[_Transformer]] = {
    "AnnotationsTransformer": _Annotations,
    "HashTransformer": _Hash,
    "ImageTagTransformer": _ImageTag,
    "LabelTransformer": _Labels,
    "NamespaceTransformer": _Namespace,
    "PatchJson6902Transformer": _JsonPatch,
    "PatchStrategicMergeTransformer": _StrategicMerge,
    "PatchTransformer": _Patch,
    "PrefixSuffixTransformer": _PrefixAndSuffix,
    "PrefixTransformer": _Prefix,
    "SuffixTransformer": _Suffix,
    "ReplacementTransformer": _Replacements,
    "ReplicaCountTransformer": _Replicas,
    "ValueAddTransformer": _ValueAdd,
}


def make_transformer(config: Resource, loader: Loader, context: Context) -> TransformerStep:
    """Return the transformer that an object configures; raises Refused if it would run a program."""
    kind = _builtin_kind(config)
    transformer = TRANSFORMERS.get(kind)
    if transformer is None:
        raise Refused(f"there is no built-in transformer {kind!r}", **config.placed())
    try:
        settings = record(transformer, loose=True)(plain(config.obj), "", False)
        transform = settings.make(_Work(loader, context, config.placed()["file"] or ""))
    except BuildError as error:
        raise error.at(**config.placed()) from None

    def run(resources: ResMap) -> None:
        try:
            transform(resources)
        except BuildError as error:
            raise error.at(**config.placed()) from None

    origin = config.origin.by_custom(config.author) if config.origin is not None else None
    return TransformerStep(kind, run, origin)


# Generators


class _ServiceAccount(NamedTuple):
    name: str = ""
    project_id: str = ""


class _IamPolicy(NamedTuple):
    cloud: str = ""
    kubernetes_service: Annotated[_ObjectName, Mark.LOOSE] = _NO_NAME
    service_account: _ServiceAccount = _ServiceAccount()


def make_generator(config: Resource, loader: Loader, context: Context) -> GeneratorStep:
    """Return the generator that an object configures; raises Refused if it would run a program."""
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
    if kind == "ConfigMapGenerator":
        args = _named(record(GeneratorArgs)(obj, "", False), config)
        return lambda: [make_config_map(args, loader, context.cluster_scoped)]
    if kind == "SecretGenerator":
        secret = _named(record(SecretArgs)(obj, "", False), config)
        return lambda: [make_secret(secret, loader, context.cluster_scoped)]
    if kind == "IAMPolicyGenerator":
        policy = record(_IamPolicy)(obj, "", False)
        return lambda: [_iam_account(policy, context)]
    if kind in GENERATORS:
        raise Refused("Helm charts in kustomizations are not supported; use a HelmRelease")
    raise Refused(f"there is no built-in generator {kind!r}")


def _named(args: Args, config: Resource) -> Args:
    return replace(args, name=args.name or config.name, namespace=args.namespace or config.namespace)


def _iam_account(policy: _IamPolicy, context: Context) -> Resource:
    if policy.cloud != "gke":
        raise KustomizationError(f"the cloud {policy.cloud!r} is not supported, only gke is", field="cloud")
    account, service = policy.service_account, policy.kubernetes_service
    email = f"{account.name}@{account.project_id}.iam.gserviceaccount.com"
    metadata: dict[str, Any] = {
        "annotations": {"iam.gke.io/gcp-service-account": email},
        "name": service.name,
    }
    if service.namespace:
        metadata["namespace"] = service.namespace
    obj = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    return Resource(obj, context.cluster_scoped, context.budget)


def _builtin_kind(config: Resource) -> str:
    gvk = config.gvk
    if gvk.group or gvk.version != _BUILTIN:
        raise Refused(
            f"the plugin {gvk.kind!r} ({gvk.api_version}) would be a program to run: only built-in ones "
            "(apiVersion: builtin) are supported",
            **config.placed(),
        )
    return gvk.kind
