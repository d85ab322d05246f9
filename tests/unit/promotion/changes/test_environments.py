"""Two environments compared as they run: namespaces are equal where objects are, ``expect`` covers the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.promotion.changes.environments import Comparison, compare_environments
from headgate.promotion.changes.model import ChangeType
from headgate.promotion.changes.paths import Pattern
from headgate.promotion.fleet.rendering import Rendering
from headgate.promotion.report.as_json import comparison_as_json
from headgate.promotion.report.text import comparison_text
from tests.support.renderings import Obj, deployment, kustomization, obj, rendering, with_value

URL = "http://web.{}.svc.cluster.local:80/{}"


def environment(name: str, *more: Obj, **changes: Any) -> Rendering:
    web = with_value(deployment(**changes), "metadata.namespace", name)
    binding = obj(
        "rbac.authorization.k8s.io/v1", "RoleBinding", namespace=name, subjects=[{"namespace": name}]
    )
    config = obj("v1", "ConfigMap", namespace=name, data={"url": URL.format(name, name)})
    labels = {"kubernetes.io/metadata.name": name}
    space = obj("v1", "Namespace", name, "", metadata={"labels": labels})
    return rendering(
        kustomization(web, binding, space, *more, path=f"./apps/{name}", targetNamespace=name),
        kustomization(config, name="config", path="./config"),
        environment=name,
    )


def compared(left: Rendering, right: Rendering, *expect: str) -> Comparison:
    return compare_environments(left, right, map(Pattern.parse, expect))


def paths(found: Comparison) -> list[str]:
    return [f"{c.ref.kind}:{f.path}" for c in found.change.changes for f in c.fields]


def test_environments_that_differ_in_their_namespace_only_are_nearly_equal() -> None:
    found = compared(environment("staging"), environment("production"))
    assert found.namespaces == {"staging": "production"}
    assert paths(found) == ["ConfigMap:data.url"]
    (field,) = found.change.changes[0].fields
    assert (field.before, field.after) == (
        URL.format("production", "staging"),
        URL.format("production", "production"),
    )


def test_equal_environments_do_not_differ() -> None:
    found = compared(environment("staging"), environment("staging"))
    assert (found.change.changes, found.change.is_empty, found.covered) == ((), True, 0)
    assert "no difference" in comparison_text(found)


def test_images_and_replicas_that_differ_are_shown() -> None:
    found = compared(
        environment("staging", image="web:2", replicas=1),
        environment("production", image="web:1", replicas=3),
    )
    web = next(c for c in found.change.changes if c.ref.kind == "Deployment")
    assert web.replicas == (1, 3)
    assert [(i.before, i.after) for i in web.images] == [("web:2", "web:1")]


@pytest.mark.parametrize(
    ("expect", "left"),
    [
        (["Deployment:spec.replicas"], ["Deployment:spec.template.spec.containers[name=web].image"]),
        (["Deployment:**.image", "*:spec.replicas"], []),
        (["Deployment:spec"], []),
        (["Deployment"], []),
        (
            ["StatefulSet:spec"],
            ["Deployment:spec.template.spec.containers[name=web].image", "Deployment:spec.replicas"],
        ),
    ],
)
def test_patterns_cover_what_is_meant(expect: list[str], left: list[str]) -> None:
    one, other = environment("a", image="web:2", replicas=1), environment("a", image="web:1", replicas=3)
    found = compared(one, other, *expect)
    assert paths(found) == left
    assert found.covered == (1 if expect == ["Deployment"] else 2 - len(left))
    if not any("replicas" in path for path in left):
        assert all(c.replicas is None for c in found.change.changes)


def test_a_pattern_covers_some_leaves_of_what_only_one_has() -> None:
    one = environment("a", resources={"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}})
    found = compared(environment("a"), one, "Deployment:**.resources.limits")
    assert paths(found) == ["Deployment:spec.template.spec.containers[name=web].resources.requests.cpu"]


def test_objects_that_only_one_has_are_shown_and_can_be_expected() -> None:
    ingress = obj("networking.k8s.io/v1", "Ingress", namespace="production")
    found = compared(environment("staging"), environment("production", ingress))
    assert [c.action for c in found.change.changes if c.ref.kind == "Ingress"] == [ChangeType.ADDED]
    out = comparison_text(found)
    assert "1 only in production" in out
    assert "Deleted" not in comparison_text(
        compared(environment("production", ingress), environment("staging"))
    )
    assert not [
        c
        for c in compared(
            environment("staging"), environment("production", ingress), "Ingress"
        ).change.changes
        if c.ref.kind == "Ingress"
    ]


def test_where_files_come_from_is_no_difference() -> None:
    found = compared(environment("staging"), environment("production"), "ConfigMap")
    assert found.change.kustomizations == ()


def test_a_namespace_that_both_have_is_itself() -> None:
    def two(name: str) -> Rendering:
        return rendering(
            kustomization(obj("v1", "ConfigMap", "x", name), obj("v1", "ConfigMap", "y", "shared")),
            environment=name,
        )

    assert compared(two("a"), two("b")).namespaces == {"a": "b"}
    assert compared(two("shared"), two("b")).namespaces == {}


def test_json_has_the_difference() -> None:
    found = comparison_as_json(
        compared(environment("staging", replicas=1), environment("production", replicas=2))
    )
    assert (found["left"], found["right"], found["namespaces"]) == (
        "staging",
        "production",
        {"staging": "production"},
    )
    assert "spec.replicas" in json.dumps(found["difference"])
