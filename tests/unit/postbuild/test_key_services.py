"""Data keys by the services that hold keys: OpenBao itself and AWS KMS as moto plays it, over their real clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.ports import free_ports
from headgate.identity import WorkloadIdentity
from headgate.postbuild.sops import Decryptor, NoDataKey, key_sources
from tests.support.keyservices import AwsKms, OpenBao, aws_kms, openbao
from tests.support.sops import Wrap, sealed_file

AWS_KEYS = {"sops.aws-kms": b"aws_access_key_id: AKIAEXAMPLE\naws_secret_access_key: 'secret/of/a/test'\n"}


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with openbao() as server:
        yield server


@pytest.fixture(scope="module")
def services() -> Iterator[AwsKms]:
    with aws_kms() as services:
        yield services


@pytest.fixture
def kms(services: AwsKms, monkeypatch: pytest.MonkeyPatch) -> AwsKms:
    for name, value in services.variables.items():
        monkeypatch.setenv(name, value)
    return services


def opened(content: str, secret: dict[str, bytes], **options: Any) -> str:
    decryptor = Decryptor(key_sources(secret, **options))
    return decryptor.decrypt_file(content.encode(), "token").decode()


def refused(content: str, secret: dict[str, bytes], **options: Any) -> str:
    with pytest.raises(NoDataKey) as raised:
        opened(content, secret, **options)
    return str(raised.value)


def account(token: str = "a.b.c", **annotations: str) -> tuple[WorkloadIdentity, list[str]]:
    """A service account, and the audiences of the requested tokens."""
    asked: list[str] = []

    def make(audience: str) -> str:
        asked.append(audience)
        return token

    return WorkloadIdentity("team", "deployer", make, annotations), asked


# OpenBao.


def test_a_token_opens_what_the_transit_engine_closed(bao: OpenBao) -> None:
    content = sealed_file("plain", bao.wrap)
    assert opened(content, {"sops.vault-token": bao.token().encode() + b"\n"}) == "plain"


def test_a_token_that_may_not_is_refused_and_not_shown(bao: OpenBao) -> None:
    token = str(bao.admin.auth.token.create(policies=["default"])["auth"]["client_token"])
    message = refused(sealed_file("plain", bao.wrap), {"sops.vault-token": token.encode()})
    assert (
        f"Vault transit key {bao.address}/sops/fleet: the server could not be used: permission denied"
        in message
    )
    assert token not in message


def test_without_a_token_the_entry_is_named(bao: OpenBao) -> None:
    assert "an entry sops.vault-token of the decryption Secret" in refused(sealed_file("plain", bao.wrap), {})


def test_the_operator_s_token_is_shown_to_its_own_server_only(
    bao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address comes from the encrypted file, and so from anybody who may commit one."""
    content = sealed_file("plain", bao.wrap)
    monkeypatch.setenv("VAULT_TOKEN", bao.token())
    assert "is for the server in VAULT_ADDR only" in refused(content, {})
    monkeypatch.setenv("VAULT_ADDR", f"{bao.address}/")
    assert opened(content, {}) == "plain"


def test_the_operator_s_token_is_not_lent_to_service_accounts(
    bao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who acts as one is a tenant: the key that the operator may use is not for whoever may commit a file."""
    monkeypatch.setenv("VAULT_TOKEN", bao.token())
    monkeypatch.setenv("VAULT_ADDR", bao.address)
    identity, _ = account()
    message = refused(sealed_file("plain", bao.wrap), {}, identity=identity, vault_identity=identity)
    assert "a Kustomization that acts as a service account cannot use" in message


def test_a_server_that_is_not_there_is_reported(bao: OpenBao) -> None:
    content = sealed_file("plain", bao.wrap).replace(bao.address, f"http://127.0.0.1:{free_ports(1)[0]}")
    assert refused(content, {"sops.vault-token": b"t"}).endswith(
        "the server could not be used: connection refused"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("engine_path", "sops/../../sys"),
        ("engine_path", ".."),
        ("key_name", "../../auth/token/create"),
        ("key_name", "fleet?x="),
        ("key_name", "a%2fb"),
    ],
)
def test_a_file_cannot_lead_a_token_to_other_parts_of_a_server(bao: OpenBao, field: str, value: str) -> None:
    content = json.loads(sealed_file("plain", bao.wrap))
    content["sops"]["hc_vault"][0][field] = value
    assert "malformed" in refused(json.dumps(content), {"sops.vault-token": bao.token().encode()})


def test_a_service_account_does_not_log_in_where_nobody_said_so(bao: OpenBao) -> None:
    identity, asked = account()
    options: dict[str, Any] = {
        "vault_identity": identity,
        "vault_login_paths": {"http://other": "auth/x/login"},
    }
    assert "no login path is configured" in refused(sealed_file("plain", bao.wrap), {}, **options)
    assert asked == []


# AWS KMS.


@pytest.mark.parametrize(
    "wrap",
    [
        lambda kms: kms.wrapping(),
        lambda kms: kms.wrapping(context={"Role": "production"}),
        lambda kms: kms.wrapping(role="arn:aws:iam::123456789012:role/sops"),
    ],
    ids=["plain", "context", "role"],
)
def test_credentials_of_the_secret_open_what_kms_closed(kms: AwsKms, wrap: Any) -> None:
    assert opened(sealed_file("plain", wrap(kms)), AWS_KEYS) == "plain"


def test_another_context_is_refused_by_the_service(kms: AwsKms) -> None:
    content = sealed_file("plain", kms.wrapping(context={"Role": "production"}))
    message = refused(content.replace("production", "staging"), AWS_KEYS)
    assert f"AWS KMS key {kms.arn}: the service refused (InvalidCiphertextException)" in message
    assert "secret/of/a/test" not in message


def test_a_service_account_takes_the_role_of_its_annotation(kms: AwsKms) -> None:
    identity, asked = account(**{"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/sops"})
    assert opened(sealed_file("plain", kms.wrapping()), {}, identity=identity) == "plain"
    assert asked == ["sts.amazonaws.com"]


def test_a_service_account_without_the_annotation_is_reported(kms: AwsKms) -> None:
    identity, _ = account()
    message = refused(sealed_file("plain", kms.wrapping()), {}, identity=identity)
    assert "the service account team/deployer has no annotation eks.amazonaws.com/role-arn" in message


def test_static_credentials_come_before_the_service_account(kms: AwsKms) -> None:
    identity, asked = account()
    assert opened(sealed_file("plain", kms.wrapping()), AWS_KEYS, identity=identity) == "plain"
    assert asked == []


def test_the_operator_s_own_credentials_are_the_last(kms: AwsKms, monkeypatch: pytest.MonkeyPatch) -> None:
    content = sealed_file("plain", kms.wrapping())
    assert "no credentials given" in refused(content, {})
    assert "there are no credentials" in refused(content, {}, ambient=True)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert opened(content, {}, ambient=True) == "plain"


# Several.


def test_any_key_of_a_group_will_do_and_all_reasons_are_reported(kms: AwsKms, bao: OpenBao) -> None:
    def both(data_key: bytes) -> dict[str, Any]:
        return {**kms.wrapping()(data_key), **bao.wrap(data_key)}

    wrap: Wrap = both
    content = sealed_file("plain", wrap)
    assert opened(content, AWS_KEYS) == "plain"
    assert opened(content, {"sops.vault-token": bao.token().encode()}) == "plain"
    message = refused(content, {"sops.vault-token": b"wrong"})
    assert "AWS KMS key" in message
    assert "Vault transit key" in message
