"""What defines others is applied first; the order within a stage is Flux's."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.apply.objects.stages import GroupKind, Stage, by_rank, split
from headgate.kube import ref_of


def obj(api_version: str, kind: str, name: str, namespace: str = "") -> dict:
    meta = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta}


OBJECTS = [
    obj("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "hook"),
    obj("example.test/v1", "Widget", "w", "b"),
    obj("example.test/v1", "Namespace", "not-the-real-one", "b"),
    obj("apps/v1", "Deployment", "web", "b"),
    obj("v1", "Service", "web", "b"),
    obj("v1", "Secret", "s", "b"),
    obj("v1", "ConfigMap", "z", "a"),
    obj("v1", "ConfigMap", "a", "b"),
    obj("v1", "ServiceAccount", "sa", "b"),
    obj("rbac.authorization.k8s.io/v1", "Role", "r", "b"),
    obj("storage.k8s.io/v1", "StorageClass", "fast"),
    obj("gateway.networking.k8s.io/v1", "GatewayClass", "edge"),
    obj("rbac.authorization.k8s.io/v1", "ClusterRole", "reader"),
    obj("v1", "Namespace", "b"),
    obj("v1", "Namespace", "a"),
    obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.test"),
]


def named(objects: list[dict]) -> list[str]:
    return [str(ref_of(o)) for o in objects]


@given(st.permutations(OBJECTS))
def test_stages_and_order_within(objects: list[dict]) -> None:
    staged = split(objects, [GroupKind("rbac.authorization.k8s.io", "Role")])
    assert [(stage, named(members)) for stage, members in staged] == [
        (
            Stage.DEFINITIONS,
            [
                "CustomResourceDefinition/widgets.example.test",
                "Namespace/a",
                "Namespace/b",
                "ClusterRole/reader",
            ],
        ),
        (Stage.CLASSES, ["StorageClass/fast", "GatewayClass/edge"]),
        (Stage.CUSTOM, ["Role/b/r"]),
        (
            Stage.REST,
            [
                "Namespace/b/not-the-real-one",
                "ServiceAccount/b/sa",
                "ConfigMap/a/z",
                "ConfigMap/b/a",
                "Secret/b/s",
                "Service/b/web",
                "Deployment/b/web",
                "Widget/b/w",
                "MutatingWebhookConfiguration/hook",
            ],
        ),
    ]


def test_without_custom_kinds_roles_belong_to_the_rest() -> None:
    assert [stage for stage, _ in split([obj("rbac.authorization.k8s.io/v1", "Role", "r", "b")])] == [
        Stage.REST
    ]


def test_kinds_that_do_not_depend_on_one_another_are_one_group() -> None:
    members = split(OBJECTS)[-1][1]
    groups = by_rank([ref_of(o) for o in members])
    assert [[members[i]["kind"] for i in group] for group in groups] == [
        ["Namespace"],
        ["ServiceAccount"],
        ["Role"],
        ["ConfigMap", "ConfigMap"],
        ["Secret"],
        ["Service"],
        ["Deployment"],
        ["Widget"],
        ["MutatingWebhookConfiguration"],
    ]


def test_group_kinds_are_written_as_group_slash_kind() -> None:
    assert GroupKind.parse("rbac.authorization.k8s.io/Role") == GroupKind("rbac.authorization.k8s.io", "Role")
    assert GroupKind.parse(" Secret") == GroupKind("", "Secret")
