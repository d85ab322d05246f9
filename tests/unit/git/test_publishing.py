"""A file on a ref of a real server: new, replaced, added on top, refused, changed by somebody else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from headgate.git import publishing
from headgate.git.credentials.secret import Credentials
from headgate.git.credentials.signing import SigningKey
from headgate.git.errors import AuthenticationFailed, CredentialsInvalid, GitError, RefInvalid
from headgate.git.publishing import Author, PublishedFile, RefChanged, RefRefused, Tip
from headgate.git.remote.client import Remote
from headgate.git.url import RemoteUrl
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.support.sshserver import SshServer, generate_key

REF = "refs/headgate/env/staging"
AUTHOR = Author("headgate", "staging@headgate.invalid")
KEY = SigningKey.parse(generate_key().private)


@pytest.fixture(autouse=True)
def writable(repository: Repository) -> None:
    repository.git("config", "http.receivepack", "true")


@pytest.fixture
def published(tmp_path: Path) -> PublishedFile:
    return PublishedFile(tmp_path / "reports", "report.json", REF, max_bytes=1000)


def publish(
    published: PublishedFile, remote: Remote, content: str, *, replace: bool = False, key: SigningKey = KEY
) -> Tip:
    return published.publish(
        remote, content.encode(), key, AUTHOR, message="report", moment=1_700_000_000, replace=replace
    )


def history(repository: Repository, ref: str = REF) -> list[str]:
    """The contents on the ref, newest first."""
    commits = repository.git("rev-list", ref).split()
    return [repository.git("show", f"{commit}:report.json") for commit in commits]


def test_every_new_content_is_a_commit(
    published: PublishedFile, remote: Remote, repository: Repository
) -> None:
    assert published.last(remote) is None
    publish(published, remote, "1")
    tip = publish(published, remote, "2")
    assert history(repository) == ["2", "1"]
    assert repository.git("ls-tree", "--name-only", REF).split() == ["report.json"]
    assert repository.git("log", "-1", "--format=%an %ae %ct %s", REF).strip() == (
        "headgate staging@headgate.invalid 1700000000 report"
    )
    assert tip.is_ours(KEY)
    assert not tip.is_ours(SigningKey.parse(generate_key().private))


def test_a_replacement_keeps_what_was_before(
    published: PublishedFile, remote: Remote, repository: Repository
) -> None:
    publish(published, remote, "1")
    for content in ("2", "3", "4"):
        publish(published, remote, content, replace=content != "2")
    assert history(repository) == ["4", "1"]


def test_the_first_one_can_be_replaced(
    published: PublishedFile, remote: Remote, repository: Repository
) -> None:
    publish(published, remote, "1", replace=True)
    publish(published, remote, "2", replace=True)
    assert history(repository) == ["2"]


def test_another_process_continues(
    published: PublishedFile, remote: Remote, repository: Repository, tmp_path: Path
) -> None:
    """Without anything on its disk, or with what a killed process left there."""
    for content in "123":
        publish(published, remote, content)
    (tmp_path / "reports" / "HEAD.lock").touch()
    for folder in ("reports", "elsewhere"):
        other = PublishedFile(tmp_path / folder, "report.json", REF, max_bytes=1000)
        last = other.last(remote)
        assert last is not None
        assert last.is_ours(KEY)
        publish(other, remote, f"3 {folder}", replace=True)
    publish(other, remote, "4")
    assert history(repository) == ["4", "3 elsewhere", "2", "1"]


def test_a_branch_that_accepts_no_rewrite_gets_commits_on_top(
    tmp_path: Path, remote: Remote, repository: Repository
) -> None:
    repository.git("config", "receive.denyNonFastForwards", "true")
    published = PublishedFile(tmp_path / "reports", "report.json", "refs/heads/reports", max_bytes=1000)
    for content in "123":
        publish(published, remote, content, replace=True)
    assert history(repository, "refs/heads/reports") == ["3", "2", "1"]


def test_what_somebody_else_pushed_is_found(
    published: PublishedFile, remote: Remote, repository: Repository, tmp_path: Path
) -> None:
    publish(published, remote, "1")
    other = PublishedFile(tmp_path / "other", "report.json", REF, max_bytes=1000)
    publish(other, remote, "theirs", key=SigningKey.parse(generate_key().private))
    with pytest.raises(RefChanged):
        publish(published, remote, "2")
    last = published.last(remote)
    assert last is not None
    assert (last.content, last.is_ours(KEY)) == (b"theirs", False)
    publish(published, remote, "2")
    assert history(repository) == ["2", "theirs", "1"]


def test_a_ref_that_somebody_deleted_is_made_again(
    published: PublishedFile, remote: Remote, repository: Repository
) -> None:
    publish(published, remote, "1")
    repository.git("update-ref", "-d", REF)
    with pytest.raises(GitError):
        publish(published, remote, "2")
    publish(published, remote, "3")
    assert history(repository) == ["3"]


def test_what_is_there_already_may_be_anything(
    published: PublishedFile, remote: Remote, repository: Repository
) -> None:
    """No file, or one that is too large; unsigned."""
    repository.commit({"report.json": "x" * 2000, "other": "y"})
    repository.git("update-ref", REF, "HEAD")
    last = published.last(remote)
    assert last is not None
    assert last.content is None
    assert not last.is_ours(KEY)
    publish(published, remote, "mine")
    assert repository.git("show", f"{REF}:report.json") == "mine"


def test_a_hook_may_refuse(published: PublishedFile, remote: Remote, repository: Repository) -> None:
    hook = repository.path / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho secret-of-the-server >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(
        RefRefused, match="does not accept refs/headgate/env/staging: hook declined"
    ) as refused:
        publish(published, remote, "1")
    assert "secret" not in str(refused.value)
    hook.unlink()
    publish(published, remote, "2")
    assert history(repository) == ["2"]


def test_no_right_to_push(
    published: PublishedFile, remote: Remote, repository: Repository, server: GitHttpServer
) -> None:
    repository.git("config", "http.receivepack", "false")
    with pytest.raises(AuthenticationFailed):
        publish(published, remote, "1")
    server.fail_with = 503
    with pytest.raises(GitError, match="503"):
        publish(published, remote, "1")
    server.fail_with = None
    repository.git("config", "http.receivepack", "true")
    publish(published, remote, "2")
    assert history(repository) == ["2"]


def test_over_ssh(published: PublishedFile, repository: Repository, ssh_server: SshServer) -> None:
    key = generate_key()
    ssh_server.authorize(key)
    ssh_server.writable = True
    url = RemoteUrl.parse(ssh_server.url())
    remote = Remote(url, Credentials.from_secret(url, ssh_server.secret(key)), timeout=60)
    signing = SigningKey.parse(key.private)
    assert publish(published, remote, "1", key=signing).is_ours(signing)
    assert history(repository) == ["1"]
    assert key.public.startswith(signing.public.decode())


def test_a_repository_with_long_ids(
    tmp_path: Path, served: Path, server: GitHttpServer, published: PublishedFile
) -> None:
    repository = Repository(served, "long", object_format="sha256")
    repository.git("config", "http.receivepack", "true")
    repository.commit({"report.json": "0"})
    repository.git("update-ref", REF, "HEAD")
    remote = Remote(RemoteUrl.parse(server.url("long.git")), timeout=60)
    assert publish(published, remote, "1").is_ours(KEY)
    assert history(repository) == ["1", "0"]


def test_the_local_repository_stays_small(
    published: PublishedFile,
    remote: Remote,
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishing, "RENEW", 3)
    for content in range(7):
        publish(published, remote, str(content), replace=True)
    assert history(repository) == ["6"]
    assert len(list((tmp_path / "reports" / "objects").glob("??/*"))) <= 4 * 3


def test_a_malformed_ref_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefInvalid):
        PublishedFile(tmp_path, "report.json", "refs/heads/a..b", max_bytes=10)


PEM, OPENSSH = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.OpenSSH
PLAIN = serialization.NoEncryption()


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=lambda key: type(key).__name__,
)
@pytest.mark.parametrize("form", [PEM, OPENSSH], ids=["pem", "openssh"])
@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_keys_of_every_kind_sign(
    key: ed25519.Ed25519PrivateKey,
    form: serialization.PrivateFormat,
    passphrase: str,
    published: PublishedFile,
    remote: Remote,
    repository: Repository,
    tmp_path: Path,
) -> None:
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else PLAIN
    content = key.private_bytes(serialization.Encoding.PEM, form, lock).replace(b"\n", b"\r\n")
    signing = SigningKey.parse(content, passphrase)
    publish(published, remote, "1", key=signing)
    allowed = tmp_path / "allowed"
    allowed.write_bytes(b"staging " + signing.public + b"\n")
    config = ["-c", f"gpg.ssh.allowedSignersFile={allowed}"]
    subprocess.run(["git", *config, "verify-commit", REF], cwd=repository.work, check=True)


@pytest.mark.parametrize(
    ("content", "passphrase", "message"),
    [
        (b"", "", "has no 'identity'"),
        (b"hunter2", "", "is not a private SSH key"),
        (generate_key("locked").private, "", "without a passphrase"),
        (generate_key("locked").private, "wrong", "with its 'password'"),
        (
            x25519.X25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, PEM, PLAIN),
            "",
            "neither an Ed25519",
        ),
    ],
)
def test_what_is_no_key_is_refused(content: bytes, passphrase: str, message: str) -> None:
    with pytest.raises(CredentialsInvalid, match=message) as refused:
        SigningKey.parse(content, passphrase)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_sealed_digest_follows_from_the_key_alone(kind: str) -> None:
    """An operator that restarts reads the key again, and its reports must still fit those before."""
    private = generate_key(kind=kind).private
    first, again = SigningKey.parse(private), SigningKey.parse(private)
    assert first.sealed("sha256:a") == again.sealed("sha256:a") != first.sealed("sha256:b")
    assert SigningKey.parse(generate_key(kind=kind).private).sealed("sha256:a") != first.sealed("sha256:a")
    assert "sealing" not in repr(first)
