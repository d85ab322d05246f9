"""Pull requests of promotions at each forge: through its API, or with the right to push only."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.repository import ForgeChoice, ForgeKind
from headgate.promotion.plans.execute import PullRequestWish
from headgate.promotion.plans.pullrequests import PullRequests
from tests.support.forgeserver import Fault, ForgeServer
from tests.support.promoting import Story
from tests.support.signing import Person
from tests.unit.promotion.plans.test_pull_requests import FIELDS, with_images

BRANCH = "headgate/promote-production"


@pytest.fixture(scope="module")
def bob(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return Person.make(tmp_path_factory.mktemp("keys"), "bob")


@pytest.fixture
def story(tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch) -> Story:
    story = Story(tmp_path, bob, monkeypatch, files=with_images("1.1.0", "1.0.0"))
    story.policy("production", fields=FIELDS)
    story.runs("staging", story.fleet.first)
    return story


def body(wish: PullRequestWish, limit: int) -> str:
    return wish.body[:limit]


def opened(story: Story, kind: ForgeKind, web: str, token: str = "") -> list[str]:
    """What a promotion prints that opens a pull request at a forge."""
    choice = ForgeChoice(kind, web, "org/fleet")
    environment = {"HEADGATE_FORGE_TOKEN": token} if token else {}
    requests = PullRequests(choice, environment, body)
    story.request = requests  # type: ignore[assignment,method-assign]
    return list(story.promote().lines)


@pytest.mark.parametrize("kind", ForgeKind)
def test_one_pull_request_is_opened_and_updated(story: Story, kind: ForgeKind) -> None:
    with ForgeServer(kind) as forge:
        forge.branches.add(BRANCH)
        first = opened(story, kind, forge.web, forge.token)
        second = opened(story, kind, forge.web, forge.token)
        assert first == second
        assert first[0].startswith("pull request: http")
        assert len(forge.pulls) == 1
        assert not forge.violations
    assert f"refs/heads/{BRANCH}" in story.fleet.remote_refs()


def test_a_push_that_went_through_before_the_forge_failed_is_finished_later(story: Story) -> None:
    with ForgeServer(ForgeKind.GITHUB) as forge:
        forge.branches.add(BRANCH)
        forge.faults.append(Fault("POST", ".*", status=422, times=9))
        with pytest.raises(ForgeError):
            opened(story, ForgeKind.GITHUB, forge.web, forge.token)
        pushed = story.fleet.remote_refs()[f"refs/heads/{BRANCH}"]
        forge.faults.clear()
        opened(story, ForgeKind.GITHUB, forge.web, forge.token)
        assert len(forge.pulls) == 1
    assert story.fleet.remote_refs()[f"refs/heads/{BRANCH}"] == pushed


def test_without_a_token_github_gets_the_branch_and_the_user_an_address(story: Story) -> None:
    lines = opened(story, ForgeKind.GITHUB, "https://github.example.com")
    assert lines[0].startswith(f"pushed the branch '{BRANCH}'")
    assert "https://github.example.com/org/fleet/compare/main...headgate/promote-production" in lines[1]
    assert f"refs/heads/{BRANCH}" in story.fleet.remote_refs()


def test_without_a_token_gitlab_gets_push_options(story: Story) -> None:
    hook = story.fleet.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\necho "options: $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1"\n')
    hook.chmod(0o755)
    story.fleet.remote_git("config", "receive.advertisePushOptions", "true")
    lines = opened(story, ForgeKind.GITLAB, "https://gitlab.example.com")
    assert "options: merge_request.create merge_request.target=main" in lines[0]


def test_without_a_token_gitea_gets_a_push_for_review(story: Story) -> None:
    story.fleet.remote_git("config", "receive.advertisePushOptions", "true")
    lines = opened(story, ForgeKind.GITEA, "https://gitea.example.com")
    assert "refs/for/main" in lines[0]
    assert f"refs/heads/{BRANCH}" not in story.fleet.remote_refs()


def test_without_a_forge_the_branch_is_pushed(story: Story) -> None:
    requests = PullRequests(ForgeChoice(), {}, body)
    story.request = requests  # type: ignore[assignment,method-assign]
    lines = list(story.promote().lines)
    assert "open a pull request from it to 'main'" in lines[0]
    assert f"refs/heads/{BRANCH}" in story.fleet.remote_refs()
