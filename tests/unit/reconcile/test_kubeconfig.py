"""What a kubeconfig in a Secret may hold: Headgate honors each field or refuses it by name."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from headgate.reconcile.target.errors import TargetError
from headgate.reconcile.target.kubeconfig import HONOURED, parse_kubeconfig
from headgate.settings import TargetSettings

DATA = base64.b64encode(b"pem").decode()
SERVER = "https://cluster.example.org:6443"


def parsed(user: dict[str, Any], cluster: dict[str, Any], **options: bool) -> Any:
    content = {
        "clusters": [{"name": "c", "cluster": {"server": SERVER, **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    settings = TargetSettings(**options)  # type: ignore[arg-type]
    return parse_kubeconfig(json.dumps(content).encode(), "Secret 'a/b'", settings)


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({"token": "t"}, {}),
        ({"username": "u", "password": "p"}, {}),
        ({"client-certificate-data": DATA, "client-key-data": DATA}, {}),
        ({"as": "jane", "as-groups": ["g"], "as-uid": "1", "as-user-extra": {"k": ["v"]}}, {}),
        ({"extensions": [{"name": "x", "extension": {}}]}, {"extensions": []}),
        ({}, {"certificate-authority-data": DATA, "tls-server-name": "name"}),
        ({}, {"proxy-url": "http://user:pass@proxy.example.org:3128"}),
        ({}, {"disable-compression": True, "insecure-skip-tls-verify": False}),
        ({}, {"server": "https://rancher.example.org/k8s/clusters/c-1"}),
        ({"tokenFile": "", "exec": None, "auth-provider": None}, {"certificate-authority": ""}),
    ],
)
def test_honoured(user: dict[str, Any], cluster: dict[str, Any]) -> None:
    assert parsed(user, cluster)


@pytest.mark.parametrize(
    ("user", "cluster", "message"),
    [
        ({"exec": {"command": "sh"}}, {}, "user.exec is not allowed"),
        ({"auth-provider": {"name": "oidc"}}, {}, "user.auth-provider is not supported"),
        ({"tokenFile": "/var/run/secrets/token"}, {}, "user.tokenFile names a file"),
        ({"client-certificate": "/x"}, {}, "user.client-certificate names a file"),
        ({"client-key": "/x"}, {}, "user.client-key names a file"),
        ({"client-key-data": "?"}, {}, "user.client-key-data is not base64"),
        ({"as-groups": ["g"]}, {}, "set 'as'"),
        ({"token": "t", "username": "u"}, {}, "token and username exclude each other"),
        ({"as-scopes": ["x"]}, {}, "user.as-scopes is not a field of a kubeconfig's user"),
        ({"impersonate": "jane"}, {}, "user.impersonate is not a field of a kubeconfig's user"),
        ({}, {"certificate-authority": "/x"}, "cluster.certificate-authority names a file"),
        ({}, {"insecure-skip-tls-verify": True}, "cluster.insecure-skip-tls-verify is not allowed"),
        ({}, {"insecure-skip-tls-verify": "false"}, "cluster.insecure-skip-tls-verify is not allowed"),
        ({}, {"min-tls-version": "1.3"}, "cluster.min-tls-version is not a field of a kubeconfig's cluster"),
        (
            {},
            {"proxy-url": "socks5://proxy.example.org"},
            "cluster.proxy-url must be a URL with the scheme http",
        ),
        ({}, {"proxy-url": "file:///etc/passwd"}, "cluster.proxy-url must be a URL with the scheme http"),
        ({}, {"server": "unix:///run/x"}, "cluster.server must be a URL with the scheme https or http"),
        ({}, {"server": "http://10.0.0.5/admin?x="}, "cluster.server must be a scheme, a host"),
        ({}, {"server": "http://10.0.0.5/admin#"}, None),
        ({}, {"server": "http://10.0.0.5/admin#x"}, "cluster.server must be a scheme, a host"),
        ({}, {"server": "https://user:pass@10.0.0.5"}, "cluster.server must be a scheme, a host"),
        ({}, {"server": "https://:443"}, "cluster.server must be a scheme, a host"),
        ({}, {"server": "https://x:port"}, "cluster.server is not a URL"),
        ({}, {"server": 1}, "cluster.server is not a URL"),
    ],
)
def test_refused(user: dict[str, Any], cluster: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert parsed(user, cluster)
        return
    with pytest.raises(TargetError) as raised:
        parsed(user, cluster)
    assert message in str(raised.value)
    assert "pass" not in str(raised.value)


def test_programs_and_unverified_tls_by_option() -> None:
    options = {"insecure_kubeconfig_exec": True, "insecure_kubeconfig_tls": True}
    assert parsed({"exec": {"command": "sh"}}, {"insecure-skip-tls-verify": True}, **options)
    with pytest.raises(TargetError, match="auth-provider is not supported"):
        parsed({"auth-provider": {"name": "oidc"}}, {}, **options)


def test_every_field_that_kubernetes_clients_know_is_dealt_with() -> None:
    """Those of client-go's api.Cluster and api.AuthInfo."""
    refused = {"client-certificate", "client-key", "tokenFile", "auth-provider", "certificate-authority"}
    assert HONOURED["user"] | refused >= {
        *(
            "client-certificate",
            "client-certificate-data",
            "client-key",
            "client-key-data",
            "token",
            "tokenFile",
        ),
        *("as", "as-uid", "as-groups", "as-user-extra", "username", "password", "auth-provider", "exec"),
        "extensions",
    }
    assert HONOURED["cluster"] | refused >= {
        *("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority"),
        *("certificate-authority-data", "proxy-url", "disable-compression", "extensions"),
    }


MANY = 2000
KEYS, USES = ", ".join(f"k{i}: 1" for i in range(MANY)), ", ".join(["*a"] * MANY)
BOMBS = {
    "a merge key": f"a: &a {{{KEYS}}}\nb: {{<<: [{USES}]}}\n",
    "an alias": f"users:\n- &a {{user: {{client-key-data: {'QUFB' * MANY}}}}}\n- [{USES}]\n",
    "a circle": "users: &u [*u]\n",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_short_text_does_not_stand_for_a_long_one(bomb: str) -> None:
    text = BOMBS[bomb] + "clusters: []\n"
    with pytest.raises(TargetError, match=r"Secret 'a/b' uses YAML aliases \(\*name\)"):
        parse_kubeconfig(text.encode(), "Secret 'a/b'", TargetSettings())


@pytest.mark.parametrize("number", ["1" + ":59" * MANY, "9" * MANY, "0x" + "f" * MANY, "1." + "0" * MANY])
def test_a_number_that_takes_long_to_read(number: str) -> None:
    text = f"users: {number}\nclusters: []\n"
    with pytest.raises(TargetError, match="has a number of more than 100 characters"):
        parse_kubeconfig(text.encode(), "Secret 'a/b'", TargetSettings())


@pytest.mark.parametrize(
    "text", ["", "- a", "[" * 100_000, "a: !!python/name:os.system", "a: b: c", "2001-99-99"]
)
def test_what_is_no_kubeconfig_is_not_quoted(text: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_kubeconfig(text.encode(), "Secret 'a/b'", TargetSettings())
    assert str(caught.value) in ("Secret 'a/b' is not valid YAML", "Secret 'a/b' is not a kubeconfig")
