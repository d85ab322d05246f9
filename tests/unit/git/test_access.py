"""Getting in: over HTTP, TLS and SSH, through proxies, and that no secret is shown or given to the wrong server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.git.cache.bare import BareCache
from headgate.git.credentials.proxy import Proxy
from headgate.git.credentials.secret import Credentials
from headgate.git.errors import (
    AuthenticationFailed,
    GitError,
    HostKeyRejected,
    ProxyInvalid,
    RemoteUnreachable,
    RepositoryNotFound,
)
from headgate.git.refs.reference import GitReference
from headgate.git.remote.client import Remote
from headgate.git.url import RemoteUrl
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_proxy import HttpProxy, SocksProxy
from tests.support.gitserver_repository import Repository
from tests.support.gitserver_tls import Authority
from tests.support.sshserver import SshServer, generate_key

PASSWORD = "s3cr3t/p@ss wörd"
BASIC = {"username": b"ada", "password": PASSWORD.encode()}


def remote_for(url: str, data: dict[str, bytes] | None = None, proxy: Proxy | None = None) -> Remote:
    address = RemoteUrl.parse(url)
    return Remote(address, Credentials.from_secret(address, data, proxy=proxy), timeout=20)


def fetch(remote: Remote, cache: BareCache) -> str:
    return remote.fetch(remote.resolve(GitReference(branch="main"), cache), cache)


def refused(kind: type[GitError], remote: Remote, cache: BareCache) -> str:
    with pytest.raises(GitError) as error:
        fetch(remote, cache)
    assert type(error.value) is kind, error.value
    for secret in (PASSWORD, "t0ken", "%2F", "d\u00f6rd"):
        assert secret not in str(error.value)
    return str(error.value)


@pytest.fixture
def command_lines() -> Iterator[set[str]]:
    """Every command line that was seen while the test ran."""
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    thread = threading.Thread(target=watch)
    thread.start()
    yield seen
    done.set()
    thread.join()


def test_basic(
    server: GitHttpServer, repository: Repository, cache: BareCache, command_lines: set[str]
) -> None:
    server.require_basic("ada", PASSWORD)
    commit = repository.commit()
    assert fetch(remote_for(server.url(), BASIC), cache) == commit
    # No request lacks credentials and has to be repeated.
    assert all(request.authorization == server.authorization for request in server.requests)
    assert any("ls-remote" in line or "remote-http" in line for line in command_lines)
    assert not any(PASSWORD in line or "YWRhO" in line for line in command_lines)
    assert PASSWORD not in "".join(
        p.read_text(errors="replace") for p in cache.path.rglob("*") if p.is_file()
    )


def test_bearer(server: GitHttpServer, repository: Repository, cache: BareCache) -> None:
    server.require_bearer("t0ken")
    commit = repository.commit()
    assert fetch(remote_for(server.url(), {"bearerToken": b"t0ken"}), cache) == commit


def test_credentials_in_the_url(server: GitHttpServer, repository: Repository, cache: BareCache) -> None:
    server.require_basic("ada", "x")
    commit = repository.commit()
    url = server.url().replace("http://", "http://ada:x@")
    assert fetch(remote_for(url), cache) == commit


def test_wrong_and_missing_credentials(
    server: GitHttpServer, repository: Repository, cache: BareCache
) -> None:
    server.require_basic("ada", "other")
    repository.commit()
    message = refused(AuthenticationFailed, remote_for(server.url(), BASIC), cache)
    says = "authentication failed: the server does not accept the user name and password"
    assert message == f"unable to clone '{server.url()}': {says}"
    message = refused(AuthenticationFailed, remote_for(server.url()), cache)
    assert "authentication required, but no credentials are given" in message
    message = refused(AuthenticationFailed, remote_for(server.url(), {"bearerToken": b"t0ken"}), cache)
    assert message.endswith("the server does not accept the bearer token")


def test_a_redirect_on_the_same_server_is_followed(
    server: GitHttpServer, repository: Repository, cache: BareCache
) -> None:
    server.require_basic("ada", "x")
    server.redirect_to = server.url("")
    commit = repository.commit()
    data = {"username": b"ada", "password": b"x"}
    assert fetch(remote_for(server.url("moved/repo.git"), data), cache) == commit


def test_a_redirect_elsewhere_gets_no_credentials(
    server: GitHttpServer, repository: Repository, cache: BareCache, served: Path
) -> None:
    repository.commit()
    with GitHttpServer(served) as thief:
        thief.require_basic("ada", PASSWORD)
        server.redirect_to = thief.url("")
        refused(AuthenticationFailed, remote_for(server.url("moved/repo.git"), BASIC), cache)
        message = refused(
            AuthenticationFailed, remote_for(server.url("moved/repo.git"), {"bearerToken": b"t0ken"}), cache
        )
        assert "final address" in message
        assert [request for request in thief.requests if request.authorization] == []


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def tls_server(served: Path, authority: Authority) -> Iterator[GitHttpServer]:
    with GitHttpServer(served, tls=authority.server_context("127.0.0.1", "localhost")) as running:
        yield running


def test_a_private_authority(
    tls_server: GitHttpServer, authority: Authority, repository: Repository, cache: BareCache
) -> None:
    commit = repository.commit()
    for key in ("ca.crt", "caFile"):
        cache.remove()
        assert fetch(remote_for(tls_server.url(), {key: authority.certificate}), cache) == commit
    assert "signed by an authority that is not trusted" in refused(
        RemoteUnreachable, remote_for(tls_server.url()), cache
    )
    stranger = {"ca.crt": Authority().certificate}
    refused(RemoteUnreachable, remote_for(tls_server.url(), stranger), cache)


def test_a_certificate_of_another_name(
    served: Path, authority: Authority, repository: Repository, cache: BareCache
) -> None:
    repository.commit()
    with GitHttpServer(served, tls=authority.server_context("git.example.com")) as server:
        message = refused(
            RemoteUnreachable, remote_for(server.url(), {"ca.crt": authority.certificate}), cache
        )
        assert "is not for the host name" in message


@pytest.mark.parametrize("keys", [("tls.crt", "tls.key"), ("certFile", "keyFile")])
def test_mutual_tls(
    keys: tuple[str, str],
    served: Path,
    authority: Authority,
    repository: Repository,
    cache: BareCache,
    command_lines: set[str],
) -> None:
    commit = repository.commit()
    clients = Authority("clients")
    with GitHttpServer(served, tls=authority.server_context(clients=clients)) as server:
        issued = clients.issue("operator")
        trust = {"ca.crt": authority.certificate}
        data = trust | {keys[0]: issued.certificate, keys[1]: issued.key}
        assert fetch(remote_for(server.url(), data), cache) == commit
        cache.remove()
        refused(RemoteUnreachable, remote_for(server.url(), trust), cache)
        other = Authority().issue("unknown")
        data = trust | {"tls.crt": other.certificate, "tls.key": other.key}
        refused(RemoteUnreachable, remote_for(server.url(), data), cache)
    assert not any("PRIVATE KEY" in line for line in command_lines)


def test_ssh(
    ssh_server: SshServer, repository: Repository, cache: BareCache, command_lines: set[str]
) -> None:
    key = generate_key()
    ssh_server.authorize(key)
    commit = repository.commit()
    assert fetch(remote_for(ssh_server.url(), ssh_server.secret(key)), cache) == commit
    secret = key.private.splitlines()[1].decode()
    assert any(line.startswith("ssh ") for line in command_lines)
    assert not any(secret in line for line in command_lines)


def test_ssh_with_a_passphrase(ssh_server: SshServer, repository: Repository, cache: BareCache) -> None:
    key = generate_key("open $esame")
    ssh_server.authorize(key)
    commit = repository.commit()
    data = ssh_server.secret(key)
    assert fetch(remote_for(ssh_server.url(), data | {"password": b"open $esame"}), cache) == commit
    wrong = Credentials.from_secret(
        RemoteUrl.parse(ssh_server.url()), data | {"password": b"wrong"}, secret="apps/git"
    )
    remote = Remote(RemoteUrl.parse(ssh_server.url()), wrong, timeout=20)
    says = refused(AuthenticationFailed, remote, cache)
    assert "the passphrase in 'password' of the Secret 'apps/git' does not decrypt the SSH key" in says
    other = generate_key("open $esame")
    says = refused(
        AuthenticationFailed,
        remote_for(ssh_server.url(), ssh_server.secret(other) | {"password": b"open $esame"}),
        cache,
    )
    assert "passphrase" not in says


def test_ssh_with_a_key_that_is_not_authorized(
    ssh_server: SshServer, repository: Repository, cache: BareCache
) -> None:
    repository.commit()
    ssh_server.authorize(generate_key())
    remote = remote_for(ssh_server.url(), ssh_server.secret(generate_key()))
    assert "Permission denied" in refused(AuthenticationFailed, remote, cache)


@pytest.mark.parametrize("known", ["other key", "no key"])
def test_ssh_host_key(known: str, ssh_server: SshServer, repository: Repository, cache: BareCache) -> None:
    repository.commit()
    key = generate_key()
    ssh_server.authorize(key)
    host = ssh_server.known_hosts.split()[0] if known == "other key" else "example.com"
    data = ssh_server.secret(key) | {"known_hosts": f"{host} {generate_key().public}".encode()}
    says = refused(HostKeyRejected, remote_for(ssh_server.url(), data), cache)
    assert (
        "is not the one in 'known_hosts'" if known == "other key" else "has no key of the SSH server"
    ) in says
    assert "@@" not in says


def test_ssh_repository_that_is_not_there(ssh_server: SshServer, cache: BareCache) -> None:
    key = generate_key()
    ssh_server.authorize(key)
    refused(RepositoryNotFound, remote_for(ssh_server.url("none.git"), ssh_server.secret(key)), cache)


def proxy_of(running: HttpProxy | SocksProxy, password: str = PASSWORD) -> Proxy:
    data = {"address": running.url.encode(), "username": b"ada", "password": password.encode()}
    return Proxy.from_secret("default/proxy", data)


@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
def test_http_through_a_proxy(
    kind: type[HttpProxy | SocksProxy],
    server: GitHttpServer,
    repository: Repository,
    cache: BareCache,
    command_lines: set[str],
) -> None:
    commit = repository.commit()
    with kind(("ada", PASSWORD)) as running:
        assert fetch(remote_for(server.url(), proxy=proxy_of(running)), cache) == commit
        assert set(running.targets) == {f"127.0.0.1:{server.port}"}
        cache.remove()
        refused(RemoteUnreachable, remote_for(server.url(), proxy=proxy_of(running, "wrong")), cache)
    assert not any(PASSWORD in line or "s3cr3t" in line for line in command_lines)


def test_https_through_a_proxy(
    tls_server: GitHttpServer, authority: Authority, repository: Repository, cache: BareCache
) -> None:
    commit = repository.commit()
    with HttpProxy() as running:
        proxy = Proxy.from_secret("default/proxy", {"address": running.url.encode()})
        remote = remote_for(tls_server.url(), {"ca.crt": authority.certificate}, proxy)
        assert fetch(remote, cache) == commit
        assert set(running.targets) == {f"127.0.0.1:{tls_server.port}"}


@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
def test_ssh_through_a_proxy(
    kind: type[HttpProxy | SocksProxy],
    ssh_server: SshServer,
    repository: Repository,
    cache: BareCache,
    command_lines: set[str],
) -> None:
    key = generate_key()
    ssh_server.authorize(key)
    commit = repository.commit()
    with kind(("ada", PASSWORD)) as running:
        remote = remote_for(ssh_server.url(), ssh_server.secret(key), proxy_of(running))
        assert fetch(remote, cache) == commit
        assert set(running.targets) == {f"127.0.0.1:{ssh_server.port}"}
        cache.remove()
        remote = remote_for(ssh_server.url(), ssh_server.secret(key), proxy_of(running, "wrong"))
        refused(RemoteUnreachable, remote, cache)
    assert not any(PASSWORD in line or "s3cr3t" in line for line in command_lines)


def test_a_proxy_that_is_not_there(server: GitHttpServer, repository: Repository, cache: BareCache) -> None:
    repository.commit()
    with HttpProxy() as gone:
        url = gone.url
    proxy = Proxy.from_secret("default/proxy", {"address": url.encode()})
    refused(RemoteUnreachable, remote_for(server.url(), proxy=proxy), cache)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "key 'address' not found"),
        ({"address": b""}, "proxy address is empty"),
        ({"address": b"proxy:8080"}, "not one of http, https, socks5"),
        ({"address": b"ftp://proxy"}, "not one of http, https, socks5"),
        ({"address": b"http://"}, "not one of http, https, socks5"),
        ({"address": b"http://proxy:port"}, "malformed"),
        ({"address": b"http://proxy", "password": b"\xff"}, "'password' is not valid UTF-8"),
    ],
)
def test_proxy_secrets_that_are_refused(data: dict[str, bytes], says: str) -> None:
    with pytest.raises(ProxyInvalid) as error:
        Proxy.from_secret("default/proxy", data)
    assert error.value.message.startswith("failed to configure proxy options: secret 'default/proxy': ")
    assert says in str(error.value)


def test_a_proxy_shows_no_password() -> None:
    proxy = Proxy.from_secret("n/p", {"address": b"http://u:s3cret@proxy:3128"})
    assert "s3cret" not in repr(proxy)
    assert proxy.for_curl() == "http://u:s3cret@proxy:3128"
    assert Proxy("socks5://h:1").for_curl() == "socks5h://h:1"
