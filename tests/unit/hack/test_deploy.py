"""deploy/ and crds/ build with our own engine, and what they say fits the operator and the image."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from headgate import __version__
from headgate.cli import main
from headgate.cli.run import settings_of
from headgate.kustomize import FolderTree, build
from headgate.reconcile.core.role import LEADER, ROLE

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
CRDS = {"gitrepositories.source.toolkit.fluxcd.io", "kustomizations.kustomize.toolkit.fluxcd.io"}

INSTALLS = ["deploy", "deploy/tenancy", "deploy/tenancy-named"]
COMPONENTS = ["consumers", "notifications", "status-page", "two-replicas", "webhook"]

Obj = dict[str, Any]


def with_components(tmp_path: Path, components: Sequence[str] = COMPONENTS) -> list[Obj]:
    """deploy/tenancy with components."""
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(DEPLOY / "tenancy", tmp_path)],
        "components": [os.path.relpath(DEPLOY / each, tmp_path) for each in components],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    return build(FolderTree(Path("/")), str(tmp_path))


def built(folder: str) -> list[Obj]:
    return build(FolderTree(Path("/")), str(ROOT / folder))


def one(objects: list[Obj], kind: str, name: str = "") -> Obj:
    (found,) = [o for o in objects if o["kind"] == kind and name in ("", o["metadata"]["name"])]
    return found


@pytest.mark.parametrize("folder", INSTALLS)
def test_an_install_is_complete_and_wired(folder: str) -> None:
    objects = built(folder)
    assert {o["metadata"]["name"] for o in objects if o["kind"] == "CustomResourceDefinition"} == CRDS
    account = one(objects, "ServiceAccount")["metadata"]
    deployment = one(objects, "Deployment")
    pod = deployment["spec"]["template"]
    assert pod["spec"]["serviceAccountName"] == account["name"]
    assert pod["spec"]["containers"][0]["image"] == f"headgate:{__version__}"
    assert deployment["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    # The leader has the label of its role only while it leads.
    selector = dict(one(objects, "Service")["spec"]["selector"])
    assert selector.pop(ROLE) == LEADER
    assert selector.items() <= pod["metadata"]["labels"].items()
    assert ROLE not in pod["metadata"]["labels"]
    namespace = one(objects, "Namespace")["metadata"]["name"]
    namespaced = [o for o in objects if "namespace" in o["metadata"]]
    assert {o["metadata"]["namespace"] for o in namespaced} == {namespace}
    roles = {o["metadata"]["name"] for o in objects if o["kind"] == "ClusterRole"} | {"cluster-admin"}
    for binding in (o for o in objects if o["kind"] == "ClusterRoleBinding"):
        assert binding["roleRef"]["name"] in roles
        subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": namespace}
        assert binding["subjects"] == [subject]


@pytest.mark.parametrize("folder", INSTALLS)
def test_flux_finds_the_deployment_and_nothing_that_flux_uninstall_would_delete(folder: str) -> None:
    objects = built(folder)
    label = "app.kubernetes.io/part-of"
    found = [o for o in objects if o["metadata"].get("labels", {}).get(label) == "flux"]
    assert found == [one(objects, "Deployment")]
    template = found[0]["spec"]["template"]
    # It lists pods by all labels of the template, and reads this container if there are several.
    assert template["metadata"]["labels"]
    assert [each["name"] for each in template["spec"]["containers"]] == ["manager"]


@pytest.mark.parametrize(("folder", "admin"), [(each, each == "deploy") for each in INSTALLS])
def test_only_the_plain_install_is_cluster_admin(folder: str, admin: bool) -> None:
    bound = {o["roleRef"]["name"] for o in built(folder) if o["kind"] == "ClusterRoleBinding"}
    assert ("cluster-admin" in bound) is admin


@pytest.mark.parametrize("folder", INSTALLS)
def test_the_container_is_started_with_options_there_are(folder: str) -> None:
    (container,) = one(built(folder), "Deployment")["spec"]["template"]["spec"]["containers"]
    name, *arguments = container["args"]
    command = main.get_command(click.Context(main), name)
    assert command is not None
    parsed = command.make_context(name, list(arguments)).params
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert parsed["storage_addr"] == f":{ports['http']}"
    assert parsed["metrics_addr"] == f":{ports['http-prom']}"
    assert parsed["health_addr"] == f":{ports['healthz']}"
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert str(parsed["storage_path"]) in mounts
    assert "/tmp" in mounts, "the root file system is read-only"


def test_the_pod_meets_the_restricted_standard() -> None:
    pod = one(built("deploy"), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_pod_is_watched_and_bounded() -> None:
    deployment = one(built("deploy"), "Deployment")["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    paths = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
    assert paths == {
        "startup": {"path": "/healthz", "port": "healthz"},
        "liveness": {"path": "/healthz", "port": "healthz"},
        "readiness": {"path": "/readyz", "port": "healthz"},
    }
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 120
    assert pod["priorityClassName"] == "system-cluster-critical"
    (quota,) = [o["spec"] for o in built("deploy") if o["kind"] == "ResourceQuota"]
    assert pod["priorityClassName"] in quota["scopeSelector"]["matchExpressions"][0]["values"]
    assert all(volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"])
    for resource in ("memory", "ephemeral-storage"):
        assert container["resources"]["requests"][resource]
        assert container["resources"]["limits"][resource]


def test_an_update_starts_the_new_pod_before_it_ends_the_old_one() -> None:
    """This is safe because only the leader acts, and it ends because the pod on standby is ready."""
    deployment = one(built("deploy"), "Deployment")["spec"]
    assert deployment["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    (container,) = deployment["template"]["spec"]["containers"]
    assert "--enable-leader-election" in container["args"]
    fields = {each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"] for each in container["env"]}
    assert fields == {"RUNTIME_NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name"}
    (role,) = [o for o in built("deploy") if o["kind"] == "Role"]
    assert {"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]} in role["rules"]


def test_who_may_connect_is_said_for_every_port(tmp_path: Path) -> None:
    """One policy takes everything away but what comes from the namespace itself; each other gives one port."""
    objects = with_components(tmp_path)
    policies = {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "NetworkPolicy"}
    first = policies.pop("headgate")
    assert first["podSelector"] == {}
    assert set(first["policyTypes"]) == {"Ingress", "Egress"}
    assert first["ingress"] == [{"from": [{"podSelector": {}}]}]
    labels = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    given = {}
    for policy in policies.values():
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()
        (rule,) = policy["ingress"]
        (port,) = rule["ports"]
        given[port["port"]] = rule["from"]
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    everywhere = [{"namespaceSelector": {}}]
    flux = {"kubernetes.io/metadata.name": "flux-system"}
    assert given == {
        ports["http-prom"]: everywhere,
        ports["http-webhook"]: everywhere,
        ports["http-page"]: everywhere,
        ports["http"]: [{"namespaceSelector": {"matchLabels": flux}}],
    }
    for service in (o for o in objects if o["kind"] == "Service"):
        assert service["spec"]["selector"][ROLE] == LEADER


def test_the_page_can_review_its_callers_and_do_nothing_else_for_them(tmp_path: Path) -> None:
    role = one(with_components(tmp_path), "ClusterRole", "headgate-status-page")
    assert role["rules"] == [
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]
    assert not any("review" in str(o) for o in built("deploy/tenancy") if o["kind"] == "ClusterRole")


@pytest.mark.parametrize("component", ["status-page", "status-page-proxy"])
def test_the_page_is_served_only_to_those_who_prove_who_they_are(
    tmp_path: Path, component: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_NAMESPACE", "headgate-system")
    objects = with_components(tmp_path, [component])
    pod = one(objects, "Deployment")["spec"]["template"]["spec"]
    manager, *proxies = pod["containers"]
    command = main.get_command(click.Context(main), "run")
    assert command is not None
    page = settings_of(command.make_context("run", list(manager["args"][1:])).params).page
    ports = {
        each["name"]: each["containerPort"] for container in pod["containers"] for each in container["ports"]
    }
    (rule,) = one(objects, "NetworkPolicy", "headgate-status-page")["spec"]["ingress"]
    assert [each["port"] for each in rule["ports"]] == [ports["http-page"]]
    service = one(objects, "Service", "headgate-status-page")["spec"]
    assert service["ports"][0]["targetPort"] == "http-page"
    assert service["selector"][ROLE] == LEADER
    if component == "status-page":
        assert (page.auth, page.is_local, proxies) == ("token", False, [])
        return
    # The proxy is the only way: the page listens where nobody outside of the pod can connect.
    (proxy,) = proxies
    assert (page.auth, page.is_local, page.trusted_proxies) == ("header", True, ("127.0.0.1",))
    assert f"--upstream=http://{page.address}/" in proxy["args"]
    assert proxy["securityContext"] == manager["securityContext"]
    assert {"requests", "limits"} == proxy["resources"].keys()


@pytest.mark.parametrize("folder", ["deploy/tenancy", "deploy/tenancy-named"])
def test_with_tenants_nothing_is_done_by_the_operators_own_identity(folder: str) -> None:
    (container,) = one(built(folder), "Deployment")["spec"]["template"]["spec"]["containers"]
    accounts = [each for each in container["args"] if "service-account" in each]
    assert accounts == [
        "--default-service-account=default",
        "--default-kubeconfig-service-account=default",
        "--default-decryption-service-account=default",
    ]
    assert {"--no-cross-namespace-refs", "--no-remote-bases"} <= set(container["args"])


def test_where_accounts_are_named_no_role_of_the_cluster_lets_it_act_as_one() -> None:
    for role in (o for o in built("deploy/tenancy-named") if o["kind"] in ("ClusterRole", "Role")):
        for rule in role["rules"]:
            assert not {"impersonate", "*"} & set(rule["verbs"])
            assert "serviceaccounts/token" not in rule["resources"] or "create" not in rule["verbs"]
    role, binding = yaml.safe_load_all((DEPLOY / "tenancy-named" / "account.yaml").read_text())
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert all(rule["resourceNames"] for rule in role["rules"])
    (subject,) = binding["subjects"]
    assert subject == one(built("deploy"), "ClusterRoleBinding", "headgate")["subjects"][0]


def test_what_the_image_is_made_of_is_of_one_version() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    base = re.search(r"^ARG BASE=(\S+)$", dockerfile, re.MULTILINE)
    assert base
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base[1])
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${BASE}"}
    installed = re.search(r"--no-install-recommends \\\n\s*(.+?) \\\n", dockerfile)
    assert installed
    programs = set(installed[1].split()) - {"ca-certificates"}
    assert len(programs) == 2
    assert all(re.fullmatch(r'"[a-z-]+=\d+:\d+\.[\dp.]+-\*"', each) for each in programs)


def test_the_image_is_built_from_files_that_are_there_and_let_in() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    let_in = re.findall(r"^!(\S+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert {"operator", "pyproject.toml"} <= {Path(source).name for source in copied}
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.removeprefix("./") in let_in, source
    users = re.findall(r"^USER (\d+)", dockerfile, re.MULTILINE)
    pod = one(built("deploy"), "Deployment")["spec"]["template"]["spec"]
    assert users == [str(pod["securityContext"]["runAsUser"])]
