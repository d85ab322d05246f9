"""Tokens for clusters of clouds, from the clouds' own libraries; no test calls a cloud."""

from __future__ import annotations

import base64
import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from headgate.identity import WorkloadIdentity
from headgate.kube import AccessFailed
from headgate.reconcile.target import clouds
from headgate.reconcile.target.clouds import AKS_SCOPE, Cloud, cloud

Obj = dict[str, Any]

EKS = "arn:aws:eks:eu-central-1:123456789012:cluster/prod"
AKS = "/subscriptions/s-1/resourceGroups/rg_1/providers/Microsoft.ContainerService/managedClusters/prod"
GKE = "projects/p-1/locations/europe-west1/clusters/prod"
AUTHORITY = b"-----BEGIN CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("provider", "cluster"),
    [
        ("aws", "arn:aws:iam::123456789012:role/x"),
        ("aws", "arn:aws:eks:evil.test/:123456789012:cluster/x"),
        ("azure", AKS + "/../../../other"),
        ("azure", "https://evil.test" + AKS),
        ("gcp", GKE + "?x=y"),
        ("gcp", "../" + GKE),
    ],
)
def test_what_is_no_cluster(provider: str, cluster: str) -> None:
    with pytest.raises(ValueError, match="is not the resource name"):
        cloud(provider, cluster, None)


@pytest.fixture
def in_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "not-in-the-token")):
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("arn", "host"),
    [
        (EKS, "sts.eu-central-1.amazonaws.com"),
        (
            EKS.replace("arn:aws:", "arn:aws-cn:").replace("eu-central-1", "cn-north-1"),
            "sts.cn-north-1.amazonaws.com.cn",
        ),
    ],
)
@pytest.mark.usefixtures("in_aws")
def test_aws_signs_a_request_that_names_the_cluster(arn: str, host: str) -> None:
    bearer = cloud("aws", arn, None).token()
    assert bearer.lifetime == 900.0
    prefix, _, encoded = bearer.token.partition(".")
    assert prefix == "k8s-aws-v1"
    assert "=" not in encoded
    url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    query = parse_qs(urlsplit(url).query)
    assert urlsplit(url).netloc == host
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]
    assert query["X-Amz-Credential"][0].startswith("AKIDEXAMPLE/")
    assert "not-in-the-token" not in url


@pytest.mark.usefixtures("in_aws")
def test_aws_describes_the_cluster() -> None:
    import boto3
    from moto import mock_aws

    with mock_aws():
        client = boto3.client("eks", region_name="eu-central-1")
        made = client.create_cluster(
            name="prod", roleArn="arn:aws:iam::123456789012:role/x", resourcesVpcConfig={}
        )["cluster"]
        found = cloud("aws", EKS, None).describe()
        assert found.addresses == (made["endpoint"],)
        assert found.authority == base64.b64decode(made["certificateAuthority"]["data"])
        with pytest.raises(AccessFailed, match=r"failed to describe the cluster: ResourceNotFound"):
            cloud("aws", EKS.replace("prod", "other"), None).describe()


@pytest.mark.usefixtures("in_aws")
def test_aws_takes_the_role_of_a_service_account() -> None:
    from moto import mock_aws

    asked = []

    def token(audience: str) -> str:
        asked.append(audience)
        return "header.payload.signature"

    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/deployer"}
    with mock_aws():
        bearer = cloud("aws", EKS, WorkloadIdentity("apps", "deployer", token, role)).token()
    assert asked == ["sts.amazonaws.com"]
    encoded = bearer.token.partition(".")[2]
    url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    assert "X-Amz-Security-Token=" in url
    assert "AKIDEXAMPLE" not in url
    with pytest.raises(AccessFailed, match=r"has no annotation eks\.amazonaws\.com/role-arn"):
        cloud("aws", EKS, WorkloadIdentity("apps", "deployer", token, {})).token()


class _Token(NamedTuple):
    token: str
    expires_on: int


@pytest.fixture
def scopes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records the requested tokens; the library's credentials respond without any request."""
    import azure.identity

    asked: list[str] = []

    def get_token(self: Any, scope: str, **_: Any) -> _Token:
        asked.append(scope)
        return _Token(f"token for {scope}", int(datetime.datetime.now().timestamp()) + 3000)

    for kind in (azure.identity.DefaultAzureCredential, azure.identity.ClientAssertionCredential):
        monkeypatch.setattr(kind, "get_token", get_token)
    return asked


def kubeconfig(server: str) -> Obj:
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(AUTHORITY).decode()}
    content = yaml.safe_dump({"clusters": [{"name": "c", "cluster": cluster}]})
    return {"name": "clusterUser", "value": base64.b64encode(content.encode()).decode()}


def answering(monkeypatch: pytest.MonkeyPatch, *answers: Obj) -> list[tuple[str, str, str]]:
    """Respond to the requests to a cloud's REST interface; returns the requests and their authorization."""
    asked: list[tuple[str, str, str]] = []
    left = iter(answers)

    def answer(method: str, url: str, headers: Obj) -> Obj:
        asked.append((method, url, headers["Authorization"]))
        return next(left)

    monkeypatch.setattr(clouds, "_json", answer)
    return asked


def test_azure(monkeypatch: pytest.MonkeyPatch, scopes: list[str]) -> None:
    found: Cloud = cloud("azure", AKS, None)
    bearer = found.token()
    assert scopes == [AKS_SCOPE]
    assert bearer.token == f"token for {AKS_SCOPE}"
    assert 2900 < bearer.lifetime <= 3000
    servers = ("https://a.hcp.test:443", "https://b.hcp.test:443")
    asked = answering(
        monkeypatch,
        {"properties": {"aadProfile": {"managed": True}}},
        {"kubeconfigs": [kubeconfig(server) for server in servers]},
    )
    described = found.describe()
    assert described.addresses == servers
    assert described.authority == AUTHORITY
    assert [(method, url.partition("?")[0]) for method, url, _ in asked] == [
        ("GET", f"https://management.azure.com{AKS}"),
        ("POST", f"https://management.azure.com{AKS}/listClusterUserCredential"),
    ]
    assert {each for *_, each in asked} == {"Bearer token for https://management.azure.com/.default"}


def test_azure_clusters_without_entra_id_are_refused(
    monkeypatch: pytest.MonkeyPatch, scopes: list[str]
) -> None:
    answering(monkeypatch, {"properties": {}})
    with pytest.raises(AccessFailed, match="Microsoft Entra ID"):
        cloud("azure", AKS, None).describe()
    assert scopes


def test_azure_by_a_service_account(scopes: list[str]) -> None:
    names = {"azure.workload.identity/tenant-id": "t", "azure.workload.identity/client-id": "c"}
    account = WorkloadIdentity("apps", "deployer", lambda audience: audience, names)
    assert cloud("azure", AKS, account).token().token == f"token for {AKS_SCOPE}"
    with pytest.raises(AccessFailed, match="has no annotation"):
        cloud("azure", AKS, WorkloadIdentity("apps", "deployer", lambda a: a, {})).token()


def test_gcp(monkeypatch: pytest.MonkeyPatch) -> None:
    import google.auth
    from google.oauth2.credentials import Credentials

    class Fresh(Credentials):  # type: ignore[misc]
        def refresh(self, request: Any) -> None:
            self.token = "ya29.x"
            self.expiry = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(
                hours=1
            )

    monkeypatch.setattr(google.auth, "default", lambda scopes: (Fresh(None), "p-1"))
    found = cloud("gcp", GKE, None)
    bearer = found.token()
    assert bearer.token == "ya29.x"
    assert 3500 < bearer.lifetime <= 3600
    master = {"clusterCaCertificate": base64.b64encode(AUTHORITY).decode()}
    asked = answering(monkeypatch, {"endpoint": "34.1.2.3", "masterAuth": master})
    assert found.describe().addresses == ("34.1.2.3",)
    assert asked == [("GET", f"https://container.googleapis.com/v1/{GKE}", "Bearer ya29.x")]


def test_what_a_library_says_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold what was sent."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret is hunter2")

    import google.auth

    monkeypatch.setattr(google.auth, "default", broken)
    with pytest.raises(AccessFailed, match=r"provider 'gcp' failed to make a token: RuntimeError$"):
        cloud("gcp", GKE, None).token()
