"""From Flux to Headgate and back: nothing that runs is written to, and nothing is left that the other cannot read.

What Flux leaves is written by :mod:`tests.support.flux`. Writes are counted in the API server's own history: a watch
from before the swap shows every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox import operator
from tests.conformance.peer import KUBECTL
from tests.support import flux
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE, Api, condition, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, deployment, dump, kustomization
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(KUBECTL is None, reason="kubectl builds what Flux would have applied"),
]

Obj = dict[str, Any]
SELECTED = {OWN: "swap"}

TYPES = {"Ready", "Reconciling", "Stalled", "Healthy", "ArtifactInStorage"}
REASONS = {
    "ReconciliationSucceeded",
    "Succeeded",
    "Progressing",
    "ProgressingWithRetry",
    "ReconciliationFailed",
}
MANAGERS = {
    KUSTOMIZATION: {
        ("kubectl", "Apply", ""),
        ("kubectl-patch", "Update", ""),
        ("flux", "Update", ""),
        (flux.KUSTOMIZATIONS, "Update", ""),
        (flux.KUSTOMIZATIONS, "Update", "status"),
    },
    SOURCE: {
        ("kubectl", "Apply", ""),
        ("flux", "Update", ""),
        (flux.SOURCES, "Update", ""),
        (flux.SOURCES, "Update", "status"),
    },
}
"""Who has a field of a custom resource when Flux runs: its user's tools and its two controllers."""


@pytest.fixture
def workspace(request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer) -> Workspace:
    """A namespace that no operator looks after until :func:`headgate` is started."""
    return Workspace(api, git_server, namespace_prefix(request), SELECTED)


Start = Callable[[], Any]


@pytest.fixture
def headgate(account: Path, tmp_path: Path) -> Start:
    """Starts an operator for the namespace."""

    @contextmanager
    def start() -> Iterator[operator.Operator]:
        with operator.running(account, tmp_path, [f"--watch-label-selector={OWN}=swap"]) as running:
            yield running

    return start


def fleet(namespace: str) -> dict[str, str]:
    """An overlay with about every kind of object in a namespace, without the fields that the API server defaults."""
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "web"}]}}
    ports = [{"port": 80, "name": "http"}, {"port": 53, "protocol": "UDP", "name": "dns"}]

    def obj(version: str, kind: str, name: str, **fields: Any) -> Obj:
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}

    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    rbac = "rbac.authorization.k8s.io"
    objects = [
        obj("v1", "ServiceAccount", "web"),
        obj("v1", "Service", "web", spec={"selector": labels, "ports": ports[:1]}),
        obj("v1", "Service", "dns", spec={"selector": labels, "ports": ports, "clusterIP": "None"}),
        obj("v1", "Secret", "credentials", stringData={"user": "ada", "password": "x"}),
        obj("v1", "Secret", "binary", data={"key": "AAEC"}),
        obj(
            "v1",
            "PersistentVolumeClaim",
            "disk",
            spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}},
        ),
        obj(
            "apps/v1",
            "StatefulSet",
            "data",
            spec={"selector": {"matchLabels": labels}, "serviceName": "dns", "template": pod},
        ),
        obj(
            "apps/v1",
            "Deployment",
            "limits",
            spec={
                "replicas": 1,
                "selector": {"matchLabels": {"app": "limits"}},
                "template": {
                    "metadata": {"labels": {"app": "limits"}},
                    "spec": {
                        "containers": [
                            {
                                "name": "main",
                                "image": "web",
                                "resources": {
                                    "limits": {"cpu": 1, "memory": "1024Mi"},
                                    "requests": {"cpu": "1000m"},
                                },
                                "env": [{"name": "A", "value": "1"}],
                                "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}],
                            }
                        ]
                    },
                },
            },
        ),
        obj(
            "batch/v1",
            "CronJob",
            "nightly",
            spec={
                "schedule": "0 0 * * *",
                "jobTemplate": {"spec": {"template": {"spec": {**pod["spec"], "restartPolicy": "Never"}}}},
            },
        ),
        obj(
            "policy/v1",
            "PodDisruptionBudget",
            "web",
            spec={"minAvailable": "50%", "selector": {"matchLabels": labels}},
        ),
        obj(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "web",
            spec={
                "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "data"},
            },
        ),
        obj(
            "networking.k8s.io/v1",
            "Ingress",
            "web",
            spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
        ),
        obj(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "web",
            spec={"podSelector": {}, "policyTypes": ["Ingress"]},
        ),
        obj(f"{rbac}/v1", "Role", "test:reader", rules=[rule]),
        obj(
            f"{rbac}/v1",
            "RoleBinding",
            "test:reader",
            roleRef={"apiGroup": rbac, "kind": "Role", "name": "test:reader"},
            subjects=[{"kind": "ServiceAccount", "name": "web"}],
        ),
        obj(f"{rbac}/v1", "ClusterRole", f"{namespace}:reader", rules=[rule]),
    ]
    return {
        "apps/kustomization.yaml": kustomization(
            "all.yaml",
            "web.yaml",
            "old.yaml",
            namespace=namespace,
            configMapGenerator=[{"name": "settings", "literals": ["a=1", "b=true"]}],
            images=[{"name": "web", "newTag": "v1"}],
        ),
        "apps/all.yaml": dump(*objects),
        "apps/web.yaml": deployment("web", image="web"),
        "apps/old.yaml": config_map("old"),
    }


def as_flux_left_it(workspace: Workspace, folder: Path) -> tuple[list[Obj], str]:
    """Everything in place and Ready, the controllers gone; the applied objects, and the revision."""
    files = fleet(workspace.namespace)
    revision = workspace.commit(dict(files))
    objects = flux.built(files, "apps", folder / "built", "apps", workspace.namespace)
    flux.apply(workspace, objects)
    workspace.source(ready=False)
    check = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": workspace.namespace}
    workspace.kustomization("apps", targetNamespace=None, healthChecks=[check], timeout="1m")
    flux.source_status(workspace, "source", revision)
    flux.kustomization_status(workspace, "apps", revision, objects)
    until("the Deployment runs", lambda: _is_up(workspace))
    return objects, revision


def _is_up(workspace: Workspace) -> bool:
    found = [workspace.object("apps/v1", "Deployment", name) for name in ("web", "limits")]
    return all(((obj or {}).get("status") or {}).get("readyReplicas") for obj in found)


class Ledger:
    """Every write since now to the kinds of these objects in the workspace, by anybody, except writes to a status."""

    def __init__(self, workspace: Workspace, objects: list[Obj]) -> None:
        self._workspace = workspace
        self._kinds = sorted({(o["apiVersion"], o["kind"]) for o in objects})
        self._since = workspace.api.resource_version()
        self._first = {
            obj["metadata"]["uid"]: _without_status(obj)
            for version, kind in self._kinds
            for obj in workspace.api.list(version, kind, self._namespace(kind))
        }

    def writes(self) -> list[str]:
        """As ``MODIFIED Kind/name``, those to one kind in order."""
        with ThreadPoolExecutor(
            len(self._kinds)
        ) as threads:  # each watch takes a second, to be sure of its end
            return [each for kind in threads.map(self._writes_to, self._kinds) for each in kind]

    def _writes_to(self, versioned: tuple[str, str]) -> list[str]:
        version, kind = versioned
        last = dict(self._first)
        found = []
        for what, obj in self._workspace.api.history(version, kind, self._namespace(kind), self._since):
            uid, now = obj["metadata"]["uid"], _without_status(obj)
            owner = (obj["metadata"].get("labels") or {}).get(f"{flux.OWNER}/namespace")
            if owner == self._workspace.namespace and (what != "MODIFIED" or last.get(uid) != now):
                found.append(f"{what} {kind}/{obj['metadata']['name']}")
            last[uid] = now
        return found

    def _namespace(self, kind: str) -> str:
        return "" if kind == "ClusterRole" else self._workspace.namespace


def _without_status(obj: Obj) -> Obj:
    meta = {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
    meta["managedFields"] = [e for e in meta.get("managedFields") or () if not e.get("subresource")]
    kept = ("status", "metadata", "apiVersion", "kind")  # a list has no kind on its items
    return {**{k: v for k, v in obj.items() if k not in kept}, "metadata": meta}


def handled(workspace: Workspace, name: str = "apps") -> Obj:
    """Ask for a reconcile, which verifies every object, and wait until it is done."""
    stamp = workspace.request_reconcile(KUSTOMIZATION, name)

    def look() -> Obj | None:
        obj = workspace.get(name)
        done = (obj.get("status") or {}).get("lastHandledReconcileAt") == stamp
        return obj if done and condition(obj).get("status") != "Unknown" else None

    return until("the request is handled", look)


def test_there_and_back_without_a_write(workspace: Workspace, headgate: Start, tmp_path: Path) -> None:
    """The whole way: taken over, pruned, changed, handed back."""
    objects, revision = as_flux_left_it(workspace, tmp_path)
    before = workspace.get("apps")
    ledger = Ledger(workspace, objects)
    with headgate():
        workspace.ready("source", kind=SOURCE)
        taken = handled(workspace)
        assert condition(taken)["status"] == "True", condition(taken)
        assert condition(taken)["message"] == f"Applied revision: {revision}"
        assert ledger.writes() == []
        entries = [tuple(sorted(e.items())) for e in taken["status"]["inventory"]["entries"]]
        assert set(entries) == {tuple(sorted(e.items())) for e in before["status"]["inventory"]["entries"]}

        # What Flux applied is ours to prune.
        without = {"apps/old.yaml": None}
        text = fleet(workspace.namespace)["apps/kustomization.yaml"].replace("- old.yaml\n", "")
        revision = workspace.commit({**without, "apps/kustomization.yaml": text})
        workspace.ready("apps", revision)
        assert workspace.config_map("old") is None
        gone = "DELETED ConfigMap/old"
        assert ledger.writes() == [gone]

        # And to change.
        revision = workspace.commit({"apps/web.yaml": deployment("web", image="web", replicas=2)})
        workspace.ready("apps", revision)
        handled(workspace)
    left_as_flux_leaves_it(workspace)

    # The way back: Flux's controller applies all it has, and finds it in place.
    files = fleet(workspace.namespace) | {
        "apps/kustomization.yaml": text,
        "apps/web.yaml": deployment("web", image="web", replicas=2),
    }
    del files["apps/old.yaml"]
    again = flux.built(files, "apps", tmp_path / "again", "apps", workspace.namespace)
    for obj in again:
        meta = obj["metadata"]
        live = workspace.api.present(obj["apiVersion"], obj["kind"], meta["name"], meta.get("namespace", ""))
        assert flux.managers(live) == {(flux.OBJECTS, "Apply", "")}, live
    ledger = Ledger(workspace, again)
    flux.apply(workspace, again)
    assert ledger.writes() == []
    assert {e["id"] for e in workspace.get("apps")["status"]["inventory"]["entries"]} == {
        e["id"] for e in flux.inventory(again)["entries"]
    }
    with headgate():
        workspace.close()
        assert (
            workspace.api.get("rbac.authorization.k8s.io/v1", "ClusterRole", f"{workspace.namespace}:reader")
            is None
        )


def left_as_flux_leaves_it(workspace: Workspace) -> None:
    """Nothing on the custom resources that Flux would not have put there."""
    for kind, name in ((KUSTOMIZATION, "apps"), (SOURCE, "source")):
        obj = workspace.get(name, kind)
        meta = obj["metadata"]
        assert meta["finalizers"] == [flux.FINALIZER]
        assert set(meta.get("annotations") or {}) <= {"reconcile.fluxcd.io/requestedAt"}
        assert set(meta.get("labels") or {}) == set(SELECTED)
        assert flux.managers(obj) <= MANAGERS[kind], flux.managers(obj)
        for each in obj["status"]["conditions"]:
            assert each["type"] in TYPES, each
            assert each["reason"] in REASONS, each
        # What is stored is what the definition, which is Flux's, has: also when unknown fields are refused.
        path = workspace.api.path(flux.VERSIONS[kind], kind, workspace.namespace, name)
        clean = {**obj, "metadata": {k: v for k, v in meta.items() if k != "managedFields"}}
        workspace.api.rest.request("PUT", f"{path}/status", clean, dryRun="All", fieldValidation="Strict")
    history = workspace.get("apps")["status"]["history"]
    assert len(history) <= 5
    assert all(set(h) <= {*HISTORY, "metadata"} and h.keys() >= HISTORY for h in history)


HISTORY = {
    "digest",
    "firstReconciled",
    "lastReconciled",
    "lastReconciledDuration",
    "lastReconciledStatus",
    "totalReconciliations",
}


def test_a_deletion_that_flux_began(workspace: Workspace, headgate: Start, tmp_path: Path) -> None:
    """Deleted while nobody ran: the finalizer is Flux's, the objects go, and then the Kustomization."""
    as_flux_left_it(workspace, tmp_path)
    workspace.api.delete(KUSTOMIZATION_VERSION, KUSTOMIZATION, "apps", workspace.namespace)
    assert workspace.get("apps")["metadata"]["deletionTimestamp"]
    with headgate():
        until("the Kustomization is gone", lambda: workspace.find("apps") is None)
        assert workspace.config_map("old") is None
        until("the Deployment is gone", lambda: workspace.object("apps/v1", "Deployment", "web") is None)
        workspace.close()


def test_suspended_stays_as_it_is(workspace: Workspace, headgate: Start, tmp_path: Path) -> None:
    """What was suspended under Flux is not touched, nor is its status lost."""
    objects, revision = as_flux_left_it(workspace, tmp_path)
    workspace.change("apps", {"suspend": True})
    ledger = Ledger(workspace, objects)
    with headgate():
        until("it is seen", lambda: workspace.get("apps")["status"]["observedGeneration"] == 2)
        workspace.commit({"apps/old.yaml": config_map("old", v="2")})
        workspace.ready("source", kind=SOURCE)
        status = workspace.get("apps")["status"]
        assert status["lastAppliedRevision"] == revision
        assert len(status["inventory"]["entries"]) == len(objects)
        assert ledger.writes() == []
        workspace.change("apps", {"suspend": False})
        until("it catches up", lambda: (workspace.config_map("old") or {})["data"] == {"v": "2"})
        workspace.close()


def test_what_was_missing_is_made_and_what_was_changed_is_put_right(
    workspace: Workspace, headgate: Start, tmp_path: Path
) -> None:
    """Drift from the time between the two: as at any other time, and nothing else is written."""
    objects, _ = as_flux_left_it(workspace, tmp_path)
    changed = workspace.config_map("old")
    assert changed is not None
    workspace.api.merge(changed, {"data": {"a": "by hand"}}, manager="kubectl-edit")
    workspace.api.delete("v1", "ServiceAccount", "web", workspace.namespace)
    ledger = Ledger(workspace, objects)
    with headgate():
        workspace.ready("source", kind=SOURCE)
        handled(workspace)
        until("it is put right", lambda: (workspace.config_map("old") or {})["data"] == {"a": "1"})
        until("it is back", lambda: workspace.object("v1", "ServiceAccount", "web"))
        seen = set(ledger.writes())
        assert seen == {"MODIFIED ConfigMap/old", "ADDED ServiceAccount/web"}
        workspace.close()
