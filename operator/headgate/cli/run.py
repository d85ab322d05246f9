"""``headgate run``: the operator's options, most of them named as Flux's controllers name theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def switch(name: str, *, default: bool = False, help: str) -> Decorator:
    """An option that is on or off, as Go's flags are: ``--name``, ``--name=true`` or ``--name=false``."""
    return click.option(
        f"--{name}",
        is_flag=False,
        flag_value="true",
        type=click.BOOL,
        metavar="[true|false]",
        default=default,
        show_default=True,
        help=help,
    )


@click.command(
    epilog="""Examples:

    \b
    # in a cluster: service account, storage under /data
    headgate run --storage-path=/data
    \b
    # on a laptop, against the current kubeconfig
    headgate run --kubeconfig ~/.kube/config --storage-path=/tmp/headgate
    """
)
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False),
    help="Kubeconfig file; default: KUBECONFIG, in a pod its service account, else ~/.kube/config.",
)
@click.option("--context", "kube_context", help="Context of the kubeconfig; default: its current one.")
@click.option(
    "--storage-path",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="STORAGE_PATH",
    default=Path("/data"),
    show_default=True,
    help="Where artifacts and Git caches are kept.",
)
@click.option(
    "--storage-addr", default=":9090", show_default=True, help="Address the artifact server binds to."
)
@click.option(
    "--storage-adv-addr",
    envvar="STORAGE_ADV_ADDR",
    help="host[:port] put into artifact URLs; default: the storage address, localhost when it names no host.",
)
@switch(
    "unguessable-artifact-paths",
    default=True,
    help="Put 32 digits into artifact URLs that only readers of status.artifact.url know.",
)
@click.option("--health-addr", default=":9440", show_default=True, help="Address of /healthz and /readyz.")
@click.option("--metrics-addr", default=":8080", show_default=True, help="Address of /metrics.")
@click.option(
    "--webhook-addr",
    default="",
    help="Address of the webhooks of Receivers, for example :9292; empty: Receivers are left to Flux's controller.",
)
@click.option(
    "--max-connections",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="Connections to each of these addresses at once; a quarter of them from one client.",
)
@click.option(
    "--client-timeout",
    default="15s",
    show_default=True,
    help="How long a client of these addresses may say nothing; four times that for a request.",
)
@click.option(
    "--concurrent",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Reconciles of each kind under way at once.",
)
@click.option(
    "--concurrent-ssa",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Objects of one Kustomization applied at once.",
)
@click.option(
    "--concurrent-fetches",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="Requests to Git servers under way at once, and downloads of other sources' artifacts; one namespace "
    "gets a quarter of each.",
)
@click.option(
    "--max-fetch-timeout",
    default="10m",
    show_default=True,
    help="Longest time a GitRepository may give its server; a longer spec.timeout ends here. Also the longest "
    "time of one download of another source's artifact.",
)
@click.option(
    "--azure-devops-host",
    "azure_devops_hosts",
    multiple=True,
    metavar="NAME",
    help="Host, besides dev.azure.com and *.visualstudio.com, that provider azure may give the operator's token to; "
    "may be repeated.",
)
@click.option(
    "--max-source-entries",
    type=click.IntRange(1),
    default=200_000,
    show_default=True,
    help="Files and directories that one source may have.",
)
@click.option(
    "--max-source-size",
    type=click.IntRange(1),
    default=2 << 30,
    show_default=True,
    help="Bytes that the files of one source may have, and what is fetched for it at once.",
)
@click.option(
    "--requeue-dependency",
    default="30s",
    show_default=True,
    help="How often a wait for a dependency or source is looked at although no event came.",
)
@click.option(
    "--max-expression-cpu",
    default="5s",
    show_default=True,
    help="Processor time for all CEL expressions of one attempt.",
)
@click.option(
    "--max-expression-cpu-per-namespace",
    default="20s",
    show_default=True,
    help="Processor time for all CEL expressions of a namespace within a minute.",
)
@click.option(
    "--max-list-entries",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Entries of a list in the spec of a Kustomization, GitRepository or Receiver.",
)
@click.option(
    "--max-health-watches",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    help="Objects of one cluster watched on their own for health checks; more are looked at every 5 seconds.",
)
@click.option(
    "--loop-lag-warning",
    default="200ms",
    show_default=True,
    help="Log what holds the event loop for so long.",
)
@click.option(
    "--max-loop-lag",
    default="3m",
    show_default=True,
    help="/healthz fails when the event loop is held for so long.",
)
@click.option(
    "--interval-jitter-percentage",
    type=click.IntRange(0, 99),
    default=5,
    show_default=True,
    help="Spread of the intervals.",
)
@click.option(
    "--max-api-response-size",
    default="32Mi",
    show_default=True,
    help="Answer of the API server that is read; a list comes in pages that fit.",
)
@click.option(
    "--max-remote-api-response-size",
    default="8Mi",
    show_default=True,
    help="Answer of the API server of a cluster of spec.kubeConfig that is read.",
)
@click.option(
    "--max-remote-cache-size",
    default="32Mi",
    show_default=True,
    help="Memory for what the objects of a cluster of spec.kubeConfig are like.",
)
@switch("no-cross-namespace-refs", help="Refuse sources, and objects of Receivers, in other namespaces.")
@switch("no-remote-bases", help="Refuse bases of overlays named by URL.")
@click.option(
    "--default-service-account",
    default="",
    help="Service account of a Kustomization that names none, in its own namespace.",
)
@click.option(
    "--default-kubeconfig-service-account",
    default="",
    help="Service account for remote clusters whose ConfigMap names none.",
)
@switch("insecure-kubeconfig-exec", help="Let kubeconfigs of Secrets run programs of the operator's image.")
@switch("insecure-kubeconfig-tls", help="Let kubeconfigs of Secrets turn the check of certificates off.")
@switch(
    "insecure-kubeconfig-addresses",
    help="Let kubeconfigs lead to this host, link-local addresses and metadata services of clouds.",
)
@click.option(
    "--max-inventory-size",
    default="1400Ki",
    show_default=True,
    help="Size of the largest inventory of a Kustomization; etcd takes 1.5 MiB for all of an object.",
)
@click.option(
    "--override-manager",
    "override_managers",
    multiple=True,
    metavar="NAME",
    help="Field manager, besides kubectl, whose changes to managed objects are undone; may be repeated.",
)
@click.option(
    "--custom-apply-stage-kinds",
    default="",
    metavar="GROUP/KIND,...",
    help="Kinds applied in a stage of their own, after definitions and before all others.",
)
@click.option(
    "--default-decryption-service-account",
    default="",
    help="Service account whose identity key services see of Kustomizations that name none.",
)
@click.option(
    "--sops-age-secret",
    default="",
    help="Secret with age keys in the operator's namespace, for Kustomizations without decryption.secretRef.",
)
@click.option(
    "--sops-vault-configmap",
    default="",
    help="ConfigMap in the operator's namespace with the Vault servers that service accounts may log in to.",
)
@switch(
    "watch-all-namespaces",
    default=True,
    help="Watch custom resources in all namespaces, or only in that of the operator (RUNTIME_NAMESPACE).",
)
@click.option(
    "--watch-label-selector",
    default="",
    help="Reconcile only the custom resources that this label selector matches.",
)
@click.option(
    "--watch-configs-label-selector",
    default="reconcile.fluxcd.io/watch=Enabled",
    show_default=True,
    help="ConfigMaps and Secrets whose changes are acted on at once; empty: none.",
)
@click.option("--events-addr", default="", help="URL of a notification controller that is told all events.")
@click.option(
    "--http-retry",
    type=click.IntRange(0),
    default=9,
    show_default=True,
    help="How often a failed download of an artifact is tried again.",
)
@click.option(
    "--drift-detection",
    type=click.Choice(["events", "interval"]),
    default="events",
    show_default=True,
    help="When changes by others are corrected: at once, or at the next interval.",
)
@click.option(
    "--feature-gates",
    default="",
    metavar="NAME=BOOL,...",
    help="Turn behaviours on or off; see the command line's reference for their names.",
)
@click.option(
    "--artifact-retention-ttl", default="60s", show_default=True, help="How long an old artifact is kept."
)
@click.option(
    "--artifact-retention-records",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="How many artifacts are kept.",
)
@switch("enable-leader-election", help="Act only while leading; others with this option stand by.")
@switch("leader-election-release-on-cancel", default=True, help="Let another lead at once when stopping.")
@click.option(
    "--leader-election-lease-duration",
    default="35s",
    show_default=True,
    help="How long others wait for a renewal before they take over.",
)
@click.option(
    "--leader-election-renew-deadline",
    default="30s",
    show_default=True,
    help="How long the leader tries to renew before it gives up.",
)
@click.option(
    "--leader-election-retry-period",
    default="5s",
    show_default=True,
    help="Between two tries to lead or renew.",
)
@click.option(
    "--log-level",
    type=click.Choice(["trace", "debug", "info", "error"]),
    default="info",
    show_default=True,
    help="How much is logged.",
)
@click.option(
    "--log-encoding",
    type=click.Choice(["json", "console"]),
    default="json",
    show_default=True,
    help="In which form.",
)
def command(
    kubeconfig: str | None,
    kube_context: str | None,
    storage_path: Path,
    storage_addr: str,
    storage_adv_addr: str | None,
    unguessable_artifact_paths: bool,
    health_addr: str,
    metrics_addr: str,
    webhook_addr: str,
    max_connections: int,
    client_timeout: str,
    concurrent: int,
    concurrent_ssa: int,
    concurrent_fetches: int,
    max_fetch_timeout: str,
    azure_devops_hosts: tuple[str, ...],
    max_source_entries: int,
    max_source_size: int,
    requeue_dependency: str,
    max_list_entries: int,
    loop_lag_warning: str,
    max_loop_lag: str,
    max_expression_cpu: str,
    max_expression_cpu_per_namespace: str,
    interval_jitter_percentage: int,
    max_api_response_size: str,
    max_remote_api_response_size: str,
    max_remote_cache_size: str,
    no_cross_namespace_refs: bool,
    no_remote_bases: bool,
    default_service_account: str,
    default_kubeconfig_service_account: str,
    insecure_kubeconfig_exec: bool,
    insecure_kubeconfig_tls: bool,
    insecure_kubeconfig_addresses: bool,
    max_health_watches: int,
    max_inventory_size: str,
    override_managers: tuple[str, ...],
    custom_apply_stage_kinds: str,
    default_decryption_service_account: str,
    sops_age_secret: str,
    sops_vault_configmap: str,
    watch_all_namespaces: bool,
    watch_label_selector: str,
    watch_configs_label_selector: str,
    events_addr: str,
    http_retry: int,
    drift_detection: str,
    feature_gates: str,
    artifact_retention_ttl: str,
    artifact_retention_records: int,
    enable_leader_election: bool,
    leader_election_release_on_cancel: bool,
    leader_election_lease_duration: str,
    leader_election_renew_deadline: str,
    leader_election_retry_period: str,
    log_level: str,
    log_encoding: str,
) -> None:
    """Run the operator until it is told to stop (SIGINT, SIGTERM)."""
    import os

    from headgate import loop
    from headgate.api.labelselector import BadSelector, parse_selector
    from headgate.apply import GroupKind
    from headgate.cli.gates import parse_gates
    from headgate.cli.logs import configure
    from headgate.durations import parse_duration
    from headgate.kube import AccessFailed
    from headgate.reconcile.core.config import Config
    from headgate.reconcile.core.election import LeadershipLost, Timing
    from headgate.serve import serve
    from headgate.web.server import AddressError

    configure(log_level, log_encoding)
    gates = parse_gates(feature_gates)
    namespace = os.environ.get("RUNTIME_NAMESPACE", "")
    try:
        parse_selector(watch_label_selector)
    except BadSelector as error:
        raise click.BadParameter(str(error), param_hint="--watch-label-selector") from error
    timing = Timing(
        _seconds(parse_duration, "--leader-election-lease-duration", leader_election_lease_duration),
        _seconds(parse_duration, "--leader-election-renew-deadline", leader_election_renew_deadline),
        _seconds(parse_duration, "--leader-election-retry-period", leader_election_retry_period),
    )
    if not timing.lease_duration > timing.renew_deadline > timing.retry_period > 0:
        raise click.UsageError("leader election: want lease duration > renew deadline > retry period > 0")
    needs_namespace = {
        "--watch-all-namespaces=false": not watch_all_namespaces,
        "--enable-leader-election": enable_leader_election,
        "--sops-age-secret": bool(sops_age_secret),
        "--sops-vault-configmap": bool(sops_vault_configmap),
    }
    for option, given in needs_namespace.items():
        if given and not namespace:
            raise click.UsageError(f"{option} needs the environment variable RUNTIME_NAMESPACE")
    stages = [k for k in custom_apply_stage_kinds.split(",") if k.strip()]
    config = Config(
        kubeconfig=kubeconfig,
        context=kube_context,
        storage_path=storage_path,
        storage_addr=storage_addr,
        storage_adv_addr=storage_adv_addr,
        unguessable_artifact_paths=unguessable_artifact_paths,
        health_addr=health_addr,
        metrics_addr=metrics_addr,
        webhook_addr=webhook_addr,
        max_connections=max_connections,
        client_timeout=_positive(parse_duration, "--client-timeout", client_timeout),
        concurrent=concurrent,
        concurrent_ssa=concurrent_ssa,
        concurrent_fetches=concurrent_fetches,
        max_fetch_timeout=_seconds(parse_duration, "--max-fetch-timeout", max_fetch_timeout),
        azure_devops_hosts=azure_devops_hosts,
        max_source_entries=max_source_entries,
        max_source_size=max_source_size,
        requeue_dependency=_seconds(parse_duration, "--requeue-dependency", requeue_dependency),
        max_list_entries=max_list_entries,
        loop_lag_warning=_positive(parse_duration, "--loop-lag-warning", loop_lag_warning),
        max_loop_lag=_positive(parse_duration, "--max-loop-lag", max_loop_lag),
        max_expression_cpu=_positive(parse_duration, "--max-expression-cpu", max_expression_cpu),
        max_expression_cpu_per_namespace=_positive(
            parse_duration, "--max-expression-cpu-per-namespace", max_expression_cpu_per_namespace
        ),
        jitter=interval_jitter_percentage / 100,
        max_api_response=_bytes("--max-api-response-size", max_api_response_size),
        max_remote_api_response=_bytes("--max-remote-api-response-size", max_remote_api_response_size),
        max_remote_cache=_bytes("--max-remote-cache-size", max_remote_cache_size),
        no_cross_namespace_refs=no_cross_namespace_refs,
        no_remote_bases=no_remote_bases,
        default_service_account=default_service_account,
        default_kubeconfig_service_account=default_kubeconfig_service_account,
        insecure_kubeconfig_exec=insecure_kubeconfig_exec,
        insecure_kubeconfig_tls=insecure_kubeconfig_tls,
        insecure_kubeconfig_addresses=insecure_kubeconfig_addresses,
        max_health_watches=max_health_watches,
        max_inventory_size=_bytes("--max-inventory-size", max_inventory_size),
        override_managers=override_managers,
        custom_stage_kinds=frozenset(map(GroupKind.parse, stages)),
        strict_substitutions=gates["StrictPostBuildSubstitutions"],
        additive_cel_dependency_check=gates["AdditiveCELDependencyCheck"],
        migrate_api_version=gates["MigrateAPIVersion"],
        leader_election=timing if enable_leader_election else None,
        release_lease=leader_election_release_on_cancel,
        fail_fast=not gates["DisableFailFastBehavior"],
        runtime_namespace=namespace,
        pod_name=os.environ.get("POD_NAME", ""),
        watch_namespace="" if watch_all_namespaces else namespace,
        watch_label_selector=watch_label_selector,
        watch_configs_label_selector="" if gates["DisableConfigWatchers"] else watch_configs_label_selector,
        default_decryption_service_account=default_decryption_service_account,
        sops_age_secret=sops_age_secret,
        sops_vault_configmap=sops_vault_configmap,
        events_addr=events_addr,
        http_retry=http_retry,
        drift_detection=drift_detection == "events",
        retention_ttl=_seconds(parse_duration, "--artifact-retention-ttl", artifact_retention_ttl),
        retention_records=artifact_retention_records,
    )
    turns = loop.Turns()
    try:
        loop.run(serve(config, turns), turns)
    except (AccessFailed, AddressError, LeadershipLost) as error:
        raise click.ClickException(str(error)) from error


def _seconds(parse: Callable[[str], float], option: str, text: str) -> float:
    try:
        return parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def _positive(parse: Callable[[str], float], option: str, text: str) -> float:
    seconds = _seconds(parse, option, text)
    if seconds <= 0:
        raise click.BadParameter("must be longer than nothing", param_hint=option)
    return seconds


def _bytes(option: str, text: str) -> int:
    from headgate.api.quantity import parse_bytes

    try:
        return parse_bytes(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error
