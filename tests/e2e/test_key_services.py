"""Keys that a service holds, in the loop: OpenBao by token and by service account, AWS KMS by key and by role."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import Cluster
from sandbox import operator
from tests.support.cluster import Api
from tests.support.gitserver import GitHttpServer
from tests.support.keyservices import AwsKms, OpenBao, aws_kms, openbao
from tests.support.sops import Wrap, sealed_secret
from tests.support.workspace import OWN, Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
MARK = "key-services"
WATCHED = {"reconcile.fluxcd.io/watch": "Enabled"}
AWS_KEYS = "aws_access_key_id: AKIAEXAMPLE\naws_secret_access_key: secret-of-a-test\n"


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with openbao() as server:
        yield server


@pytest.fixture(scope="module")
def kms() -> Iterator[AwsKms]:
    with aws_kms() as services:
        yield services


@pytest.fixture(scope="module")
def home(
    api: Api,
    git_server: GitHttpServer,
    account: Path,
    tmp_path_factory: pytest.TempPathFactory,
    bao: OpenBao,
    kms: AwsKms,
) -> Iterator[Workspace]:
    """The operator's namespace, with an operator that may log in to OpenBao and finds AWS here."""
    home = Workspace(api, git_server, "operator", {OWN: MARK})
    config = {"instances": [{"address": bao.address, "loginPath": "auth/kubernetes/login"}]}
    meta = {"name": "vaults", "namespace": home.namespace, "labels": WATCHED}
    data = {"config.yaml": yaml.safe_dump(config)}
    api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})
    options = (f"--watch-label-selector={OWN}={MARK}", "--sops-vault-configmap=vaults")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**kms.variables, "RUNTIME_NAMESPACE": home.namespace}.items():
            patch.setenv(name, value)
        with operator.running(account, tmp_path_factory.mktemp("operator"), options):
            yield home
    home.close()


@pytest.fixture
def workspace(home: Workspace, request: pytest.FixtureRequest) -> Iterator[Workspace]:
    workspace = Workspace(home.api, home.server, "key-services", {OWN: MARK})
    workspace.source(ready=False)
    yield workspace
    workspace.close()


def commit(workspace: Workspace, wrap: Wrap, password: str = "plain") -> str:
    return workspace.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password=password))})


def password(workspace: Workspace) -> str:
    secret = workspace.api.present("v1", "Secret", "a", workspace.namespace)
    return base64.b64decode(secret["data"]["password"]).decode()


def service_account(workspace: Workspace, name: str, **annotations: str) -> None:
    meta = {"name": name, "namespace": workspace.namespace, "annotations": annotations}
    workspace.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})


def test_a_vault_token(workspace: Workspace, bao: OpenBao) -> None:
    commit(workspace, bao.wrap)
    workspace.secret("keys", {"sops.vault-token": "no-such-token"})
    workspace.kustomization("apps", decryption={"provider": "sops", "secretRef": {"name": "keys"}})
    workspace.failed(
        "apps",
        "BuildFailed",
        rf"apps/a\.yaml, .*Vault transit key {bao.address}/sops/fleet: .*permission denied",
    )
    workspace.secret("keys", {"sops.vault-token": bao.token()})
    workspace.request_reconcile("Kustomization", "apps")
    workspace.ready("apps")
    assert password(workspace) == "plain"


def test_a_service_account_logs_in_to_vault(
    workspace: Workspace, bao: OpenBao, shared_cluster: Cluster, trusting: None
) -> None:
    commit(workspace, bao.wrap)
    workspace.kustomization("apps", decryption={"provider": "sops", "serviceAccountName": "deployer"})
    workspace.failed(
        "apps", "BuildFailed", f"decryption service account '{workspace.namespace}/deployer' not found"
    )
    service_account(workspace, "deployer")
    workspace.request_reconcile("Kustomization", "apps")
    workspace.failed("apps", "BuildFailed", f"the login as role {workspace.namespace}_deployer failed")
    bao.admit(workspace.namespace, "deployer")
    workspace.request_reconcile("Kustomization", "apps")
    workspace.ready("apps")
    assert password(workspace) == "plain"


@pytest.fixture(scope="module")
def trusting(bao: OpenBao, api: Api, shared_cluster: Cluster, account: Path) -> None:
    """OpenBao asks the API server about tokens as the operator's account, which may do anything."""
    config = yaml.safe_load(account.read_text())
    cluster = config["clusters"][0]["cluster"]
    authority = cluster.get("certificate-authority-data")
    text = (
        base64.b64decode(authority).decode()
        if authority
        else Path(cluster["certificate-authority"]).read_text()
    )
    bao.trust_cluster(cluster["server"], text, config["users"][0]["user"]["token"])


def test_aws_keys(workspace: Workspace, kms: AwsKms) -> None:
    commit(workspace, kms.wrapping(context={"team": "shop"}))
    workspace.secret("keys", {"sops.aws-kms": AWS_KEYS})
    workspace.kustomization("apps", decryption={"provider": "sops", "secretRef": {"name": "keys"}})
    workspace.ready("apps")
    assert password(workspace) == "plain"


def test_a_service_account_takes_a_role_at_aws(workspace: Workspace, kms: AwsKms) -> None:
    commit(workspace, kms.wrapping())
    service_account(workspace, "deployer")
    workspace.kustomization("apps", decryption={"provider": "sops", "serviceAccountName": "deployer"})
    workspace.failed("apps", "BuildFailed", "has no annotation eks.amazonaws.com/role-arn")
    service_account(
        workspace, "deployer", **{"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/sops"}
    )
    workspace.request_reconcile("Kustomization", "apps")
    workspace.ready("apps")
    assert password(workspace) == "plain"


def test_a_service_that_is_gone_is_not_needed_for_what_it_opened(
    request: pytest.FixtureRequest, workspace: Workspace
) -> None:
    """Asked once for a data key, not at each build."""
    with openbao() as short_lived:
        wrap = short_lived.wrap
        files = {
            f"apps/{name}.yaml": yaml.safe_dump(sealed_secret(name, wrap, password=name)) for name in "ab"
        }
        workspace.commit(files)
        workspace.secret("keys", {"sops.vault-token": short_lived.token()})
        workspace.kustomization("apps", decryption={"provider": "sops", "secretRef": {"name": "keys"}})
        workspace.ready("apps")
    files["apps/b.yaml"] = files["apps/b.yaml"].replace("name: b", "name: b\n  labels: {changed: 'yes'}")
    workspace.ready("apps", workspace.commit(files))
    assert (
        workspace.api.present("v1", "Secret", "b", workspace.namespace)["metadata"]["labels"]["changed"]
        == "yes"
    )
