"""Fields left to others, field managers that are overridden and API versions that went: on a real API server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from controlplane import Cluster
from headgate.api.kustomization import IgnoreRule, Selector
from headgate.apply import (
    Action,
    ApplyFailed,
    ApplyOptions,
    GroupKind,
    KnownObjects,
    Observation,
    Owner,
    Record,
    apply_all,
    compile_rules,
)
from headgate.kube import MERGE_PATCH, Client, ObjectRef, ref_of

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
OWN = "kustomize-controller"
REPLICAS = compile_rules([IgnoreRule(("/spec/replicas",), Selector(kind="Deployment"))])
IMAGE = compile_rules([IgnoreRule(("/spec/template/spec/containers/0/image",))])
RESOURCES = compile_rules([IgnoreRule(("/spec/template/spec/containers/0/resources",))])
DATA = compile_rules([IgnoreRule(("/data/a", "/metadata/annotations/example.org~1note"))])


class Namespace:
    """A namespace, and what a reconciler remembers of it."""

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name, self.known = client, name, KnownObjects()

    async def apply(self, obj: Obj, record: Record | None = None, **options: Any) -> Action:
        """One full pass over one object."""
        own = ApplyOptions(Owner("apps", self.name), full=True, **options)
        result = await apply_all(self.client, [obj], own, self.known, record=record)
        return result.changes.entries[0].action

    async def by(self, manager: str, obj: Obj) -> Obj:
        """Another manager's forced apply."""
        return await self.client.apply(obj, field_manager=manager)

    async def patched(self, ref: ObjectRef, patch: Obj, manager: str) -> Obj:
        """Another manager's update."""
        return await self.client.patch(ref, patch, content_type=MERGE_PATCH, field_manager=manager)

    def deployment(self, replicas: int | None = 1, paused: bool = False, **container: Any) -> Obj:
        containers = [{"name": "app", "image": "nginx:1", **container}]
        spec: Obj = {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}},
            "paused": paused,
        }
        if replicas is not None:
            spec["replicas"] = replicas
        return self.named("apps/v1", "Deployment", "web", spec=spec)

    def scaled(self, replicas: int) -> Obj:
        return self.named("apps/v1", "Deployment", "web", spec={"replicas": replicas})

    def named(self, api_version: str, kind: str, name: str, **rest: Any) -> Obj:
        return {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": name, "namespace": self.name},
            **rest,
        }


def owner_of(live: Obj, *path: str) -> set[str]:
    """The managers whose entry holds the field."""
    found = set()
    for entry in live["metadata"]["managedFields"]:
        node = entry.get("fieldsV1")
        for step in path:
            node = (node or {}).get(step)
        if node is not None:
            found.add(entry["manager"])
    return found


@pytest.fixture
async def space(shared_cluster: Cluster) -> AsyncIterator[Namespace]:
    async with await Client.connect(str(shared_cluster.kubeconfig)) as client:
        name = f"ignored-{uuid.uuid4().hex[:8]}"
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await client.apply(manifest, field_manager="test")
        yield Namespace(client, name)
        await client.delete(ObjectRef("v1", "Namespace", name))


async def test_created_as_in_git(space: Namespace) -> None:
    assert await space.apply(space.deployment(3), ignore=REPLICAS) is Action.CREATED
    live = await space.client.get(ref_of(space.deployment()))
    assert live["spec"]["replicas"] == 3
    assert owner_of(live, "f:spec", "f:replicas") == {OWN}


@pytest.mark.parametrize("how", ["apply", "update", "scale"])
async def test_an_ignored_change_alone_is_none(space: Namespace, how: str) -> None:
    desired, ref = space.deployment(1), ref_of(space.deployment())
    await space.apply(desired, ignore=REPLICAS)
    if how == "apply":
        live = await space.by("hpa", space.scaled(5))
    elif how == "update":
        live = await space.patched(ref, {"spec": {"replicas": 5}}, "hpa")
    else:
        await space.client.patch(ref, {"spec": {"replicas": 5}}, subresource="scale", field_manager="kubectl")
        live = await space.client.get(ref)
    assert live["spec"]["replicas"] == 5
    assert space.known.observe(space.client.cluster, ref, live) in (Observation.IN_PLACE, Observation.OLD)
    for known in (space.known, KnownObjects()):
        space.known = known
        assert await space.apply(desired, ignore=REPLICAS) is Action.UNCHANGED
    after = await space.client.get(ref)
    assert after["metadata"]["generation"] == live["metadata"]["generation"]
    assert owner_of(after, "f:spec", "f:replicas") == owner_of(live, "f:spec", "f:replicas")
    assert after["spec"]["replicas"] == 5


async def test_without_the_rule_it_is_corrected(space: Namespace) -> None:
    desired, ref = space.deployment(1), ref_of(space.deployment())
    await space.apply(desired, ignore=REPLICAS)
    live = await space.patched(ref, {"spec": {"replicas": 5}}, "hpa")
    assert await space.apply(desired) is Action.CONFIGURED
    assert (await space.client.get(ref))["spec"]["replicas"] == 1
    assert space.known.observe(space.client.cluster, ref, live) is Observation.OLD


async def test_stripped_when_another_applies_it(space: Namespace) -> None:
    await space.apply(space.deployment(1), ignore=REPLICAS)
    await space.by("hpa", space.scaled(5))
    assert await space.apply(space.deployment(1, paused=True), ignore=REPLICAS) is Action.CONFIGURED
    live = await space.client.get(ref_of(space.deployment()))
    assert (live["spec"]["replicas"], live["spec"]["paused"]) == (5, True)
    assert owner_of(live, "f:spec", "f:replicas") == {"hpa"}
    assert await space.apply(space.deployment(1, paused=True), ignore=REPLICAS) is Action.UNCHANGED


async def test_adopted_when_nobody_else_applies_it(space: Namespace) -> None:
    await space.apply(space.deployment(1), ignore=REPLICAS)
    await space.patched(ref_of(space.deployment()), {"spec": {"replicas": 5}}, "somebody")
    assert await space.apply(space.deployment(1, paused=True), ignore=REPLICAS) is Action.CONFIGURED
    live = await space.client.get(ref_of(space.deployment()))
    assert (live["spec"]["replicas"], live["spec"]["paused"]) == (5, True)
    # Both hold it, with the same value: an apply takes nothing from an equal value.
    assert OWN in owner_of(live, "f:spec", "f:replicas")


@pytest.mark.parametrize("rules", [REPLICAS, ()])
async def test_deleted_between_question_and_apply_it_is_made_anew(space: Namespace, rules: Any) -> None:
    """With fields that are left to others, and with fields that must be taken over from others."""
    desired, ref = space.deployment(1, paused=True), ref_of(space.deployment())
    await space.apply(space.deployment(1), ignore=rules)
    await space.by("hpa", space.scaled(5))
    if not rules:
        await space.patched(ref, {"spec": {"minReadySeconds": 5}}, OWN)

    # As after a restart: asked about first.
    space.known = KnownObjects()

    async def delete(_: Sequence[ObjectRef]) -> None:
        await space.client.delete(ref)

    assert await space.apply(desired, delete, ignore=rules) is Action.CREATED
    live = await space.client.get(ref)
    assert (live["spec"]["replicas"], live["spec"]["paused"]) == (1, True)


async def test_owned_together_it_stays_so(space: Namespace) -> None:
    await space.apply(space.deployment(2), ignore=REPLICAS)
    await space.by("hpa", space.scaled(2))
    assert await space.apply(space.deployment(2, paused=True), ignore=REPLICAS) is Action.CONFIGURED
    live = await space.client.get(ref_of(space.deployment()))
    assert owner_of(live, "f:spec", "f:replicas") == {OWN, "hpa"}


async def test_a_required_field_of_a_list_item_is_left_to_its_other_owner(space: Namespace) -> None:
    await space.apply(space.deployment(), ignore=IMAGE)
    theirs = space.named("apps/v1", "Deployment", "web")
    theirs["spec"] = {"template": {"spec": {"containers": [{"name": "app", "image": "nginx:2"}]}}}
    await space.by("image-policy", theirs)
    assert await space.apply(space.deployment(), ignore=IMAGE) is Action.UNCHANGED
    assert await space.apply(space.deployment(paused=True), ignore=IMAGE) is Action.CONFIGURED
    live = await space.client.get(ref_of(space.deployment()))
    path = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"app"}', "f:image")
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"
    assert owner_of(live, *path) == {"image-policy"}


async def test_a_whole_subtree_is_left_to_its_other_owner(space: Namespace) -> None:
    desired = space.deployment(resources={"requests": {"cpu": "100m"}})
    await space.apply(desired, ignore=RESOURCES)
    theirs = space.named("apps/v1", "Deployment", "web")
    resources = {"requests": {"cpu": "250m"}, "limits": {"memory": "1Gi"}}
    theirs["spec"] = {"template": {"spec": {"containers": [{"name": "app", "resources": resources}]}}}
    live = await space.by("vpa", theirs)
    assert space.known.observe(space.client.cluster, ref_of(desired), live) is Observation.IN_PLACE
    assert await space.apply(desired, ignore=RESOURCES) is Action.UNCHANGED
    desired["spec"]["paused"] = True
    assert await space.apply(desired, ignore=RESOURCES) is Action.CONFIGURED
    live = await space.client.get(ref_of(desired))
    assert live["spec"]["template"]["spec"]["containers"][0]["resources"] == resources


async def test_a_field_that_somebody_removed_stays_away(space: Namespace) -> None:
    desired = space.named("v1", "ConfigMap", "config", data={"a": "1", "b": "1"})
    desired["metadata"]["annotations"] = {"example.org/note": "x"}
    await space.apply(desired, ignore=DATA)
    gone = {"data": {"a": None}, "metadata": {"annotations": {"example.org/note": None}}}
    await space.patched(ref_of(desired), gone, "somebody")
    assert await space.apply(desired, ignore=DATA) is Action.UNCHANGED
    desired["data"]["b"] = "2"
    assert await space.apply(desired, ignore=DATA) is Action.CONFIGURED
    live = await space.client.get(ref_of(desired))
    assert live["data"] == {"b": "2"}
    assert "annotations" not in live["metadata"]


async def test_a_field_removed_from_git_stays_in_the_cluster(space: Namespace) -> None:
    await space.apply(space.deployment(4), ignore=REPLICAS)
    assert await space.apply(space.deployment(None, paused=True), ignore=REPLICAS) is Action.CONFIGURED
    live = await space.client.get(ref_of(space.deployment()))
    assert (live["spec"]["replicas"], live["spec"]["paused"]) == (4, True)


async def test_an_edit_by_hand_is_taken_over_with_its_ignored_values(space: Namespace) -> None:
    await space.apply(space.deployment(1), ignore=REPLICAS)
    edit = {"spec": {"replicas": 5, "paused": True}}
    await space.patched(ref_of(space.deployment()), edit, "kubectl-edit")
    assert await space.apply(space.deployment(1), ignore=REPLICAS) is Action.CONFIGURED
    live = await space.client.get(ref_of(space.deployment()))
    assert (live["spec"]["replicas"], live["spec"].get("paused", False)) == (5, False)
    assert owner_of(live, "f:spec", "f:replicas") == {OWN}
    assert await space.apply(space.deployment(1), ignore=REPLICAS) is Action.UNCHANGED


@pytest.mark.parametrize("operation", ["Apply", "Update"])
async def test_an_overridden_manager_keeps_nothing(space: Namespace, operation: str) -> None:
    desired = space.named("v1", "ConfigMap", "config", data={"a": "1"})
    await space.apply(desired)
    if operation == "Apply":
        await space.by("dashboard", {**desired, "data": {"a": "2", "extra": "x"}})
    else:
        await space.patched(ref_of(desired), {"data": {"a": "2", "extra": "x"}}, "dashboard-v2")
    await space.patched(ref_of(desired), {"data": {"fine": "x"}}, "another")
    assert await space.apply(desired, disallowed_managers=("dashboard",)) is Action.CONFIGURED
    live = await space.client.get(ref_of(desired))
    assert live["data"] == {"a": "1", "fine": "x"}
    assert {e["manager"] for e in live["metadata"]["managedFields"]} == {OWN, "another"}


async def test_a_custom_stage_comes_before_the_rest(space: Namespace) -> None:
    rights = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    role = space.named("rbac.authorization.k8s.io/v1", "Role", "reader", rules=rights)
    broken = space.named("v1", "Service", "broken", spec={"ports": [{"port": -1}]})
    stages = frozenset({GroupKind.parse("rbac.authorization.k8s.io/Role")})
    options = ApplyOptions(Owner("apps", space.name), custom_stages=stages)
    with pytest.raises(ApplyFailed, match=r"Service/.*/broken dry-run failed"):
        await apply_all(space.client, [broken, role], options, space.known)
    assert await space.client.get(ref_of(role))


async def test_an_owner_of_an_old_version_does_not_block_applies(space: Namespace) -> None:
    group = f"g{uuid.uuid4().hex[:8]}.example.org"

    def crd(*versions: str) -> Obj:
        fields = {"v1alpha1": {"a": {"type": "string"}}}
        fields["v1"] = {**fields["v1alpha1"], "mode": {"type": "string", "default": "fast"}}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"gadgets.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"},
                "versions": [
                    {
                        "name": v,
                        "served": True,
                        "storage": v == versions[-1],
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "properties": {"spec": {"type": "object", "properties": fields[v]}},
                            }
                        },
                    }
                    for v in versions
                ],
            },
        }

    def gadget(version: str) -> Obj:
        return space.named(f"{group}/{version}", "Gadget", "one", spec={"a": version})

    definition = ref_of(crd("v1alpha1"))
    try:
        await space.apply(crd("v1alpha1"))
        await space.apply(gadget("v1alpha1"))
        await space.patched(ref_of(gadget("v1alpha1")), {"metadata": {"labels": {"x": "y"}}}, "another")
        await space.apply(crd("v1alpha1", "v1"))
        await space.apply(gadget("v1"))
        with pytest.raises(ApplyFailed, match="field not declared in schema"):
            await space.apply(gadget("v1"))
        assert await space.apply(gadget("v1"), migrate_api_version=True) is Action.CONFIGURED
        live = await space.client.get(ref_of(gadget("v1")))
        assert live["spec"] == {"a": "v1", "mode": "fast"}
        assert await space.apply(gadget("v1"), migrate_api_version=True) is Action.UNCHANGED
    finally:
        await space.client.delete(definition)
