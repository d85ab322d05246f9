"""Fields a built-in kind does not have, found by the paths in the API server's refusal (Kubernetes 1.37)."""

from typing import Any

import pytest

from headgate.apply.fields.unknown_fields import paths_in, without

HEAD = "failed to create typed patch object (default/w2; apps/v1, Kind=Deployment): "
SEVERAL = f"""{HEAD}errors:
  .spec.template.spec.tolerations[0].wrong: field not declared in schema
  .spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].zip: field not declared in schema
  .spec.nope: field not declared in schema"""


def test_paths() -> None:
    assert paths_in(HEAD + ".spec.nope: field not declared in schema") == [".spec.nope"]
    assert paths_in(SEVERAL) == [
        ".spec.template.spec.tolerations[0].wrong",
        '.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].zip',
        ".spec.nope",
    ]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "admission webhook said: .spec.nope: field not declared in schema",
        HEAD + ".spec.replicas: expected numeric (int or float), got string",
        SEVERAL + "\n  .spec.replicas: expected numeric (int or float), got string",
    ],
)
def test_other_refusals_hold(message: str) -> None:
    assert paths_in(message) == []


def test_fields_are_left_out_and_the_rest_is_shared() -> None:
    port = {"containerPort": 80, "zip": 1}
    obj: dict[str, Any] = {
        "metadata": {"labels": {"a.b/c": "x"}},
        "spec": {
            "nope": 1,
            "nope.too": 1,
            "template": {
                "spec": {
                    "tolerations": [{"key": "a", "wrong": 1}, {"wrong": "kept"}],
                    "containers": [{"name": "b", "ports": [port]}, {"name": "a", "ports": [port]}],
                }
            },
        },
    }
    result = without(obj, paths_in(SEVERAL))
    assert result == {
        "metadata": {"labels": {"a.b/c": "x"}},
        "spec": {
            "nope.too": 1,
            "template": {
                "spec": {
                    "tolerations": [{"key": "a"}, {"wrong": "kept"}],
                    "containers": [
                        {"name": "b", "ports": [port]},
                        {"name": "a", "ports": [{"containerPort": 80}]},
                    ],
                }
            },
        },
    }
    assert result["metadata"] is obj["metadata"]
    assert obj["spec"]["nope"] == 1


def test_keys_with_dots() -> None:
    assert without({"a": {"x.y": {"z": 1, "k": 2}}}, [".a.x.y.z"]) == {"a": {"x.y": {"k": 2}}}


@pytest.mark.parametrize("path", [".absent", ".a[0].b", ".a.b.c", "a", '.l[name="x"].b', ".l[7].b", ".l[0]"])
def test_a_path_that_leads_nowhere(path: str) -> None:
    assert without({"a": {"b": 1}, "l": [{"name": "y", "b": 1}]}, [path]) is None
