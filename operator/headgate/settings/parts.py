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
        "Kubeconfig file. Default: KUBECONFIG; in a pod, its service account; otherwise ~/.kube/config.",
    )
    context: str | None = optional("context", "Context of the kubeconfig. Default: its current context.")
    max_api_response: int = size(
        "max-api-response-size",
        "32Mi",
        "Largest response of the API server that Headgate reads; lists arrive in pages that fit.",
    )


@dataclass(frozen=True)
class StorageSettings:
    """Artifacts and Git caches on disk."""

    path: Path = folder(
        "storage-path",
        "/data",
        "Directory for artifacts and Git caches.",
        variable="STORAGE_PATH",
        flux=True,
    )
    address: str = text("storage-addr", ":9090", "Address that the artifact server listens on.", flux=True)
    advertised: str | None = optional(
        "storage-adv-addr",
        "host[:port] in artifact URLs. Default: the storage address, with localhost if it names no host.",
        variable="STORAGE_ADV_ADDR",
        flux=True,
    )
    unguessable_paths: bool = switch(
        "unguessable-artifact-paths",
        True,
        "Put 32 unguessable digits into artifact URLs; only readers of status.artifact.url know them.",
    )
    retention_ttl: float = duration(
        "artifact-retention-ttl", "60s", "How long to keep an old artifact.", flux=True
    )
    retention_records: int = number(
        "artifact-retention-records", 2, "How many artifacts of a source to keep.", least=1, flux=True
    )


@dataclass(frozen=True)
class WebSettings:
    """The other addresses that the operator serves, and the limits of their clients."""

    health_addr: str = text("health-addr", ":9440", "Address of /healthz and /readyz.", flux=True)
    metrics_addr: str = text("metrics-addr", ":8080", "Address of /metrics.", flux=True)
    webhook_addr: str = text(
        "webhook-addr",
        "",
        "Address of the webhooks of Receivers, for example :9292. Empty: leave Receivers to Flux's "
        "controller.",
    )
    max_connections: int = number(
        "max-connections",
        256,
        "Limit for simultaneous connections to each served address; one client gets at most a quarter.",
        least=1,
    )
    client_timeout: float = duration(
        "client-timeout",
        "15s",
        "How long a client of a served address may stay silent; a whole request may take four times as long.",
        positive=True,
    )


@dataclass(frozen=True)
class ObjectSettings:
    """Settings for custom resources of every kind."""

    max_list_entries: int = number(
        "max-list-entries",
        1000,
        "Limit for the entries of a list in the spec of a Kustomization, GitRepository or Receiver.",
        least=1,
    )
    no_cross_namespace_refs: bool = switch(
        "no-cross-namespace-refs",
        False,
        "Refuse references to sources, and from Receivers to objects, in other namespaces.",
        flux=True,
    )
    requeue_dependency: float = duration(
        "requeue-dependency",
        "30s",
        "How often to re-check a missing dependency or source when no event arrives.",
        flux=True,
    )
    jitter: float = percentage(
        "interval-jitter-percentage",
        5,
        "By how many percent each interval varies at random.",
        most=99,
        flux=True,
    )
    """The fraction by which an interval varies."""


@dataclass(frozen=True)
class SourceSettings(ObjectSettings):
    """GitRepositories, and the artifacts of other controllers' sources."""

    concurrent_fetches: int = number(
        "concurrent-fetches",
        32,
        "Limit for simultaneous requests to Git servers, and for simultaneous downloads of other "
        "controllers' artifacts; one namespace gets at most a quarter of each.",
        least=1,
    )
    max_fetch_timeout: float = duration(
        "max-fetch-timeout",
        "10m",
        "Upper limit for spec.timeout of GitRepositories, and for one download of another controller's artifact.",
    )
    http_retry: int = number(
        "http-retry",
        9,
        "How often to retry a failed download of an artifact.",
        least=0,
        flux=True,
    )
    azure_devops_hosts: tuple[str, ...] = texts(
        "azure-devops-host",
        "Host, in addition to dev.azure.com and *.visualstudio.com, to which provider azure may send the "
        "operator's token; may be repeated.",
        metavar="NAME",
    )
    max_source_entries: int = number(
        "max-source-entries", 200_000, "Limit for the files and directories of one source.", least=1
    )
    max_source_size: int = number(
        "max-source-size",
        2 << 30,
        "Limit, in bytes, for the files of one source, and for one fetch of it.",
        least=1,
    )


@dataclass(frozen=True)
class KustomizationSettings(ObjectSettings):
    """Kustomizations: their builds, dependencies and health checks."""

    concurrent: int = number(
        "concurrent", 8, "Limit for simultaneous reconciles of each kind.", least=1, flux=True
    )
    no_remote_bases: bool = switch(
        "no-remote-bases", False, "Refuse remote bases, which kustomization files name by URL.", flux=True
    )
    max_inventory_size: int = size(
        "max-inventory-size",
        "1400Ki",
        "Size limit for the inventory of a Kustomization; etcd stores at most 1.5 MiB for a whole object.",
    )
    correct_drift: bool = either(
        "drift-detection",
        "events",
        "interval",
        "events",
        "When to correct changes by others: as soon as a watch reports them, or at the next interval.",
    )
    strict_substitutions: bool = gate(
        "StrictPostBuildSubstitutions",
        True,
        "a variable with neither a value nor a default fails the build; if the gate is off, it becomes empty",
    )
    fail_fast: bool = gate(
        "DisableFailFastBehavior",
        False,
        "a health check continues to wait for the other objects after one has failed permanently",
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
        "concurrent-ssa",
        8,
        "Limit for simultaneous applies of one Kustomization's objects.",
        least=1,
        flux=True,
    )
    default_service_account: str = text(
        "default-service-account",
        "",
        "Service account, in the Kustomization's namespace, for Kustomizations that name none.",
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
        "Allow exec plugins in kubeconfigs read from Secrets.",
        flux=True,
    )
    insecure_kubeconfig_tls: bool = switch(
        "insecure-kubeconfig-tls",
        False,
        "Allow kubeconfigs read from Secrets to disable the verification of certificates.",
        flux=True,
    )
    insecure_kubeconfig_addresses: bool = switch(
        "insecure-kubeconfig-addresses",
        False,
        "Allow kubeconfigs to name addresses of this host, link-local addresses and metadata services of "
        "clouds.",
    )
    max_remote_api_response: int = size(
        "max-remote-api-response-size",
        "8Mi",
        "Largest response that Headgate reads from the API server of a remote cluster.",
    )
    max_remote_cache: int = size(
        "max-remote-cache-size",
        "32Mi",
        "Limit for the memory of the cached objects of a remote cluster.",
    )
    max_health_watches: int = number(
        "max-health-watches",
        500,
        "Limit for watches of single objects per cluster, for health checks; Headgate polls further objects "
        "every 5 seconds.",
        least=0,
    )
    override_managers: tuple[str, ...] = texts(
        "override-manager",
        "Field manager, in addition to kubectl, whose changes to managed objects Headgate reverts; may be "
        "repeated.",
        metavar="NAME",
        flux=True,
    )
    custom_stage_kinds: frozenset[GroupKind] = parsed(
        "custom-apply-stage-kinds",
        "",
        "Kinds to apply in a separate stage, after definitions and before all others.",
        _kinds,
        metavar="GROUP/KIND,...",
        flux=True,
    )
    migrate_api_version: bool = gate(
        "MigrateAPIVersion",
        False,
        "if the API server refuses an object, Headgate migrates the entries of its field managers to the "
        "applied API version and retries",
    )


@dataclass(frozen=True)
class DecryptionSettings:
    """Keys for Kustomizations that name none."""

    runtime_namespace: str = variable(RUNTIME_NAMESPACE)
    """The operator's own namespace; empty if unknown."""
    default_decryption_service_account: str = text(
        "default-decryption-service-account",
        "",
        "Service account whose identity Headgate presents to key services, for Kustomizations that name none.",
        flux=True,
    )
    sops_age_secret: str = text(
        "sops-age-secret",
        "",
        "Secret with age keys, in the operator's namespace, for Kustomizations without decryption.secretRef.",
        flux=True,
        needs_namespace=True,
    )
    sops_vault_configmap: str = text(
        "sops-vault-configmap",
        "",
        "ConfigMap, in the operator's namespace, that lists the Vault servers to which service accounts may "
        "log in.",
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
        "Watch custom resources in all namespaces; false: only in the operator's own (RUNTIME_NAMESPACE).",
        flux=True,
        needs_namespace=True,
    )
    label_selector: str = parsed(
        "watch-label-selector",
        "",
        "Reconcile only the custom resources that match this label selector.",
        _selector,
        flux=True,
    )
    config_label_selector: str = text(
        "watch-configs-label-selector",
        "reconcile.fluxcd.io/watch=Enabled",
        "Label selector of the ConfigMaps and Secrets whose changes take effect at once. Empty: none.",
        flux=True,
    )
    watch_configs: bool = gate(
        "DisableConfigWatchers",
        False,
        "changes of ConfigMaps and Secrets take effect only at the next interval",
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
        "events-addr", "", "URL of a notification controller that receives all events.", flux=True
    )


def _object_name(given: str) -> str:
    namespace, slash, name = given.partition("/")
    if given and not (namespace and slash and name and "/" not in name):
        raise ValueError("must be of the form NAMESPACE/NAME")
    return given


@dataclass(frozen=True)
class ReportSettings:
    """Reports of what this cluster runs, which the operator pushes to the repository."""

    secret: str = parsed(
        "report-secret",
        "",
        "Secret with which the operator pushes signed reports of what this cluster runs; empty: no reports.",
        _object_name,
        metavar="NAMESPACE/NAME",
    )
    environment: str = text(
        "report-environment",
        "",
        "Name of this cluster's environment in headgate.yaml; default: 'environment' in the Secret.",
    )
    source: str = parsed(
        "report-source",
        "",
        "GitRepository whose repository gets the reports; default: the one in the Secret's namespace.",
        _object_name,
        metavar="NAMESPACE/NAME",
    )
    branch: str = text(
        "report-branch",
        "",
        "Branch for the reports, where a server refuses refs/headgate/env/NAME; default: 'branch' in the Secret.",
    )


@dataclass(frozen=True)
class ExpressionSettings:
    """Users' CEL expressions."""

    max_cpu: float = duration(
        "max-expression-cpu",
        "5s",
        "Limit for the processor time of all CEL expressions of one attempt.",
        positive=True,
    )
    max_cpu_per_namespace: float = duration(
        "max-expression-cpu-per-namespace",
        "20s",
        "Limit for the processor time of all CEL expressions of a namespace per minute.",
        positive=True,
    )


@dataclass(frozen=True)
class LoopSettings:
    """How to react to a blocked event loop."""

    lag_warning: float = duration(
        "loop-lag-warning", "200ms", "Log what blocks the event loop for at least this time.", positive=True
    )
    max_lag: float = duration(
        "max-loop-lag",
        "3m",
        "/healthz fails if the event loop is blocked for at least this time.",
        positive=True,
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
        "Act only as the leader; all other replicas with this option are on standby.",
        flux=True,
        needs_namespace=True,
    )
    release_on_cancel: bool = switch(
        "leader-election-release-on-cancel",
        True,
        "Release leadership at shutdown, so that another replica takes over at once.",
        flux=True,
    )
    lease_duration: float = duration(
        "leader-election-lease-duration",
        "35s",
        "How long other replicas wait for a renewal of the lease before they take over.",
        flux=True,
    )
    renew_deadline: float = duration(
        "leader-election-renew-deadline",
        "30s",
        "How long the leader tries to renew the lease before it gives up leadership.",
        flux=True,
    )
    retry_period: float = duration(
        "leader-election-retry-period",
        "5s",
        "Pause between two attempts to acquire or renew the lease.",
        flux=True,
    )

    def __post_init__(self) -> None:
        if not self.lease_duration > self.renew_deadline > self.retry_period > 0:
            raise ValueError("leader election requires lease duration > renew deadline > retry period > 0")


@dataclass(frozen=True)
class LogSettings:
    """What the operator logs, and how."""

    level: str = word(
        "log-level",
        ("trace", "debug", "info", "error"),
        "info",
        "Lowest level of the messages to log.",
        flux=True,
    )
    encoding: str = word("log-encoding", ("json", "console"), "json", "Format of the log.", flux=True)
