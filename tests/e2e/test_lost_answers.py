"""Requests that are carried out while their answer is lost, and records that cannot be stored: nothing is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import operator
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import until
from tests.support.manifests import config_map, dump
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

WRITES = ("PATCH", "POST")


@contextmanager
def running(workspace: Workspace, proxy: RecordingProxy, folder: Path) -> Iterator[operator.Operator]:
    with operator.running(proxy.kubeconfig(folder), folder, (workspace.selector,)) as running:
        yield running


def is_write(method: str, target: str, path: str) -> bool:
    """Whether a request really writes to an object."""
    return method in WRITES and path in target and "dryRun" not in target


def names(workspace: Workspace, name: str = "apps") -> set[str]:
    """What the inventory lists."""
    entries = workspace.get(name).get("status", {}).get("inventory", {}).get("entries", [])
    return {e["id"].split("_")[1] for e in entries}


def test_what_was_created_without_an_answer_is_pruned_when_git_drops_it(
    own_workspace: Workspace, proxy: RecordingProxy, tmp_path: Path
) -> None:
    own_workspace.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b")})
    proxy.loses = lambda method, target: is_write(method, target, "/configmaps/b")
    with running(own_workspace, proxy, tmp_path):
        own_workspace.source(ready=False)
        own_workspace.kustomization("apps")
        own_workspace.failed("apps", "ReconciliationFailed", "ConfigMap/.*/b apply failed")
        assert own_workspace.config_map("b") is not None, "the API server has done what the request says"
        assert names(own_workspace) == {"a", "b"}
        proxy.loses = lambda method, target: False
        own_workspace.ready("apps", own_workspace.commit({"apps/b.yaml": None}))
        assert own_workspace.config_map("b") is None
        assert names(own_workspace) == {"a"}
        own_workspace.close()


def test_what_was_deleted_without_an_answer_is_looked_at_again(
    own_workspace: Workspace, proxy: RecordingProxy, tmp_path: Path
) -> None:
    own_workspace.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b")})
    with running(own_workspace, proxy, tmp_path):
        own_workspace.source(ready=False)
        own_workspace.kustomization("apps", retryInterval="1s")
        own_workspace.ready("apps")
        held = own_workspace.config_map("b")
        assert held is not None
        own_workspace.api.merge(held, {"metadata": {"finalizers": ["headgate.test/held"]}})
        proxy.loses = lambda method, target: method == "DELETE" and "/configmaps/b" in target
        revision = own_workspace.commit({"apps/b.yaml": None})
        own_workspace.failed("apps", "PruneFailed", "ConfigMap/.*/b delete failed")
        assert names(own_workspace) == {"a", "b"}
        proxy.loses = lambda method, target: False
        own_workspace.ready("apps", revision)
        assert names(own_workspace) == {"a"}
        own_workspace.api.merge(held, {"metadata": {"finalizers": None}})
        until("it is gone", lambda: own_workspace.config_map("b") is None)
        own_workspace.close()


@pytest.mark.parametrize("status", [403, 413, 500])
def test_nothing_is_created_that_could_not_be_recorded(
    own_workspace: Workspace, proxy: RecordingProxy, tmp_path: Path, status: int
) -> None:
    own_workspace.commit({"apps/a.yaml": config_map("a")})
    asked: list[str] = []

    def refuses(method: str, target: str) -> int | None:
        if method in WRITES and "/kustomizations/apps/status" in target:
            asked.append(target)
            return status
        return None

    proxy.refuses = refuses
    with running(own_workspace, proxy, tmp_path):
        own_workspace.source(ready=False)
        own_workspace.kustomization("apps", retryInterval="1s")
        # Each try ends at the record; by the third one, two are over.
        until("it tries again and again", lambda: len(asked) >= 3)
        assert own_workspace.config_map("a") is None
        proxy.refuses = lambda method, target: None
        own_workspace.ready("apps")
        assert own_workspace.config_map("a") is not None
        own_workspace.close()


def test_an_object_that_is_created_again_is_not_forgotten_between_its_deletion_and_its_creation(
    own_workspace: Workspace, proxy: RecordingProxy, tmp_path: Path
) -> None:
    """The first apply of an object that was there and must be replaced: its creation gets no answer."""
    meta = {"name": "b", "namespace": own_workspace.namespace}
    own_workspace.api.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "0"}, "immutable": True}
    )
    own_workspace.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b")})
    proxy.loses = lambda method, target: is_write(method, target, "/configmaps/b")
    with running(own_workspace, proxy, tmp_path):
        own_workspace.source(ready=False)
        own_workspace.kustomization("apps", force=True)
        own_workspace.failed("apps", "ReconciliationFailed", "ConfigMap/.*/b apply failed")
        proxy.loses = lambda method, target: False
        assert names(own_workspace) == {"a", "b"}
        own_workspace.ready("apps", own_workspace.commit({"apps/b.yaml": None}))
        assert own_workspace.config_map("b") is None
        own_workspace.close()


def test_a_refusal_is_not_taken_for_a_lost_answer(
    own_workspace: Workspace, proxy: RecordingProxy, tmp_path: Path
) -> None:
    """What the API server surely did not create is not listed."""
    bad = dump(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bad"}, "spec": {"ports": [{"port": 0}]}}
    )
    own_workspace.commit({"apps/a.yaml": config_map("a"), "apps/bad.yaml": bad})
    with running(own_workspace, proxy, tmp_path):
        own_workspace.source(ready=False)
        own_workspace.kustomization("apps")
        own_workspace.failed("apps", "ReconciliationFailed", "Service/.*/bad")
        assert names(own_workspace) == set()
        own_workspace.close()
