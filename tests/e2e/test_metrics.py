"""The metrics of an operator that has done a bit of everything: what Flux's dashboards and ours ask for is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane.ports import LOOPBACK, free_ports
from sandbox import operator
from tests.support.cluster import SOURCE, Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.metrics import Samples, read, value
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

DASHBOARDS = (
    "controller_runtime_reconcile_time_seconds_bucket",
    "controller_runtime_reconcile_total",
    "gotk_reconcile_duration_seconds_count",
    "gotk_reconcile_duration_seconds_sum",
    "process_cpu_seconds_total",
    "rest_client_requests_total",
    "workqueue_longest_running_processor_seconds",
)
"""The metrics that the panels of fluxcd/flux2-monitoring-example query, except for those of Go."""


def test_what_was_done_is_counted(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    address = f"{LOOPBACK}:{free_ports(1)[0]}"
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: "metrics"})
    first = workspace.commit(
        {
            "apps/a.yaml": config_map("a"),
            "README.md": "1",
            "broken/kustomization.yaml": "resources: [none.yaml]",
        }
    )
    options = (f"--watch-label-selector={OWN}=metrics", f"--metrics-addr={address}")

    def reaches(holds: Callable[[Samples], bool], what: str) -> Samples:
        """A reconcile is counted after its status is written."""
        return until(what, lambda: found if holds(found := read(address)) else None)

    with operator.running(account, tmp_path, options):
        workspace.source()
        workspace.source("missing", ready=False, ref={"branch": "nope"})
        workspace.failed("missing", "GitOperationFailed", kind=SOURCE)
        workspace.kustomization("apps", wait=True)
        workspace.kustomization("broken")
        workspace.ready("apps", first)
        workspace.failed("broken", "BuildFailed")
        workspace.ready("apps", workspace.commit({"README.md": "2"}))
        reconciles = "gotk_reconcile_duration_seconds_count"
        samples = reaches(
            lambda found: (
                value(found, "headgate_builds_skipped_total") == 1
                and value(found, reconciles, name="apps") >= 2
                and value(found, "headgate_git_cache_bytes") >= 1
            ),
            "a build is skipped",
        )

        assert set(DASHBOARDS) <= {name for name, _ in samples}
        for kind, name in (("GitRepository", "source"), ("Kustomization", "apps")):
            labels = {"kind": kind, "name": name, "namespace": workspace.namespace}
            assert value(samples, reconciles, **labels) >= 2
            assert value(samples, "gotk_reconcile_duration_seconds_sum", **labels) > 0
        total = "controller_runtime_reconcile_total"
        assert value(samples, total, controller="gitrepository", result="error") >= 1
        assert value(samples, total, controller="gitrepository", result="requeue_after") >= 2
        assert value(samples, total, controller="kustomization", result="error") == 0
        for name in ("kustomization", "gitrepository"):
            assert value(samples, "workqueue_adds_total", name=name) >= 2
            assert value(samples, "workqueue_queue_duration_seconds_count", name=name) >= 2
            workers = value(samples, "controller_runtime_max_concurrent_reconciles", controller=name)
            assert workers == {"kustomization": 8, "gitrepository": 16 * 32}[name]
        for step in ("build", "apply", "health", "fetch"):
            count = "headgate_step_duration_seconds_count"
            assert value(samples, count, step=step, result="success") >= 1, step
        assert value(samples, "headgate_step_duration_seconds_count", step="build", result="failed") >= 1
        assert value(samples, "headgate_git_refs_total", answer="asked") >= 3
        for size in (
            "parsed_documents",
            "parsed_documents_bytes",
            "git_cache_bytes",
            "git_remotes",
            "live_objects",
            "live_watches",
        ):
            assert value(samples, f"headgate_{size}") >= 1, size
        hosts = {dict(labels)["host"] for name, labels in samples if name == "rest_client_requests_total"}
        assert hosts
        assert "" not in hosts
        assert value(samples, "headgate_api_request_duration_seconds_count", verb="apply") >= 1

        workspace.delete("apps")

        def forgotten(found: Samples) -> bool:
            return not any(("name", "apps") in labels for _, labels in found)

        reaches(forgotten, "the series of what was deleted are gone")
        workspace.close()
