"""deploy/ and crds/ build with our own engine, and what they say fits the operator and the image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from headgate import __version__
from headgate.cli import main
from headgate.kustomize import FolderTree, build

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
CRDS = {"gitrepositories.source.toolkit.fluxcd.io", "kustomizations.kustomize.toolkit.fluxcd.io"}

Obj = dict[str, Any]


def built(folder: str) -> list[Obj]:
    return build(FolderTree(Path("/")), str(ROOT / folder))


def one(objects: list[Obj], kind: str, name: str = "") -> Obj:
    (found,) = [o for o in objects if o["kind"] == kind and name in ("", o["metadata"]["name"])]
    return found


@pytest.mark.parametrize("folder", ["deploy", "deploy/tenancy"])
def test_an_install_is_complete_and_wired(folder: str) -> None:
    objects = built(folder)
    assert {o["metadata"]["name"] for o in objects if o["kind"] == "CustomResourceDefinition"} == CRDS
    account = one(objects, "ServiceAccount")["metadata"]
    deployment = one(objects, "Deployment")
    pod = deployment["spec"]["template"]
    assert pod["spec"]["serviceAccountName"] == account["name"]
    assert pod["spec"]["containers"][0]["image"] == f"headgate:{__version__}"
    assert deployment["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert one(objects, "Service")["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    namespace = one(objects, "Namespace")["metadata"]["name"]
    namespaced = [o for o in objects if "namespace" in o["metadata"]]
    assert {o["metadata"]["namespace"] for o in namespaced} == {namespace}
    roles = {o["metadata"]["name"] for o in objects if o["kind"] == "ClusterRole"} | {"cluster-admin"}
    for binding in (o for o in objects if o["kind"] == "ClusterRoleBinding"):
        assert binding["roleRef"]["name"] in roles
        subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": namespace}
        assert binding["subjects"] == [subject]


@pytest.mark.parametrize(("folder", "admin"), [("deploy", True), ("deploy/tenancy", False)])
def test_only_the_plain_install_is_cluster_admin(folder: str, admin: bool) -> None:
    bound = {o["roleRef"]["name"] for o in built(folder) if o["kind"] == "ClusterRoleBinding"}
    assert ("cluster-admin" in bound) is admin


@pytest.mark.parametrize("folder", ["deploy", "deploy/tenancy"])
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
