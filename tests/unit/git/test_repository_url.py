"""Addresses of repositories: what is accepted, and that nothing in one can harm Git or show a password."""

from __future__ import annotations

import pytest

from headgate.borders import Retry
from headgate.git.errors import UrlInvalid
from headgate.git.url import RemoteUrl


@pytest.mark.parametrize(
    ("text", "for_git", "authority"),
    [
        ("https://example.com/org/repo", "https://example.com/org/repo", "example.com"),
        ("HTTPS://Example.com/Repo.git", "https://example.com/Repo.git", "example.com"),
        ("http://127.0.0.1:8080/repo.git", "http://127.0.0.1:8080/repo.git", "127.0.0.1:8080"),
        ("https://[::1]:8443/repo", "https://[::1]:8443/repo", "[::1]:8443"),
        ("ssh://git@example.com:2222/repo.git", "ssh://git@example.com:2222/repo.git", "example.com:2222"),
        ("ssh://example.com/repo.git", "ssh://example.com/repo.git", "example.com"),
        ("https://example.com/_git/my%20repo?x=1", "https://example.com/_git/my%20repo?x=1", "example.com"),
        ("https://example.com", "https://example.com/", "example.com"),
    ],
)
def test_accepted(text: str, for_git: str, authority: str) -> None:
    url = RemoteUrl.parse(text)
    assert url.for_git() == for_git
    assert url.authority == authority


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file:///etc", "scheme 'file'"),
        ("ext::sh -c touch% /tmp/pwned", "unprintable"),
        ("ext::sh", "no scheme"),
        ("ext://sh", "scheme 'ext'"),
        ("git://example.com/repo", "scheme 'git'"),
        ("git@example.com:org/repo.git", "short form"),
        ("/srv/repo.git", "no scheme"),
        ("--upload-pack=touch", "no scheme"),
        ("ssh://-oProxyCommand=touch/repo", "host is malformed"),
        ("ssh://-oProxyCommand=x@example.com/repo", "user name is malformed"),
        ("ssh://$(id)@example.com/repo", "user name is malformed"),
        ("https://exa mple.com/repo", "space"),
        ("https://example.com/re\npo", "unprintable"),
        ("https://example.com/re\x00po", "unprintable"),
        ("https:///repo", "no host"),
        ("https://example.com:port/repo", "malformed"),
        ("https://example.com:99999/repo", "malformed"),
        ("https://example.com/" + "a" * 5000, "longer"),
    ],
)
def test_refused(text: str, says: str) -> None:
    with pytest.raises(UrlInvalid) as error:
        RemoteUrl.parse(text)
    assert says in str(error.value)
    assert (error.value.reason, error.value.retry) == ("URLInvalid", Retry.ON_CHANGE)


def test_credentials_are_taken_out_and_never_shown() -> None:
    url = RemoteUrl.parse("https://ada:s3cr%2Ft@example.com/repo")
    assert (url.username, url.password) == ("ada", "s3cr/t")
    for shown in (str(url), repr(url), url.for_git()):
        assert "s3cr" not in shown
    assert url.for_git("other") == "https://example.com/repo"


def test_the_password_of_an_ssh_url_is_dropped() -> None:
    url = RemoteUrl.parse("ssh://git:s3cret@example.com/repo")
    assert url.password == ""
    assert url.for_git() == "ssh://git@example.com/repo"


def test_a_refusal_shows_no_credential() -> None:
    with pytest.raises(UrlInvalid) as error:
        RemoteUrl.parse("ftp://ada:s3cret@example.com/repo")
    assert "s3cret" not in str(error.value)
