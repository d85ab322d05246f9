"""Kustomization, ``kustomize.toolkit.fluxcd.io/v1``: every field of its spec, and the derived defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from headgate.api import labels
from headgate.api.errors import InvalidSpec
from headgate.api.fields import MAX_ENTRIES, Fields
from headgate.api.meta import LocalReference, ObjectKey, Reference
from headgate.api.source import SOURCE_KINDS
from headgate.objects import Obj

DELETION_POLICIES = ("MirrorPrune", "Delete", "WaitForTermination", "Orphan")
SUBSTITUTE_STRATEGIES = ("WithVariables", "Always")
BUILD_METADATA = ("originAnnotations", "transformerAnnotations")

MINIMUM_DEFAULT_TIMEOUT = 30.0
"""Seconds: the minimum of the timeout that is derived from the interval."""
_HOUR = 3600.0
_MARGIN = 30.0
"""Seconds by which the derived timeout ends before the next interval begins."""
_DEFAULT_HEALTH_CHECK_API = "apps/v1"
"""For health checks without apiVersion, which the first version of the API allowed."""


@dataclass(frozen=True, slots=True)
class CommonMetadata:
    """Labels and annotations set on every object."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def parse(fields: Fields) -> CommonMetadata:
        """From ``spec.commonMetadata``."""
        return CommonMetadata(fields.string_map("annotations"), fields.string_map("labels"))


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another Kustomization that must be ready first; an empty namespace means the same one."""

    name: str
    namespace: str = ""
    ready_expr: str = ""
    """CEL expression; replaces the built-in check of readiness."""

    @staticmethod
    def parse(fields: Fields) -> Dependency:
        """From an entry of ``spec.dependsOn``."""
        return Dependency(fields.required_text("name"), fields.text("namespace"), fields.text("readyExpr"))


@dataclass(frozen=True, slots=True)
class Decryption:
    """How encrypted manifests are decrypted."""

    provider: str
    service_account_name: str = ""
    secret_ref: LocalReference | None = None

    @staticmethod
    def parse(fields: Fields) -> Decryption:
        """From ``spec.decryption``."""
        provider = fields.choice("provider", ("sops",))
        if not provider:
            raise fields.invalid("provider", "is required")
        return Decryption(
            provider=provider,
            service_account_name=fields.text("serviceAccountName"),
            secret_ref=fields.optional_object("secretRef", LocalReference.parse),
        )


@dataclass(frozen=True, slots=True)
class SecretKeyReference:
    """A Secret and, when given, a key in it."""

    name: str
    key: str = ""

    @staticmethod
    def parse(fields: Fields) -> SecretKeyReference:
        """From ``spec.kubeConfig.secretRef``."""
        return SecretKeyReference(fields.required_text("name"), fields.text("key"))


@dataclass(frozen=True, slots=True)
class KubeConfig:
    """The remote cluster to apply to; exactly one of the two references is set."""

    config_map_ref: LocalReference | None = None
    secret_ref: SecretKeyReference | None = None

    @staticmethod
    def parse(fields: Fields) -> KubeConfig:
        """From ``spec.kubeConfig``."""
        if fields.has("configMapRef") == fields.has("secretRef"):
            raise fields.invalid("", "exactly one of configMapRef and secretRef must be set")
        return KubeConfig(
            config_map_ref=fields.optional_object("configMapRef", LocalReference.parse),
            secret_ref=fields.optional_object("secretRef", SecretKeyReference.parse),
        )


@dataclass(frozen=True, slots=True)
class SubstituteReference:
    """A ConfigMap or Secret whose data are variables."""

    kind: str
    name: str
    optional: bool = False

    @staticmethod
    def parse(fields: Fields) -> SubstituteReference:
        """From an entry of ``spec.postBuild.substituteFrom``."""
        kind = fields.choice("kind", ("Secret", "ConfigMap"))
        if not kind:
            raise fields.invalid("kind", "is required")
        return SubstituteReference(kind, fields.required_text("name"), fields.flag("optional"))


@dataclass(frozen=True, slots=True)
class PostBuild:
    """Variables for the substitution in built objects; a later source of a variable takes precedence."""

    substitute_strategy: str = "WithVariables"
    substitute: Mapping[str, str] = field(default_factory=dict)
    substitute_from: tuple[SubstituteReference, ...] = ()

    @staticmethod
    def parse(fields: Fields) -> PostBuild:
        """From ``spec.postBuild``."""
        return PostBuild(
            substitute_strategy=fields.choice("substituteStrategy", SUBSTITUTE_STRATEGIES, "WithVariables"),
            substitute=fields.string_map("substitute"),
            substitute_from=fields.objects("substituteFrom", SubstituteReference.parse),
        )


@dataclass(frozen=True, slots=True)
class Selector:
    """Objects by regular expressions (anchored) and label expressions; empty text matches all."""

    group: str = ""
    version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    annotation_selector: str = ""
    label_selector: str = ""

    @staticmethod
    def parse(fields: Fields) -> Selector:
        """From the ``target`` of a patch or of an ignore rule."""
        return Selector(
            **{n: fields.text(n) for n in ("group", "version", "kind", "namespace", "name")},
            annotation_selector=fields.text("annotationSelector"),
            label_selector=fields.text("labelSelector"),
        )


@dataclass(frozen=True, slots=True)
class Patch:
    """A strategic merge or JSON 6902 patch as YAML text."""

    patch: str
    target: Selector | None = None

    @staticmethod
    def parse(fields: Fields) -> Patch:
        """From an entry of ``spec.patches``."""
        return Patch(fields.text("patch"), fields.optional_object("target", Selector.parse))


@dataclass(frozen=True, slots=True)
class Image:
    """A change of an image's name, tag or digest."""

    name: str
    new_name: str = ""
    new_tag: str = ""
    digest: str = ""

    @staticmethod
    def parse(fields: Fields) -> Image:
        """From an entry of ``spec.images``."""
        return Image(
            fields.required_text("name"),
            fields.text("newName"),
            fields.text("newTag"),
            fields.text("digest"),
        )


@dataclass(frozen=True, slots=True)
class HealthCheckExpression:
    """CEL expressions for the health of a kind of custom resource; an empty kind means any."""

    api_version: str
    kind: str
    current: str
    in_progress: str = ""
    failed: str = ""

    @staticmethod
    def parse(fields: Fields) -> HealthCheckExpression:
        """From an entry of ``spec.healthCheckExprs``."""
        return HealthCheckExpression(
            api_version=fields.required_text("apiVersion"),
            kind=fields.text("kind"),
            current=fields.required_text("current"),
            in_progress=fields.text("inProgress"),
            failed=fields.text("failed"),
        )


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """JSON pointers of fields that are not applied, for the objects that the target selects (all when None)."""

    paths: tuple[str, ...]
    target: Selector | None = None

    @staticmethod
    def parse(fields: Fields) -> IgnoreRule:
        """From an entry of ``spec.ignore``."""
        return IgnoreRule(fields.strings("paths"), fields.optional_object("target", Selector.parse))


@dataclass(frozen=True, slots=True)
class KustomizationSpec:
    """The spec; times in seconds. Empty text means not set."""

    interval: float
    prune: bool
    source_ref: Reference
    path: str = ""
    common_metadata: CommonMetadata | None = None
    depends_on: tuple[Dependency, ...] = ()
    decryption: Decryption | None = None
    retry_interval: float | None = None
    kube_config: KubeConfig | None = None
    post_build: PostBuild | None = None
    deletion_policy: str = ""
    health_checks: tuple[Reference, ...] = ()
    name_prefix: str = ""
    name_suffix: str = ""
    patches: tuple[Patch, ...] = ()
    images: tuple[Image, ...] = ()
    service_account_name: str = ""
    suspend: bool = False
    target_namespace: str = ""
    timeout: float | None = None
    force: bool = False
    wait: bool = False
    build_metadata: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    ignore_missing_components: bool = False
    health_check_exprs: tuple[HealthCheckExpression, ...] = ()
    ignore: tuple[IgnoreRule, ...] = ()

    @staticmethod
    def parse(fields: Fields) -> KustomizationSpec:
        """From ``spec``."""
        if not fields.has("prune"):
            raise fields.invalid("prune", "is required")
        build_metadata = fields.strings("buildMetadata")
        for option in build_metadata:
            if option not in BUILD_METADATA:
                raise fields.invalid(
                    "buildMetadata", f"must be one of {', '.join(BUILD_METADATA)}, not {option!r}"
                )
        return KustomizationSpec(
            interval=fields.duration("interval"),
            prune=fields.flag("prune"),
            source_ref=fields.required_object("sourceRef", _source_ref),
            path=fields.text("path"),
            common_metadata=fields.optional_object("commonMetadata", CommonMetadata.parse),
            depends_on=fields.objects("dependsOn", Dependency.parse),
            decryption=fields.optional_object("decryption", Decryption.parse),
            retry_interval=fields.optional_duration("retryInterval"),
            kube_config=fields.optional_object("kubeConfig", KubeConfig.parse),
            post_build=fields.optional_object("postBuild", PostBuild.parse),
            deletion_policy=fields.choice("deletionPolicy", DELETION_POLICIES),
            health_checks=fields.objects("healthChecks", _health_check),
            name_prefix=fields.text("namePrefix"),
            name_suffix=fields.text("nameSuffix"),
            patches=fields.objects("patches", Patch.parse),
            images=fields.objects("images", Image.parse),
            service_account_name=fields.text("serviceAccountName"),
            suspend=fields.flag("suspend"),
            target_namespace=fields.text("targetNamespace"),
            timeout=fields.optional_duration("timeout"),
            force=fields.flag("force"),
            wait=fields.flag("wait"),
            build_metadata=build_metadata,
            components=fields.strings("components"),
            ignore_missing_components=fields.flag("ignoreMissingComponents"),
            health_check_exprs=fields.objects("healthCheckExprs", HealthCheckExpression.parse),
            ignore=_ignore_rules(fields),
        )

    @staticmethod
    def parse_for_deletion(fields: Fields) -> KustomizationSpec:
        """The fields of ``spec`` that a deletion needs, except those for the cluster."""
        return KustomizationSpec(
            interval=_usable(fields, "interval") or _HOUR,
            prune=fields.flag("prune"),
            source_ref=Reference("", ""),
            retry_interval=_usable(fields, "retryInterval"),
            deletion_policy=fields.choice("deletionPolicy", DELETION_POLICIES),
            service_account_name=fields.text("serviceAccountName"),
            suspend=fields.flag("suspend"),
            timeout=_usable(fields, "timeout"),
        )


@dataclass(frozen=True, slots=True)
class Kustomization:
    """A Kustomization's identity and spec. Its status is read and written raw."""

    key: ObjectKey
    generation: int
    requested_at: str | None
    """The value of the annotation for a requested reconcile."""
    spec: KustomizationSpec
    uid: str = ""

    @classmethod
    def from_object(cls, obj: Obj, max_entries: int = MAX_ENTRIES) -> Kustomization:
        """From a raw object, with at most ``max_entries`` in each list; raises :class:`headgate.api.InvalidSpec`."""
        return cls._of(obj, KustomizationSpec.parse(Fields(obj.get("spec"), "spec", max_entries)))

    @classmethod
    def for_deletion(cls, obj: Obj) -> Kustomization:
        """The fields that the deletion of a raw object needs, even if the rest of its spec is invalid.

        Invalid times count as not set. Raises :class:`headgate.api.InvalidSpec` when the cluster of the objects is
        unknown.
        """
        fields = Fields(obj.get("spec"), "spec")
        ks = cls._of(obj, KustomizationSpec.parse_for_deletion(fields))
        if not ks.deletes:
            return ks
        access = fields.optional_object("kubeConfig", KubeConfig.parse)
        return replace(ks, spec=replace(ks.spec, kube_config=access))

    @classmethod
    def _of(cls, obj: Obj, spec: KustomizationSpec) -> Kustomization:
        meta = obj["metadata"]
        return cls(
            key=ObjectKey(meta["namespace"], meta["name"]),
            generation=int(meta.get("generation") or 0),
            requested_at=labels.requested_at(obj),
            spec=spec,
            uid=str(meta.get("uid") or ""),
        )

    @property
    def namespace(self) -> str:
        """The object's namespace."""
        return self.key.namespace

    @property
    def name(self) -> str:
        """The object's name."""
        return self.key.name

    @property
    def timeout(self) -> float:
        """Seconds for an attempt: the given value, else up to 30 s before the next interval, but at least 30 s.

        Flux raises a given timeout of less than 30 s to 30 s; Headgate uses it unchanged.
        """
        if self.spec.timeout is not None:
            return self.spec.timeout
        return max(self.spec.interval - _MARGIN, MINIMUM_DEFAULT_TIMEOUT)

    @property
    def retry_interval(self) -> float:
        """Seconds until the retry after a failed attempt."""
        return self.spec.interval if self.spec.retry_interval is None else self.spec.retry_interval

    @property
    def deletion_policy(self) -> str:
        """What happens to the managed objects when the Kustomization is deleted."""
        return self.spec.deletion_policy or DELETION_POLICIES[0]

    @property
    def deletes(self) -> bool:
        """Whether the managed objects are deleted with the Kustomization."""
        if self.spec.suspend:
            return False
        policy = self.deletion_policy
        return self.spec.prune if policy == "MirrorPrune" else policy in ("Delete", "WaitForTermination")

    @property
    def source(self) -> Reference:
        """The source, with its namespace filled in."""
        ref = self.spec.source_ref
        return Reference(ref.kind, ref.name, ref.namespace or self.namespace, ref.api_version)

    @property
    def dependencies(self) -> tuple[ObjectKey, ...]:
        """The Kustomizations it depends on, in the order of the spec."""
        return tuple(ObjectKey(d.namespace or self.namespace, d.name) for d in self.spec.depends_on)


def _usable(fields: Fields, name: str) -> float | None:
    try:
        return fields.optional_duration(name)
    except InvalidSpec:
        return None


def _ignore_rules(fields: Fields) -> tuple[IgnoreRule, ...]:
    rules = fields.objects("ignore", IgnoreRule.parse)
    paths = sum(len(rule.paths) for rule in rules)
    # Each path is searched for in each object.
    fields.check_length("ignore", paths, "paths in all")
    return rules


def _source_ref(fields: Fields) -> Reference:
    kind = fields.choice("kind", SOURCE_KINDS)
    if not kind:
        raise fields.invalid("kind", "is required")
    return Reference(kind, fields.required_text("name"), fields.text("namespace"), fields.text("apiVersion"))


def _health_check(fields: Fields) -> Reference:
    return Reference(
        kind=fields.required_text("kind"),
        name=fields.required_text("name"),
        namespace=fields.text("namespace"),
        api_version=fields.text("apiVersion") or _DEFAULT_HEALTH_CHECK_API,
    )
