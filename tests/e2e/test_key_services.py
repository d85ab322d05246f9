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
from tests.support.area import OWN, Area
from tests.support.cluster import Api
from tests.support.gitserver import GitHttpServer
from tests.support.keyservices import AwsKms, OpenBao, aws_kms, openbao
from tests.support.sops import Wrap, sealed_secret

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
) -> Iterator[Area]:
    """The operator's namespace, with an operator that may log in to OpenBao and finds AWS here."""
    home = Area(api, git_server, "operator", {OWN: MARK})
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
def area(home: Area, request: pytest.FixtureRequest) -> Iterator[Area]:
    area = Area(home.api, home.server, "key-services", {OWN: MARK})
    area.source(ready=False)
    yield area
    area.close()


def commit(area: Area, wrap: Wrap, password: str = "plain") -> str:
    return area.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password=password))})


def password(area: Area) -> str:
    secret = area.api.present("v1", "Secret", "a", area.namespace)
    return base64.b64decode(secret["data"]["password"]).decode()


def service_account(area: Area, name: str, **annotations: str) -> None:
    meta = {"name": name, "namespace": area.namespace, "annotations": annotations}
    area.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})


def test_a_vault_token(area: Area, bao: OpenBao) -> None:
    commit(area, bao.wrap)
    area.secret("keys", {"sops.vault-token": "no-such-token"})
    area.kustomization("apps", decryption={"provider": "sops", "secretRef": {"name": "keys"}})
    area.failed(
        "apps",
        "BuildFailed",
        rf"apps/a\.yaml, .*Vault transit key {bao.address}/sops/fleet: .*permission denied",
    )
    area.secret("keys", {"sops.vault-token": bao.token()})
    area.poke("Kustomization", "apps")
    area.ready("apps")
    assert password(area) == "plain"


def test_a_service_account_logs_in_to_vault(
    area: Area, bao: OpenBao, shared_cluster: Cluster, trusting: None
) -> None:
    commit(area, bao.wrap)
    area.kustomization("apps", decryption={"provider": "sops", "serviceAccountName": "deployer"})
    area.failed("apps", "BuildFailed", f"decryption service account '{area.namespace}/deployer' not found")
    service_account(area, "deployer")
    area.poke("Kustomization", "apps")
    area.failed("apps", "BuildFailed", f"the login as role {area.namespace}_deployer failed")
    bao.admit(area.namespace, "deployer")
    area.poke("Kustomization", "apps")
    area.ready("apps")
    assert password(area) == "plain"


@pytest.fixture(scope="module")
def trusting(bao: OpenBao, api: Api, shared_cluster: Cluster, account: Path) -> None:
    """OpenBao asks the API server about tokens, in the name of the operator's account, which may do anything."""
    config = yaml.safe_load(account.read_text())
    cluster = config["clusters"][0]["cluster"]
    authority = cluster.get("certificate-authority-data")
    text = (
        base64.b64decode(authority).decode()
        if authority
        else Path(cluster["certificate-authority"]).read_text()
    )
    bao.trust_cluster(cluster["server"], text, config["users"][0]["user"]["token"])


def test_aws_keys(area: Area, kms: AwsKms) -> None:
    commit(area, kms.wrapping(context={"team": "shop"}))
    area.secret("keys", {"sops.aws-kms": AWS_KEYS})
    area.kustomization("apps", decryption={"provider": "sops", "secretRef": {"name": "keys"}})
    area.ready("apps")
    assert password(area) == "plain"


def test_a_service_account_takes_a_role_at_aws(area: Area, kms: AwsKms) -> None:
    commit(area, kms.wrapping())
    service_account(area, "deployer")
    area.kustomization("apps", decryption={"provider": "sops", "serviceAccountName": "deployer"})
    area.failed("apps", "BuildFailed", "has no annotation eks.amazonaws.com/role-arn")
    service_account(area, "deployer", **{"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/sops"})
    area.poke("Kustomization", "apps")
    area.ready("apps")
    assert password(area) == "plain"


def test_a_service_that_is_gone_is_not_needed_for_what_it_opened(
    request: pytest.FixtureRequest, area: Area
) -> None:
    """Asked once for a data key, not at each build."""
    with openbao() as short_lived:
        wrap = short_lived.wrap
        files = {
            f"apps/{name}.yaml": yaml.safe_dump(sealed_secret(name, wrap, password=name)) for name in "ab"
        }
        area.commit(files)
        area.secret("keys", {"sops.vault-token": short_lived.token()})
        area.kustomization("apps", decryption={"provider": "sops", "secretRef": {"name": "keys"}})
        area.ready("apps")
    files["apps/b.yaml"] = files["apps/b.yaml"].replace("name: b", "name: b\n  labels: {changed: 'yes'}")
    area.ready("apps", area.commit(files))
    assert area.api.present("v1", "Secret", "b", area.namespace)["metadata"]["labels"]["changed"] == "yes"
