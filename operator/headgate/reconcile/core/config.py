"""How the operator runs, as one frozen value. The command line makes it; everything below reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headgate.apply.stages import GroupKind
from headgate.git.limits import DEFAULT_LIMITS
from headgate.reconcile.core.election import Timing


@dataclass(frozen=True, slots=True)
class Config:
    """The options of ``headgate run``. Times are in seconds."""

    storage_path: Path
    kubeconfig: str | None = None
    context: str | None = None
    storage_addr: str = ":9090"
    storage_adv_addr: str | None = None
    unguessable_artifact_paths: bool = True
    """Name artifacts so that only who may read a status can ask for them."""
    health_addr: str = ":9440"
    metrics_addr: str = ":8080"
    webhook_addr: str = ""
    """Where the paths of Receivers are served; empty: Receivers are left alone."""
    max_connections: int = 256
    """To each of these addresses."""
    client_timeout: float = 15.0
    """How long a client of theirs may say nothing."""
    concurrent: int = 8
    concurrent_ssa: int = 8
    concurrent_fetches: int = 32
    """Questions to Git servers and clouds, and fetches, that are under way at once."""
    azure_devops_hosts: tuple[str, ...] = ()
    """Hosts, besides those of Azure DevOps, that the operator's token for it is given to."""
    max_source_entries: int = DEFAULT_LIMITS.entries
    """Files and directories that one source may have."""
    max_source_size: int = DEFAULT_LIMITS.size
    """Bytes of its files, and of what is fetched for it at once."""
    max_fetch_timeout: float = 600.0
    """The longest ``spec.timeout`` of a GitRepository that is honoured."""
    requeue_dependency: float = 30.0
    loop_lag_warning: float = 0.2
    """Turns of the event loop that take longer are logged."""
    max_loop_lag: float = 180.0
    """A turn that takes longer is the loop's last: liveness fails."""
    max_list_entries: int = 1000
    """Entries of any list in the spec of a custom resource."""
    max_expression_cpu: float = 5.0
    """Processor time for all CEL expressions of one attempt ..."""
    max_expression_cpu_per_namespace: float = 20.0
    """... and for those of a namespace in a minute."""
    jitter: float = 0.05
    """Fraction by which an interval is made longer or shorter."""
    max_api_response: int = 32 * 1024 * 1024
    """Bytes of an answer of the operator's own API server."""
    max_remote_api_response: int = 8 * 1024 * 1024
    """Bytes of an answer of another cluster's: whoever wrote the kubeconfig chose who answers."""
    max_remote_cache: int = 32 * 1024 * 1024
    """Bytes that are kept of all the objects of one other cluster."""
    no_cross_namespace_refs: bool = False
    no_remote_bases: bool = False
    default_service_account: str = ""
    """Acted as by Kustomizations that name no service account."""
    default_kubeconfig_service_account: str = ""
    default_decryption_service_account: str = ""
    """Whose identity key services see of Kustomizations whose ``spec.decryption`` names none; empty: the operator's."""
    insecure_kubeconfig_exec: bool = False
    max_health_watches: int = 500
    """Objects of one cluster that are watched on their own for the sake of health checks."""
    insecure_kubeconfig_tls: bool = False
    insecure_kubeconfig_addresses: bool = False
    """Let kubeconfigs lead to this host, link-local addresses and clouds' metadata services."""
    max_inventory_size: int = 1400 << 10
    """Bytes, of a Kustomization; etcd stores an object of 1.5 MiB, and there is more in it than that."""
    override_managers: tuple[str, ...] = ()
    """Field managers, besides kubectl, whose changes to managed objects are undone."""
    custom_stage_kinds: frozenset[GroupKind] = frozenset()
    strict_substitutions: bool = True
    additive_cel_dependency_check: bool = False
    migrate_api_version: bool = False
    """Bring the field managers' entries of a refused object to the applied API version."""
    runtime_namespace: str = ""
    """The operator's own namespace; empty when unknown."""
    pod_name: str = ""
    """The operator's own pod, which is labelled while it leads; empty: it is not."""
    watch_namespace: str = ""
    """The only namespace whose custom resources are reconciled; empty: all."""
    watch_label_selector: str = ""
    watch_configs_label_selector: str = "reconcile.fluxcd.io/watch=Enabled"
    """ConfigMaps and Secrets whose changes start a reconcile of the Kustomizations that refer to them; empty: none."""
    sops_age_secret: str = ""
    """Secret in the operator's namespace with the age keys of all that have no ``spec.decryption.secretRef``."""
    sops_vault_configmap: str = ""
    """ConfigMap in the operator's namespace with the Vault servers that service accounts may log in to."""
    events_addr: str = ""
    http_retry: int = 9
    drift_detection: bool = True
    """Correct drift when its watch event comes; else only at the interval."""
    retention_ttl: float = 60.0
    retention_records: int = 2
    leader_election: Timing | None = None
    """None: this operator acts without asking."""
    release_lease: bool = True
    """Let another lead at once when this one stops."""
    fail_fast: bool = True
    """End a health wait as soon as an object has failed for good."""
