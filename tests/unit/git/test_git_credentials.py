"""Credentials from a Secret's data: which keys count, what is refused, and that nothing leaks."""

from __future__ import annotations

import pytest

from headgate.git.credentials.secret import Credentials
from headgate.git.errors import CredentialsInvalid
from headgate.git.url import RemoteUrl
from tests.support.gitserver_tls import Authority
from tests.support.sshserver import generate_key

HTTPS = RemoteUrl.parse("https://example.com/repo")
SSH = RemoteUrl.parse("ssh://example.com/repo")
CA = Authority().certificate


def test_no_secret_is_anonymous_access() -> None:
    assert Credentials.from_secret(HTTPS, None) == Credentials()
    assert Credentials.from_secret(HTTPS, None).authorization == ""


def test_basic() -> None:
    found = Credentials.from_secret(HTTPS, {"username": b"ada", "password": b"s3cret"})
    assert found.authorization == "Basic YWRhOnMzY3JldA=="


def test_basic_from_the_url_fills_in_what_the_secret_does_not_say() -> None:
    url = RemoteUrl.parse("https://ada:fromurl@example.com/repo")
    assert Credentials.from_secret(url, None).password == "fromurl"
    assert Credentials.from_secret(url, {"password": b"fromsecret"}).password == "fromsecret"


def test_bearer_token_wins_over_the_secret_s_user_name() -> None:
    found = Credentials.from_secret(HTTPS, {"bearerToken": b"t0ken", "username": b"a", "password": b"b"})
    assert found.authorization == "Bearer t0ken"


def test_bearer_token_against_credentials_in_the_url() -> None:
    url = RemoteUrl.parse("https://ada:x@example.com/repo")
    with pytest.raises(CredentialsInvalid, match="basic auth and bearer token"):
        Credentials.from_secret(url, {"bearerToken": b"t0ken"})


def test_ca_crt_wins_over_ca_file_and_line_ends_are_made_unix() -> None:
    found = Credentials.from_secret(HTTPS, {"ca.crt": CA.replace(b"\n", b"\r\n"), "caFile": b"junk"})
    assert found.ca == CA
    assert Credentials.from_secret(HTTPS, {"caFile": CA}).ca == CA


def test_client_certificate() -> None:
    issued = Authority().issue("client")
    found = Credentials.from_secret(HTTPS, {"tls.crt": issued.certificate, "tls.key": issued.key})
    assert (found.client_certificate, found.client_key) == (issued.certificate, issued.key)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"password": b"x"}, "'password' requires 'username' to be set"),
        ({"username": b"a\nb", "password": b"x"}, "'username' contains a line break"),
        ({"username": b"a:b", "password": b"x"}, "colon"),
        ({"username": b"\xff", "password": b"x"}, "'username' is not valid UTF-8"),
        ({"bearerToken": b"x\r\nHost: evil"}, "'bearerToken' contains a line break"),
        ({"ca.crt": b"not pem"}, "'ca.crt' holds no PEM block of kind CERTIFICATE"),
        ({"tls.crt": CA}, "'tls.key' is missing"),
        ({"tls.key": b"k"}, "'tls.crt' is missing"),
    ],
)
def test_refused_over_http(data: dict[str, bytes], says: str) -> None:
    with pytest.raises(CredentialsInvalid) as error:
        Credentials.from_secret(HTTPS, data)
    assert says in str(error.value)
    assert error.value.reason == "AuthenticationFailed"


@pytest.mark.parametrize("missing", ["identity", "known_hosts"])
def test_ssh_needs_both_keys(missing: str) -> None:
    data = {"identity": b"x", "known_hosts": b"y"}
    del data[missing]
    with pytest.raises(CredentialsInvalid, match=f"invalid 'ssh' auth option: '{missing}' is required"):
        Credentials.from_secret(SSH, data)


def test_ssh_user_is_git_unless_the_url_says_otherwise() -> None:
    data = {"identity": generate_key().private, "known_hosts": b"example.com ssh-ed25519 AAAA"}
    assert Credentials.from_secret(SSH, data).username == "git"
    assert Credentials.from_secret(RemoteUrl.parse("ssh://ada@h/r"), data).username == "ada"


def test_ssh_protected_key_without_password() -> None:
    key = generate_key("open sesame")
    data = {"identity": key.private, "known_hosts": b"h k"}
    with pytest.raises(CredentialsInvalid, match="encrypted but no 'password'"):
        Credentials.from_secret(SSH, data)
    assert Credentials.from_secret(SSH, data | {"password": b"open sesame"}).passphrase == "open sesame"


def test_ssh_identity_that_is_not_a_key() -> None:
    for identity in (
        b"junk",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
    ):
        with pytest.raises(CredentialsInvalid):
            Credentials.from_secret(SSH, {"identity": identity, "known_hosts": b"h k"})


def test_repr_shows_nothing_secret() -> None:
    found = Credentials("ada", "pass1", "tok2", b"ca", b"crt", b"key3", b"id4", b"hosts", "phrase5")
    for secret in ("pass1", "tok2", "key3", "id4", "phrase5"):
        assert secret not in repr(found)


def test_redact_takes_out_every_form() -> None:
    found = Credentials(username="ada", password="p/ss wörd")
    token = found.authorization.removeprefix("Basic ")
    text = f"a p/ss wörd b p%2Fss%20w%C3%B6rd c {token} d https://ada:p@h/ e"
    assert found.redact(text) == "a <redacted> b <redacted> c <redacted> d https://h/ e"
