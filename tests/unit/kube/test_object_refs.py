"""Names of objects and how they are printed."""

import pytest

from headgate.kube import ObjectRef, ref_of


@pytest.mark.parametrize(
    ("ref", "printed", "group", "version"),
    [
        (ObjectRef("apps/v1", "Deployment", "web", "staging"), "Deployment/staging/web", "apps", "v1"),
        (ObjectRef("v1", "Namespace", "staging"), "Namespace/staging", "", "v1"),
        (
            ObjectRef("rbac.authorization.k8s.io/v1", "ClusterRole", "system:node"),
            "ClusterRole/system:node",
            "rbac.authorization.k8s.io",
            "v1",
        ),
    ],
)
def test_printed_as_flux_does(ref: ObjectRef, printed: str, group: str, version: str) -> None:
    assert (str(ref), ref.group, ref.version) == (printed, group, version)


@pytest.mark.parametrize(
    "obj", [{}, {"metadata": None}, {"metadata": []}, {"kind": 1, "metadata": {"name": 7, "namespace": None}}]
)
def test_what_is_not_text_counts_as_empty(obj: dict) -> None:
    assert ref_of(obj) == ObjectRef("", "", "", "")
