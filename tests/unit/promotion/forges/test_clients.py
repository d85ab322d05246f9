"""Clients of forges against servers that accept the published requests only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.client import ForgeClient
from headgate.promotion.forges.comments import marker
from headgate.promotion.forges.opening import open_forge
from headgate.promotion.forges.repository import ForgeChoice, ForgeKind
from headgate.promotion.forges.tokens import VARIABLE
from tests.support.forgeserver import TOKEN, Fault, ForgeServer, Request

pytestmark = pytest.mark.usefixtures("waited")

MARKER = marker("diff", "all")
COMMIT = "a" * 40
ENVIRONMENT = {VARIABLE: TOKEN}


@pytest.fixture(params=list(ForgeKind), ids=lambda kind: kind.value)
def forge(request: pytest.FixtureRequest) -> Iterator[ForgeServer]:
    path = "org/team/fleet" if request.param is ForgeKind.GITLAB else "org/fleet"
    with ForgeServer(request.param, path) as server:
        yield server
        assert server.violations == []


# ---- pull requests


def test_a_pull_request_is_opened_once_and_then_found(forge: ForgeServer, client: ForgeClient) -> None:
    first = client.open_pull_request("topic", "main", "Promote 1.3.0", "What changes")
    assert (first.head, first.base, first.title, first.body) == (
        "topic",
        "main",
        "Promote 1.3.0",
        "What changes",
    )
    assert first.url.startswith(f"{forge.web}/{forge.path}/")
    before = len(forge.sent("POST", "PUT", "PATCH"))
    assert client.open_pull_request("topic", "main", "Promote 1.3.0", "What changes") == first
    assert client.pull_request("topic", "main") == first
    assert len(forge.sent("POST", "PUT", "PATCH")) == before == 1


def test_an_open_pull_request_is_updated_in_place(forge: ForgeServer, client: ForgeClient) -> None:
    opened = client.open_pull_request("topic", "main", "Promote 1.3.0", "old")
    updated = client.open_pull_request("topic", "main", "Promote 1.4.0", "new\ntext")
    assert (updated.number, updated.title, updated.body) == (opened.number, "Promote 1.4.0", "new\ntext")
    assert len(forge.pulls) == 1


def test_a_pull_request_between_other_branches_does_not_count(
    forge: ForgeServer, client: ForgeClient
) -> None:
    forge.branches |= {"other"}
    forge.add_pull("topic", "other")
    forge.add_pull("other", "main")
    assert client.pull_request("topic", "main") is None
    assert client.open_pull_request("topic", "main", "t", "b").number == 3


def test_a_closed_pull_request_is_not_reopened(forge: ForgeServer, client: ForgeClient) -> None:
    forge.add_pull(state="closed")
    assert client.pull_request("topic", "main") is None
    assert client.open_pull_request("topic", "main", "t", "b").number == 2


def test_a_pull_request_from_a_fork_with_the_same_branch_is_not_ours(
    forge: ForgeServer, client: ForgeClient
) -> None:
    if forge.kind is ForgeKind.GITLAB:
        forge.add_pull(source_project_id=99)
    else:
        forge.add_pull()["head"]["repo"] = {"id": 9, "full_name": "mallory/fleet"}
    assert client.pull_request("topic", "main") is None
    assert len(forge.sent("GET")) == 1


def test_a_pull_request_on_a_later_page_is_found(forge: ForgeServer, client: ForgeClient) -> None:
    forge.max_page = 3
    for number in range(7):
        forge.add_pull(f"other-{number}", "main")
        if forge.kind is ForgeKind.GITLAB:
            forge.pulls[-1]["source_project_id"] = 99
    wanted = forge.add_pull("topic", "main")
    found = client.pull_request("topic", "main")
    assert found is not None
    assert found.number == (wanted["iid"] if forge.kind is ForgeKind.GITLAB else wanted["number"])


def test_a_pull_request_that_another_job_opens_in_between_is_updated(
    forge: ForgeServer, client: ForgeClient
) -> None:
    def race(request: Request) -> None:
        if request.method == "POST" and not forge.pulls:
            forge.add_pull("topic", "main", "theirs", "theirs")

    forge.on_request = race
    found = client.open_pull_request("topic", "main", "ours", "ours")
    assert (found.number, found.title, found.body) == (1, "ours", "ours")
    assert len(forge.pulls) == 1


@pytest.mark.parametrize("drops", [True, False])
def test_a_request_whose_answer_is_lost_opens_one_pull_request(
    forge: ForgeServer, client: ForgeClient, drops: bool
) -> None:
    forge.faults.append(Fault("POST", ".*", status=502, carried_out=True, drops=drops))
    assert client.open_pull_request("topic", "main", "t", "b").number == 1
    assert len(forge.pulls) == 1


@pytest.mark.parametrize("drops", [True, False])
def test_a_request_that_never_arrived_is_sent_again(
    forge: ForgeServer, client: ForgeClient, drops: bool
) -> None:
    forge.faults.append(Fault("POST", ".*", status=502, drops=drops))
    assert client.open_pull_request("topic", "main", "t", "b").number == 1
    assert len(forge.pulls) == 1


def test_a_branch_that_does_not_exist_is_an_error_with_the_forges_reason(client: ForgeClient) -> None:
    with pytest.raises(
        ForgeError, match=r"(?i)head invalid|source branch|couldn't be found|no .*or the token"
    ):
        client.open_pull_request("gone", "main", "t", "b")


def test_a_title_is_one_line_of_bounded_length(forge: ForgeServer, client: ForgeClient) -> None:
    assert client.open_pull_request("topic", "main", "a\nb " + "c" * 300, "").title == "a b " + "c" * 251
    with pytest.raises(ForgeError, match="needs a title"):
        client.open_pull_request("topic", "main", " \n ", "b")


# ---- comments


def test_a_comment_is_posted_once_and_then_updated_in_place(forge: ForgeServer, client: ForgeClient) -> None:
    forge.add_pull()
    forge.add_comment(1, "lgtm", forge.another())
    first = client.comment(1, MARKER, "one")
    second = client.comment(1, MARKER, "two")
    assert first == second
    assert first.startswith("http")
    assert [each["body"] for each in forge.comments[1]] == ["lgtm", f"{MARKER}\n\ntwo"]


def test_an_equal_comment_is_not_sent_again(forge: ForgeServer, client: ForgeClient) -> None:
    forge.add_pull()
    address = client.comment(1, MARKER, "same\ntext\n")
    forge.comments[1][0]["body"] = forge.comments[1][0]["body"].replace("\n", "\r\n").strip()
    assert client.comment(1, MARKER, "same\ntext\n") == address
    assert len(forge.sent("POST", "PUT", "PATCH")) == 1


def test_comments_of_others_are_never_changed(forge: ForgeServer, client: ForgeClient) -> None:
    forge.add_pull()
    forge.add_comment(1, f"{MARKER}\n\nforged", forge.another())
    client.comment(1, MARKER, "ours")
    client.comment(1, MARKER, "ours, later")
    assert [each["body"] for each in forge.comments[1]] == [f"{MARKER}\n\nforged", f"{MARKER}\n\nours, later"]


def test_a_marker_in_the_middle_of_a_comment_does_not_count(forge: ForgeServer, client: ForgeClient) -> None:
    """What a report quotes must not look like another report's marker."""
    forge.add_pull()
    other = marker("diff", "production")
    client.comment(1, other, f"quotes {MARKER}")
    client.comment(1, MARKER, "ours")
    assert len(forge.comments[1]) == 2


def test_two_reports_have_two_comments(forge: ForgeServer, client: ForgeClient) -> None:
    forge.add_pull()
    client.comment(1, marker("diff", "staging"), "s")
    client.comment(1, marker("diff", "production"), "p")
    client.comment(1, marker("diff", "staging"), "s2")
    assert [each["body"].split()[-1] for each in forge.comments[1]] == ["s2", "p"]


def test_our_comment_is_found_behind_many_others(forge: ForgeServer, client: ForgeClient) -> None:
    forge.add_pull()
    for number in range(250):
        forge.add_comment(1, f"comment {number}", forge.another())
    client.comment(1, MARKER, "one")
    client.comment(1, MARKER, "two")
    assert [each["body"] for each in forge.comments[1]][-1] == f"{MARKER}\n\ntwo"
    assert len(forge.comments[1]) == 251


def test_a_comment_that_was_deleted_in_between_is_posted_anew(
    forge: ForgeServer, client: ForgeClient
) -> None:
    forge.add_pull()
    client.comment(1, MARKER, "one")

    def delete(request: Request) -> None:
        if request.method in ("PUT", "PATCH"):
            forge.comments[1].clear()

    forge.on_request = delete
    client.comment(1, MARKER, "two")
    assert [each["body"] for each in forge.comments[1]] == [f"{MARKER}\n\ntwo"]


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_comment_whose_answer_is_lost_is_posted_once(
    forge: ForgeServer, client: ForgeClient, carried_out: bool
) -> None:
    forge.add_pull()
    forge.faults.append(Fault("POST", ".*", carried_out=carried_out, drops=True))
    client.comment(1, MARKER, "one")
    assert [each["body"] for each in forge.comments[1]] == [f"{MARKER}\n\none"]


def test_system_notes_are_not_comments() -> None:
    with (
        ForgeServer(ForgeKind.GITLAB) as forge,
        open_forge(forge.repository, ForgeChoice(), ENVIRONMENT) as client,
    ):
        forge.add_pull()
        forge.add_comment(1, f"{MARKER}\n\nassigned")["system"] = True
        client.comment(1, MARKER, "ours")
        assert len(forge.comments[1]) == 2
        assert forge.violations == []


def test_a_comment_longer_than_the_forge_takes_is_refused_before_it_is_sent(
    forge: ForgeServer, client: ForgeClient
) -> None:
    forge.add_pull()
    client.comment(1, MARKER, "x" * (client.max_body - len(MARKER) - 2))
    with pytest.raises(ForgeError, match=rf"takes {client.max_body} characters"):
        client.comment(1, MARKER, "x" * (client.max_body - len(MARKER) - 1))
    assert len(forge.sent("POST", "PUT", "PATCH")) == 1


@pytest.mark.parametrize(
    "text", ["/merge", "a\n/merge", "a\r\n/merge", "a\n\r/merge", "```\nx\n```\n/close\n```\n```"]
)
def test_no_line_of_a_report_is_a_quick_action_of_gitlab(text: str) -> None:
    with (
        ForgeServer(ForgeKind.GITLAB) as forge,
        open_forge(forge.repository, ForgeChoice(), ENVIRONMENT) as client,
    ):
        client.open_pull_request("topic", "main", "t", text)
        client.comment(1, MARKER, text)
        for body in (forge.pulls[0]["description"], forge.comments[1][0]["body"]):
            assert not any(line.startswith("/") for line in body.replace("\r", "").split("\n"))


# ---- who we are


def test_the_token_of_a_github_job_updates_the_comment_of_actions() -> None:
    with ForgeServer(ForgeKind.GITHUB) as forge:
        forge.is_installation = True
        forge.add_pull()
        environment = {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": TOKEN, "GITHUB_SERVER_URL": forge.web}
        with open_forge(forge.repository, ForgeChoice(), environment) as client:
            client.comment(1, MARKER, "one")
            client.comment(1, MARKER, "two")
        assert [each["body"] for each in forge.comments[1]] == [f"{MARKER}\n\ntwo"]
        assert [each.path for each in forge.requests if each.path == "/graphql"] == ["/graphql"]
        assert forge.violations == []


def test_without_graphql_the_job_knows_its_account_by_name() -> None:
    with ForgeServer(ForgeKind.GITHUB) as forge:
        forge.is_installation = True
        forge.denied["POST /graphql"] = (403, "Resource not accessible by integration")
        forge.add_pull()
        environment = {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": TOKEN, "GITHUB_SERVER_URL": forge.web}
        with open_forge(forge.repository, ForgeChoice(), environment) as client:
            client.comment(1, MARKER, "one")
            client.comment(1, MARKER, "two")
        assert len(forge.comments[1]) == 1


def test_a_token_whose_account_is_unknown_changes_nothing() -> None:
    with ForgeServer(ForgeKind.GITHUB) as forge:
        forge.is_installation = True
        forge.denied["POST /graphql"] = (403, "Resource not accessible by integration")
        forge.add_pull()
        forge.add_comment(1, f"{MARKER}\n\nof somebody", forge.another())
        opened = open_forge(forge.repository, ForgeChoice(), ENVIRONMENT)
        with opened as client, pytest.raises(ForgeError, match="does not say to whom the token"):
            client.comment(1, MARKER, "two")
        assert forge.sent("PATCH") == []


@pytest.mark.parametrize("system", ["GITEA_ACTIONS", "FORGEJO_ACTIONS"])
def test_the_token_of_a_gitea_job_updates_the_comment_of_its_account(system: str) -> None:
    with ForgeServer(ForgeKind.GITEA) as forge:
        forge.user = {**forge.user, "id": -2, "login": "gitea-actions", "username": "gitea-actions"}
        forge.denied["GET /user"] = (403, "token does not have at least one of required scope(s)")
        forge.add_pull()
        environment = {system: "true", "GITHUB_TOKEN": TOKEN, "GITHUB_SERVER_URL": f"{forge.web}/"}
        with open_forge(forge.repository, ForgeChoice(), environment) as client:
            client.comment(1, MARKER, "one")
            client.comment(1, MARKER, "two")
        assert [each["body"] for each in forge.comments[1]] == [f"{MARKER}\n\ntwo"]


# ---- commit statuses


def test_the_newest_status_of_each_context_counts(forge: ForgeServer, client: ForgeClient) -> None:
    failed = "failed" if forge.kind is ForgeKind.GITLAB else "failure"
    forge.add_status(COMMIT, "kustomization/apps/0c9c2e41", failed, "2026-11-30T10:00:00Z")
    forge.add_status(COMMIT, "kustomization/apps/0c9c2e41", "success", "2026-11-30T12:00:00+01:00")
    forge.add_status(
        COMMIT,
        "kustomization/infra/0c9c2e41",
        failed,
        "2026-11-30T09:00:00Z",
        description="health check failed",
    )
    forge.add_status("b" * 40, "kustomization/other/0c9c2e41", "success", "2026-11-30T09:00:00Z")
    found = client.commit_statuses(COMMIT)
    assert found.keys() == {"kustomization/apps/0c9c2e41", "kustomization/infra/0c9c2e41"}
    apps = found["kustomization/apps/0c9c2e41"]
    assert (apps.state, apps.at) == ("success", datetime(2026, 11, 30, 11, tzinfo=UTC))
    assert apps.description == "reconciliation succeeded"
    assert apps.author in ("octocat", "flux")
    other = found["kustomization/infra/0c9c2e41"]
    assert (other.state, other.description) == ("failure", "health check failed")


def test_all_pages_of_statuses_are_read(forge: ForgeServer, client: ForgeClient) -> None:
    for number in range(250):
        forge.add_status(COMMIT, f"kustomization/app-{number}/0c9c2e41", "success", "2026-11-30T09:00:00Z")
    assert len(client.commit_statuses(COMMIT)) == 250


@pytest.mark.parametrize(
    ("kind", "word", "state"),
    [
        (ForgeKind.GITHUB, "error", "error"),
        (ForgeKind.GITHUB, "pending", "pending"),
        (ForgeKind.GITHUB, "unheard-of", "error"),
        (ForgeKind.GITEA, "warning", "failure"),
        (ForgeKind.GITEA, "skipped", "error"),
        (ForgeKind.GITLAB, "canceled", "error"),
        (ForgeKind.GITLAB, "running", "pending"),
        (ForgeKind.GITLAB, "waiting_for_resource", "pending"),
    ],
)
def test_states_have_one_set_of_words_and_only_success_is_success(
    kind: ForgeKind, word: str, state: str
) -> None:
    with ForgeServer(kind) as forge, open_forge(forge.repository, ForgeChoice(), ENVIRONMENT) as client:
        forge.add_status(COMMIT, "c", word, "2026-11-30T09:00:00Z")
        assert client.commit_statuses(COMMIT)["c"].state == state


def test_a_commit_without_statuses_has_none(client: ForgeClient) -> None:
    assert client.commit_statuses(COMMIT) == {}


@pytest.mark.parametrize("name", ["main", "a" * 39, "A" * 40, f"{'a' * 40}/../x", ""])
def test_statuses_of_a_name_are_not_asked_for(client: ForgeClient, forge: ForgeServer, name: str) -> None:
    with pytest.raises(ForgeError, match="whole commit id"):
        client.commit_statuses(name)
    assert forge.requests == []
