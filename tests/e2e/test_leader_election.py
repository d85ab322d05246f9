"""Two operators side by side: one acts, the other takes over when it is gone, however it went."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from headgate.reconcile.core.election import lease_name
from sandbox import operator
from tests.support.cluster import Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.operator import NAMESPACE
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]

TIMES = (
    "--enable-leader-election",
    "--leader-election-lease-duration=4s",
    "--leader-election-renew-deadline=3s",
    "--leader-election-retry-period=1s",
)
# prose: off: the words of the log
STANDBY = "on standby"
# prose: on


@pytest.fixture
def workspace(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    monkeypatch.setenv("RUNTIME_NAMESPACE", NAMESPACE)
    return Workspace(api, git_server, namespace_prefix(request), {OWN: namespace_prefix(request)})


def lease(workspace: Workspace) -> Obj:
    """The lease that the operators of the workspace hold."""
    name = lease_name(f"{OWN}={workspace.labels[OWN]}")
    return workspace.api.present("coordination.k8s.io/v1", "Lease", name, NAMESPACE)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_one_acts_and_the_other_takes_over(
    workspace: Workspace, account: Path, tmp_path: Path, how: str
) -> None:
    """After ``kill -9`` when the lease is over; after a stop at once, as the lease is given back."""
    options = (f"--watch-label-selector={OWN}={workspace.labels[OWN]}", *TIMES)
    workspace.commit({"apps/a.yaml": config_map("a", v="one")})
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with ExitStack() as stack:
        first = stack.enter_context(operator.running(account, folders[0], options))
        workspace.source()
        workspace.kustomization("apps")
        workspace.ready("apps")
        holder = lease(workspace)["spec"]["holderIdentity"]
        second = stack.enter_context(operator.running(account, folders[1], options, ready=False))
        until("it is on standby", lambda: STANDBY in second.log.read_text())
        revision = workspace.commit({"apps/a.yaml": config_map("a", v="two")})
        workspace.ready("apps", revision)
        assert "apps" not in second.log.read_text(), "it does nothing meanwhile"
        second.check()
        first.kill() if how == "killed" else first.stop()
        second.wait_ready()
        revision = workspace.commit({"apps/a.yaml": config_map("a", v="three")})
        workspace.ready("apps", revision)
        spec = lease(workspace)["spec"]
        assert spec["holderIdentity"] != holder
        assert spec["leaseTransitions"] == 1
        workspace.close()
    workspace.api.delete("coordination.k8s.io/v1", "Lease", lease(workspace)["metadata"]["name"], NAMESPACE)


def pod(workspace: Workspace, name: str) -> None:
    """A pod as the Deployment makes them; its process runs outside of it."""
    template = workspace.api.present("apps/v1", "Deployment", "headgate", NAMESPACE)["spec"]["template"]
    meta = {"name": name, "namespace": NAMESPACE, "labels": dict(template["metadata"]["labels"])}
    workspace.api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]})


def served_by(workspace: Workspace) -> set[str]:
    """The pods that the Service of artifacts leads to."""
    slices = workspace.api.list(
        "discovery.k8s.io/v1", "EndpointSlice", NAMESPACE, "kubernetes.io/service-name=headgate"
    )
    ready = [e for each in slices for e in each.get("endpoints") or () if e["conditions"].get("ready")]
    return {endpoint["targetRef"]["name"] for endpoint in ready}


def test_who_stands_by_is_ready_and_the_service_leads_to_the_leader(
    workspace: Workspace, account: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the first a rolling update never ends, without the second half of the downloads fail."""
    options = (f"--watch-label-selector={OWN}={workspace.labels[OWN]}", *TIMES)
    workspace.commit({"apps/a.yaml": config_map("a", v="one")})
    names = [f"{workspace.namespace[:40]}-{number}" for number in range(2)]
    for name in names:
        (tmp_path / name).mkdir()
        pod(workspace, name)

    def start(name: str) -> operator.Operator:
        monkeypatch.setenv("POD_NAME", name)
        return stack.enter_context(operator.running(account, tmp_path / name, options))

    with ExitStack() as stack:
        first = start(names[0])
        until("the Service leads to the first", lambda: served_by(workspace) == {names[0]})
        second = start(names[1])
        assert STANDBY in second.log.read_text()
        workspace.source()
        workspace.kustomization("apps")
        workspace.ready("apps")
        assert served_by(workspace) == {names[0]}
        first.kill()
        until("the Service leads to the second too", lambda: names[1] in served_by(workspace))
        workspace.ready("apps", workspace.commit({"apps/a.yaml": config_map("a", v="two")}))
        # The container of the first restarts, in a pod whose label still says that it leads.
        start(names[0])
        until("the Service leads to the second", lambda: served_by(workspace) == {names[1]})
        second.stop()
        until("the Service leads to the first again", lambda: names[0] in served_by(workspace))
        workspace.ready("apps", workspace.commit({"apps/a.yaml": config_map("a", v="three")}))
        workspace.close()
    for name in names:
        workspace.api.delete("v1", "Pod", name, NAMESPACE)
    workspace.api.delete("coordination.k8s.io/v1", "Lease", lease(workspace)["metadata"]["name"], NAMESPACE)


def test_who_loses_the_lease_stops(workspace: Workspace, account: Path, tmp_path: Path) -> None:
    """Somebody else holds it: better nobody acts than two."""
    options = (f"--watch-label-selector={OWN}={workspace.labels[OWN]}", *TIMES)
    with operator.running(account, tmp_path, options) as running:
        workspace.api.merge(lease(workspace), {"spec": {"holderIdentity": "somebody-else"}})

        def ended() -> bool:
            try:
                running.check()
            except operator.OperatorFailed:
                return True
            return False

        until("it has stopped", ended)
        assert "leader election lost" in running.log.read_text()
    workspace.close()
