"""What the options of ``headgate run`` do, each on an operator that was started with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import operator
from tests.support.cluster import KUSTOMIZATION, SOURCE, Api, condition, until
from tests.support.eventserver import EventServer
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, dump, kustomization
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
MINE = "options"
WATCHED = {"reconcile.fluxcd.io/watch": "Enabled"}
Start = Callable[..., AbstractContextManager[operator.Operator]]


@pytest.fixture
def own(request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer) -> Workspace:
    """A namespace for an operator of the test's own; emptied when that stops."""
    return Workspace(api, git_server, namespace_prefix(request), {OWN: MINE})


@pytest.fixture
def start(own: Workspace, account: Path, tmp_path: Path) -> Start:
    """Starts the operator for the namespace, with these options."""

    @contextmanager
    def start(*options: str) -> Iterator[operator.Operator]:
        selector = f"--watch-label-selector={OWN}={MINE}"
        with operator.running(account, tmp_path, [selector, *options]) as running:
            yield running
            own.close()

    return start


def test_default_service_account(own: Workspace, start: Start) -> None:
    """A Kustomization without a service account acts as the one of this name in its own namespace."""
    own.commit({"apps/a.yaml": config_map("a")})
    with start("--default-service-account=deployer"):
        own.source()
        own.kustomization("apps")
        own.kustomization("named", "apps", serviceAccountName="another")
        for name, account in (("apps", "deployer"), ("named", "another")):
            user = f"system:serviceaccount:{own.namespace}:{account}"
            own.failed(name, "ReconciliationFailed", f'User "{user}" cannot patch resource "configmaps"')
        meta = {"name": "deployer", "namespace": own.namespace}
        own.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
        binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta}
        own.api.bind({**binding, "roleRef": role, "subjects": [{"kind": "ServiceAccount", **meta}]})
        own.request_reconcile(KUSTOMIZATION, "apps")
        own.ready("apps")


def test_no_cross_namespace_refs(own: Workspace, start: Start) -> None:
    own.commit({"apps/a.yaml": config_map("a")})
    with start("--no-cross-namespace-refs"):
        own.source()
        elsewhere = {"kind": SOURCE, "name": "source", "namespace": "elsewhere"}
        own.kustomization("apps", sourceRef=elsewhere)
        message = (
            "can't access 'GitRepository/elsewhere/source', cross-namespace references have been blocked"
        )
        assert own.failed("apps", "AccessDenied")["message"] == message
        assert condition(own.get("apps"), "Stalled")["reason"] == "AccessDenied"
        own.event("apps", message, type="Warning", reason="AccessDenied")
        own.change("apps", {"sourceRef": {**elsewhere, "namespace": own.namespace}})
        own.ready("apps")


def test_only_the_operators_own_namespace(
    own: Workspace, git_server: GitHttpServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--watch-all-namespaces=false``, as Flux writes it: others are as if they were not there."""
    other = Workspace(own.api, git_server, "elsewhere", {OWN: MINE})
    monkeypatch.setenv("RUNTIME_NAMESPACE", own.namespace)
    for workspace in (own, other):
        workspace.commit({"apps/a.yaml": config_map("a")})
    with start("--watch-all-namespaces=false"):
        other.source(ready=False)
        own.source()
        own.kustomization("apps")
        own.ready("apps")
        untouched = other.get("source", SOURCE)
        assert "finalizers" not in untouched["metadata"]
        assert "conditions" not in untouched.get("status", {})
    other.close()


def test_the_label_selector(own: Workspace, start: Start) -> None:
    """What loses the label is left as it is; what gets it is taken up."""
    own.commit({"apps/a.yaml": config_map("a", v="1")})
    with start():
        own.source()
        own.kustomization("apps")
        own.ready("apps")
        own.api.merge(own.get("apps"), {"metadata": {"labels": {OWN: "nobody"}}})
        own.change("apps", {"targetNamespace": "no-such-namespace"})
        revision = own.commit({"apps/a.yaml": config_map("a", v="2")})
        until(
            "the source moves on",
            lambda: own.get("source", SOURCE)["status"]["artifact"]["revision"] == revision,
        )
        time.sleep(1.0)
        assert (own.config_map("a") or {})["data"] == {"v": "1"}
        own.change("apps", {"targetNamespace": own.namespace})
        own.api.merge(own.get("apps"), {"metadata": {"labels": {OWN: MINE}}})
        own.ready("apps", revision)


def test_events_are_posted_as_flux_posts_them(own: Workspace, start: Start) -> None:
    """The body is what notification-controller takes; a receiver that is down for a moment loses nothing."""
    with EventServer() as receiver:
        receiver.refuse = 1
        revision = own.commit({"apps/a.yaml": config_map("a"), "bad/b.yaml": "a: [\n"}, "One")
        with start(f"--events-addr={receiver.url}"):
            source = own.source()
            summary = {"event.toolkit.fluxcd.io/summary": "of team a", "other.dev/x": "y"}
            own.kustomization("apps", annotations=summary)
            own.kustomization("bad")
            own.ready("apps")
            own.failed("bad", "BuildFailed")
            until("the events about apps arrive", lambda: len(receiver.about(KUSTOMIZATION, "apps")) > 1)
            until("the event about the failure arrives", lambda: receiver.about(KUSTOMIZATION, "bad"))
        assert receiver.tries > len(receiver.received)
        (stored,) = receiver.about(SOURCE, "source")
        at = datetime.fromisoformat(stored.pop("timestamp"))
        assert abs(at.timestamp() - time.time()) < 300
        about = stored.pop("involvedObject")
        assert about.pop("resourceVersion")
        assert about == {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": SOURCE,
            "name": "source",
            "namespace": own.namespace,
            "uid": source["metadata"]["uid"],
        }
        assert stored.pop("reportingInstance")
        assert stored == {
            "severity": "info",
            "reason": "NewArtifact",
            "message": "stored artifact for commit 'One'",
            "metadata": {
                "source.toolkit.fluxcd.io/revision": revision,
                "source.toolkit.fluxcd.io/digest": source["status"]["artifact"]["digest"],
            },
            "reportingController": "source-controller",
        }
        group = "kustomize.toolkit.fluxcd.io"
        finished = [
            e
            for e in receiver.about(KUSTOMIZATION, "apps")
            if e["message"].startswith("Reconciliation finished")
        ]
        (event,) = finished
        assert event["metadata"] == {
            f"{group}/revision": revision,
            f"{group}/commit_status": "update",
            "event.toolkit.fluxcd.io/summary": "of team a",
        }
        assert event["reportingController"] == "kustomize-controller"
        failure = receiver.about(KUSTOMIZATION, "bad")[0]
        assert (failure["severity"], failure["reason"]) == ("error", "BuildFailed")
        assert failure["metadata"] == {f"{group}/revision": revision}
    stored_event = own.api.list("v1", "Event", own.namespace)
    summaries = [
        e["metadata"].get("annotations", {}).get("event.toolkit.fluxcd.io/summary") for e in stored_event
    ]
    assert "of team a" in summaries


def labelled(own: Workspace, kind: str, name: str, values: dict[str, str], labels: dict[str, str]) -> None:
    """A ConfigMap or Secret whose label asks for its changes to be seen, or not."""
    field = "data" if kind == "ConfigMap" else "stringData"
    meta = {"name": name, "namespace": own.namespace, "labels": labels}
    own.api.apply({"apiVersion": "v1", "kind": kind, "metadata": meta, field: values})


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_a_change_of_a_watched_configuration_acts_at_once(workspace: Workspace, kind: str) -> None:
    """By Flux's label; the coming and going of one too. Without the label, at the next reconcile."""
    labelled(workspace, kind, "watched", {"v": "one"}, WATCHED)
    labelled(workspace, kind, "quiet", {"w": "one"}, {})
    workspace.commit({"apps/a.yaml": config_map("a", v="${v:-none}", w="${w}")})
    workspace.source()
    references = [{"kind": kind, "name": "watched", "optional": True}, {"kind": kind, "name": "quiet"}]
    workspace.kustomization("apps", postBuild={"substituteFrom": references})
    workspace.ready("apps")

    def values() -> Obj:
        return dict((workspace.config_map("a") or {})["data"])

    labelled(workspace, kind, "quiet", {"w": "two"}, {})
    time.sleep(1.0)
    assert values() == {"v": "one", "w": "one"}
    labelled(workspace, kind, "watched", {"v": "two"}, WATCHED)
    until("both are applied", lambda: values() == {"v": "two", "w": "two"})
    workspace.api.delete("v1", kind, "watched", workspace.namespace)
    until("its going is seen", lambda: values() == {"v": "none", "w": "two"})
    labelled(workspace, kind, "watched", {"v": "three"}, WATCHED)
    until("its coming is seen", lambda: values() == {"v": "three", "w": "two"})


def test_configurations_are_not_watched_where_the_gate_says_so(own: Workspace, start: Start) -> None:
    labelled(own, "ConfigMap", "watched", {"v": "one"}, WATCHED)
    own.commit({"apps/a.yaml": config_map("a", v="${v}")})
    with start("--feature-gates=DisableConfigWatchers=true"):
        own.source()
        own.kustomization("apps", postBuild={"substituteFrom": [{"kind": "ConfigMap", "name": "watched"}]})
        own.ready("apps")
        labelled(own, "ConfigMap", "watched", {"v": "two"}, WATCHED)
        time.sleep(1.5)
        assert (own.config_map("a") or {})["data"] == {"v": "one"}
        own.request_reconcile(KUSTOMIZATION, "apps")
        until("it is applied", lambda: (own.config_map("a") or {})["data"] == {"v": "two"})


def test_an_overridden_manager_has_no_say(own: Workspace, start: Start) -> None:
    """What it changes is undone, what it adds is removed; what others add stays."""
    own.commit({"apps/a.yaml": config_map("a", v="1")})
    with start("--override-manager=console", "--override-manager=portal"):
        own.source()
        own.kustomization("apps")
        own.ready("apps")
        for manager, key in (("console", "x"), ("portal", "y"), ("somebody", "z")):
            found = own.config_map("a")
            assert found is not None
            own.api.merge(found, {"data": {key: manager}}, manager=manager)
        until("two are undone", lambda: set((own.config_map("a") or {})["data"]) == {"v", "z"})


CUSTOM = "widgets.options.test"


def test_kinds_that_come_in_a_stage_of_their_own(own: Workspace, start: Start) -> None:
    """``--custom-apply-stage-kinds``: applied and accepted before anything after them is even tried."""
    good = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "early", "namespace": own.namespace},
        "data": {"a": "1"},
    }
    bad = yaml.safe_load(config_map("late"))
    bad["data"] = {"a": ["not a string"]}
    bad["kind"], bad["apiVersion"] = "Secret", "v1"
    own.commit({"apps/a.yaml": dump(good, bad)})
    with start("--custom-apply-stage-kinds=/ConfigMap, example.test/Other"):
        own.source()
        own.kustomization("apps")
        own.failed("apps", "ReconciliationFailed", "Secret/.*late")
        assert own.config_map("early"), "its stage came before the one that was refused"
    assert own.config_map("early") is None


def test_a_job_that_the_cluster_removes_when_it_is_done(workspace: Workspace) -> None:
    """``ttlSecondsAfterFinished``: in a health check, a Job that is gone counts as done; later it is created again."""
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once"},
        "spec": {
            "ttlSecondsAfterFinished": 0,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "a"}]}},
        },
    }
    workspace.commit({"apps/job.yaml": dump(job)})
    workspace.source()
    workspace.kustomization("apps", wait=True, timeout="30s")
    workspace.ready("apps")
    ids = [e["id"] for e in workspace.get("apps")["status"]["inventory"]["entries"]]
    assert ids == [f"{workspace.namespace}_once_batch_Job"]
    assert condition(workspace.get("apps"), "Healthy")["status"] == "True"
    until("the cluster has removed it", lambda: workspace.object("batch/v1", "Job", "once") is None)


def test_components_that_may_be_missing(workspace: Workspace) -> None:
    component = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "namePrefix": "x-"}
    workspace.commit(
        {
            "apps/a.yaml": config_map("a"),
            "apps/kustomization.yaml": kustomization("a.yaml"),
            "parts/present/kustomization.yaml": dump(component),
        }
    )
    workspace.source()
    components = ["../parts/present", "../parts/missing"]
    workspace.kustomization("apps", components=components)
    workspace.failed("apps", "BuildFailed", "missing")
    workspace.change("apps", {"ignoreMissingComponents": True})
    workspace.ready("apps")
    assert workspace.config_map("x-a")
    component["namePrefix"] = "y-"
    revision = workspace.commit({"parts/missing/kustomization.yaml": dump(component)})
    workspace.ready("apps", revision)
    assert workspace.config_map("y-x-a"), "it has come, and counts from then on"
    assert workspace.config_map("x-a") is None


def test_a_failure_is_tried_again_after_the_retry_interval(workspace: Workspace) -> None:
    """Not after the interval; and its cause need not be one that is seen to change."""
    workspace.commit({"apps/a.yaml": config_map("a", v="${v}")})
    workspace.source()
    references = [{"kind": "ConfigMap", "name": "unseen"}]
    workspace.kustomization("apps", retryInterval="2s", postBuild={"substituteFrom": references})
    workspace.failed("apps", "BuildFailed", "unseen")
    labelled(workspace, "ConfigMap", "unseen", {"v": "one"}, {})
    workspace.ready("apps")


def test_strict_substitution_can_be_turned_off(own: Workspace, start: Start) -> None:
    own.commit({"apps/a.yaml": config_map("a", v="<${nowhere}>")})
    with start("--feature-gates=StrictPostBuildSubstitutions=false"):
        own.source()
        own.kustomization("apps", postBuild={"substitute": {"other": "x"}})
        own.ready("apps")
        assert (own.config_map("a") or {})["data"] == {"v": "<>"}


def test_drift_is_left_to_the_interval_where_that_is_wanted(own: Workspace, start: Start) -> None:
    own.commit({"apps/a.yaml": config_map("a", v="1")})
    with start("--drift-detection=interval"):
        own.source()
        own.kustomization("apps")
        own.ready("apps")
        found = own.config_map("a")
        assert found is not None
        own.api.merge(found, {"data": {"v": "2"}}, manager="kubectl-edit")
        time.sleep(1.5)
        assert (own.config_map("a") or {})["data"] == {"v": "2"}
        own.change("apps", {"interval": "2s"})
        until("it is corrected", lambda: (own.config_map("a") or {})["data"] == {"v": "1"})


def test_logs_are_json_with_what_flux_has_in_them(own: Workspace, start: Start) -> None:
    own.commit({"bad/a.yaml": "a: [\n"})
    with start("--log-level=debug") as running:
        own.source()
        own.kustomization("bad")
        own.failed("bad", "BuildFailed")
    lines = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert {"level", "ts", "logger", "msg"} <= set(lines[0])
    assert [line for line in lines if line["level"] == "error" and "a.yaml" in line["msg"]]
