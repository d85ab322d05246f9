"""Inventory entries read and print as Flux's do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.api import InvalidStatus
from headgate.api import inventory as inv
from headgate.api.inventory import Entry

DEPLOYMENT = Entry("apps", "web", "apps", "Deployment", "v1")

label = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
rbac_name = st.from_regex(r"[a-z0-9]([-a-z0-9:.]{0,8}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("entry", "id"),
    [
        (DEPLOYMENT, "apps_web_apps_Deployment"),
        (Entry("", "apps", "", "Namespace", "v1"), "_apps__Namespace"),
        (Entry("apps", "config", "", "ConfigMap", "v1"), "apps_config__ConfigMap"),
        (
            Entry("", "system:a:b", "rbac.authorization.k8s.io", "ClusterRole", "v1"),
            "_system__a__b_rbac.authorization.k8s.io_ClusterRole",
        ),
        (
            Entry("x", "a:", "rbac.authorization.k8s.io", "RoleBinding", "v1"),
            "x_a___rbac.authorization.k8s.io_RoleBinding",
        ),
    ],
)
def test_ids(entry: Entry, id: str) -> None:
    assert entry.id == id
    assert Entry.parse(id, "v1") == entry


@given(st.one_of(st.just(""), label), rbac_name, st.sampled_from(["", "apps", "a.example.org"]))
def test_an_id_reads_back(namespace: str, name: str, group: str) -> None:
    rbac = Entry(namespace, name, "rbac.authorization.k8s.io", "ClusterRole", "v1")
    assert Entry.parse(rbac.id, "v1") == rbac
    plain = Entry(namespace, name.replace(":", "-"), group, "Widget", "v1alpha1")
    assert Entry.parse(plain.id, "v1alpha1") == plain


@pytest.mark.parametrize("id", ["", "a", "a_b", "a_b_c", "a_b_c_d_e", "a__c_Kind", "a_b_c_"])
def test_not_an_id(id: str) -> None:
    with pytest.raises(InvalidStatus, match=r"status\.inventory: '.*' is not of the form"):
        Entry.parse(id, "v1")


def test_another_api_version_is_the_same_object() -> None:
    old = {Entry.of("autoscaling/v2beta2", "HorizontalPodAutoscaler", "apps", "web")}
    new = {Entry.of("autoscaling/v2", "HorizontalPodAutoscaler", "apps", "web")}
    assert old - new == set()


def test_of_objects() -> None:
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "apps"}},
    ]
    assert {e.id for e in inv.of_objects(objects)} == {"_apps__Namespace", DEPLOYMENT.id}
    assert {e.api_version for e in inv.of_objects(objects)} == {"v1", "apps/v1"}


def test_of_changes() -> None:
    @dataclass(frozen=True)
    class Ref:
        api_version: str
        kind: str
        name: str
        namespace: str = ""

    changes = SimpleNamespace(entries=[SimpleNamespace(ref=Ref("apps/v1", "Deployment", "web", "apps"))])
    assert inv.of_changes(changes) == {DEPLOYMENT}


def test_a_status_lists_entries_in_the_order_of_apply() -> None:
    status: dict[str, object] = {}
    ids = [
        "_webhook_admissionregistration.k8s.io_ValidatingWebhookConfiguration",
        "b_web_apps_Deployment",
        "a_web_apps_Deployment",
        "a_thing_example.org_Widget",
        "a_config__ConfigMap",
        "_a__Namespace",
        "_widgets.example.org_apiextensions.k8s.io_CustomResourceDefinition",
    ]
    inv.to_status(status, {Entry.parse(id, "v1") for id in ids})
    expected = [*reversed(ids)]
    expected[3:6] = ["a_web_apps_Deployment", "b_web_apps_Deployment", "a_thing_example.org_Widget"]
    assert status["inventory"] == {"entries": [{"id": id, "v": "v1"} for id in expected]}
    assert inv.from_status(json.loads(json.dumps(status))) == {Entry.parse(id, "v1") for id in ids}


def test_a_status_without_inventory() -> None:
    assert inv.from_status({}) == frozenset()
    assert inv.from_status({"inventory": {"entries": None}}) == frozenset()
    status: dict[str, object] = {}
    inv.to_status(status, ())
    assert status == {"inventory": {"entries": []}}


def test_an_object_has_one_name_whatever_was_recorded() -> None:
    """The scope of a kind decides, as far as it is known."""
    scopes = {("", "Namespace"): False, ("", "ConfigMap"): True}
    entries = [
        Entry.of("v1", "Namespace", "apps", "one"),
        Entry.of("v1", "Namespace", "", "one"),
        Entry.of("v1", "ConfigMap", "apps", "one"),
        Entry.of("unknown/v1", "Thing", "apps", "one"),
    ]
    assert inv.resolved(entries, lambda group, kind: scopes.get((group, kind))) == frozenset(entries[1:])
