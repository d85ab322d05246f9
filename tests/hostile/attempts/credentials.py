"""Attempts to use or to see the operator's own credentials, and to make servers' responses appear in messages."""

from __future__ import annotations

import json

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.hostile.attempt import Attempt, Obj, Try, attempt, secret, source
from tests.hostile.servers import CLOUD_KEY, CLOUD_TOKEN
from tests.hostile.world import World
from tests.support.cluster import (
    SOURCE,
)
from tests.support.manifests import dump

ATTEMPTS: list[Attempt] = []


@attempt(("foreign-host", "/x.git"), ("devops-in-the-path", "/dev.azure.com/x.git"))
def azure_token_for(w: World, name: str, path: str) -> Try:
    """Headgate sends its token for Azure DevOps only to Azure DevOps, not to a host that a tenant names."""
    authority = w.servers.authority.certificate.decode()
    url = w.servers.trap.url(path).replace("127.0.0.1", "localhost")
    certificates = secret(name, **{"ca.crt": authority})

    def nothing_sent(w: World, _: Obj) -> str:
        assert not w.servers.trap.requests_with(CLOUD_TOKEN)
        return ""

    made = source(name, url, provider="azure", secretRef={"name": name})
    return Try(spec=None, objects=(certificates, made), then=nothing_sent)


@attempt(
    (
        "kms",
        "/kms",
        {
            "kms": [
                {
                    "arn": "arn:aws:kms:eu-west-1:123456789012:key/x",
                    "enc": "AAAA",
                    "created_at": "2024-01-01T00:00:00Z",
                }
            ]
        },
    ),
    (
        "vault",
        "{name}",
        {
            "hc_vault": [
                {
                    "vault_address": "{vault}",
                    "engine_path": "sops",
                    "key_name": "{name}",
                    "enc": "vault:v1:AAAA",
                }
            ]
        },
    ),
    (
        "vault-of-mine",
        "{name}",
        {
            "hc_vault": [
                {
                    "vault_address": "{trap}",
                    "engine_path": "sops",
                    "key_name": "{name}",
                    "enc": "vault:v1:AAAA",
                }
            ]
        },
    ),
    (
        "azure",
        "{name}",
        {"azure_kv": [{"vault_url": "{trap}", "name": "{name}", "version": "1", "enc": "AAAA"}]},
    ),
)
def key_service(w: World, name: str, part: str, keys: Obj) -> Try:
    """Headgate calls key services as an account of the tenant: its own identity decrypts nothing for a tenant."""
    vault, trap = w.servers.cloud.url("/vault"), w.servers.trap.url()
    text = _encrypted(w, name, keys).replace("{vault}", vault).replace("{trap}", trap).replace("{name}", name)

    def nothing_sent(w: World, _: Obj) -> str:
        asked = [*w.servers.cloud.requests_with(part.format(name=name)), *w.servers.trap.received]
        shown = [e for e in asked if "the-operators-own" in str(e.headers) or CLOUD_KEY in str(e.headers)]
        assert not [e for e in shown if part.format(name=name) in e.path]
        return ""

    return Try({"a.yaml": text}, {"decryption": {"provider": "sops"}}, then=nothing_sent)


PAGES = (
    ("page", ""),
    ("error", "/error"),
    ("json", "/json"),
    ("status", "/status"),
    ("redirect", "/redirect"),
)


@attempt(*PAGES)
def github_app_at(w: World, name: str, path: str) -> Try:
    """Headgate does not quote a server that the tenant calls a GitHub server."""
    app = {
        "githubAppID": "1",
        "githubAppInstallationID": "2",
        "githubAppPrivateKey": _PRIVATE_KEY,
        "githubAppBaseURL": w.servers.page.url(path),
    }
    made = source(name, w.servers.page.url("/x/y.git"), provider="github", secretRef={"name": name})
    return Try(spec=None, objects=(secret(name, **app), made))


@attempt(*PAGES)
def proxy_at(w: World, name: str, path: str) -> Try:
    """Headgate does not quote a server that the tenant calls a proxy."""
    made = source(name, f"http://git.example.com{path}/x.git", proxySecretRef={"name": name})
    return Try(spec=None, objects=(secret(name, address=w.servers.page.url()), made))


@attempt(*PAGES)
def vault_at(w: World, name: str, path: str) -> Try:
    """Headgate does not quote a server that the tenant calls a key service."""
    keys = {"hc_vault": [{"vault_address": w.servers.page.url(path), "engine_path": "sops", "key_name": "k"}]}
    keys["hc_vault"][0]["enc"] = "vault:v1:AAAA"
    return _sealed(w, name, keys, **{"sops.vault-token": "x"})


@attempt(*PAGES)
def cloud_login_at(w: World, name: str, path: str) -> Try:
    """Headgate does not quote the login server that a cloud's key file names."""
    account = {
        "type": "service_account",
        "client_email": "a@b",
        "private_key": _PRIVATE_KEY,
        "token_uri": w.servers.page.url(path),
    }
    ring = "projects/a/locations/b/keyRings/c/cryptoKeys/d"
    keys = {"gcp_kms": [{"resource_id": ring, "enc": "AAAA", "created_at": "2024-01-01T00:00:00Z"}]}
    return _sealed(w, name, keys, **{"sops.gcp-kms": json.dumps(account)})


def _sealed(w: World, name: str, keys: Obj, **credentials: str) -> Try:
    """A Kustomization with an encrypted Secret and the credentials to open it."""
    decryption = {"provider": "sops", "secretRef": {"name": f"{name}-keys"}}
    return Try(
        {"a.yaml": _encrypted(w, name, keys)},
        {"decryption": decryption},
        objects=(secret(f"{name}-keys", **credentials),),
    )


def _encrypted(w: World, name: str, keys: Obj) -> str:
    """A Secret as SOPS encrypts it for these keys, except that its ciphertext is invalid."""
    sealed = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": w.tenant.namespace},
        "stringData": {"a": "ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]"},
        "sops": {**keys, "lastmodified": "2024-01-01T00:00:00Z", "mac": "ENC[x]", "version": "3.9.0"},
    }
    return dump(sealed)


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


_PRIVATE_KEY = _private_key()


@attempt(
    *(
        each for each in PAGES if each[0] != "status"
    ),  # an error of a server is one to try again, which takes long
    ("metadata", None),
    ("file", "file:///etc/hostname"),
    ("theirs", "/gitrepository"),
)
def artifact_at(w: World, name: str, path: str | None) -> Try:
    """Headgate quotes neither a page that is not an artifact nor its checksum."""
    url = w.servers.page.url(path) if path is not None else "http://169.254.169.254/latest"
    url = path if path is not None and path.startswith("file:") else url
    if path == "/gitrepository":
        artifact = w.other.get("source", SOURCE)["status"]["artifact"]
        url = f"http://{w.running.storage}/gitrepository/{w.other.namespace}/source/{artifact['digest'][7:]}.tar.gz"
    made = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "ExternalArtifact",
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "artifact": {
                "url": url,
                "path": "x.tar.gz",
                "revision": "main@sha1:" + "0" * 40,
                "digest": "sha256:" + "0" * 64,
                "lastUpdateTime": "2024-01-01T00:00:00Z",
                "size": 100,
            }
        },
    }
    return Try({}, {"sourceRef": {"kind": "ExternalArtifact", "name": name}, "path": "./"}, objects=(made,))
