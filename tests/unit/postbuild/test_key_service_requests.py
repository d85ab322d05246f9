"""The requests to Azure Key Vault and Google Cloud KMS, compared with their documentation; they do not run here.

Azure's SDK accepts any transport, and the transport accepts an adapter instead of a connection. Google's key files name
the token server, and a variable of SOPS names the service, so a server on loopback replaces both. Neither test shows
that the cloud accepts the requests.
"""

from __future__ import annotations

import base64
import io
import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from azure.core.pipeline.transport import RequestsTransport
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from headgate.identity import IdentityRefused, WorkloadIdentity
from headgate.postbuild.sops import (
    KeyCredentialsInvalid,
    KeyRefused,
    MasterKey,
    key_sources,
)
from headgate.postbuild.sops.azure import AzureKeyVault
from headgate.postbuild.sops.gcp import GcpKms
from headgate.postbuild.sops.keys import ServiceSilent
from headgate.postbuild.sops.vault import VaultTransit
from tests.support.serving import serving

Obj = dict[str, Any]
DATA_KEY = bytes(range(32))
TENANT, CLIENT = "72f988bf-86f1-41af-91ab-2d7cd011db48", "559513bd-0c19-4c1a-87cd-851a26afd5fc"
VAULT = "https://fleet.vault.azure.net"
RSA = rsa.generate_private_key(65537, 2048)
PEM = RSA.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def urlsafe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# Azure.


class Azure(BaseAdapter):
    """Login server and Key Vault, as far as a decryption calls them; records the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.logins: list[dict[str, list[str]]] = []
        self.asked: list[tuple[str, Obj, str]] = []
        self.refuse = 0

    @property
    def transport(self) -> RequestsTransport:
        """What the SDK's clients take."""
        session = requests.Session()
        session.mount("https://", self)
        return RequestsTransport(session=session, session_owner=False)

    def close(self) -> None: ...

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        status, headers, body = self._answer(request)
        response = requests.Response()
        response.status_code, response.reason, response.url = status, str(status), str(request.url)
        response.headers.update({"Content-Type": "application/json", **headers})
        response.raw = HTTPResponse(io.BytesIO(json.dumps(body).encode()), preload_content=False)
        return response

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], Obj]:
        host, _, path = str(request.url).removeprefix("https://").partition("/")
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
        if host.startswith("login."):
            if "token" in path:
                self.logins.append(parse_qs(body))
                return 200, {}, {"token_type": "Bearer", "expires_in": 3600, "access_token": "azure-token"}
            base = f"https://{host}/{TENANT}/oauth2/v2.0"
            known = {"authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token"}
            issuer = f"https://{host}/{TENANT}/v2.0"
            return 200, {}, {**known, "issuer": issuer, "tenant_discovery_endpoint": base}
        authorization = request.headers.get("Authorization", "")
        if not authorization:
            challenge = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", '
            return 401, {"WWW-Authenticate": challenge + 'resource="https://vault.azure.net"'}, {}
        if self.refuse:
            return self.refuse, {}, {"error": {"code": "Forbidden", "message": "caller azure-token may not"}}
        if request.method == "GET":
            return 403, {}, {"error": {"code": "Forbidden", "message": "only decrypt"}}
        asked = json.loads(body)
        self.asked.append((path, asked, authorization))
        wrapped = base64.urlsafe_b64decode(asked["value"] + "==")
        plain = RSA.decrypt(wrapped, OAEP)
        return 200, {}, {"kid": str(request.url).split("/decrypt")[0], "value": urlsafe(plain)}


def azure_key(version: str = "v1") -> MasterKey:
    wrapped = RSA.public_key().encrypt(
        DATA_KEY, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    )
    return MasterKey("azure_kv", urlsafe(wrapped), {"vault_url": VAULT, "name": "sops", "version": version})


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"tenantId": TENANT, "clientId": CLIENT, "clientSecret": "s3cret"}, {"client_secret": "s3cret"}),
        ({"tenant": TENANT, "appId": CLIENT, "password": "s3cret"}, {"client_secret": "s3cret"}),
    ],
)
def test_azure_is_asked_as_the_principal(given: dict[str, str], asked: dict[str, str]) -> None:
    azure = Azure()
    assert AzureKeyVault(given, options={"transport": azure.transport}).decrypt(azure_key()) == DATA_KEY
    (path, body, authorization), *_ = azure.asked
    assert path.startswith("keys/sops/v1/decrypt?api-version=")
    assert body["alg"] == "RSA-OAEP-256"
    assert authorization == "Bearer azure-token"
    login = azure.logins[0]
    assert login["client_id"] == [CLIENT]
    assert login["scope"][0].startswith("https://vault.azure.net/.default")
    assert {name: login[name][0] for name in asked} == asked


def test_azure_trusts_a_service_account_by_its_token() -> None:
    azure = Azure()
    audiences: list[str] = []
    identity = WorkloadIdentity(
        "team",
        "deployer",
        lambda audience: audiences.append(audience) or "kubernetes-token",  # type: ignore[func-returns-value]
        {"azure.workload.identity/tenant-id": TENANT, "azure.workload.identity/client-id": CLIENT},
    )
    assert (
        AzureKeyVault(identity=identity, options={"transport": azure.transport}).decrypt(azure_key())
        == DATA_KEY
    )
    assert azure.logins[0]["client_assertion"] == ["kubernetes-token"]
    assert audiences == ["api://AzureADTokenExchange"]


def test_what_azure_refuses_is_reported_without_its_words() -> None:
    azure = Azure()
    azure.refuse = 403
    source = AzureKeyVault(
        {"tenantId": TENANT, "clientId": CLIENT, "clientSecret": "s3cret"},
        options={"transport": azure.transport},
    )
    with pytest.raises(KeyRefused, match=r"^the service refused \(status 403\)$"):
        source.decrypt(azure_key())


def test_a_vault_of_another_domain_gets_no_token() -> None:
    """The address is in the encrypted file; whoever wrote that one must not have our tokens."""
    azure = Azure()
    source = AzureKeyVault(
        {"tenantId": TENANT, "clientId": CLIENT, "clientSecret": "s3cret"},
        options={"transport": azure.transport},
    )
    key = azure_key()
    with pytest.raises(KeyRefused, match="could not be used"):
        source.decrypt(
            MasterKey("azure_kv", key.enc, {**key.fields, "vault_url": "https://fleet.example.com"})
        )
    assert azure.logins == []


@pytest.mark.parametrize("text", ["a: 1", "[]", "tenantId: x\nclientSecret: y\n", ""])
def test_azure_credentials_that_are_invalid_are_refused_by_their_entry(text: str) -> None:
    with pytest.raises(KeyCredentialsInvalid, match=r"entry 'sops\.azure-kv'"):
        key_sources({"sops.azure-kv": text.encode()})


def test_credentials_may_be_utf16_and_json_may_have_tabs() -> None:
    text = json.dumps({"tenantId": TENANT, "clientId": CLIENT, "clientSecret": "x"}, indent="\t")
    key_sources({"sops.azure-kv": text.encode("utf-16")})


# Google.


class Google:
    """Token endpoint and KMS on loopback."""

    def __init__(self) -> None:
        self.grants: list[dict[str, list[str]]] = []
        self.asked: list[tuple[str, Obj, str]] = []
        self.status = 200
        self.address = ""

    def answer(self, path: str, body: bytes, authorization: str) -> tuple[int, Obj]:
        if path == "/token":
            self.grants.append(parse_qs(body.decode()))
            return 200, {"access_token": "google-token", "expires_in": 3600, "token_type": "Bearer"}
        self.asked.append((path, json.loads(body), authorization))
        return self.status, {"plaintext": base64.b64encode(DATA_KEY).decode()}


@contextmanager
def served(answer: Callable[[str, bytes, str], tuple[int, Obj]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = answer(self.path, body, self.headers.get("Authorization", ""))
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    google = Google()
    with served(google.answer) as address:
        google.address = address
        monkeypatch.setenv("SOPS_GCP_KMS_ENDPOINT", address)
        yield google


RESOURCE = "projects/p/locations/global/keyRings/sops/cryptoKeys/fleet"


def google_key(resource: str = RESOURCE) -> MasterKey:
    return MasterKey("gcp_kms", base64.b64encode(b"wrapped").decode(), {"resource_id": resource})


def key_file(google: Google) -> Obj:
    names = {
        "type": "service_account",
        "client_email": "sops@p.iam.gserviceaccount.com",
        "private_key_id": "1",
    }
    return {**names, "project_id": "p", "private_key": PEM, "token_uri": f"{google.address}/token"}


def test_google_is_asked_as_the_service_account(google: Google) -> None:
    assert GcpKms(key_file(google)).decrypt(google_key()) == DATA_KEY
    assert google.grants[0]["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    claims = json.loads(base64.urlsafe_b64decode(google.grants[0]["assertion"][0].split(".")[1] + "=="))
    assert claims["iss"] == "sops@p.iam.gserviceaccount.com"
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    wrapped = base64.b64encode(b"wrapped").decode()
    assert google.asked == [(f"/v1/{RESOURCE}:decrypt", {"ciphertext": wrapped}, "Bearer google-token")]


def test_what_google_refuses_is_reported_without_its_words(google: Google) -> None:
    google.status = 403
    with pytest.raises(KeyRefused, match=r"^the service refused \(status 403\)$"):
        GcpKms(key_file(google)).decrypt(google_key())


@pytest.mark.parametrize("resource", ["", "projects/p", f"{RESOURCE}:encrypt?x=", f"{RESOURCE}/../../x"])
def test_a_file_cannot_lead_a_token_elsewhere(google: Google, resource: str) -> None:
    with pytest.raises(KeyRefused, match="resource id is malformed"):
        GcpKms(key_file(google)).decrypt(google_key(resource))
    assert google.grants == []


@pytest.mark.parametrize("kind", ["external_account", "impersonated_service_account", "", None])
def test_a_key_file_that_names_files_and_programs_is_refused(kind: str | None) -> None:
    text = json.dumps({"type": kind, "credential_source": {"file": "/var/run/secrets/token"}})
    with pytest.raises(
        KeyCredentialsInvalid, match=r"entry 'sops\.gcp-kms' of the decryption Secret must be a key file"
    ):
        key_sources({"sops.gcp-kms": text.encode()})


def test_a_malformed_annotation_of_google_s_is_reported() -> None:
    identity = WorkloadIdentity(
        "team", "deployer", lambda _: "", {"gcp.auth.fluxcd.io/workload-identity-provider": "x"}
    )
    with pytest.raises(IdentityRefused, match="workload-identity-provider is malformed"):
        GcpKms(identity=identity).decrypt(google_key())


# Any server that an encrypted file names.


@contextmanager
def flooding(*, packed: bool) -> Iterator[str]:
    """A server whose answers are of 256 MiB; packed, a thousandth of that."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            if packed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            packer, piece = zlib.compressobj(9, zlib.DEFLATED, 31), b" " * 1024 * 1024
            with suppress(OSError):
                for _ in range(256):
                    self.wfile.write(packer.compress(piece) if packed else piece)
                self.wfile.write(packer.flush() if packed else b"{}")

        do_GET = do_PUT = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_of_vault_has_an_end(packed: bool) -> None:
    with flooding(packed=packed) as address:
        fields = {"vault_address": address, "engine_path": "sops", "key_name": "k"}
        key = MasterKey("hc_vault", "vault:v1:abc", fields)
        tracemalloc.start()
        with pytest.raises((KeyRefused, ServiceSilent)):
            VaultTransit(token="t").decrypt(key)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 64 * 1024 * 1024
