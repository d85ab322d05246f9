"""What happens to objects: added, changed, removed, moved; images, replicas and dangers."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.promotion.changes.model import ChangeType, Danger, EnvironmentChange
from tests.support.renderings import (
    APPS,
    Obj,
    change,
    deployment,
    kustomization,
    obj,
    of_objects,
    rendered,
    rendering,
    the_change,
    with_value,
)

FLUX = "kustomize.toolkit.fluxcd.io"


def actions(found: EnvironmentChange) -> dict[str, ChangeType]:
    return {str(each.ref): each.action for each in found.changes}


def test_objects_are_added_changed_and_removed() -> None:
    found = of_objects(
        [deployment("kept"), deployment("changed"), deployment("gone")],
        [deployment("kept"), deployment("changed", image="web:2"), deployment("new")],
    )
    assert actions(found) == {
        "Deployment/shop/changed": ChangeType.CHANGED,
        "Deployment/shop/new": ChangeType.ADDED,
        "Deployment/shop/gone": ChangeType.REMOVED,
    }
    assert not found.is_empty


@pytest.mark.parametrize("field", ["kind", "name", "namespace", "group"])
def test_another_identity_is_another_object(field: str) -> None:
    one = obj("example.com/v1", "Thing")
    other = {
        "kind": {**one, "kind": "Other"},
        "name": with_value(one, "metadata.name", "y"),
        "namespace": with_value(one, "metadata.namespace", "other"),
        "group": {**one, "apiVersion": "example.org/v1"},
    }[field]
    assert {each.action for each in of_objects([one], [other]).changes} == {
        ChangeType.ADDED,
        ChangeType.REMOVED,
    }


def test_another_version_of_a_kind_is_the_same_object() -> None:
    one = obj("autoscaling/v2beta2", "HorizontalPodAutoscaler", spec={"maxReplicas": 3})
    found = the_change(one, {**one, "apiVersion": "autoscaling/v2"})
    assert (found.action, found.ref.api_version) == (ChangeType.CHANGED, "autoscaling/v2")
    assert [(f.path, f.before, f.after) for f in found.fields] == [
        ("apiVersion", "autoscaling/v2beta2", "autoscaling/v2")
    ]


def test_a_cluster_scoped_object_has_no_namespace_whatever_its_manifest_says() -> None:
    one = obj("v1", "Namespace", "team", namespace="")
    assert of_objects([one], [with_value(one, "metadata.namespace", "shop")]).is_empty


def test_generated_objects_are_paired_across_their_hashes() -> None:
    found = of_objects(
        [rendered(obj("v1", "ConfigMap", "config-aaa", data={"a": "1"}), original="config")],
        [rendered(obj("v1", "ConfigMap", "config-bbb", data={"a": "2"}), original="config")],
    )
    (each,) = found.changes
    assert (each.action, each.ref.name, each.renamed_from) == (ChangeType.CHANGED, "config-bbb", "config-aaa")
    assert [(f.path, f.before, f.after) for f in each.fields] == [("data.a", "1", "2")]
    assert not each.deletes


def test_a_hash_that_is_turned_off_keeps_the_pair() -> None:
    found = of_objects(
        [rendered(obj("v1", "ConfigMap", "config-aaa"), original="config")],
        [obj("v1", "ConfigMap", "config")],
    )
    assert [each.renamed_from for each in found.changes] == ["config-aaa"]


def test_objects_without_a_hash_are_not_paired_by_their_beginnings() -> None:
    found = of_objects([obj("v1", "ConfigMap", "config-a")], [obj("v1", "ConfigMap", "config-b")])
    assert {each.action for each in found.changes} == {ChangeType.ADDED, ChangeType.REMOVED}


def test_two_generated_objects_of_one_name_stay_apart() -> None:
    old = [rendered(obj("v1", "ConfigMap", "c-1", space), original="c") for space in ("a", "b")]
    new = [rendered(obj("v1", "ConfigMap", "c-2", space), original="c") for space in ("b", "a")]
    found = of_objects(old, new)
    assert {(e.ref.namespace, e.renamed_from) for e in found.changes} == {("a", "c-1"), ("b", "c-1")}


def test_an_object_that_another_kustomization_applies_now_is_moved() -> None:
    found = change(
        rendering(kustomization(deployment(), name="one"), kustomization(name="two")),
        rendering(kustomization(name="one"), kustomization(deployment(image="web:2"), name="two")),
    )
    (each,) = found.changes
    assert each.action is ChangeType.MOVED
    assert (str(each.before_owner), str(each.after_owner)) == ("flux-system/one", "flux-system/two")
    assert [f.path for f in each.fields] == ["spec.template.spec.containers[name=web].image"]
    assert not each.deletes


def test_an_object_that_a_second_kustomization_still_has_is_not_removed() -> None:
    found = change(
        rendering(kustomization(deployment(), name="one"), kustomization(deployment(), name="two")),
        rendering(kustomization(name="one"), kustomization(deployment(), name="two")),
    )
    assert found.changes == ()


def test_images_and_replicas_are_listed() -> None:
    found = the_change(deployment(image="web:1", replicas=2), deployment(image="web:2", replicas=None))
    assert [(i.container, i.before, i.after) for i in found.images] == [("web", "web:1", "web:2")]
    assert found.replicas == (2, None)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("batch/v1/CronJob", {"jobTemplate": {"spec": {"initContainers": [{"name": "c", "image": "X"}]}}}),
        ("v1/Pod", {"containers": [{"name": "c", "image": "X"}]}),
        ("v1/Pod", {"volumes": [{"name": "v", "image": {"reference": "X"}}]}),
        ("example.com/v1/Thing", {"image": "X"}),
        ("example.com/v1/Thing", {"parts": [{"podSpec": {"containers": [{"name": "c", "image": "X"}]}}]}),
        ("argoproj.io/v1alpha1/Rollout", {"template": {"spec": {"containers": [{"name": "c", "image": "X"}]}}}),
    ],
)  # fmt: skip
def test_images_are_found_wherever_a_kind_has_them(kind: str, spec: Any) -> None:
    def version(image: str) -> Obj:
        api_version, _, name = kind.rpartition("/")
        return obj(api_version, name, spec=eval(repr(spec).replace("'X'", repr(image))))

    assert [(i.before, i.after) for i in the_change(version("a:1"), version("a:2")).images] == [
        ("a:1", "a:2")
    ]


CLAIM = obj(
    "v1",
    "PersistentVolumeClaim",
    spec={"storageClassName": "a", "resources": {"requests": {"storage": "2Gi"}}},
)
RETENTION = "persistentVolumeClaimRetentionPolicy"
STATEFUL = obj(
    "apps/v1",
    "StatefulSet",
    spec={
        "serviceName": "a",
        "replicas": 3,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"spec": {"containers": [{"name": "a", "image": "a"}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec": {"storageClassName": "a"}}],
        RETENTION: {"whenDeleted": "Retain", "whenScaled": "Retain"},
    },
)
SERVICE = obj("v1", "Service", spec={"clusterIP": "10.0.0.1", "ports": [{"port": 80}]})
JOB = obj(
    "batch/v1",
    "Job",
    spec={"parallelism": 1, "template": {"spec": {"containers": [{"name": "a", "image": "a"}]}}},
)
BINDING = obj("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"name": "a"}, subjects=[{"name": "a"}])
CLASS = obj(
    "storage.k8s.io/v1",
    "StorageClass",
    namespace="",
    provisioner="a",
    allowVolumeExpansion=True,
    parameters={"a": "b"},
)
CONFIG = obj("v1", "ConfigMap", immutable=True, data={"a": "b"})
CRD = obj(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "things.example.com",
    "",
    spec={
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things", "shortNames": ["t"]},
        "versions": [{"name": "v1", "served": True}, {"name": "v2", "served": True}],
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("before", "path", "value"),
    [
        (deployment(), "spec.selector.matchLabels.app", "other"),
        (STATEFUL, "spec.selector.matchLabels.new", "x"),
        (STATEFUL, "spec.serviceName", "b"),
        (STATEFUL, "spec.podManagementPolicy", ...),
        (STATEFUL, "spec.volumeClaimTemplates.0.spec.storageClassName", "b"),
        (STATEFUL, "spec.volumeClaimTemplates", []),
        (SERVICE, "spec.clusterIP", "10.0.0.2"),
        (SERVICE, "spec.clusterIP", "None"),
        (JOB, "spec.template.spec.containers.0.image", "b"),
        (CLAIM, "spec.storageClassName", "b"),
        (CLAIM, "spec.resources.requests.storage", "1Gi"),
        (BINDING, "roleRef.name", "b"),
        (CLASS, "provisioner", "b"),
        (CLASS, "parameters.a", "c"),
        (CONFIG, "data.a", "c"),
        (CONFIG, "data.new", "c"),
        (CONFIG, "immutable", ...),
        (obj("v1", "Secret", type="Opaque"), "type", "other"),
        (CRD, "spec.scope", "Cluster"),
        (CRD, "spec.names.kind", "Other"),
        (
            obj("v1", "Pod", spec={"containers": [{"name": "a", "image": "a"}]}),
            "spec.containers.0.command",
            ["x"],
        ),
    ],
)
def test_an_immutable_field_that_changes_is_a_danger(before: Obj, path: str, value: Any) -> None:
    after = with_value(before, path, value)
    found = the_change(before, after)
    assert Danger.IMMUTABLE_FIELD in found.dangers
    assert Danger.RECREATED not in found.dangers
    assert found.immutable
    assert not found.deletes
    assert Danger.RECREATED in the_change(before, after, force=True).dangers
    marked = with_value(after, "metadata.annotations", {f"{FLUX}/force": "Enabled"})
    recreated = the_change(before, marked)
    assert Danger.RECREATED in recreated.dangers
    assert recreated.deletes


@pytest.mark.parametrize(
    ("before", "path", "value"),
    [
        (deployment(), "spec.template.metadata.labels.more", "x"),
        (STATEFUL, "spec.replicas", 4),
        (STATEFUL, "spec.template.spec.containers.0.image", "b"),
        (SERVICE, "spec.ports.0.port", 81),
        (SERVICE, "spec.clusterIP", ...),
        (JOB, "spec.parallelism", 2),
        (CLAIM, "spec.resources.requests.storage", "3Gi"),
        (CLAIM, "metadata.labels", {"a": "b"}),
        (BINDING, "subjects.0.name", "b"),
        (CLASS, "allowVolumeExpansion", False),
        ({**CONFIG, "immutable": False}, "data.a", "c"),
        (CONFIG, "metadata.labels", {"a": "b"}),
        (CRD, "spec.names.shortNames", ["x"]),
        (
            obj("v1", "Pod", spec={"containers": [{"name": "a", "image": "a"}]}),
            "spec.containers.0.image",
            "b",
        ),
    ],
)
def test_a_field_that_may_change_is_no_danger(before: Obj, path: str, value: Any) -> None:
    assert the_change(before, with_value(before, path, value), force=True).dangers == ()


def test_a_definition_says_which_fields_of_its_kind_never_change() -> None:
    properties = {"engine": {"x-kubernetes-validations": [{"rule": "self == oldSelf"}]}, "size": {}}
    schema = {"openAPIV3Schema": {"properties": {"spec": {"properties": properties}}}}
    crd = with_value(CRD, "spec.versions.0.schema", schema)
    thing = obj("example.com/v1", "Thing", spec={"engine": "a", "size": 1})
    for path, value, dangers in (
        ("spec.engine", "b", (Danger.IMMUTABLE_FIELD,)),
        ("spec.engine", ..., ()),
        ("spec.size", 2, ()),
    ):
        (found,) = of_objects([crd, thing], [crd, with_value(thing, path, value)]).changes
        assert found.dangers == dangers


@pytest.mark.parametrize(
    ("gone", "danger"),
    [
        (obj("v1", "Namespace", "team", ""), Danger.NAMESPACE_REMOVED),
        (CRD, Danger.DEFINITION_REMOVED),
        (CLAIM, Danger.VOLUME_REMOVED),
        (obj("v1", "PersistentVolume", namespace=""), Danger.VOLUME_REMOVED),
        (with_value(STATEFUL, f"spec.{RETENTION}.whenDeleted", "Delete"), Danger.VOLUME_REMOVED),
    ],
)  # fmt: skip
def test_what_takes_data_with_it_is_a_danger_if_it_goes(gone: Obj, danger: Danger) -> None:
    (found,) = of_objects([gone, deployment()], [deployment()]).changes
    assert (found.action, found.dangers, found.deletes) == (ChangeType.REMOVED, (danger,), True)
    (kept,) = of_objects([gone, deployment()], [deployment()], prune=False).changes
    assert (kept.dangers, kept.deletes) == ((), False)
    assert "does not prune" in kept.kept


def test_fewer_replicas_are_a_danger_where_they_delete_claims() -> None:
    before = with_value(STATEFUL, f"spec.{RETENTION}.whenScaled", "Delete")
    assert the_change(before, with_value(before, "spec.replicas", 2)).dangers == (Danger.VOLUME_REMOVED,)
    assert the_change(before, with_value(before, "spec.replicas", 4)).dangers == ()


def test_a_version_that_a_definition_no_longer_serves_is_a_danger() -> None:
    assert the_change(CRD, with_value(CRD, "spec.versions.0.served", False)).dangers == (
        Danger.VERSION_REMOVED,
    )
    assert the_change(CRD, with_value(CRD, "spec.versions.0", ...)).dangers == (Danger.VERSION_REMOVED,)


@pytest.mark.parametrize(("where", "key", "value"), [
    ("annotations", "prune", "disabled"),
    ("labels", "prune", "Disabled"),
    ("annotations", "reconcile", "disabled"),
    ("annotations", "ssa", "Ignore"),
])  # fmt: skip
def test_an_excluded_object_stays_when_it_leaves_git(where: str, key: str, value: str) -> None:
    gone = obj("v1", "Namespace", "team", "", metadata={where: {f"{FLUX}/{key}": value}})
    (found,) = of_objects([gone], []).changes
    assert (found.pruned, found.dangers) == (False, ())
    assert "excludes it" in found.kept


def test_what_nobody_prunes_goes_with_its_namespace_and_its_definition() -> None:
    keep = {"annotations": {f"{FLUX}/prune": "disabled"}}
    inside = obj("v1", "PersistentVolumeClaim", "data", "team", metadata=keep)
    thing = obj("example.com/v1", "Thing", metadata=keep)
    found = of_objects([obj("v1", "Namespace", "team", ""), inside, CRD, thing], [])
    by_name = {str(each.ref): each for each in found.changes}
    assert by_name["PersistentVolumeClaim/team/data"].deletes
    assert by_name["PersistentVolumeClaim/team/data"].dangers == (Danger.VOLUME_REMOVED,)
    assert by_name["Thing/shop/x"].deletes


@pytest.mark.parametrize(
    ("key", "value"), [("reconcile", "disabled"), ("ssa", "ignore"), ("ssa", "IfNotPresent")]
)
def test_a_change_that_the_operator_does_not_write_is_listed_and_does_not_count(key: str, value: str) -> None:
    before = with_value(deployment(), "metadata.annotations", {f"{FLUX}/{key}": value})
    found = of_objects([before], [with_value(before, "spec.replicas", 9)])
    assert [bool(each.inert) for each in found.changes] == [True]
    assert found.is_empty


def test_an_object_that_is_only_created_if_absent_is_added() -> None:
    new = with_value(deployment(), "metadata.annotations", {f"{FLUX}/ssa": "IfNotPresent"})
    found = of_objects([], [new])
    assert [each.inert for each in found.changes] == [""]
    assert not found.is_empty


def test_fields_that_a_kustomization_ignores_do_not_change() -> None:
    ignore = [{"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}]
    one, other = deployment(replicas=2), deployment(replicas=5)
    assert of_objects([one], [other], ignore=ignore).is_empty
    found = the_change(one, with_value(other, "spec.paused", True), ignore=ignore)
    assert [f.path for f in found.fields] == ["spec.paused"]
    elsewhere = [{"paths": ["/spec/replicas"], "target": {"kind": "StatefulSet"}}]
    assert the_change(one, other, ignore=elsewhere).replicas == (2, 5)


def test_objects_of_the_cluster_folder_that_nobody_applies_stay() -> None:
    found = change(
        rendering(root=[deployment("a"), deployment("b")]), rendering(root=[deployment("b", image="x:2")])
    )
    by_name = {each.ref.name: each for each in found.root}
    assert "no Kustomization applies the cluster folder" in by_name["a"].kept
    assert by_name["b"].action is ChangeType.CHANGED
    assert APPS.name == "apps"
