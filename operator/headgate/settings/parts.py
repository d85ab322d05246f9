"""The settings of each part of the operator. Times are in seconds, sizes in bytes.

A field declares its whole option: see :mod:`headgate.settings.declare`. The order here is that of ``--help``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.api.labelselector import parse_selector
from headgate.settings.declare import (
    duration,
    either,
    file,
    folder,
    gate,
    number,
    optional,
    parsed,
    percentage,
    size,
    switch,
    text,
    texts,
    variable,
    word,
)

if TYPE_CHECKING:
    from headgate.apply.objects.stages import GroupKind

RUNTIME_NAMESPACE = "RUNTIME_NAMESPACE"
"""The environment variable with the operator's own namespace."""


@dataclass(frozen=True)
class ClusterSettings:
    """The connection to the operator's own cluster."""

    kubeconfig: str | None = file(
        "kubeconfig",
        "Kubeconfig file; default: KUBECONFIG, in a pod its service account, else ~/.kube/config.",
    )
    context: str | None = optional("context", "Context of the kubeconfig; default: its current one.")
    max_api_response: int = size(
        "max-api-response-size",
        "32Mi",
        "Answer of the API server that is read; a list comes in pages that fit.",
    )


@dataclass(frozen=True)
class StorageSettings:
    """Artifacts and Git caches on disk."""

    path: Path = folder(
        "storage-path",
        "/data",
        "Where artifacts and Git caches are kept.",
        variable="STORAGE_PATH",
        flux=True,
    )
    address: str = text("storage-addr", ":9090", "Address the artifact server binds to.", flux=True)
    advertised: str | None = optional(
        "storage-adv-addr",
        "host[:port] put into artifact URLs; default: the storage address, localhost when it names no host.",
        variable="STORAGE_ADV_ADDR",
        flux=True,
    )
    unguessable_paths: bool = switch(
        "unguessable-artifact-paths",
        True,
        "Put 32 digits into artifact URLs that only readers of status.artifact.url know.",
    )
    retention_ttl: float = duration(
        "artifact-retention-ttl", "60s", "How long an old artifact is kept.", flux=True
    )
    retention_records: int = number(
        "artifact-retention-records", 2, "How many artifacts are kept.", least=1, flux=True
    )


@dataclass(frozen=True)
class WebSettings:
    """The other addresses that the operator serves, and the limits of their clients."""

    health_addr: str = text("health-addr", ":9440", "Address of /healthz and /readyz.", flux=True)
    metrics_addr: str = text("metrics-addr", ":8080", "Address of /metrics.", flux=True)
    webhook_addr: str = text(
        "webhook-addr",
        "",
        "Address of the webhooks of Receivers, for example :9292; empty: Receivers are left to Flux's controller.",
    )
    max_connections: int = number(
        "max-connections",
        256,
        "Connections to each of these addresses at once; a quarter of them from one client.",
        least=1,
    )
    client_timeout: float = duration(
        "client-timeout",
        "15s",
        "How long a client of these addresses may say nothing; four times that for a request.",
        positive=True,
    )


@dataclass(frozen=True)
class ObjectSettings:
    """Settings for custom resources of every kind."""

    max_list_entries: int = number(
        "max-list-entries",
        1000,
        "Entries of a list in the spec of a Kustomization, GitRepository or Receiver.",
        least=1,
    )
    no_cross_namespace_refs: bool = switch(
        "no-cross-namespace-refs",
        False,
        "Refuse sources, and objects of Receivers, in other namespaces.",
        flux=True,
    )
    requeue_dependency: float = duration(
        "requeue-dependency",
        "30s",
        "How often a wait for a dependency or source is looked at although no event came.",
        flux=True,
    )
    jitter: float = percentage(
        "interval-jitter-percentage", 5, "Spread of the intervals.", most=99, flux=True
    )
    """The fraction by which an interval varies."""


@dataclass(frozen=True)
class SourceSettings(ObjectSettings):
    """GitRepositories, and the artifacts of other controllers' sources."""

    concurrent_fetches: int = number(
        "concurrent-fetches",
        32,
        "Requests to Git servers under way at once, and downloads of other sources' artifacts; one namespace "
        "gets a quarter of each.",
        least=1,
    )
    max_fetch_timeout: float = duration(
        "max-fetch-timeout",
        "10m",
        "Longest time a GitRepository may give its server; a longer spec.timeout ends here. Also the longest "
        "time of one download of another source's artifact.",
    )
    http_retry: int = number(
        "http-retry",
        9,
        "How often a failed download of an artifact is tried again.",
        least=0,
        flux=True,
    )
    azure_devops_hosts: tuple[str, ...] = texts(
        "azure-devops-host",
        "Host, besides dev.azure.com and *.visualstudio.com, that provider azure may give the operator's token to; "
        "may be repeated.",
        metavar="NAME",
    )
    max_source_entries: int = number(
        "max-source-entries", 200_000, "Files and directories that one source may have.", least=1
    )
    max_source_size: int = number(
        "max-source-size",
        2 << 30,
        "Bytes that the files of one source may have, and what is fetched for it at once.",
        least=1,
    )


@dataclass(frozen=True)
class KustomizationSettings(ObjectSettings):
    """Kustomizations: their builds, dependencies and health checks."""

    concurrent: int = number(
        "concurrent", 8, "Reconciles of each kind under way at once.", least=1, flux=True
    )
    no_remote_bases: bool = switch(
        "no-remote-bases", False, "Refuse bases of overlays named by URL.", flux=True
    )
    max_inventory_size: int = size(
        "max-inventory-size",
        "1400Ki",
        "Size of the largest inventory of a Kustomization; etcd takes 1.5 MiB for all of an object.",
    )
    correct_drift: bool = either(
        "drift-detection",
        "events",
        "interval",
        "events",
        "When changes by others are corrected: at once, or at the next interval.",
    )
    strict_substitutions: bool = gate(
        "StrictPostBuildSubstitutions",
        True,
        "a variable without a value and a default fails the build; if the gate is off, it is empty",
    )
    fail_fast: bool = gate(
        "DisableFailFastBehavior",
        False,
        "a health check continues to wait for the other objects after one has failed for good",
        negated=True,
    )
    additive_cel_dependency_check: bool = gate(
        "AdditiveCELDependencyCheck",
        False,
        "`readyExpr` adds to the built-in check instead of replacing it",
    )


def _kinds(given: str) -> frozenset[GroupKind]:
    wanted = [each for each in given.split(",") if each.strip()]
    if not wanted:
        return frozenset()
    # Imported here, so that --help answers at once: this loads the client of the API server.
    from headgate.apply.objects.stages import GroupKind

    return frozenset(map(GroupKind.parse, wanted))


@dataclass(frozen=True)
class TargetSettings:
    """The clusters to which Kustomizations apply objects, and the accounts that they use."""

    concurrent_ssa: int = number(
        "concurrent-ssa", 8, "Objects of one Kustomization applied at once.", least=1, flux=True
    )
    default_service_account: str = text(
        "default-service-account",
        "",
        "Service account of a Kustomization that names none, in its own namespace.",
        flux=True,
    )
    default_kubeconfig_service_account: str = text(
        "default-kubeconfig-service-account",
        "",
        "Service account for remote clusters whose ConfigMap names none.",
        flux=True,
    )
    insecure_kubeconfig_exec: bool = switch(
        "insecure-kubeconfig-exec",
        False,
        "Let kubeconfigs of Secrets run programs of the operator's image.",
        flux=True,
    )
    insecure_kubeconfig_tls: bool = switch(
        "insecure-kubeconfig-tls",
        False,
        "Let kubeconfigs of Secrets turn the check of certificates off.",
        flux=True,
    )
    insecure_kubeconfig_addresses: bool = switch(
        "insecure-kubeconfig-addresses",
        False,
        "Let kubeconfigs lead to this host, link-local addresses and metadata services of clouds.",
    )
    max_remote_api_response: int = size(
        "max-remote-api-response-size",
        "8Mi",
        "Answer of the API server of a cluster of spec.kubeConfig that is read.",
    )
    max_remote_cache: int = size(
        "max-remote-cache-size",
        "32Mi",
        "Memory for what the objects of a cluster of spec.kubeConfig are like.",
    )
    max_health_watches: int = number(
        "max-health-watches",
        500,
        "Objects of one cluster watched on their own for health checks; more are looked at every 5 seconds.",
        least=0,
    )
    override_managers: tuple[str, ...] = texts(
        "override-manager",
        "Field manager, besides kubectl, whose changes to managed objects are undone; may be repeated.",
        metavar="NAME",
        flux=True,
    )
    custom_stage_kinds: frozenset[GroupKind] = parsed(
        "custom-apply-stage-kinds",
        "",
        "Kinds applied in a stage of their own, after definitions and before all others.",
        _kinds,
        metavar="GROUP/KIND,...",
        flux=True,
    )
    migrate_api_version: bool = gate(
        "MigrateAPIVersion",
        False,
        "if the API server refuses an object, Headgate first migrates the entries of its field managers to the "
        "applied API version, and tries again",
    )


@dataclass(frozen=True)
class DecryptionSettings:
    """Keys for Kustomizations that name none."""

    runtime_namespace: str = variable(RUNTIME_NAMESPACE)
    """The operator's own namespace; empty if unknown."""
    default_decryption_service_account: str = text(
        "default-decryption-service-account",
        "",
        "Service account whose identity key services see of Kustomizations that name none.",
        flux=True,
    )
    sops_age_secret: str = text(
        "sops-age-secret",
        "",
        "Secret with age keys in the operator's namespace, for Kustomizations without decryption.secretRef.",
        flux=True,
        needs_namespace=True,
    )
    sops_vault_configmap: str = text(
        "sops-vault-configmap",
        "",
        "ConfigMap in the operator's namespace with the Vault servers that service accounts may log in to.",
        flux=True,
        needs_namespace=True,
    )


def _selector(given: str) -> str:
    parse_selector(given)
    return given


@dataclass(frozen=True)
class WatchSettings:
    """Which objects the operator watches."""

    runtime_namespace: str = variable(RUNTIME_NAMESPACE)
    all_namespaces: bool = switch(
        "watch-all-namespaces",
        True,
        "Watch custom resources in all namespaces, or only in that of the operator (RUNTIME_NAMESPACE).",
        flux=True,
        needs_namespace=True,
    )
    label_selector: str = parsed(
        "watch-label-selector",
        "",
        "Reconcile only the custom resources that this label selector matches.",
        _selector,
        flux=True,
    )
    config_label_selector: str = text(
        "watch-configs-label-selector",
        "reconcile.fluxcd.io/watch=Enabled",
        "ConfigMaps and Secrets whose changes are acted on at once; empty: none.",
        flux=True,
    )
    watch_configs: bool = gate(
        "DisableConfigWatchers",
        False,
        "changes of ConfigMaps and Secrets take effect at the next interval only",
        negated=True,
    )

    @property
    def namespace(self) -> str | None:
        """The only namespace whose custom resources the operator reconciles; None for all."""
        return None if self.all_namespaces else self.runtime_namespace

    @property
    def configs(self) -> str:
        """Which ConfigMaps and Secrets the operator watches; empty for none."""
        return self.config_label_selector if self.watch_configs else ""


@dataclass(frozen=True)
class EventSettings:
    """Which events the operator sends about the custom resources, and where to."""

    address: str = text(
        "events-addr", "", "URL of a notification controller that is told all events.", flux=True
    )


@dataclass(frozen=True)
class ExpressionSettings:
    """Users' CEL expressions."""

    max_cpu: float = duration(
        "max-expression-cpu", "5s", "Processor time for all CEL expressions of one attempt.", positive=True
    )
    max_cpu_per_namespace: float = duration(
        "max-expression-cpu-per-namespace",
        "20s",
        "Processor time for all CEL expressions of a namespace within a minute.",
        positive=True,
    )


@dataclass(frozen=True)
class LoopSettings:
    """How to react to a blocked event loop."""

    lag_warning: float = duration(
        "loop-lag-warning", "200ms", "Log what holds the event loop for so long.", positive=True
    )
    max_lag: float = duration(
        "max-loop-lag", "3m", "/healthz fails when the event loop is held for so long.", positive=True
    )


@dataclass(frozen=True)
class ElectionSettings:
    """The election of the acting replica, and its pod."""

    runtime_namespace: str = variable(RUNTIME_NAMESPACE)
    pod_name: str = variable("POD_NAME")
    """The operator's own pod, which is labelled while it leads; empty for no label."""
    enabled: bool = switch(
        "enable-leader-election",
        False,
        "Act only while leading; others with this option stand by.",
        flux=True,
        needs_namespace=True,
    )
    release_on_cancel: bool = switch(
        "leader-election-release-on-cancel", True, "Let another lead at once when stopping.", flux=True
    )
    lease_duration: float = duration(
        "leader-election-lease-duration",
        "35s",
        "How long others wait for a renewal before they take over.",
        flux=True,
    )
    renew_deadline: float = duration(
        "leader-election-renew-deadline",
        "30s",
        "How long the leader tries to renew before it gives up.",
        flux=True,
    )
    retry_period: float = duration(
        "leader-election-retry-period", "5s", "Between two tries to lead or renew.", flux=True
    )

    def __post_init__(self) -> None:
        if not self.lease_duration > self.renew_deadline > self.retry_period > 0:
            raise ValueError("leader election: want lease duration > renew deadline > retry period > 0")


@dataclass(frozen=True)
class LogSettings:
    """What the operator logs, and how."""

    level: str = word(
        "log-level", ("trace", "debug", "info", "error"), "info", "How much is logged.", flux=True
    )
    encoding: str = word("log-encoding", ("json", "console"), "json", "In which form.", flux=True)
