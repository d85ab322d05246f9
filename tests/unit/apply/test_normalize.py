"""Objects from Git in the form in which the API server keeps them."""

import base64
import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from headgate.apply.objects.normalize import normalized, with_labels

CONTAINER = {"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}]}
WANTED = {
    "name": "a",
    "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}],
}


def one(obj: dict[str, Any]) -> dict[str, Any]:
    before = copy.deepcopy(obj)
    (result,) = normalized([obj])
    assert obj == before, "the input is shared with others"
    return result


@pytest.mark.parametrize(
    ("api_version", "kind", "path"),
    [
        ("v1", "Pod", ["spec"]),
        ("apps/v1", "Deployment", ["spec", "template", "spec"]),
        ("apps/v1", "StatefulSet", ["spec", "template", "spec"]),
        ("apps/v1", "DaemonSet", ["spec", "template", "spec"]),
        ("batch/v1", "Job", ["spec", "template", "spec"]),
        ("batch/v1", "CronJob", ["spec", "jobTemplate", "spec", "template", "spec"]),
    ],
)
def test_container_ports_get_their_protocol(api_version: str, kind: str, path: list[str]) -> None:
    inner: Any = {"containers": [CONTAINER]}
    wanted: Any = {"containers": [WANTED]}
    for key in reversed(path):
        inner, wanted = {key: inner}, {key: wanted}
    result = one({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **inner})
    assert result == {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **wanted}


def test_service_ports_get_their_protocol() -> None:
    result = one({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"ports": [{"port": 80}]}})
    assert result["spec"]["ports"] == [{"port": 80, "protocol": "TCP"}]


def test_custom_kinds_keep_their_shape() -> None:
    spec = {"ports": [{"port": 80}], "nothing": None, "template": {"spec": {"containers": [CONTAINER]}}}
    obj = {"apiVersion": "example.test/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec}
    assert one(obj) == obj


@pytest.mark.parametrize("spec", [None, "text", {"containers": "none"}, {"containers": ["x", {"ports": 7}]}])
def test_what_has_another_shape_is_left_for_the_api_server_to_refuse(spec: Any) -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}
    if spec is not None:
        obj["spec"] = spec
    assert one(obj) == obj


def test_secret_texts_are_encoded_over_data() -> None:
    result = one(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s"},
            "data": {"a": "b2xk", "b": "a2VwdA=="},
            "stringData": {"a": "nëw"},
        }
    )
    assert "stringData" not in result
    assert result["data"] == {"a": base64.b64encode("nëw".encode()).decode(), "b": "a2VwdA=="}


def test_a_secret_with_a_number_is_left_for_the_validation() -> None:
    obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": 1}}
    assert one(obj) == obj


def test_what_only_the_server_writes_goes() -> None:
    meta = {"name": "x", "creationTimestamp": None, "annotations": None, "managedFields": [{}]}
    obj = {"apiVersion": "example.test/v1", "kind": "W", "metadata": meta, "status": {"ready": True}}
    assert one(obj) == {"apiVersion": "example.test/v1", "kind": "W", "metadata": {"name": "x"}}


def test_a_crd_keeps_its_status() -> None:
    obj = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": {"versions": [{"default": None}]},
        "status": {"conditions": []},
    }
    assert one(obj) == obj


def test_nulls_of_built_in_kinds_go() -> None:
    obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {"replicas": None, "template": {"spec": {"volumes": [{"name": "v", "emptyDir": None}]}}},
    }
    assert one(obj)["spec"] == {"template": {"spec": {"volumes": [{"name": "v"}]}}}


def test_roles_are_left_as_they_are() -> None:
    obj = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "x"},
        "rules": None,
    }
    assert one(obj) == obj


def test_lists_are_expanded() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    nested = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [config]}
    assert normalized([{"apiVersion": "v1", "kind": "List", "items": [nested, config]}]) == [config, config]


def crd_with_ca(bundle: str) -> dict[str, Any]:
    config = {"service": {"name": "s"}, "caBundle": bundle}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": {"group": "g", "conversion": {"strategy": "Webhook", "webhook": {"clientConfig": config}}},
    }


@pytest.mark.parametrize("bundle", ["Cg==", "not base64!", base64.b64encode(b"-----BEGIN nothing").decode()])
def test_a_placeholder_for_a_ca_bundle_goes(bundle: str) -> None:
    result = one(crd_with_ca(bundle))
    assert result["spec"]["conversion"]["webhook"]["clientConfig"] == {"service": {"name": "s"}}
    assert result["spec"]["group"] == "g"


def test_a_real_ca_bundle_stays(tmp_path: Path) -> None:
    options = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -keyout key -out crt"
    subprocess.run(["openssl", "req", *options.split()], cwd=tmp_path, check=True, capture_output=True)
    obj = crd_with_ca(base64.b64encode((tmp_path / "crt").read_bytes()).decode())
    assert one(obj) == obj


def test_labels_are_added() -> None:
    obj = {"kind": "X", "metadata": {"name": "x", "labels": {"a": "1", "b": "1"}}}
    assert with_labels(obj, {"b": "2"})["metadata"] == {"name": "x", "labels": {"a": "1", "b": "2"}}
    assert obj["metadata"]["labels"] == {"a": "1", "b": "1"}
    assert with_labels({"metadata": {"labels": None}}, {"b": "2"}) == {"metadata": {"labels": {"b": "2"}}}
