"""The kustomization file as typed data: every field of kustomize v5, the deprecated ones included.

``parse`` is the one way in. Deprecated fields are folded into the ones that replaced them as kustomize does
(``bases`` into ``resources``, ``imageTags`` into ``images``, ``env`` into ``envs``).
Reference: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from headgate.kustomize.errors import KustomizationError
from headgate.kustomize.model.decode import (
    Decoder,
    Record,
    anything,
    boolean,
    integer,
    list_of,
    text,
    text_map,
    texts,
)
from headgate.kustomize.paths.fieldspec import FieldSpec
from headgate.kustomize.resources.ids import Gvk

KIND = "Kustomization"
COMPONENT = "Component"
API_VERSION = "kustomize.config.k8s.io/v1beta1"
COMPONENT_API_VERSION = "kustomize.config.k8s.io/v1alpha1"

# Default of fields that are maps; nobody changes those.
_NONE: dict[str, str] = {}

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


class Selector(NamedTuple):
    """Which objects a patch or replacement means; each part is an anchored regular expression, "" matches all."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    annotation_selector: str = ""
    label_selector: str = ""

    @property
    def selects_id(self) -> bool:
        """Whether any part of the identity is restricted."""
        return bool(self.group or self.version or self.kind or self.name or self.namespace)


class PatchOptions(NamedTuple):
    """What a patch may do beyond changing fields."""

    allow_name_change: bool = False
    allow_kind_change: bool = False


class Patch(NamedTuple):
    """One entry of ``patches``: a patch, inline or in a file, and optionally what it applies to."""

    path: str = ""
    patch: str = ""
    target: Selector | None = None
    options: PatchOptions | None = None


class Label(NamedTuple):
    """One entry of ``labels``."""

    pairs: dict[str, str] = _NONE
    include_selectors: bool = False
    include_templates: bool = False
    include_volume_claim_templates: bool = False
    fields: tuple[FieldSpec, ...] = ()


class Image(NamedTuple):
    """One entry of ``images``."""

    name: str = ""
    new_name: str = ""
    tag_suffix: str = ""
    new_tag: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Replica:
    """One entry of ``replicas``."""

    name: str = ""
    count: int = 0


class GeneratorOptions(NamedTuple):
    """``generatorOptions``, or the ``options`` of one generator."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    disable_name_suffix_hash: bool = False
    immutable: bool = False

    def over(self, common: GeneratorOptions | None) -> GeneratorOptions:
        """Return these options with the common ones filled in."""
        if common is None:
            return self
        return GeneratorOptions(
            labels={**(common.labels or {}), **(self.labels or {})},
            annotations={**(common.annotations or {}), **(self.annotations or {})},
            disable_name_suffix_hash=self.disable_name_suffix_hash or common.disable_name_suffix_hash,
            immutable=self.immutable or common.immutable,
        )


class GeneratorArgs(NamedTuple):
    """One entry of ``configMapGenerator`` or ``secretGenerator``; ``type`` is for Secrets only."""

    name: str = ""
    namespace: str = ""
    behavior: str = ""
    literals: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    envs: tuple[str, ...] = ()
    env: str = ""
    options: GeneratorOptions | None = None
    type: str = ""


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """How a replacement splits and creates the fields it reads and writes."""

    delimiter: str = ""
    index: int = 0
    encoding: str = ""
    create: bool = False


class Source(NamedTuple):
    """Where a replacement takes its value from; identity parts are exact, "" matches all."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    field_path: str = ""
    options: FieldOptions | None = None


class ReplacementTarget(NamedTuple):
    """Where a replacement writes its value."""

    select: Selector | None = None
    reject: tuple[Selector, ...] = ()
    field_paths: tuple[str, ...] = ()
    options: FieldOptions | None = None


class Replacement(NamedTuple):
    """One entry of ``replacements``: inline, or the path of a file with one or a list of them."""

    source: Source | None = None
    source_value: str | None = None
    targets: tuple[ReplacementTarget, ...] | None = None
    path: str = ""


class Var(NamedTuple):
    """One entry of ``vars``: a name and the field of an object that gives its value."""

    name: str = ""
    gvk: Gvk = Gvk()
    object_name: str = ""
    object_namespace: str = ""
    field_path: str = "metadata.name"


class LegacySortOptions(NamedTuple):
    """The kinds to put first and last in the legacy order."""

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


class SortOptions(NamedTuple):
    """``sortOptions``."""

    order: str = ""
    legacy: LegacySortOptions | None = None


class Kustomization(NamedTuple):
    """A kustomization file. Fields that were not given hold their zero value; None where that makes a difference."""

    api_version: str = ""
    kind: str = ""
    metadata: Any = None
    openapi: dict[str, str] = _NONE
    name_prefix: str = ""
    name_suffix: str = ""
    namespace: str = ""
    common_labels: dict[str, str] = _NONE
    labels: tuple[Label, ...] = ()
    common_annotations: dict[str, str] = _NONE
    patches_strategic_merge: tuple[str, ...] = ()
    patches_json6902: tuple[Patch, ...] = ()
    patches: tuple[Patch, ...] = ()
    images: tuple[Image, ...] = ()
    image_tags: tuple[Image, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    replicas: tuple[Replica, ...] = ()
    vars: tuple[Var, ...] = ()
    sort_options: SortOptions | None = None
    resources: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    crds: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    config_map_generator: tuple[GeneratorArgs, ...] = ()
    secret_generator: tuple[GeneratorArgs, ...] = ()
    helm_globals: Any = None
    helm_charts: tuple[Any, ...] = ()
    helm_chart_inflation_generator: tuple[Any, ...] = ()
    generator_options: GeneratorOptions | None = None
    configurations: tuple[str, ...] = ()
    generators: tuple[str, ...] = ()
    transformers: tuple[str, ...] = ()
    validators: tuple[str, ...] = ()
    build_metadata: tuple[str, ...] = ()


# Decoders

_GVK: dict[str, tuple[str, Decoder[Any]]] = {
    "group": ("group", text),
    "version": ("version", text),
    "kind": ("kind", text),
}
_RES_ID: dict[str, tuple[str, Decoder[Any]]] = {
    **_GVK,
    "name": ("name", text),
    "namespace": ("namespace", text),
}


def _field_spec(path: str = "", create: bool = False, **gvk: str) -> FieldSpec:
    return FieldSpec(path, Gvk(**gvk), create)


def _var(name: str = "", objref: dict[str, str] | None = None, fieldref: dict[str, str] | None = None) -> Var:
    ref = objref or {}
    gvk = Gvk(ref.get("group", ""), ref.get("version", ""), ref.get("kind", ""))
    parts = ref.get("api_version", "").split("/")
    if len(parts) == 2:
        gvk = Gvk(parts[0], parts[1], gvk.kind)
    elif parts[0] and len(parts) == 1:
        gvk = Gvk(gvk.group, parts[0], gvk.kind)
    path = (fieldref or {}).get("field_path") or "metadata.name"
    return Var(name, gvk, ref.get("name", ""), ref.get("namespace", ""), path)


field_spec: Decoder[FieldSpec] = Record(
    _field_spec, {**_GVK, "path": ("path", text), "create": ("create", boolean)}
)
field_specs = list_of(field_spec, FieldSpec(""))
selector: Decoder[Selector] = Record(
    Selector,
    {
        **_RES_ID,
        "annotationSelector": ("annotation_selector", text),
        "labelSelector": ("label_selector", text),
    },
)
patch_options: Decoder[PatchOptions] = Record(
    PatchOptions,
    {
        "allowNameChange": ("allow_name_change", boolean),
        "allowKindChange": ("allow_kind_change", boolean),
    },
)
patch: Decoder[Patch] = Record(
    Patch,
    {
        "path": ("path", text),
        "patch": ("patch", text),
        "target": ("target", selector),
        "options": ("options", patch_options),
    },
)
label: Decoder[Label] = Record(
    Label,
    {
        "pairs": ("pairs", text_map),
        "includeSelectors": ("include_selectors", boolean),
        "includeTemplates": ("include_templates", boolean),
        "includeVolumeClaimTemplates": ("include_volume_claim_templates", boolean),
        "fields": ("fields", field_specs),
    },
)
image: Record[Image] = Record(
    Image,
    {
        "name": ("name", text),
        "newName": ("new_name", text),
        "tagSuffix": ("tag_suffix", text),
        "newTag": ("new_tag", text),
        "digest": ("digest", text),
    },
)
replica: Record[Replica] = Record(Replica, {"name": ("name", text), "count": ("count", integer)})
generator_options: Decoder[GeneratorOptions] = Record(
    GeneratorOptions,
    {
        "labels": ("labels", text_map),
        "annotations": ("annotations", text_map),
        "disableNameSuffixHash": ("disable_name_suffix_hash", boolean),
        "immutable": ("immutable", boolean),
    },
)
CONFIG_MAP_ARGS: dict[str, tuple[str, Decoder[Any]]] = {
    "name": ("name", text),
    "namespace": ("namespace", text),
    "behavior": ("behavior", text),
    "literals": ("literals", texts),
    "files": ("files", texts),
    "envs": ("envs", texts),
    "env": ("env", text),
    "options": ("options", generator_options),
}
SECRET_ARGS = {**CONFIG_MAP_ARGS, "type": ("type", text)}
config_map_args: Decoder[GeneratorArgs] = Record(GeneratorArgs, CONFIG_MAP_ARGS)
secret_args: Decoder[GeneratorArgs] = Record(GeneratorArgs, SECRET_ARGS)
field_options: Decoder[FieldOptions] = Record(
    FieldOptions,
    {
        "delimiter": ("delimiter", text),
        "index": ("index", integer),
        "encoding": ("encoding", text),
        "create": ("create", boolean),
    },
)
source: Decoder[Source] = Record(
    Source, {**_RES_ID, "fieldPath": ("field_path", text), "options": ("options", field_options)}
)
replacement_target: Decoder[ReplacementTarget] = Record(
    ReplacementTarget,
    {
        "select": ("select", selector),
        "reject": ("reject", list_of(selector)),
        "fieldPaths": ("field_paths", texts),
        "options": ("options", field_options),
    },
)
replacement: Decoder[Replacement] = Record(
    Replacement,
    {
        "source": ("source", source),
        "sourceValue": ("source_value", text),
        "targets": ("targets", list_of(replacement_target)),
        "path": ("path", text),
    },
)
var: Decoder[Var] = Record(
    _var,
    {
        "name": ("name", text),
        "objref": ("objref", Record(dict, {**_RES_ID, "apiVersion": ("api_version", text)})),
        "fieldref": ("fieldref", Record(dict, {"fieldPath": ("field_path", text)})),
    },
)
sort_options: Decoder[SortOptions] = Record(
    SortOptions,
    {
        "order": ("order", text),
        "legacySortOptions": (
            "legacy",
            Record(LegacySortOptions, {"orderFirst": ("first", texts), "orderLast": ("last", texts)}),
        ),
    },
)
_object_meta: Decoder[dict[str, Any]] = Record(
    dict,
    {
        "name": ("name", text),
        "namespace": ("namespace", text),
        "labels": ("labels", text_map),
        "annotations": ("annotations", text_map),
    },
)
_kustomization: Decoder[Kustomization] = Record(
    Kustomization,
    {
        "apiVersion": ("api_version", text),
        "kind": ("kind", text),
        "metadata": ("metadata", _object_meta),
        "openapi": ("openapi", text_map),
        "namePrefix": ("name_prefix", text),
        "nameSuffix": ("name_suffix", text),
        "namespace": ("namespace", text),
        "commonLabels": ("common_labels", text_map),
        "labels": ("labels", list_of(label, Label())),
        "commonAnnotations": ("common_annotations", text_map),
        "patchesStrategicMerge": ("patches_strategic_merge", texts),
        "patchesJson6902": ("patches_json6902", list_of(patch, Patch())),
        "patches": ("patches", list_of(patch, Patch())),
        "images": ("images", list_of(image, Image())),
        "imageTags": ("image_tags", list_of(image, Image())),
        "replacements": ("replacements", list_of(replacement, Replacement())),
        "replicas": ("replicas", list_of(replica, Replica())),
        "vars": ("vars", list_of(var, Var())),
        "sortOptions": ("sort_options", sort_options),
        "resources": ("resources", texts),
        "components": ("components", texts),
        "crds": ("crds", texts),
        "bases": ("bases", texts),
        "configMapGenerator": ("config_map_generator", list_of(config_map_args, GeneratorArgs())),
        "secretGenerator": ("secret_generator", list_of(secret_args, GeneratorArgs())),
        "helmGlobals": ("helm_globals", anything),
        "helmCharts": ("helm_charts", list_of(anything)),
        "helmChartInflationGenerator": ("helm_chart_inflation_generator", list_of(anything)),
        "generatorOptions": ("generator_options", generator_options),
        "configurations": ("configurations", texts),
        "generators": ("generators", texts),
        "transformers": ("transformers", texts),
        "validators": ("validators", texts),
        "buildMetadata": ("build_metadata", texts),
    },
)


def parse(value: Any, *, strict: bool = True) -> Kustomization:
    """Decode the content of a kustomization file.

    With ``strict`` unknown fields are errors, as for ``kustomize build``. Raises KustomizationError.
    """
    if value is None:
        value = {}
    result = _kustomization(value, "", strict)
    if not any(item is not None for key, item in value.items() if _says_something(key, item)):
        raise KustomizationError("the kustomization file is empty")
    _check_header(result)
    return result._replace(
        kind=result.kind or KIND,
        # Which of them are ``bases`` stays known, for messages.
        resources=result.resources + result.bases,
        images=result.images + result.image_tags,
        image_tags=(),
        config_map_generator=tuple(_with_env(item) for item in result.config_map_generator),
        secret_generator=tuple(_with_env(item) for item in result.secret_generator),
    )


def _says_something(key: Any, item: Any) -> bool:
    return str(key).lower() not in ("apiversion", "kind") and item != ""


def _with_env(args: GeneratorArgs) -> GeneratorArgs:
    # What the field was stays known, for messages.
    return args._replace(envs=(*args.envs, args.env)) if args.env else args


def _check_header(kustomization: Kustomization) -> None:
    kind, api_version = kustomization.kind or KIND, kustomization.api_version
    if kind not in (KIND, COMPONENT):
        raise KustomizationError(f"kind must be {KIND} or {COMPONENT}, not {kind!r}", field="kind")
    wanted = COMPONENT_API_VERSION if kind == COMPONENT else API_VERSION
    if api_version and api_version != wanted:
        raise KustomizationError(f"apiVersion for {kind} must be {wanted}", field="apiVersion")
