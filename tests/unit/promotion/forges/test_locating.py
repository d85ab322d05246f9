"""Which forge, which repository, which pull request, which token: from a remote, flags and the environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.ci import of_environment
from headgate.promotion.forges.opening import locate, open_forge, pull_request_number
from headgate.promotion.forges.repository import (
    ForgeChoice,
    ForgeKind,
    Repository,
    of_remote,
    remote_host,
    web_root,
)
from headgate.promotion.forges.tokens import find

HUB, LAB, TEA = ForgeKind.GITHUB, ForgeKind.GITLAB, ForgeKind.GITEA


@pytest.mark.parametrize(
    ("remote", "kind", "web", "path"),
    [
        ("https://github.com/org/fleet", HUB, "https://github.com", "org/fleet"),
        ("https://github.com/org/fleet.git/", HUB, "https://github.com", "org/fleet"),
        ("https://user:password@github.com/org/fleet.git", HUB, "https://github.com", "org/fleet"),
        ("git@github.com:org/fleet.git", HUB, "https://github.com", "org/fleet"),
        ("github.com:org/fleet", HUB, "https://github.com", "org/fleet"),
        ("ssh://git@ssh.github.com:443/org/fleet.git", HUB, "https://github.com", "org/fleet"),
        ("ssh://git@GitHub.com/org/.github", HUB, "https://github.com", "org/.github"),
        ("https://github.example.com/org/fleet", HUB, "https://github.example.com", "org/fleet"),
        ("https://acme.ghe.com/org/fleet", HUB, "https://acme.ghe.com", "org/fleet"),
        (
            "https://gitlab.com/group/sub/subsub/fleet.git",
            LAB,
            "https://gitlab.com",
            "group/sub/subsub/fleet",
        ),
        ("git@altssh.gitlab.com:group/fleet.git", LAB, "https://gitlab.com", "group/fleet"),
        (
            "ssh://git@gitlab.example.com:2222/group/fleet.git",
            LAB,
            "https://gitlab.example.com",
            "group/fleet",
        ),
        ("https://gitlab.example.com:8443/g/f", LAB, "https://gitlab.example.com:8443", "g/f"),
        ("https://codeberg.org/org/fleet", TEA, "https://codeberg.org", "org/fleet"),
        ("ssh://git@gitea.example.com:222/org/fleet.git", TEA, "https://gitea.example.com", "org/fleet"),
        ("forgejo@forgejo.example.com:org/fleet.git", TEA, "https://forgejo.example.com", "org/fleet"),
    ],
)
def test_a_remote_names_forge_and_repository(remote: str, kind: ForgeKind, web: str, path: str) -> None:
    assert of_remote(remote) == Repository(kind, web, path)


@pytest.mark.parametrize(
    ("remote", "reason"),
    [
        ("https://git.example.com/org/fleet", "give --forge github, gitlab or gitea"),
        ("https://notgithub.com/org/fleet", "does not say which forge"),
        ("https://github.com.evil.example/org/fleet", None),
        ("http://github.com/org/fleet", "must be reached by https"),
        ("/srv/git/fleet.git", "names no repository"),
        ("../fleet", "names no repository"),
        ("file:///srv/git/fleet.git", "names no repository"),
        ("https://github.com/fleet", "not owner/name"),
        ("https://github.com/org/../fleet", "not owner/name"),
        ("https://github.com/org//fleet", "not owner/name"),
        ("https://github.com/org/fleet?x=1", "not owner/name"),
        ("https://github.com/org/fl%65et", "not owner/name"),
        ("https://github.com/o/" + "/".join("abcdefghijklmnopqrstuv"), "not owner/name"),
        ("ext::sh -c id", "names no repository"),
        ("", "names no repository"),
    ],
)
def test_a_remote_that_is_no_repository_at_a_forge_is_refused(remote: str, reason: str | None) -> None:
    if reason is None:
        # Its first label makes it a GitHub Enterprise Server; no token of github.com goes there.
        found = of_remote(remote)
        assert found.host == "github.com.evil.example"
        with pytest.raises(ForgeError, match=r"is for 'github\.com' and is not sent elsewhere"):
            find(found, {"GITHUB_TOKEN": "secret"})
        return
    with pytest.raises(ForgeError, match=reason):
        of_remote(remote)


@pytest.mark.parametrize(
    ("repository", "api"),
    [
        (Repository(HUB, "https://github.com", "o/r"), "https://api.github.com"),
        (Repository(HUB, "https://acme.ghe.com", "o/r"), "https://api.acme.ghe.com"),
        (Repository(HUB, "https://github.example.com", "o/r"), "https://github.example.com/api/v3"),
        (Repository(LAB, "https://example.com/gitlab", "o/r"), "https://example.com/gitlab/api/v4"),
        (Repository(TEA, "https://example.com/git", "o/r"), "https://example.com/git/api/v1"),
    ],
)
def test_the_api_is_where_each_forge_has_it(repository: Repository, api: str) -> None:
    assert repository.api == api


@pytest.mark.parametrize(
    "text",
    [
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://localhost",
        "https://user@example.com",
        "https://example.com?x",
        "https://example.com#x",
        "https://",
        "example.com",
        "https://[::1",
        "https://example.com:port",
    ],
)
def test_an_address_that_could_leak_the_token_is_refused(text: str) -> None:
    with pytest.raises(ForgeError):
        web_root(text)


@pytest.mark.parametrize("text", ["http://127.0.0.1:3000", "http://[::1]:3000", "http://localhost:3000/"])
def test_http_is_for_this_host_only(text: str) -> None:
    assert web_root(text) == text.rstrip("/")


def test_flags_win_over_what_the_remote_says() -> None:
    choice = ForgeChoice(LAB, "https://git.example.com/forge", "group/sub/fleet")
    wanted = Repository(LAB, "https://git.example.com/forge", "group/sub/fleet")
    assert locate("git@ssh.example.com:other/fleet.git", choice, {}) == wanted
    assert locate("", choice, {}) == wanted
    below = locate(
        "https://git.example.com/forge/org/fleet", ForgeChoice(TEA, "https://git.example.com/forge"), {}
    )
    assert below == Repository(TEA, "https://git.example.com/forge", "org/fleet")
    by_kind = locate("https://git.example.com/org/fleet", ForgeChoice(TEA), {})
    assert by_kind == Repository(TEA, "https://git.example.com", "org/fleet")


def test_a_clone_without_a_remote_needs_flags() -> None:
    with pytest.raises(ForgeError, match="--forge-url and --forge-repository"):
        locate("", ForgeChoice(), {})


# ---- CI


def actions(event: object = None, folder: Path | None = None, **more: str) -> dict[str, str]:
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "org/fleet",
        "GITHUB_REF": "refs/heads/main",
        **more,
    }
    if folder is not None:
        (folder / "event.json").write_text(json.dumps(event))
        environment["GITHUB_EVENT_PATH"] = str(folder / "event.json")
    return environment


@pytest.mark.parametrize("ref", ["refs/pull/12/merge", "refs/pull/12/head"])
def test_the_ref_of_an_actions_job_names_the_pull_request(ref: str) -> None:
    job = of_environment(actions(GITHUB_REF=ref))
    assert job is not None
    assert (job.repository, job.number) == (Repository(HUB, "https://github.com", "org/fleet"), 12)


@pytest.mark.parametrize(
    ("event", "number"),
    [
        ({"pull_request": {"number": 12}}, 12),
        ({"issue": {"number": 12, "pull_request": {}}}, 12),
        ({"issue": {"number": 12}}, None),
        ({"workflow_run": {"pull_requests": [{"number": 12}]}}, 12),
        ({"workflow_run": {"pull_requests": []}}, None),
        ({"pull_request": {"number": "12; rm"}}, None),
        ({"pull_request": {"number": True}}, None),
        ({"pull_request": {"number": -1}}, None),
        ({"pull_request": [1]}, None),
        ([], None),
        ("text", None),
    ],
)
def test_the_event_of_an_actions_job_names_the_pull_request(
    tmp_path: Path, event: object, number: int | None
) -> None:
    job = of_environment(actions(event, tmp_path))
    assert job is not None
    assert job.number == number


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\0"])
def test_an_event_that_cannot_be_read_names_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "event.json").write_text(content)
    job = of_environment(actions(GITHUB_EVENT_PATH=str(tmp_path / "event.json")))
    assert job is not None
    assert job.number is None


@pytest.mark.parametrize("system", ["GITEA_ACTIONS", "FORGEJO_ACTIONS"])
def test_a_job_of_gitea_or_forgejo_is_not_one_of_github(system: str) -> None:
    environment = actions(
        GITHUB_SERVER_URL="https://git.example.com/forge/", GITHUB_REF="refs/pull/3/head", **{system: "true"}
    )
    remote = "https://git.example.com/forge/org/fleet"
    found = locate(remote, ForgeChoice(), environment)
    assert found == Repository(TEA, "https://git.example.com/forge", "org/fleet")
    assert pull_request_number(found, environment) == 3
    assert find(found, {**environment, "GITHUB_TOKEN": "t"}).origin == "GITHUB_TOKEN"


GITLAB = {
    "GITLAB_CI": "true",
    "CI_SERVER_URL": "https://git.example.com",
    "CI_PROJECT_PATH": "group/sub/fleet",
    "CI_MERGE_REQUEST_IID": "5",
    "CI_MERGE_REQUEST_PROJECT_PATH": "group/sub/fleet",
}


def test_a_job_of_gitlab_names_project_and_merge_request() -> None:
    remote = "https://gitlab-ci-token:secret@git.example.com/group/sub/fleet.git"
    found = locate(remote, ForgeChoice(), GITLAB)
    assert found == Repository(LAB, "https://git.example.com", "group/sub/fleet")
    assert pull_request_number(found, GITLAB) == 5


def test_a_merge_request_from_a_fork_belongs_to_the_target() -> None:
    environment = {**GITLAB, "CI_PROJECT_PATH": "mallory/fleet"}
    found = locate("https://git.example.com/mallory/fleet.git", ForgeChoice(), environment)
    assert found.path == "group/sub/fleet"
    assert pull_request_number(found, environment) == 5


def test_a_pipeline_of_a_branch_names_its_first_merge_request() -> None:
    environment = {
        "GITLAB_CI": "true",
        "CI_SERVER_URL": "https://git.example.com",
        "CI_PROJECT_PATH": "group/fleet",
        "CI_OPEN_MERGE_REQUESTS": "group/fleet!7,group/fleet!8",
    }
    found = locate("", ForgeChoice(), environment)
    assert (found.path, pull_request_number(found, environment)) == ("group/fleet", 7)


def test_ssh_of_gitlab_may_have_another_host() -> None:
    environment = {**GITLAB, "CI_SERVER_SHELL_SSH_HOST": "ssh.example.com"}
    found = locate("git@ssh.example.com:group/sub/fleet.git", ForgeChoice(), environment)
    assert found == Repository(LAB, "https://git.example.com", "group/sub/fleet")


def test_a_clone_of_something_else_in_a_ci_job_is_that_something_else() -> None:
    environment = actions(GITHUB_REF="refs/pull/12/merge")
    found = locate("https://github.com/org/other", ForgeChoice(), environment)
    assert found == Repository(HUB, "https://github.com", "org/other")
    with pytest.raises(ForgeError, match="--pull-request NUMBER"):
        pull_request_number(found, environment)
    assert locate("https://gitlab.com/org/other", ForgeChoice(), environment).kind is LAB


def test_outside_of_ci_the_number_must_be_given() -> None:
    with pytest.raises(ForgeError, match="--pull-request NUMBER"):
        pull_request_number(Repository(HUB, "https://github.com", "org/fleet"), {})


# ---- tokens

GITHUB_COM = Repository(HUB, "https://github.com", "org/fleet")


@pytest.mark.parametrize(
    ("repository", "environment", "origin"),
    [
        (GITHUB_COM, {"HEADGATE_FORGE_TOKEN": "t", "GITHUB_TOKEN": "u"}, "HEADGATE_FORGE_TOKEN"),
        (GITHUB_COM, {"GITHUB_TOKEN": "t"}, "GITHUB_TOKEN"),
        (GITHUB_COM, {"GH_TOKEN": "t", "GITHUB_TOKEN": "u"}, "GH_TOKEN"),
        (
            Repository(LAB, "https://gitlab.com", "g/p"),
            {"GITLAB_TOKEN": "t", "CI_JOB_TOKEN": "u"},
            "GITLAB_TOKEN",
        ),
        (Repository(LAB, "https://git.example.com", "g/p"), {**GITLAB, "CI_JOB_TOKEN": "t"}, "CI_JOB_TOKEN"),
        (
            Repository(LAB, "https://git.example.com", "g/p"),
            {"GITLAB_HOST": "git.example.com", "GITLAB_TOKEN": "t"},
            "GITLAB_TOKEN",
        ),
        (
            Repository(TEA, "https://git.example.com", "g/p"),
            {"GITEA_SERVER_URL": "https://git.example.com/", "GITEA_TOKEN": "t"},
            "GITEA_TOKEN",
        ),
    ],
)
def test_a_token_is_taken_from_the_first_place_that_has_one(
    repository: Repository, environment: dict[str, str], origin: str
) -> None:
    found = find(repository, environment)
    assert (found.value, found.origin) == ("t", origin)
    assert "'t'" not in repr(found)


@pytest.mark.parametrize(
    ("repository", "environment"),
    [
        (Repository(HUB, "https://github.evil.example", "o/r"), {"GITHUB_TOKEN": "secret"}),
        (Repository(HUB, "https://github.evil.example", "o/r"), actions(GITHUB_TOKEN="secret")),
        (GITHUB_COM, actions(GITHUB_SERVER_URL="https://github.example.com", GITHUB_TOKEN="secret")),
        (GITHUB_COM, actions(GITEA_ACTIONS="true", GITHUB_TOKEN="secret")),
        (Repository(LAB, "https://gitlab.evil.example", "o/r"), {"GITLAB_TOKEN": "secret"}),
        (Repository(LAB, "https://gitlab.evil.example", "o/r"), {**GITLAB, "CI_JOB_TOKEN": "secret"}),
        (Repository(LAB, "https://gitlab.com:8443", "o/r"), {"GITLAB_TOKEN": "secret"}),
        (Repository(TEA, "https://gitea.evil.example", "o/r"), {"GITEA_TOKEN": "secret"}),
        (Repository(TEA, "https://gitea.evil.example", "o/r"), actions(GITHUB_TOKEN="secret")),
        (GITHUB_COM, {}),
        (GITHUB_COM, {"GITHUB_TOKEN": "  "}),
    ],
)
def test_a_token_of_another_server_is_not_used(repository: Repository, environment: dict[str, str]) -> None:
    with pytest.raises(ForgeError, match="there is no token") as caught:
        find(repository, environment)
    assert "secret" not in str(caught.value)


def test_a_token_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("t\n")
    assert find(GITHUB_COM, {"GITHUB_TOKEN": "u"}, file).value == "t"
    assert find(GITHUB_COM, {"HEADGATE_FORGE_TOKEN_FILE": str(file), "GITHUB_TOKEN": "u"}).value == "t"


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"a\nb", b"x" * 9000, b"\xff\xfe", b"a\0b"])
def test_a_file_that_holds_no_token_is_named_without_its_content(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ForgeError, match="the token file") as caught:
        find(GITHUB_COM, {}, file)
    assert "words" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ForgeError, match="cannot be read: no such file"):
        find(GITHUB_COM, {}, tmp_path / "gone")


def test_a_token_cannot_add_a_header() -> None:
    with pytest.raises(ForgeError, match="one word of printable ASCII"):
        open_forge(GITHUB_COM, ForgeChoice(), {"GITHUB_TOKEN": "t\r\nX-Evil: 1"})


def test_the_host_of_a_remote_is_that_of_its_web_pages() -> None:
    assert remote_host("git@ssh.github.com:org/fleet") == "github.com"
    assert remote_host("https://Git.Example.com:8443/org/fleet") == "git.example.com:8443"
    assert remote_host("/srv/git") == ""
