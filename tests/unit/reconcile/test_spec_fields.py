"""What each field of a Kustomization's spec does to what is built; the table of the reference names these tests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.kustomize import BuildError, MemoryTree
from headgate.reconcile.kustomization.build.builds import build_objects

Obj = dict[str, Any]

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"tier": "front"}, "annotations": {"team": "a"}},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "main", "image": "nginx:1", "envFrom": [{"configMapRef": {"name": "settings"}}]}
                ]
            }
        }
    },
}
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}
ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"}}


def build(spec: Obj, files: dict[str, Any] | None = None, **kustomization: Any) -> dict[str, Obj]:
    """The objects by kind."""
    found = {"web.yaml": WEB, "settings.yaml": SETTINGS, "role.yaml": ROLE}
    content = {"resources": [*found], **kustomization}
    tree = {f"app/{path}": obj for path, obj in {**found, "kustomization.yaml": content}.items()}
    tree |= files or {}
    memory = MemoryTree({path: json.dumps(obj).encode() for path, obj in tree.items()})
    built = build_objects(memory, {"path": "./app", **spec})
    return {obj["kind"]: obj for obj in built.objects}


def container(objects: dict[str, Obj]) -> Obj:
    found: Obj = objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return found


def test_target_namespace() -> None:
    """Wins over the overlay's, and leaves alone what lives in none."""
    objects = build({"targetNamespace": "prod"}, namespace="other")
    assert objects["Deployment"]["metadata"]["namespace"] == "prod"
    assert objects["ConfigMap"]["metadata"]["namespace"] == "prod"
    assert "namespace" not in objects["ClusterRole"]["metadata"]


def test_name_prefix_and_suffix() -> None:
    """References follow the names."""
    objects = build({"namePrefix": "a-", "nameSuffix": "-z"}, namePrefix="other-")
    assert objects["Deployment"]["metadata"]["name"] == "a-web-z"
    assert container(objects)["envFrom"][0]["configMapRef"]["name"] == "a-settings-z"


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ({"newTag": "2"}, "nginx:2"),
        ({"newName": "registry.test/nginx"}, "registry.test/nginx:1"),
        ({"newName": "other", "newTag": "2"}, "other:2"),
        ({"digest": "sha256:" + "a" * 64}, "nginx@sha256:" + "a" * 64),
        ({"newTag": "2", "digest": "sha256:" + "a" * 64}, "nginx:2@sha256:" + "a" * 64),
    ],
)
def test_images(image: Obj, wanted: str) -> None:
    assert container(build({"images": [{"name": "nginx", **image}]}))["image"] == wanted


def test_an_image_of_the_overlay_is_changed_again() -> None:
    objects = build(
        {"images": [{"name": "nginx", "newTag": "3"}]},
        images=[{"name": "nginx", "newName": "b", "newTag": "2"}],
    )
    assert container(objects)["image"] == "b:3"


def test_patches() -> None:
    """Strategic merge by the object's own name, JSON 6902 by a target."""
    merge = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 3},
    }
    change = [{"op": "add", "path": "/data/b", "value": "2"}]
    patches = [{"patch": json.dumps(merge)}, {"patch": json.dumps(change), "target": {"kind": "ConfigMap"}}]
    objects = build({"patches": patches})
    assert objects["Deployment"]["spec"]["replicas"] == 3
    assert objects["ConfigMap"]["data"] == {"a": "1", "b": "2"}


MARK = json.dumps([{"op": "add", "path": "/metadata/marked", "value": "yes"}])


@pytest.mark.parametrize(
    ("target", "marked"),
    [
        ({"group": "apps"}, {"Deployment"}),
        ({"version": "v1", "group": "apps"}, {"Deployment"}),
        ({"kind": "Config.*"}, {"ConfigMap"}),
        ({"kind": "Config"}, set()),
        ({"name": "s.*s"}, {"ConfigMap"}),
        ({"name": "settin"}, set()),
        ({"namespace": "prod", "kind": "ConfigMap"}, {"ConfigMap"}),
        ({"namespace": "dev"}, set()),
        ({"labelSelector": "tier in (front, back)"}, {"Deployment"}),
        ({"labelSelector": "!tier", "kind": "ConfigMap"}, {"ConfigMap"}),
        ({"annotationSelector": "team=a"}, {"Deployment"}),
        ({"annotationSelector": "team=b"}, set()),
    ],
)
def test_targets_of_patches(target: Obj, marked: set[str]) -> None:
    """Expressions have to fit whole; the namespace is the one that the object has then."""
    settings = {**SETTINGS, "metadata": {"name": "settings", "namespace": "prod"}}
    files = {"app/settings.yaml": settings}
    objects = build({"patches": [{"patch": MARK, "target": target}]}, files)
    assert {kind for kind, obj in objects.items() if "marked" in obj["metadata"]} == marked


def test_a_patch_that_cannot_be_applied_is_reported() -> None:
    with pytest.raises(BuildError):
        build({"patches": [{"patch": "a: ["}]})
    with pytest.raises(BuildError, match="tier"):
        build({"patches": [{"patch": MARK, "target": {"labelSelector": "tier in front"}}]})


def test_components() -> None:
    component = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "commonAnnotations": {"from": "component"},
    }
    files = {"parts/one/kustomization.yaml": component}
    objects = build({"components": ["../parts/one"]}, files)
    assert objects["ConfigMap"]["metadata"]["annotations"] == {"from": "component"}
    for missing in ("../parts/two", "../../outside"):
        with pytest.raises(BuildError):
            build({"components": [missing]}, files)
        objects = build({"components": [missing], "ignoreMissingComponents": True}, files)
        assert "annotations" not in objects["ConfigMap"]["metadata"]
    with pytest.raises(BuildError, match="must be local and relative"):
        build({"components": ["https://example.test/x"], "ignoreMissingComponents": True}, files)


def test_build_metadata() -> None:
    plain = build({})["ConfigMap"]["metadata"]
    assert "annotations" not in plain
    origin = build({"buildMetadata": ["originAnnotations"]})["ConfigMap"]["metadata"]["annotations"]
    assert origin == {"config.kubernetes.io/origin": "path: settings.yaml\n"}
    both = build({"buildMetadata": ["originAnnotations", "transformerAnnotations"], "namePrefix": "x-"})
    assert "alpha.config.kubernetes.io/transformations" in both["ConfigMap"]["metadata"]["annotations"]


def test_common_metadata_is_put_on_everything() -> None:
    common = {"labels": {"tier": "back"}, "annotations": {"note": "b"}}
    objects = build({"commonMetadata": common})
    for obj in objects.values():
        assert obj["metadata"]["labels"]["tier"] == "back"
        assert obj["metadata"]["annotations"]["note"] == "b"
    assert objects["Deployment"]["metadata"]["annotations"]["team"] == "a"
