"""``diff --server`` names exactly what the operator then changes; ``diff --live`` needs no right but to read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from controlplane import Cluster
from headgate.api import ObjectKey
from headgate.documents.tree import MemoryTree
from headgate.kube import Client, ref_of
from headgate.promotion.changes.model import ChangeStage, ChangeType, Danger, EnvironmentChange
from headgate.promotion.fleet.rendering import RenderedKustomization, RenderedObject, Rendering
from headgate.promotion.live import Method, compare_with_cluster
from headgate.reconcile.kustomization.build.builds import build_objects
from tests.support.cluster import Api
from tests.support.objectchanges import FLUX, config_map, files, object_changes, other, reported, service
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]


def rendering(
    workspace: Workspace, contents: Mapping[str, str | bytes | None], *children: str, **specs: Obj
) -> Rendering:
    """``apps``, and the Kustomizations that it makes."""
    found = [rendered(workspace, contents, "apps", workspace.get("apps")["spec"])]
    for name in children:
        maker = ObjectKey(workspace.namespace, "apps")
        found.append(replace(rendered(workspace, contents, name, specs[name]), made_by=maker))
    return Rendering("test", "clusters/test", kustomizations=tuple(found), root_commit="x")


def rendered(
    workspace: Workspace, contents: Mapping[str, str | bytes | None], name: str, spec: Obj
) -> RenderedKustomization:
    built = build_objects(MemoryTree({path: text for path, text in contents.items() if text}), spec)
    pairs = zip(built.objects, built.places, strict=True)
    objects = tuple(RenderedObject(ref_of(obj), obj, place) for obj, place in pairs)
    key, suspended = ObjectKey(workspace.namespace, name), bool(spec.get("suspend"))
    return RenderedKustomization(
        key, spec, None, "", objects, suspended=suspended, prunes=bool(spec.get("prune")), masks=built.masks
    )


class Requests:
    """Which verbs a client sends."""

    def __init__(self) -> None:
        self.verbs: set[str] = set()

    def requested(self, host: str, verb: str, resource: str, status: int, seconds: float) -> None:
        self.verbs.add(verb)


def diff(
    kubeconfig: str, head: Rendering, method: Method, user: str = ""
) -> tuple[EnvironmentChange, set[str]]:
    """The change, and the methods of the requests that it took."""

    async def ask() -> tuple[EnvironmentChange, set[str]]:
        requests = Requests()
        async with await Client.connect(kubeconfig, observer=requests) as admin:
            client = admin.impersonate(user) if user else admin
            change = await compare_with_cluster(client, head, method, ChangeStage.ON_MERGE)
            return change, requests.verbs

    return asyncio.run(ask())


def named(change: EnvironmentChange) -> dict[str, str]:
    """Each object that the operator writes, as its event names it, and what it does."""
    words = {ChangeType.ADDED: "created", ChangeType.CHANGED: "configured", ChangeType.REMOVED: "deleted"}
    words[ChangeType.MOVED] = "configured"
    return {
        str(each.ref): "created" if Danger.RECREATED in each.dangers else words[each.action]
        for each in change.changes
        if not each.inert and not (each.action is ChangeType.REMOVED and not each.pruned)
    }


def test_it_names_exactly_what_the_operator_then_changes(
    workspace: Workspace, api: Api, shared_cluster: Cluster
) -> None:
    kubeconfig = str(shared_cluster.kubeconfig)
    user = f"reader-{workspace.namespace}"
    role = other(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        user,
        rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}],
    )
    api.apply(role)
    binding = other(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        user,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user},
        subjects=[{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    )
    api.bind(binding, verb="list")
    found = object_changes(workspace.namespace)
    assert len(found) >= 30
    before = files({name: pair[0] for name, pair in found.items()})
    after = files({name: pair[1] for name, pair in found.items()})
    api.apply(
        {**config_map("found", {"a": "1"}), "metadata": {"name": "found", "namespace": workspace.namespace}}
    )
    first = workspace.commit(before)
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps", first)
    # What runs equals Git.
    assert named(diff(kubeconfig, rendering(workspace, before), Method.DRY_RUN)[0]) == {}
    read, methods = diff(kubeconfig, rendering(workspace, before), Method.READS, user)
    assert (named(read), read.approximate) == ({}, True)
    assert methods <= {"get", "list"}
    versions = {str(ref_of(each)): each for each in api.list("v1", "ConfigMap", workspace.namespace)}

    asked, _ = diff(kubeconfig, rendering(workspace, after), Method.DRY_RUN)
    read, methods = diff(kubeconfig, rendering(workspace, after), Method.READS, user)
    assert asked.problems == read.problems == ()
    assert methods <= {"get", "list"}
    assert "secret" not in repr([each.fields for each in asked.changes if each.ref.kind == "Secret"])
    # Nothing was written.
    assert versions == {str(ref_of(each)): each for each in api.list("v1", "ConfigMap", workspace.namespace)}

    seen = len(workspace.events("apps"))
    second = workspace.commit(
        {path: None for path in before if path not in after} | {path: after[path] for path in after}
    )
    workspace.ready("apps", second)
    workspace.event("apps", "ConfigMap/[^ ]+/going deleted")
    done = reported(workspace.events("apps")[seen:])
    assert named(asked) == done
    # Who owns a field is not part of what a reader compares.
    silent = {
        str(each.ref) for each in asked.changes if each.action is ChangeType.CHANGED and not each.fields
    }
    assert silent == {f"Deployment/{workspace.namespace}/default"}
    assert named(read) == {name: action for name, action in done.items() if name not in silent}
    for method, by in ((Method.DRY_RUN, ""), (Method.READS, user)):
        again, _ = diff(kubeconfig, rendering(workspace, after), method, by)
        assert (named(again), again.is_empty) == ({}, True), method
    api.delete("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", user)
    api.delete("rbac.authorization.k8s.io/v1", "ClusterRole", user)


def child(workspace: Workspace, name: str, **spec: Any) -> Obj:
    """A Kustomization that ``apps`` applies."""
    spec = {
        "interval": "1h",
        "retryInterval": "1h",
        "prune": True,
        "path": f"./{name}",
        "sourceRef": {"kind": "GitRepository", "name": "source"},
        "targetNamespace": workspace.namespace,
        **spec,
    }
    spec = {field: value for field, value in spec.items() if value is not None}
    return other(f"{FLUX}/v1", "Kustomization", name, spec=spec)


@pytest.mark.parametrize("method", [Method.DRY_RUN, Method.READS])
def test_whole_kustomizations_come_go_and_hand_over_their_objects(
    workspace: Workspace, shared_cluster: Cluster, method: Method
) -> None:
    kubeconfig = str(shared_cluster.kubeconfig)
    before = {
        "apps/leaving.yaml": yaml.safe_dump(child(workspace, "leaving")),
        "apps/staying.yaml": yaml.safe_dump(child(workspace, "staying")),
        "leaving/a.yaml": yaml.safe_dump(config_map("pruned", {"a": "1"})),
        "leaving/b.yaml": yaml.safe_dump(config_map("moved", {"a": "1"})),
        "staying/a.yaml": yaml.safe_dump(config_map("stays", {"a": "1"})),
    }
    first = workspace.commit(before)
    workspace.source()
    workspace.kustomization("apps")
    for name in ("apps", "leaving", "staying"):
        workspace.ready(name, first)
    space = f"{workspace.namespace}-new"
    fresh = child(workspace, "fresh", targetNamespace=None)
    staying = child(workspace, "staying", timeout="7m")
    after: dict[str, str | bytes | None] = {
        "apps/staying.yaml": yaml.safe_dump(staying),
        "apps/fresh.yaml": yaml.safe_dump(fresh),
        "staying/a.yaml": before["staying/a.yaml"],
        "staying/b.yaml": before["leaving/b.yaml"],
        "fresh/space.yaml": yaml.safe_dump(other("v1", "Namespace", space)),
        "fresh/a.yaml": yaml.safe_dump(config_map("first", {"a": "1"}, namespace=space)),
    }
    head = rendering(workspace, after, "staying", "fresh", staying=staying["spec"], fresh=fresh["spec"])
    change, _ = diff(kubeconfig, head, method)
    assert change.problems == ()
    whole = {each.key.name: each for each in change.kustomizations}
    assert {name: each.action for name, each in whole.items()} == {
        "leaving": ChangeType.REMOVED,
        "staying": None,
        "fresh": ChangeType.ADDED,
    }
    assert [each.path for each in whole["staying"].fields] == ["spec.timeout"]
    assert Danger.KUSTOMIZATION_REMOVED in whole["leaving"].dangers
    found = {each.ref.name: each for each in change.changes}
    assert {name: each.action for name, each in found.items()} == {
        "pruned": ChangeType.REMOVED,
        "moved": ChangeType.MOVED,
        space: ChangeType.ADDED,
        "first": ChangeType.ADDED,
    }
    second = workspace.commit({path: None for path in before if path not in after} | after)
    for name in ("apps", "staying", "fresh"):
        workspace.ready(name, second)
    assert workspace.find("leaving") is None
    assert workspace.config_map("pruned") is None
    assert workspace.config_map("moved") is not None
    again, _ = diff(kubeconfig, head, method)
    assert again.is_empty, again
    workspace.api.delete("v1", "Namespace", space)


@pytest.mark.parametrize("method", [Method.DRY_RUN, Method.READS])
def test_what_the_operator_does_not_reconcile_changes_nothing(
    workspace: Workspace, shared_cluster: Cluster, method: Method
) -> None:
    before = {"apps/a.yaml": yaml.safe_dump(config_map("a", {"a": "1"}))}
    workspace.commit(before)
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    workspace.change("apps", {"suspend": True})
    after = {"apps/b.yaml": yaml.safe_dump(config_map("b", {"a": "1"}))}
    change, _ = diff(str(shared_cluster.kubeconfig), rendering(workspace, after), method)
    assert change.changes == ()


def test_a_refused_object_is_a_problem_and_hides_no_other_change(
    workspace: Workspace, shared_cluster: Cluster
) -> None:
    before = {"apps/a.yaml": yaml.safe_dump(config_map("a", {"a": "1"}))}
    workspace.commit(before)
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    after = {
        "apps/a.yaml": yaml.safe_dump(config_map("a", {"a": "2"})),
        "apps/b.yaml": yaml.safe_dump(service("Not_A_Name")),
        "apps/c.yaml": yaml.safe_dump(other("nothing.example.com/v1", "Unknown", "x")),
    }
    change, _ = diff(str(shared_cluster.kubeconfig), rendering(workspace, after), Method.DRY_RUN)
    assert named(change) == {f"ConfigMap/{workspace.namespace}/a": "configured"}
    messages = " ".join(each.message for each in change.uncertain)
    assert "Not_A_Name" in messages
    assert "Unknown" in messages
