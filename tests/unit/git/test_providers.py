"""Providers: GitHub Apps against a server that checks their tokens, the clouds' signatures and tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from headgate.borders import Retry
from headgate.git.cache.bare import BareCache
from headgate.git.credentials.providers import Providers
from headgate.git.credentials.proxy import Proxy
from headgate.git.errors import (
    AuthenticationFailed,
    GitError,
    GitTimedOut,
    ProviderInvalid,
    RemoteUnreachable,
)
from headgate.git.refs.reference import GitReference
from headgate.git.remote.client import Remote
from headgate.git.url import RemoteUrl
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_proxy import HttpProxy
from tests.support.gitserver_repository import Repository
from tests.support.gitserver_tls import Authority

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
GITHUB = RemoteUrl.parse("https://127.0.0.1/org/repo")


class GitHubApi:
    """The two calls of GitHub's API that an App makes, with its token checked."""

    def __init__(self, tls: Any = None) -> None:
        self.life = 3600.0
        self.tokens = 0
        self.pages = [[{"id": 7, "account": {"login": "Org"}}], [{"id": 8, "account": {"login": "other"}}]]
        self.hang = threading.Event()
        self.is_github = True
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = int(self.path.rpartition("page=")[2])
                self._answer(200, api.pages[page - 1] if page <= len(api.pages) else [])

            def do_POST(self) -> None:
                if self.path not in ("/api/v3/app/installations/7/access_tokens",):
                    self._answer(404, {"message": "Not Found"})
                    return
                api.tokens += 1
                expires = datetime.fromtimestamp(time.time() + api.life, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                self._answer(201, {"token": f"ghs_{api.tokens}", "expires_at": expires})

            def _answer(self, status: int, content: object) -> None:
                if api.hang.is_set():
                    time.sleep(2)
                problem = api.problem_of(self.headers.get("Authorization", ""))
                if problem:
                    status, content = 401, {"message": problem}
                body = json.dumps(content).encode()
                self.send_response(status)
                if api.is_github:
                    self.send_header("X-GitHub-Request-Id", "0:1:2")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self.scheme = "http"
        if tls is not None:
            self.scheme = "https"
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self._http.server_address[1]}"

    def problem_of(self, authorization: str) -> str:
        scheme, _, token = authorization.partition(" ")
        head, claims, signature = token.split(".")
        try:
            KEY.public_key().verify(
                decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return "bad signature"
        said = json.loads(decoded(claims))
        now = time.time()
        good = scheme == "Bearer" and said["iss"] == "42" and said["iat"] <= now < said["exp"] <= now + 600
        return "" if good and json.loads(decoded(head))["alg"] == "RS256" else "bad claims"

    def __enter__(self) -> GitHubApi:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
def api() -> Iterator[GitHubApi]:
    with GitHubApi() as running:
        yield running


def secret(api: GitHubApi | None = None, **changes: str | None) -> dict[str, bytes]:
    data: dict[str, str | None] = {
        "githubAppID": "42",
        "githubAppInstallationID": "7",
        "githubAppPrivateKey": PEM.decode(),
        "githubAppBaseURL": api.url if api else None,
    }
    return {key: value.encode() for key, value in (data | changes).items() if value is not None}


def test_a_token_opens_the_repository(
    api: GitHubApi, server: GitHttpServer, repository: Repository, cache: BareCache
) -> None:
    server.require_basic("x-access-token", "ghs_1")
    commit = repository.commit()
    url = RemoteUrl.parse(server.url())
    credentials = Providers().credentials("key", "github", url, secret(api), timeout=20)
    remote = Remote(url, credentials, timeout=20)
    assert remote.fetch(remote.resolve(GitReference(branch="main"), cache), cache) == commit
    assert "ghs_1" not in repr(credentials)


def test_the_installation_of_an_owner(api: GitHubApi) -> None:
    data = secret(api, githubAppInstallationID=None, githubAppInstallationOwner="org")
    assert Providers().credentials("key", "github", GITHUB, data, timeout=20).password == "ghs_1"
    data = secret(api, githubAppInstallationID=None, githubAppInstallationOwner="nobody")
    with pytest.raises(ProviderInvalid, match="no installation of the owner 'nobody'"):
        Providers().credentials("key", "github", GITHUB, data, timeout=20)


def test_a_token_is_kept_until_shortly_before_its_end_or_a_change(api: GitHubApi) -> None:
    providers = Providers()

    def password(key: str = "key", url: RemoteUrl = GITHUB, **changes: str | None) -> str:
        return providers.credentials(key, "github", url, secret(api, **changes), timeout=20).password

    assert [password(), password()] == ["ghs_1", "ghs_1"]
    assert password(username="changed") == "ghs_2"
    providers.forget("key")
    api.life = 200
    assert [password(), password()] == ["ghs_3", "ghs_4"]


def test_sources_with_the_same_secret_share_a_token_until_one_of_them_is_refused(api: GitHubApi) -> None:
    providers = Providers()

    def password(key: str, **changes: str | None) -> str:
        return providers.credentials(key, "github", GITHUB, secret(api, **changes), timeout=20).password

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(password, map(str, range(50)))) == {"ghs_1"}
    assert api.tokens == 1
    assert password("51", note="one byte more") == "ghs_2"
    providers.forget("0")
    assert password("1") == "ghs_3"
    for key in map(str, range(52)):
        providers.forget(key)
    assert password("0") == "ghs_4"


def test_over_tls_with_a_private_authority(server: GitHttpServer) -> None:
    authority = Authority()
    with GitHubApi(authority.server_context("127.0.0.1")) as api:
        data = secret(api, **{"ca.crt": authority.certificate.decode()})
        assert Providers().credentials("key", "github", GITHUB, data, timeout=20).password == "ghs_1"
        with pytest.raises(RemoteUnreachable):
            Providers().credentials("key", "github", GITHUB, secret(api), timeout=20)


def test_through_a_proxy(api: GitHubApi) -> None:
    with HttpProxy(("ada", "pass")) as running:
        data = {"address": running.url.encode(), "username": b"ada", "password": b"pass"}
        proxy = Proxy.from_secret("n/p", data)
        found = Providers().credentials("key", "github", GITHUB, secret(api), proxy=proxy, timeout=20)
        assert found.password == "ghs_1"
        assert found.proxy == proxy
        assert len(running.targets) == 1


def test_what_the_api_refuses(api: GitHubApi) -> None:
    other = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for changes, says in (
        ({"githubAppPrivateKey": other.decode()}, "401 bad signature"),
        ({"githubAppID": "43"}, "401 bad claims"),
        ({"githubAppInstallationID": "9"}, "404 Not Found"),
    ):
        with pytest.raises(AuthenticationFailed, match=says):
            Providers().credentials("key", "github", GITHUB, secret(api, **changes), timeout=20)


def test_what_another_server_than_github_says_is_not_quoted(api: GitHubApi) -> None:
    """Whoever names the URL need not be allowed to read what is there."""
    api.is_github = False
    with pytest.raises(AuthenticationFailed, match=r"refused a token: 404$"):
        Providers().credentials("key", "github", GITHUB, secret(api, githubAppInstallationID="9"), timeout=20)


def test_an_api_that_does_not_answer(api: GitHubApi) -> None:
    api.hang.set()
    with pytest.raises(GitTimedOut, match="did not answer in time"):
        Providers().credentials("key", "github", GITHUB, secret(api), timeout=0.3)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"githubAppID": None}, "secretRef with github app data must be specified"),
        ({"githubAppID": "x"}, "'githubAppID' is not a number"),
        ({"githubAppInstallationID": "../9"}, "'githubAppInstallationID' is not a number"),
        ({"githubAppInstallationID": None}, "owner or ID must be provided"),
        ({"githubAppInstallationOwner": "org"}, "only one of"),
        ({"githubAppPrivateKey": None}, "private key must be provided"),
        ({"githubAppPrivateKey": "junk"}, "could not parse private key"),
        ({"githubAppBaseURL": "file:///etc"}, "not an http or https URL"),
    ],
)
def test_secrets_that_are_refused(changes: dict[str, str | None], says: str) -> None:
    with pytest.raises(GitError) as error:
        Providers().credentials("key", "github", GITHUB, secret(**changes), timeout=20)
    assert says in str(error.value)
    # As Flux, whose client of GitHub finds these out.
    malformed = ("is not a number", "could not parse private key")
    reason = "AuthenticationFailed" if says.endswith(malformed) else "InvalidProviderConfiguration"
    assert (error.value.reason, error.value.retry) == (reason, Retry.BACK_OFF)


@pytest.mark.parametrize("base", ["", "https://ghe.example.com", "https://api.acme.ghe.com"])
def test_a_token_of_an_app_is_for_its_own_server(base: str) -> None:
    url = RemoteUrl.parse("https://git.evil.example/org/repo")
    with pytest.raises(ProviderInvalid, match=r"not for 'git.evil.example'"):
        Providers().credentials("key", "github", url, secret(githubAppBaseURL=base), timeout=20)


def test_provider_and_secret_that_do_not_fit() -> None:
    with pytest.raises(ProviderInvalid) as error:
        Providers().credentials("key", "github", GITHUB, None, timeout=20)
    assert error.value.retry is Retry.ON_CHANGE
    with pytest.raises(
        ProviderInvalid, match="secretRef 'ns/app' has github app data but provider is not set"
    ):
        Providers().credentials("key", "generic", GITHUB, secret(), secret="ns/app", timeout=20)
    with pytest.raises(ProviderInvalid) as error:
        Providers().credentials("key", "azure", GITHUB, None, service_account="tenant", timeout=20)
    assert (error.value.reason, error.value.retry) == ("FeatureGateDisabled", Retry.ON_CHANGE)


CODECOMMIT = RemoteUrl.parse("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet")


@pytest.mark.parametrize("session", ["", "token/+="])
def test_aws_signs_the_address(session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("botocore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    if session:
        monkeypatch.setenv("AWS_SESSION_TOKEN", session)
    found = Providers().credentials("key", "aws", CODECOMMIT, None, timeout=20)
    assert found.username == ("AKIDEXAMPLE%" + session if session else "AKIDEXAMPLE")
    stamp, _, signature = found.password.partition("Z")
    # The algorithm as AWS describes it, written out.
    scope = f"{stamp[:8]}/eu-west-1/codecommit/aws4_request"
    canonical = f"GIT\n/v1/repos/fleet\n\nhost:{CODECOMMIT.host}\n\nhost\n"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4wJalrXUtnFEMI"
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    assert signature == hmac.new(key, text.encode(), "sha256").hexdigest()
    assert "wJalr" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/org/repo",
        "http://git-codecommit.eu-west-1.amazonaws.com/v1/repos/x",
        "ssh://git-codecommit.eu-west-1.amazonaws.com/v1/repos/x",
        "https://git-codecommit.eu-west-1.amazonaws.com.evil.example/v1/repos/x",
    ],
)
def test_aws_signs_nothing_for_anybody_else(url: str) -> None:
    data = {"identity": PEM, "known_hosts": b"h k"} if url.startswith("ssh") else None
    with pytest.raises(ProviderInvalid):
        Providers().credentials("key", "aws", RemoteUrl.parse(url), data, timeout=20)


class Azure:
    """In the place of azure-identity's credential: what this calls of it is the test, the token's origin is not."""

    scopes: list[str] = []  # noqa: RUF012
    fails = False

    def __init__(self, **_: object) -> None: ...

    def __enter__(self) -> Azure:
        return self

    def __exit__(self, *_: object) -> None: ...

    def get_token(self, *scopes: str) -> SimpleNamespace:
        if self.fails:
            raise RuntimeError("DefaultAzureCredential failed to retrieve a token\nand much more")
        self.scopes[:] = scopes
        return SimpleNamespace(token="azure-token", expires_on=int(time.time()) + 3600)


def test_azure(monkeypatch: pytest.MonkeyPatch, server: GitHttpServer, repository: Repository) -> None:
    module = ModuleType("azure.identity")
    module.DefaultAzureCredential = Azure  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "azure.identity", module)
    url = RemoteUrl.parse("https://dev.azure.com/org/project/_git/repo")
    found = Providers().credentials("key", "azure", url, None, timeout=20)
    assert found.authorization == "Bearer azure-token"
    assert Azure.scopes == ["499b84ac-1321-427f-aa17-267ca6975798/.default"]
    monkeypatch.setattr(Azure, "fails", True)
    with pytest.raises(AuthenticationFailed) as error:
        Providers().credentials("key", "azure", url, None, timeout=20)
    assert "and much more" not in str(error.value)


NOT_AZURE = (
    "https://evil.example/org/_git/repo",
    "https://dev.azure.com.evil.example/repo",
    "https://visualstudio.com.evil.example/repo",
    "https://evilvisualstudio.com/repo",
    "https://a.b.visualstudio.com/repo",
    "https://visualstudio.com/repo",
    "https://xdev.azure.com/repo",
    "http://dev.azure.com/org/_git/repo",
)


@pytest.mark.parametrize("url", NOT_AZURE)
def test_the_token_for_azure_devops_goes_nowhere_else(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("azure.identity")
    module.DefaultAzureCredential = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "azure.identity", module)
    with pytest.raises(ProviderInvalid, match=r"needs an https URL|--azure-devops-host"):
        Providers().credentials("key", "azure", RemoteUrl.parse(url), None, timeout=20)


def test_more_hosts_may_get_the_token_for_azure_devops(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("azure.identity")
    module.DefaultAzureCredential = Azure  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "azure.identity", module)
    monkeypatch.setattr(Azure, "fails", False)
    providers = Providers(["Git.example.com", "*.corp.example"])
    for url in ("https://git.example.com/r", "https://a.corp.example/r", "https://org.VisualStudio.com/r"):
        assert providers.credentials("key", "azure", RemoteUrl.parse(url), None, timeout=20).bearer_token
    with pytest.raises(ProviderInvalid):
        providers.credentials("key", "azure", RemoteUrl.parse("https://corp.example/r"), None, timeout=20)


@pytest.mark.parametrize("provider", ["azure", "aws"])
def test_a_tenant_cannot_say_who_is_the_cloud_s_server(provider: str) -> None:
    url = CODECOMMIT if provider == "aws" else RemoteUrl.parse("https://dev.azure.com/org/_git/repo")
    with pytest.raises(ProviderInvalid, match=r"neither 'ca.crt' nor 'tls.crt'"):
        Providers().credentials("key", provider, url, {"ca.crt": Authority().certificate}, timeout=20)


@pytest.mark.parametrize(("provider", "library"), [("azure", "azure.identity"), ("aws", "botocore.session")])
def test_a_library_that_is_not_installed(
    provider: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    url = CODECOMMIT if provider == "aws" else RemoteUrl.parse("https://dev.azure.com/org/_git/repo")
    with pytest.raises(ProviderInvalid) as error:
        Providers().credentials("key", provider, url, None, timeout=20)
    assert f"pip install 'headgate[{provider}]'" in str(error.value)
