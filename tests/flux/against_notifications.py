"""What arrives at chats, webhooks and forges through Flux's notification-controller, from Headgate and from Flux."""

from __future__ import annotations

import difflib
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from headgate.promotion.forges.repository import ForgeKind
from tests.flux.alerts import alert, context, provider, receiver, told
from tests.flux.conftest import HEADGATE, Notifications
from tests.flux.objects import oci_repository
from tests.support.cluster import KUSTOMIZATION, SOURCE, Api, until
from tests.support.eventserver import EventServer
from tests.support.forgeserver import ForgeServer
from tests.support.gitea import Account
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import run_git
from tests.support.manifests import config_map, deployment
from tests.support.registry import Registry
from tests.support.workspace import OWN, REQUESTED_AT, Workspace, namespace_prefix

Obj = dict[str, Any]

WRONG = "a: [\n"
UNHEALTHY: dict[str, Any] = {"wait": True, "timeout": "31s"}
"""Flux waits 30 seconds at least."""


class Hosted:
    """A repository at Gitea, which a workspace's GitRepository reads, and the statuses of its commits."""

    def __init__(self, workspace: Workspace, account: Account) -> None:
        self.workspace, self.account = workspace, account
        self.name = workspace.namespace
        self.url = account.create_repository(self.name)
        workspace.url = f"{self.url}.git"
        self.provider = provider(workspace, "commits", "gitea", self.url, {"token": account.token})

    def commit(self, files: dict[str, str | None], message: str = "change") -> str:
        """Commit and push, request a reconcile, and return the commit."""
        commit = self.workspace.repository.commit(files, message)
        run_git(
            self.workspace.repository.work,
            "push",
            "-q",
            self.account.pushed(self.name),
            "HEAD:refs/heads/main",
        )
        self.workspace.request_sources()
        return commit

    def statuses(self, commit: str) -> list[tuple[str, str, str]]:
        """Context, state and description of a commit's statuses, oldest first."""
        path = f"/repos/{self.account.name}/{self.name}/commits/{commit}/statuses?sort=oldest&limit=50"
        found = self.account.call("GET", path)
        return [(each["context"], each["status"], each["description"]) for each in found]

    def newest(self, commit: str, kind: str, name: str) -> tuple[str, str]:
        """State and description of the newest status of an object; empty if there is none."""
        of = context(self.provider, kind, name)
        found = [(state, text) for each, state, text in self.statuses(commit) if each == of]
        return found[-1] if found else ("", "")

    def reports(self, commit: str, state: str, text: str, name: str = "apps") -> None:
        """Wait until the status of a commit is this one."""
        try:
            until(f"{commit} is {state}", lambda: self.newest(commit, KUSTOMIZATION, name) == (state, text))
        except AssertionError as error:
            raise AssertionError(
                f"{error}\n{self.statuses(commit)}\n{self.workspace.event_text(name)}"
            ) from None


@pytest.fixture
def hosted(workspace: Workspace, account: Account) -> Hosted:
    return Hosted(workspace, account)


@pytest.fixture
def sink() -> Iterator[EventServer]:
    with EventServer() as server:
        yield server


def test_a_commit_has_the_status_of_what_became_of_it(hosted: Hosted) -> None:
    """Success, a build that fails, a refused object; a status stays when the next commit is better."""
    workspace = hosted.workspace
    alert(workspace, "commits", KUSTOMIZATION)
    good = hosted.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps")
    hosted.reports(good, "success", "reconciliation succeeded")

    unbuildable = hosted.commit({"apps/a.yaml": WRONG})
    hosted.reports(unbuildable, "failure", "build failed")
    refused = hosted.commit({"apps/a.yaml": config_map("a_b")})
    hosted.reports(refused, "failure", "reconciliation failed")
    mended = hosted.commit({"apps/a.yaml": config_map("a", a="2")})
    hosted.reports(mended, "success", "reconciliation succeeded")
    assert hosted.newest(good, KUSTOMIZATION, "apps") == ("success", "reconciliation succeeded")
    assert hosted.newest(unbuildable, KUSTOMIZATION, "apps") == ("failure", "build failed")
    assert {each for each, _, _ in hosted.statuses(mended)} == {
        context(hosted.provider, KUSTOMIZATION, "apps")
    }


def test_a_commit_whose_objects_do_not_become_healthy_is_a_failure(hosted: Hosted) -> None:
    workspace = hosted.workspace
    alert(workspace, "commits", KUSTOMIZATION)
    commit = hosted.commit({"apps/a.yaml": deployment("a", healthy=False)})
    workspace.source()
    workspace.kustomization("apps", **UNHEALTHY)
    hosted.reports(commit, "failure", "health check failed")
    mended = hosted.commit({"apps/a.yaml": deployment("a")})
    hosted.reports(mended, "success", "reconciliation succeeded")


def test_a_commit_that_a_kustomization_does_not_use_is_a_success_too(hosted: Hosted) -> None:
    workspace = hosted.workspace
    alert(workspace, "commits", KUSTOMIZATION)
    hosted.commit({"apps/a.yaml": config_map("a"), "other/a.yaml": config_map("b")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    other = hosted.commit({"other/a.yaml": config_map("b", a="2")})
    hosted.reports(other, "success", "reconciliation succeeded")


def test_progress_is_reported_for_the_commit_that_an_annotation_names(hosted: Hosted) -> None:
    """As the documentation of notification-controller describes it: only with the key ``commit``."""
    workspace = hosted.workspace
    commit = hosted.commit({"apps/a.yaml": config_map("a")})
    alert(workspace, "commits", KUSTOMIZATION)
    workspace.source()
    workspace.kustomization("apps", annotations={"event.toolkit.fluxcd.io/commit": f"sha1:{commit}"})
    hosted.reports(commit, "success", "reconciliation succeeded")
    of = context(hosted.provider, KUSTOMIZATION, "apps")
    until("progress is reported", lambda: (of, "pending", "progressing") in hosted.statuses(commit))


def test_a_context_may_be_an_expression_over_the_metadata(hosted: Hosted) -> None:
    workspace = hosted.workspace
    expression = "event.involvedObject.name + '/' + event.metadata.team + '/' + event.metadata.cluster"
    workspace.api.merge(hosted.provider, {"spec": {"commitStatusExpr": expression}})
    alert(workspace, "commits", KUSTOMIZATION, eventMetadata={"cluster": "east"})
    commit = hosted.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", annotations={"event.toolkit.fluxcd.io/team": "a"})
    expected = ("apps/a/east", "success", "reconciliation succeeded")
    until("the status has this context", lambda: expected in hosted.statuses(commit))


def test_an_alert_that_comes_later_reports_the_commit_at_the_next_interval(
    hosted: Hosted, sink: EventServer
) -> None:
    """Nothing changes, and the status is set all the same: this makes up for a lost notification."""
    workspace = hosted.workspace
    provider(workspace, "hook", "generic", sink.url)
    alert(workspace, "hook", KUSTOMIZATION)
    commit = hosted.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", interval="5s")
    until(
        "the success has arrived", lambda: "ReconciliationSucceeded" in {e["reason"] for e in sink.received}
    )
    alert(workspace, "commits", KUSTOMIZATION)
    hosted.reports(commit, "success", "reconciliation succeeded")


def test_the_failures_of_one_kustomization_are_no_other_ones(hosted: Hosted) -> None:
    workspace = hosted.workspace
    alert(workspace, "commits", KUSTOMIZATION)
    commit = hosted.commit({"good/a.yaml": config_map("a"), "bad/a.yaml": WRONG})
    workspace.source()
    for name in ("good", "bad"):
        workspace.kustomization(name)
    hosted.reports(commit, "success", "reconciliation succeeded", "good")
    hosted.reports(commit, "failure", "build failed", "bad")


def test_github_gets_the_status_of_a_commit(workspace: Workspace) -> None:
    """Through the API as GitHub describes it."""
    with ForgeServer(ForgeKind.GITHUB) as forge:
        made = provider(workspace, "commits", "github", f"{forge.web}/{forge.path}", {"token": forge.token})
        alert(workspace, "commits", KUSTOMIZATION)
        of = context(made, KUSTOMIZATION, "apps")

        def newest(revision: str) -> tuple[str, str] | None:
            found = forge.statuses.get(revision.rpartition(":")[2], [])
            mine = [(each["state"], each["description"]) for each in found if each["context"] == of]
            return mine[-1] if mine else None

        good = workspace.commit({"apps/a.yaml": config_map("a")})
        workspace.source()
        workspace.kustomization("apps")
        until("it is a success", lambda: newest(good) == ("success", "reconciliation succeeded"))
        bad = workspace.commit({"apps/a.yaml": WRONG})
        until("it is a failure", lambda: newest(bad) == ("failure", "build failed"))
        assert set(forge.statuses) == {each.rpartition(":")[2] for each in (good, bad)}
        assert forge.violations == []


def test_the_commit_that_an_oci_artifact_comes_from_has_the_status(hosted: Hosted, flux: object) -> None:
    """Its revision is not a commit; Flux's source-controller makes the source for both sides."""
    workspace = hosted.workspace
    alert(workspace, "commits", KUSTOMIZATION)
    with Registry() as registry:

        def push(files: dict[str, str]) -> str:
            commit = hosted.commit({"apps/note": str(files)})
            from_git = {
                "org.opencontainers.image.source": hosted.url,
                "org.opencontainers.image.revision": f"main@sha1:{commit}",
            }
            registry.push("apps", "latest", files, from_git)
            return commit

        good = push({"a.yaml": config_map("a")})
        source = oci_repository(workspace, "apps", registry)
        workspace.kustomization("apps", path=".", sourceRef={"kind": "OCIRepository", "name": "apps"})
        hosted.reports(good, "success", "reconciliation succeeded")
        bad = push({"a.yaml": WRONG})
        ask = {"metadata": {"annotations": {REQUESTED_AT: "now"}}}
        workspace.api.merge(source, ask)
        hosted.reports(bad, "failure", "build failed")


def test_a_webhook_gets_signed_events(workspace: Workspace, sink: EventServer) -> None:
    secret = {"token": "key-of-a-test"}
    provider(workspace, "hook", "generic-hmac", sink.url, secret)
    alert(workspace, "hook", KUSTOMIZATION, SOURCE)
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps")
    until(
        "both arrive",
        lambda: {e["involvedObject"]["kind"] for e in sink.received} == {KUSTOMIZATION, SOURCE},
    )
    for body, headers in zip(list(sink.bodies), list(sink.headers), strict=False):
        digest = hmac.new(secret["token"].encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-signature"] == f"sha256={digest}"
        assert headers["gotk-component"] == json.loads(body)["reportingController"]


class Listener:
    """A workspace, and a webhook that gets all events of what is in it."""

    def __init__(self, workspace: Workspace, sink: EventServer) -> None:
        self.workspace, self._sink = workspace, sink
        self._counts: Counter[tuple[str, str]] = Counter()
        provider(workspace, "hook", "generic", sink.url)
        alert(workspace, "hook", KUSTOMIZATION, SOURCE, eventMetadata={"cluster": "east"})

    def hears(self, about: str, reason: str) -> None:
        """Wait for one more event about an object with this reason than there was at the last call."""

        def count() -> int:
            heard = (each for each in self._sink.received if each["involvedObject"]["name"] == about)
            return sum(each["reason"] == reason for each in heard)

        try:
            until(f"{about} has another {reason}", lambda: count() > self._counts[about, reason])
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.heard()}") from None
        self._counts[about, reason] = count()

    def heard(self) -> dict[str, list[Obj]]:
        """The events of each object, in their order."""
        found: dict[str, list[Obj]] = {}
        for each in told(self._sink, self.workspace):
            found.setdefault(each["about"], []).append(each)
        return found


def _of_commits(listener: Listener) -> None:
    workspace = listener.workspace
    workspace.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b")}, "Two of them")
    workspace.source()
    workspace.kustomization("apps", annotations={"event.toolkit.fluxcd.io/team": "a", "other/key": "b"})
    listener.hears("apps", "ReconciliationSucceeded")
    workspace.commit({"apps/a.yaml": config_map("a", a="2"), "apps/b.yaml": None}, "One of them")
    listener.hears("apps", "ReconciliationSucceeded")
    workspace.commit({"apps/a.yaml": WRONG}, "None of them")
    listener.hears("apps", "BuildFailed")
    workspace.commit({"apps/a.yaml": config_map("a_b")}, "A wrong name")
    listener.hears("apps", "ReconciliationFailed")
    workspace.commit({"apps/a.yaml": config_map("a")}, "One again")
    listener.hears("apps", "ReconciliationSucceeded")


def _of_deletion(listener: Listener) -> None:
    workspace = listener.workspace
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps")
    listener.hears("apps", "ReconciliationSucceeded")
    workspace.delete("apps")


def _of_health(listener: Listener) -> None:
    workspace = listener.workspace
    workspace.commit({"apps/a.yaml": deployment("a")})
    workspace.source()
    workspace.kustomization("apps", **UNHEALTHY)
    listener.hears("apps", "ReconciliationSucceeded")
    workspace.commit({"apps/a.yaml": deployment("a", healthy=False)})
    listener.hears("apps", "HealthCheckFailed")
    workspace.commit({"apps/a.yaml": deployment("a")})
    listener.hears("apps", "ReconciliationSucceeded")


def _of_dependencies(listener: Listener) -> None:
    workspace = listener.workspace
    workspace.commit({"apps/a.yaml": config_map("a"), "base/b.yaml": config_map("b")})
    workspace.source()
    workspace.kustomization("apps", dependsOn=[{"name": "base"}])
    listener.hears("apps", "DependencyNotReady")
    workspace.kustomization("base")
    listener.hears("base", "ReconciliationSucceeded")
    listener.hears("apps", "ReconciliationSucceeded")


def _of_sources(listener: Listener) -> None:
    workspace = listener.workspace
    workspace.commit({"apps/a.yaml": config_map("a")}, "First")
    workspace.source(ready=False, ref={"branch": "gone"})
    listener.hears("source", "GitOperationFailed")
    workspace.change("source", {"ref": {"branch": "main"}}, SOURCE)
    listener.hears("source", "NewArtifact")
    workspace.ready("source", kind=SOURCE)
    workspace.commit({"apps/a.yaml": config_map("a", a="2")}, "Second")
    listener.hears("source", "NewArtifact")


@pytest.mark.parametrize(
    "story",
    [_of_commits, _of_deletion, _of_health, _of_dependencies, _of_sources],
    ids=lambda s: s.__name__[4:],
)
def test_both_send_the_same_events(
    request: pytest.FixtureRequest,
    api: Api,
    git_server: GitHttpServer,
    sides: tuple[str, str],
    story: Callable[[Listener], None],
) -> None:
    """Each event with the same words and metadata, in the same order; the texts of failures may differ."""
    prefix = namespace_prefix(request)[:30]
    with ExitStack() as stack:
        listeners = []
        for side in sides:
            workspace = Workspace(api, git_server, f"{prefix}-{side}", {OWN: side})
            stack.callback(workspace.close)
            listeners.append(Listener(workspace, stack.enter_context(EventServer())))
            story(listeners[-1])
        ours, theirs = listeners

        def lines() -> list[list[str]]:
            heard = [theirs.heard(), ours.heard()]
            if story is _of_deletion:
                heard[0] = _without_end_of_deletion(heard[0])
            return [[json.dumps(each) for about in sorted(h) for each in h[about]] for h in heard]

        with suppress(AssertionError):
            until("both have sent the same", lambda: lines()[0] == lines()[1])
        flux, headgate = lines()
        assert flux == headgate, "\n".join(
            difflib.unified_diff(flux, headgate, "Flux", "Headgate", lineterm="")
        )


def _without_end_of_deletion(heard: dict[str, list[Obj]]) -> dict[str, list[Obj]]:
    """After a deletion, Flux reports a success once more, and when the next reconcile of what is gone will be."""
    about = heard.get("Kustomization/apps", [])
    finished = [each for each in about if each["message"].startswith("Reconciliation finished")]
    return {**heard, "Kustomization/apps": about[:-1]} if len(finished) > 1 else heard


def test_a_call_of_a_receiver_makes_a_push_live(
    request: pytest.FixtureRequest,
    notifications: Notifications,
    account: Account,
    api: Api,
    git_server: GitHttpServer,
    headgate: object,
) -> None:
    """Gitea calls notification-controller, which annotates the GitRepository, which Headgate fetches."""
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: HEADGATE})
    hosted = Hosted(workspace, account)
    hosted.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    token = "token-of-a-webhook"
    resources = [{"kind": SOURCE, "name": "source"}]
    path = receiver(workspace, "push", token, type="github", events=["push"], resources=resources)
    hook = {
        "type": "gitea",
        "active": True,
        "events": ["push"],
        "config": {"url": f"http://{notifications.receivers}{path}", "content_type": "json", "secret": token},
    }
    account.call("POST", f"/repos/{account.name}/{hosted.name}/hooks", hook)
    workspace.repository.commit({"apps/a.yaml": config_map("a", a="2")}, "pushed")
    commit = run_git(workspace.repository.work, "rev-parse", "HEAD").strip()
    run_git(workspace.repository.work, "push", "-q", account.pushed(hosted.name), "HEAD:refs/heads/main")
    workspace.ready("apps", f"main@sha1:{commit}")
    workspace.close()
