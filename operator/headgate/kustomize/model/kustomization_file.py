"""The kustomization file as typed data: every field of kustomize v5, the deprecated ones included.

Each class is the complete declaration of its part of the file: :mod:`.decode` derives the decoder from it. The field
``new_tag`` is ``newTag`` in YAML.

``parse`` is the only entry point. It converts deprecated fields to those that replaced them, as kustomize does
(``bases`` to ``resources``, ``imageTags`` to ``images``, ``env`` to ``envs``).
Reference: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, TypeVar

from headgate.kustomize.errors import KustomizationError
from headgate.kustomize.model.decode import Mark, record
from headgate.kustomize.paths.fieldspec import FieldSpec
from headgate.kustomize.resources.ids import Gvk

KIND = "Kustomization"
COMPONENT = "Component"
API_VERSION = "kustomize.config.k8s.io/v1beta1"
COMPONENT_API_VERSION = "kustomize.config.k8s.io/v1alpha1"

# The default of map fields; nobody changes it.
_NONE: dict[str, str] = {}


class ObjectSelector(NamedTuple):
    """Selects objects for a patch or replacement; each part is an anchored regular expression, "" matches all."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    annotation_selector: str = ""
    label_selector: str = ""

    @property
    def selects_id(self) -> bool:
        """Whether any part of the identity has a pattern."""
        return bool(self.group or self.version or self.kind or self.name or self.namespace)


class PatchOptions(NamedTuple):
    """What a patch may change in addition to fields."""

    allow_name_change: bool = False
    allow_kind_change: bool = False


class PatchEntry(NamedTuple):
    """One entry of ``patches``: a patch, inline or in a file, and optionally its target."""

    path: str = ""
    patch: str = ""
    target: ObjectSelector | None = None
    options: PatchOptions | None = None


class Label(NamedTuple):
    """One entry of ``labels``."""

    pairs: dict[str, str] = _NONE
    include_selectors: bool = False
    include_templates: bool = False
    include_volume_claim_templates: bool = False
    fields: tuple[FieldSpec, ...] = ()


class ImageEntry(NamedTuple):
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
        """Return these options, with the common ones as defaults."""
        if common is None:
            return self
        return GeneratorOptions(
            labels={**(common.labels or {}), **(self.labels or {})},
            annotations={**(common.annotations or {}), **(self.annotations or {})},
            disable_name_suffix_hash=self.disable_name_suffix_hash or common.disable_name_suffix_hash,
            immutable=self.immutable or common.immutable,
        )


@dataclass(frozen=True, slots=True)
class GeneratorArgs:
    """One entry of ``configMapGenerator``."""

    name: str = ""
    namespace: str = ""
    behavior: str = ""
    literals: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    envs: tuple[str, ...] = ()
    env: str = ""
    options: GeneratorOptions | None = None


@dataclass(frozen=True, slots=True)
class SecretArgs(GeneratorArgs):
    """One entry of ``secretGenerator``."""

    type: str = ""


Args = TypeVar("Args", GeneratorArgs, SecretArgs)


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """How a replacement splits and creates fields."""

    delimiter: str = ""
    index: int = 0
    encoding: str = ""
    create: bool = False


class ReplacementSource(NamedTuple):
    """The field that a replacement copies; identity parts are exact, "" matches all."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    field_path: str = ""
    options: FieldOptions | None = None


class ReplacementTarget(NamedTuple):
    """The fields to which a replacement copies the value."""

    select: ObjectSelector | None = None
    reject: Annotated[tuple[ObjectSelector, ...], Mark.NO_NULLS] = ()
    field_paths: tuple[str, ...] = ()
    options: FieldOptions | None = None


class Replacement(NamedTuple):
    """One entry of ``replacements``: inline, or the path of a file with one replacement or a list of them."""

    source: ReplacementSource | None = None
    source_value: str | None = None
    targets: Annotated[tuple[ReplacementTarget, ...] | None, Mark.NO_NULLS] = None
    path: str = ""


class VarObjectRef(NamedTuple):
    """``objref`` of a variable: an object, with its version in either notation."""

    gvk: Gvk = Gvk()
    api_version: str = ""
    name: str = ""
    namespace: str = ""


class FieldRef(NamedTuple):
    """``fieldref`` of a variable."""

    field_path: str = ""


class Var(NamedTuple):
    """One entry of ``vars``: a name and the field of an object with its value."""

    name: str = ""
    objref: VarObjectRef = VarObjectRef()
    fieldref: FieldRef = FieldRef()

    @property
    def gvk(self) -> Gvk:
        """The kind of the object; ``apiVersion`` overrides ``group`` and ``version``."""
        group, version, kind = self.objref.gvk
        parts = self.objref.api_version.split("/")
        if len(parts) == 2:
            return Gvk(parts[0], parts[1], kind)
        return Gvk(group, parts[0] if parts[0] and len(parts) == 1 else version, kind)

    @property
    def field_path(self) -> str:
        """The path of the field."""
        return self.fieldref.field_path or "metadata.name"


class LegacySortOptions(NamedTuple):
    """The kinds at the beginning and the end of the legacy order."""

    order_first: tuple[str, ...] = ()
    order_last: tuple[str, ...] = ()


class SortOptions(NamedTuple):
    """``sortOptions``."""

    order: str = ""
    legacy_sort_options: LegacySortOptions | None = None


class ObjectMeta(NamedTuple):
    """``metadata``, which kustomize ignores."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = _NONE
    annotations: dict[str, str] = _NONE


class KustomizationFile(NamedTuple):
    """A kustomization file. Missing fields hold their zero value; None where that makes a difference."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta | None = None
    openapi: dict[str, str] = _NONE
    name_prefix: str = ""
    name_suffix: str = ""
    namespace: str = ""
    common_labels: dict[str, str] = _NONE
    labels: tuple[Label, ...] = ()
    common_annotations: dict[str, str] = _NONE
    patches_strategic_merge: tuple[str, ...] = ()
    patches_json6902: tuple[PatchEntry, ...] = ()
    patches: tuple[PatchEntry, ...] = ()
    images: tuple[ImageEntry, ...] = ()
    image_tags: tuple[ImageEntry, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    replicas: tuple[Replica, ...] = ()
    vars: tuple[Var, ...] = ()
    sort_options: SortOptions | None = None
    resources: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    crds: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    config_map_generator: tuple[GeneratorArgs, ...] = ()
    secret_generator: tuple[SecretArgs, ...] = ()
    helm_globals: Any = None
    helm_charts: tuple[Any, ...] = ()
    helm_chart_inflation_generator: tuple[Any, ...] = ()
    generator_options: GeneratorOptions | None = None
    configurations: tuple[str, ...] = ()
    generators: tuple[str, ...] = ()
    transformers: tuple[str, ...] = ()
    validators: tuple[str, ...] = ()
    build_metadata: tuple[str, ...] = ()


def parse(value: Any, *, strict: bool = True) -> KustomizationFile:
    """Decode the content of a kustomization file.

    With ``strict``, unknown fields are errors, as for ``kustomize build``. Raises KustomizationError.
    """
    if value is None:
        value = {}
    result = record(KustomizationFile)(value, "", strict)
    if not any(item is not None for key, item in value.items() if _says_something(key, item)):
        raise KustomizationError("the kustomization file is empty")
    _check_header(result)
    return result._replace(
        kind=result.kind or KIND,
        # Messages need to know which of them are ``bases``.
        resources=result.resources + result.bases,
        images=result.images + result.image_tags,
        image_tags=(),
        config_map_generator=tuple(_with_env(item) for item in result.config_map_generator),
        secret_generator=tuple(_with_env(item) for item in result.secret_generator),
    )


def _says_something(key: Any, item: Any) -> bool:
    return str(key).lower() not in ("apiversion", "kind") and item != ""


def _with_env(args: Args) -> Args:
    # Messages need to know the original field.
    return replace(args, envs=(*args.envs, args.env)) if args.env else args


def _check_header(kustomization: KustomizationFile) -> None:
    kind, api_version = kustomization.kind or KIND, kustomization.api_version
    if kind not in (KIND, COMPONENT):
        raise KustomizationError(f"kind must be {KIND} or {COMPONENT}, not {kind!r}", field="kind")
    wanted = COMPONENT_API_VERSION if kind == COMPONENT else API_VERSION
    if api_version and api_version != wanted:
        raise KustomizationError(f"apiVersion for {kind} must be {wanted}", field="apiVersion")
