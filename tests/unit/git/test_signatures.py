"""Signed commits and tags: OpenPGP and SSH, each mode, and every way in which a signature can be wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.borders import Retry
from headgate.git.cache.bare import BareCache, Caches
from headgate.git.errors import VerificationFailed
from headgate.git.refs.reference import GitReference
from headgate.git.remote.client import Remote
from headgate.git.url import RemoteUrl
from headgate.git.verify.revision import verify
from headgate.git.verify.signature import split_commit, split_tag
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.support.openpgp import SIGNERS, Signer, signer
from tests.support.sshserver import KeyPair, generate_key

BRANCH = GitReference(branch="main")
TAG = GitReference(tag="v1.0.0")


@pytest.fixture(scope="module", params=SIGNERS)
def people(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    with signer(request.param, tmp_path_factory.mktemp("keys")) as having:
        yield having


def sign_with_ssh(repository: Repository, key: KeyPair, folder: Path) -> None:
    path = folder / "signing-key"
    path.write_bytes(key.private)
    path.chmod(0o600)
    path.with_suffix(".pub").write_text(key.public)
    repository.git("config", "gpg.format", "ssh")
    repository.git("config", "user.signingKey", str(path))


def check(
    mode: str, reference: GitReference, keys: dict[str, bytes], remote: Remote, cache: BareCache
) -> str:
    resolved = remote.resolve(reference, cache)
    remote.fetch(resolved, cache)
    return verify(mode, resolved, *remote.objects(resolved, cache), keys)


def test_pgp_commit_and_tag(people: Signer, repository: Repository, remote: Remote, cache: BareCache) -> None:
    people.signs(repository)
    commit = repository.commit({"a": "1"}, sign=True)
    tag = repository.tag("v1.0.0", sign=True)
    keys = {"bob.asc": people.public("bob"), "ada.asc": people.public("ada")}
    ada = people.key_id("ada")
    of_commit, of_tag = (
        f"\n\t- commit '{commit}' with key '{ada}'",
        f"\n\t- tag 'v1.0.0@{tag}' with key '{ada}'",
    )
    assert check("HEAD", BRANCH, keys, remote, cache) == "verified signature of" + of_commit
    assert check("HEAD", TAG, keys, remote, cache) == "verified signature of" + of_commit
    assert check("Tag", TAG, keys, remote, cache) == "verified signature of" + of_tag
    assert check("TagAndHEAD", TAG, keys, remote, cache) == "verified signature of" + of_tag + of_commit
    assert check("Tag", GitReference(semver="1.x"), keys, remote, cache) == "verified signature of" + of_tag
    assert (
        check("Tag", GitReference(name="refs/tags/v1.0.0"), keys, remote, cache)
        == "verified signature of" + of_tag
    )


def test_pgp_rsa_under_any_key_name(
    people: Signer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    people.signs(repository, "bob")
    repository.commit(sign=True)
    assert people.key_id("bob") in check("HEAD", BRANCH, {"whatever": people.public("bob")}, remote, cache)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_ssh(kind: str, repository: Repository, remote: Remote, cache: BareCache, tmp_path: Path) -> None:
    key, other = generate_key(kind=kind), generate_key()
    sign_with_ssh(repository, key, tmp_path)
    commit = repository.commit({"a": "1"}, sign=True)
    tag = repository.tag("v1.0.0", sign=True)
    (tmp_path / "k.pub").write_text(key.public)
    listing = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "k.pub"], capture_output=True, text=True, check=True
    )
    fingerprint = listing.stdout.split()[1]
    authorized = f"# who may sign\n{other.public}\n\nno-pty {key.public}\n".encode()
    message = check("TagAndHEAD", TAG, {"team.sshpub": authorized}, remote, cache)
    assert message == (
        f"verified signature of\n\t- tag 'v1.0.0@{tag}' with key '{fingerprint}'"
        f"\n\t- commit '{commit}' with key '{fingerprint}'"
    )


def test_sha256_repositories(people: Signer, served: Path, server: GitHttpServer, caches: Caches) -> None:
    repository = Repository(served, "new", object_format="sha256")
    people.signs(repository)
    commit = repository.commit(sign=True)
    remote = Remote(RemoteUrl.parse(server.url("new.git")), timeout=20)
    cache = caches.open("default", "new", str(remote.url))
    assert commit in check("HEAD", BRANCH, {"ada.asc": people.public("ada")}, remote, cache)


@pytest.fixture
def signed(people: Signer, repository: Repository) -> Repository:
    people.signs(repository)
    repository.commit({"a": "1"}, sign=True)
    repository.tag("v1.0.0", sign=True)
    return repository


def refused(
    mode: str, reference: GitReference, keys: dict[str, bytes], remote: Remote, cache: BareCache
) -> tuple[str, str, bool]:
    with pytest.raises(VerificationFailed) as error:
        check(mode, reference, keys, remote, cache)
    return str(error.value), error.value.reason, error.value.retry is Retry.ON_CHANGE


def test_somebody_else_s_key(signed: Repository, people: Signer, remote: Remote, cache: BareCache) -> None:
    keys = {"bob.asc": people.public("bob")}
    message, reason, stalling = refused("HEAD", BRANCH, keys, remote, cache)
    assert message.startswith(f"signature verification of commit '{signed.head()}' failed: ")
    assert "no matching key" in message
    assert "Stack backtrace" not in message
    assert (reason, stalling) == ("InvalidCommitSignature", False)
    message, reason, _ = refused("Tag", TAG, keys, remote, cache)
    assert "signature verification of tag 'v1.0.0@" in message
    assert reason == "InvalidTagSignature"


def test_the_other_kind_of_key(signed: Repository, remote: Remote, cache: BareCache) -> None:
    keys = {"ada.sshpub": generate_key().public.encode()}
    assert "no PGP public keys found in secret" in refused("HEAD", BRANCH, keys, remote, cache)[0]


def test_ssh_signature_of_an_unknown_key(
    repository: Repository, remote: Remote, cache: BareCache, tmp_path: Path
) -> None:
    sign_with_ssh(repository, generate_key(), tmp_path)
    repository.commit(sign=True)
    keys = {"ada.sshpub": generate_key().public.encode()}
    assert "no matching key" in refused("HEAD", BRANCH, keys, remote, cache)[0]
    assert "no SSH public keys found" in refused("HEAD", BRANCH, {"a.asc": b"x"}, remote, cache)[0]
    assert "unable to parse" in refused("HEAD", BRANCH, {"a.sshpub": b"junk"}, remote, cache)[0]


def test_keys_that_cannot_be_read(
    signed: Repository, people: Signer, remote: Remote, cache: BareCache
) -> None:
    assert "unable to read armored key ring" in refused("HEAD", BRANCH, {"a.asc": b"junk"}, remote, cache)[0]
    keys = {"a.asc": b"junk", "b.asc": people.public("ada")}
    assert "verified" in check("HEAD", BRANCH, keys, remote, cache)


def test_unsigned_things(repository: Repository, remote: Remote, cache: BareCache) -> None:
    repository.commit()
    repository.tag("v1.0.0", annotated=True)
    repository.tag("light")
    assert "it is not signed" in refused("HEAD", BRANCH, {"a.asc": b"x"}, remote, cache)[0]
    message, reason, stalling = refused("Tag", TAG, {"a.asc": b"x"}, remote, cache)
    assert message.startswith("cannot verify signature of tag 'v1.0.0@")
    assert (reason, stalling) == ("InvalidGitObject", False)
    assert "tag 'light' since" in refused("Tag", GitReference(tag="light"), {"a.asc": b"x"}, remote, cache)[0]


def test_a_mode_of_tags_without_a_tag(signed: Repository, remote: Remote, cache: BareCache) -> None:
    message, reason, stalling = refused("TagAndHEAD", BRANCH, {"a.asc": b"x"}, remote, cache)
    assert message == "cannot verify tag object's signature if a tag reference is not specified"
    assert (reason, stalling) == ("InvalidVerificationMode", True)


def test_a_changed_commit(signed: Repository, people: Signer, remote: Remote, cache: BareCache) -> None:
    raw = signed.git("cat-file", "commit", "HEAD").replace("\nchange", "\nevil")
    (signed.work / "raw").write_text(raw)
    evil = signed.git("hash-object", "-t", "commit", "-w", "raw").strip()
    signed.git("update-ref", "refs/heads/main", evil)
    assert "no matching key" in refused("HEAD", BRANCH, {"a.asc": people.public("ada")}, remote, cache)[0]


def test_an_old_signed_tag_under_a_new_name(
    signed: Repository, people: Signer, remote: Remote, cache: BareCache
) -> None:
    signed.git("update-ref", "refs/tags/v2.0.0", signed.git("rev-parse", "refs/tags/v1.0.0").strip())
    keys = {"a.asc": people.public("ada")}
    message, reason, _ = refused("Tag", GitReference(tag="v2.0.0"), keys, remote, cache)
    assert "the signature is for the tag 'v1.0.0'" in message
    assert reason == "InvalidTagSignature"


def test_taking_objects_apart() -> None:
    commit = b"tree x\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\nx y\n\nmessage\n"
    signed = split_commit(commit)
    assert signed.payload == b"tree x\nx y\n\nmessage\n"
    assert signed.signature == b"-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----"
    assert split_commit(commit, sha256=True).kind == "empty"
    assert split_commit(b"tree x\n\ngpgsig in the message\n").payload == b"tree x\n\ngpgsig in the message\n"
    tag = b"object x\ntag v1\n\nquotes -----BEGIN PGP SIGNATURE-----\n-----BEGIN SSH SIGNATURE-----\nabc\n"
    assert split_tag(tag).payload.endswith(b"quotes -----BEGIN PGP SIGNATURE-----\n")
    assert split_tag(tag).kind == "ssh"
    assert split_tag(b"object x\n\nno\n").kind == "empty"
