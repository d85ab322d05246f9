"""The client for Gitea against Gitea itself: ``make test-gitea``. Not part of ``make test``, as it builds a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

import giteaserver
from controlplane.progress import Progress
from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.client import ForgeClient
from headgate.promotion.forges.comments import marker
from headgate.promotion.forges.opening import open_forge
from headgate.promotion.forges.pushing import by_push
from headgate.promotion.forges.repository import ForgeChoice, ForgeKind, Repository
from headgate.promotion.forges.tokens import VARIABLE
from tests.support.forgeserver import SHAPES
from tests.support.gitea import Account

MARKER = marker("diff", "all")
USER, OTHER = "robot", "mallory"


class World:
    """A server with a repository, whose branch ``topic`` has one commit more than ``main``."""

    def __init__(self, gitea: giteaserver.Gitea, folder: Path) -> None:
        self.gitea = gitea
        self.account = Account(gitea, USER)
        gitea.add_user(OTHER)
        self.call = self.account.call
        self.account.create_repository("fleet", auto_init=True)
        self.call("PUT", f"/repos/{USER}/fleet/collaborators/{OTHER}", {"permission": "write"})
        self.repository = Repository(ForgeKind.GITEA, gitea.url, f"{USER}/fleet")
        self.work = folder / "work"
        self.git("clone", "-q", self.account.pushed("fleet"), str(self.work), at=folder)

    def git(self, *arguments: str, at: Path | None = None) -> str:
        environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
        }
        for name in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{name}_NAME": USER, f"GIT_{name}_EMAIL": f"{USER}@localhost.test"}
        command = ["git", "-C", str(at or self.work), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def branch(self, name: str) -> str:
        """Push a new branch with one commit; return the commit."""
        self.git("switch", "-q", "-C", name, "origin/main")
        self.git("commit", "-q", "--allow-empty", "-m", f"change {name}\n\nwith a body")
        self.git("push", "-q", "--force", "origin", f"{name}:refs/heads/{name}")
        return self.git("rev-parse", "HEAD")

    def client(self, token: str) -> ForgeClient:
        return open_forge(self.repository, ForgeChoice(), {VARIABLE: token})

    def comments(self, number: int) -> list[Any]:
        found: list[Any] = self.call("GET", f"/repos/{USER}/fleet/issues/{number}/comments")
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("gitea")
    with giteaserver.start(folder, Progress(sys.stderr)) as gitea:
        yield World(gitea, folder)


@pytest.fixture
def client(world: World) -> Iterator[ForgeClient]:
    token = world.gitea.token(USER, "write:repository", "write:issue", "read:user")
    with world.client(token) as opened:
        yield opened


def test_a_pull_request_is_opened_once_and_updated_in_place(world: World, client: ForgeClient) -> None:
    world.branch("one")
    assert client.pull_request("one", "main") is None
    first = client.open_pull_request("one", "main", "Promote 1.3.0", "What\n\nchanges")
    assert (first.title, first.body) == ("Promote 1.3.0", "What\n\nchanges")
    assert client.open_pull_request("one", "main", "Promote 1.3.0", "What\n\nchanges") == first
    second = client.open_pull_request("one", "main", "Promote 1.4.0", "More")
    assert (second.number, second.title, second.body) == (first.number, "Promote 1.4.0", "More")
    assert client.pull_request("one", "main") == second


def test_a_pull_request_that_is_there_already_is_found_after_the_conflict(
    world: World, client: ForgeClient
) -> None:
    world.branch("race")
    body = {"title": "theirs", "head": "race", "base": "main"}
    looked: list[None] = []
    real = client.pull_request

    def late(head: str, base: str) -> Any:
        if not looked:
            looked.append(None)
            world.call("POST", f"/repos/{USER}/fleet/pulls", body)
            return None
        return real(head, base)

    client.pull_request = late  # type: ignore[method-assign]
    assert client.open_pull_request("race", "main", "ours", "b").title == "ours"


def test_a_branch_with_slashes_is_found(world: World, client: ForgeClient) -> None:
    world.branch("headgate/promote/production")
    opened = client.open_pull_request("headgate/promote/production", "main", "t", "b")
    assert client.pull_request("headgate/promote/production", "main") == opened


def test_a_branch_that_does_not_exist_is_an_error(client: ForgeClient) -> None:
    with pytest.raises(ForgeError):
        client.open_pull_request("gone", "main", "t", "b")


def test_one_comment_is_kept_and_those_of_others_stay(world: World, client: ForgeClient) -> None:
    world.branch("comments")
    number = client.open_pull_request("comments", "main", "t", "b").number
    forged = {"body": f"{MARKER}\n\nforged"}
    other = world.gitea.token(OTHER, "write:issue")
    world.call("POST", f"/repos/{USER}/fleet/issues/{number}/comments", forged, other)
    first = client.comment(number, MARKER, "one")
    assert client.comment(number, MARKER, "two") == first
    assert [each["body"] for each in world.comments(number)] == [forged["body"], f"{MARKER}\n\ntwo"]


def test_a_comment_may_be_as_long_as_we_say(world: World, client: ForgeClient) -> None:
    world.branch("long")
    number = client.open_pull_request("long", "main", "t", "b").number
    client.comment(number, MARKER, "ü" * (client.max_body - len(MARKER) - 2))
    assert len(world.comments(number)[0]["body"]) == client.max_body


def test_statuses_are_the_newest_of_each_context(world: World, client: ForgeClient) -> None:
    commit = world.branch("statuses")
    for context, state in (("a/b/0c9c2e41", "failure"), ("a/b/0c9c2e41", "success"), ("c", "pending")):
        body = {"context": context, "state": state, "description": f"is {state}"}
        world.call("POST", f"/repos/{USER}/fleet/statuses/{commit}", body)
    found = client.commit_statuses(commit)
    assert {name: each.state for name, each in found.items()} == {"a/b/0c9c2e41": "success", "c": "pending"}
    assert found["c"].author == USER
    assert found["c"].description == "is pending"


def test_more_statuses_than_a_page_are_read(world: World, client: ForgeClient) -> None:
    commit = world.branch("pages")
    for number in range(60):
        world.call(
            "POST", f"/repos/{USER}/fleet/statuses/{commit}", {"context": f"c{number}", "state": "success"}
        )
    assert len(client.commit_statuses(commit)) == 60


@pytest.mark.parametrize(
    ("scopes", "needed"),
    [(["read:issue", "read:repository"], "write:issue"), (["read:user"], "write:issue")],
)
def test_a_scope_that_is_missing_is_named(
    world: World, client: ForgeClient, scopes: list[str], needed: str
) -> None:
    world.branch("scopes")
    number = client.open_pull_request("scopes", "main", "t", "b").number
    with world.client(world.gitea.token(USER, *scopes)) as weak, pytest.raises(ForgeError, match=needed):
        weak.comment(number, MARKER, "x")


def test_a_wrong_token_is_named(world: World) -> None:
    with world.client("0" * 40) as wrong, pytest.raises(ForgeError, match="does not accept the token"):
        wrong.pull_request("one", "main")


def test_a_push_to_refs_for_opens_and_updates_a_pull_request(world: World) -> None:
    world.git("switch", "-q", "-C", "agit", "origin/main")
    for title in ("Promote 1.3.0", "Promote 1.3.1"):
        world.git("commit", "-q", "--allow-empty", "--amend", "-m", f"{title}\n\nwhat changes")
        push = by_push(world.repository, "HEAD", "headgate/promote", "main", title, "")
        world.git("push", "-q", *(f"--push-option={each}" for each in push.options), "origin", push.refspec)
    pulls = world.call("GET", f"/repos/{USER}/fleet/pulls?state=open")
    (pull,) = [each for each in pulls if "what changes" in each["body"]]
    assert pull["title"] == "Promote 1.3.0"
    assert pull["head"]["sha"] == world.git("rev-parse", "HEAD")


def test_the_recorded_shapes_are_those_of_the_server(world: World, client: ForgeClient) -> None:
    """What tests without Gitea answer has no field that Gitea does not send, of another type."""
    recorded = json.loads((SHAPES / "gitea.json").read_text())
    world.branch("shapes")
    number = client.open_pull_request("shapes", "main", "t", "b").number
    client.comment(number, MARKER, "x")
    commit = world.git("rev-parse", "HEAD")
    world.call("POST", f"/repos/{USER}/fleet/statuses/{commit}", {"context": "c", "state": "success"})
    real = {
        "user": world.call("GET", "/user"),
        "pull": world.call("GET", f"/repos/{USER}/fleet/pulls/{number}"),
        "comment": world.comments(number)[0],
        "status": world.call("GET", f"/repos/{USER}/fleet/commits/{commit}/statuses")[0],
    }
    for name, answer in real.items():
        for field, value in recorded[name].items():
            assert field in answer, f"{name}.{field}"
            if None not in (value, answer[field]):
                assert type(value) is type(answer[field]), f"{name}.{field}"
    described = json.loads(urllib3.request("GET", f"{world.gitea.url}/swagger.v1.json").data)
    for endpoint in recorded["endpoints"]:
        path = (
            endpoint["path"]
            .replace("{commit}", "{ref}")
            .replace("{comment}", "{id}")
            .replace("{number}", "{index}")
        )
        there = described["paths"][path][endpoint["method"].lower()]
        assert set(endpoint.get("query", {})) == {
            p["name"] for p in there.get("parameters", []) if p["in"] == "query"
        }
        schema = [p["schema"]["$ref"] for p in there.get("parameters", []) if p["in"] == "body"]
        if schema:
            definition = described["definitions"][schema[0].rpartition("/")[2]]
            assert set(endpoint["body"]) == set(definition["properties"])
            assert endpoint["required"] == definition.get("required", [])
