"""The status page's live diff on a real API server: with the rights of who asks, and without a single write."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.api import ObjectKey
from headgate.documents.tree import Inputs
from headgate.feed.comparable import Comparable
from headgate.feed.live_diff import LiveDiffs, Unbuildable
from headgate.page.access.identity import EVERYBODY, Identity
from headgate.page.views.difference import Difference
from headgate.reconcile.kustomization.build.builds import BuildResult
from headgate.settings import ClusterSettings
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import Api
from tests.support.manifests import config_map, deployment
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]


class Built(LiveDiffs):
    """Live diffs of an operator whose next build is known."""

    def __init__(self, kubeconfig: Path, made: Comparable) -> None:
        unused: Any = None
        super().__init__(unused, unused, unused, unused, ClusterSettings(kubeconfig=str(kubeconfig)))
        self._made = made

    async def build(self, key: ObjectKey) -> Comparable:
        if key.name != self._made.obj["metadata"]["name"]:
            raise Unbuildable(f"Kustomization/{key} does not exist")
        return self._made


def compared(
    kubeconfig: Path, made: Comparable, identity: Identity = EVERYBODY, times: int = 1, name: str = "apps"
) -> list[Difference]:
    async def main() -> list[Difference]:
        diffs = Built(kubeconfig, made)
        diffs.open()
        key = ObjectKey(made.obj["metadata"]["namespace"], name)
        return await asyncio.gather(*(diffs.of(key, identity) for _ in range(times)))

    return asyncio.run(main())


def objects(workspace: Workspace, *manifests: str) -> list[Obj]:
    found = [yaml.safe_load(each) for each in manifests]
    return [{**each, "metadata": {**each["metadata"], "namespace": workspace.namespace}} for each in found]


def actions(difference: Difference) -> dict[str, str]:
    return {f"{each.ref.kind}/{each.ref.name}": each.action for each in difference.objects}


@pytest.fixture
def made(workspace: Workspace) -> Comparable:
    """A Kustomization that has applied two objects, and what it applies next: one changed, one new, one pruned."""
    workspace.commit({"apps/web.yaml": deployment("web", replicas=0), "apps/old.yaml": config_map("old")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    after = objects(workspace, deployment("web", replicas=0, image="s3cret-free:2"), config_map("new"))
    result = BuildResult(after, "", Inputs({}), places=["apps/web.yaml:1", "apps/new.yaml:1"])
    return Comparable(workspace.get("apps"), "main@sha1:next", "", result, frozenset())


def token_of(api: Api, namespace: str, name: str) -> str:
    api.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
    )
    path = api.path("v1", "ServiceAccount", namespace, name)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token: str = api.rest.request("POST", f"{path}/token", request)["status"]["token"]
    return token


def test_a_diff_is_what_the_next_apply_does_and_writes_nothing(
    made: Comparable, proxy: RecordingProxy, api: Api, tmp_path: Path
) -> None:
    requests: list[tuple[str, str]] = []
    proxy.refuses = lambda method, target: requests.append((method, target))
    (answer,) = compared(proxy.kubeconfig(tmp_path), made)
    assert answer.problem == ""
    assert actions(answer) == {
        "Deployment/web": "change",
        "ConfigMap/new": "create",
        "ConfigMap/old": "delete",
    }
    (web,) = (each for each in answer.objects if each.ref.kind == "Deployment")
    assert [(each.before, each.after) for each in web.fields] == [("a", "s3cret-free:2")]
    assert requests
    writes = [path for method, path in requests if method != "GET"]
    assert writes
    assert all(method in ("GET", "PATCH") for method, _ in requests), requests
    assert all("dryRun=All" in path for path in writes)
    namespace = made.obj["metadata"]["namespace"]
    assert api.get("v1", "ConfigMap", "new", namespace) is None


def test_many_who_ask_for_the_same_get_one_comparison(
    made: Comparable, proxy: RecordingProxy, tmp_path: Path
) -> None:
    requests: list[tuple[str, str]] = []
    proxy.refuses = lambda method, target: requests.append((method, target))
    compared(proxy.kubeconfig(tmp_path), made)
    one = len(requests)
    requests.clear()
    answers = compared(proxy.kubeconfig(tmp_path), made, times=10)
    assert len(requests) == one
    assert all(each is answers[0] for each in answers)


def test_a_token_gives_its_owner_no_more_than_its_own_rights(
    made: Comparable, api: Api, account: Path
) -> None:
    namespace = made.obj["metadata"]["namespace"]
    nobody = Identity("nobody", token=token_of(api, namespace, "nobody"))
    (answer,) = compared(account, made, nobody)
    assert answer.objects == ()
    assert "you may not read it" in answer.problem
    rules = [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]},
    ]
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "dev", "namespace": namespace}}
    api.apply({**kind, "kind": "Role", "rules": rules})
    api.apply(
        {
            **kind,
            "kind": "RoleBinding",
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "dev"},
            "subjects": [{"kind": "ServiceAccount", "name": "dev", "namespace": namespace}],
        }
    )
    developer = Identity("dev", token=token_of(api, namespace, "dev"))
    (answer,) = compared(account, made, developer)
    found = actions(answer)
    assert found["Deployment/web"] == "change"
    assert found["ConfigMap/old"] == "delete"
    assert "ConfigMap/new" not in found
    assert "cannot patch resource" in answer.problem
    (answer,) = compared(account, made, Identity("x", token="no.such.token"))
    assert answer.objects == ()
    assert answer.problem


def test_a_user_named_by_a_proxy_and_an_account_without_rights_see_nothing(
    made: Comparable, shared_cluster: Any
) -> None:
    (answer,) = compared(shared_cluster.kubeconfig, made, Identity("jane@example.com", ("devs",)))
    assert answer.objects == ()
    assert "you may not read it" in answer.problem
    limited = Comparable(made.obj, made.revision, "deployer", made.result, frozenset())
    (answer,) = compared(shared_cluster.kubeconfig, limited)
    assert answer.objects == ()
    assert "you may not read it" in answer.problem


def test_what_cannot_be_reached_or_built_is_a_problem_and_no_crash(made: Comparable, tmp_path: Path) -> None:
    (answer,) = compared(tmp_path / "nothing", made)
    assert answer.problem
    (answer,) = compared(tmp_path / "nothing", made, name="other")
    assert "does not exist" in answer.problem
