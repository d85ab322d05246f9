"""``headgate promote``, ``approve`` and ``rollback`` as a user calls them, on a remote that is real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headgate.api.report import EnvironmentReport, encode
from headgate.cli import main
from headgate.promotion.evidence.model import RunningKustomization
from headgate.promotion.forges.repository import ForgeKind
from headgate.promotion.plans.trailers import trailers_of
from tests.support.fleets import Fleet, deployment, kustomization
from tests.support.forgeserver import ForgeServer
from tests.support.promoting import KUSTOMIZATIONS, SOURCE
from tests.support.signing import Person, allowed_signers

APP = "apps/base/my-app/deployment.yaml"
CONFIG = """\
environments:
- {name: staging, cluster: clusters/staging}
- {name: production, cluster: clusters/production, after: [staging]%s}
"""


class Shell:
    """A user at a terminal, in a clone of the fleet; staging reports by signed commits on the remote."""

    def __init__(self, folder: Path, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fleet, self.ada, self.bob, self._monkeypatch = Fleet(folder), ada, bob, monkeypatch
        self.folder = folder
        self.configure()
        self.fleet.environment = bob.environment()
        self.fleet.tag("1.3.0", sign=True)
        self.fleet.environment = {}
        monkeypatch.setenv("KUBECONFIG", str(folder / "none"))
        self.be(bob)

    def be(self, person: Person) -> None:
        """Another person sits down."""
        person.at_work(self._monkeypatch)
        self.person = person

    def configure(self, policy: str = "") -> None:
        """The policy of production, and who may report and approve."""
        files = {
            "headgate.yaml": CONFIG % (f", {policy}" if policy else ""),
            ".headgate/reporters": f'staging namespaces="git" {self.ada.public}\n',
            ".headgate/signers": allowed_signers(self.ada, self.bob),
        }
        if "approvals" in policy:
            # Nobody says what production runs.
            files[".headgate/promoters"] = allowed_signers(self.bob)
        self.fleet.commit(files)

    def change(self, number: int) -> str:
        """Merge another image."""
        return self.fleet.commit({APP: deployment("my-app", image=f"my-app:{number}")})

    def report(self, commit: str, **fields: Any) -> None:
        """The operator of staging reports what it runs, signed with its key."""
        now = datetime.now(UTC).replace(microsecond=0)
        given: dict[str, Any] = {
            "ready": True,
            "commit": commit,
            "attempted": commit,
            "since": now,
            "source": SOURCE,
        }
        running = tuple(RunningKustomization(key, **given | fields) for key in KUSTOMIZATIONS)
        file = self.folder / "report.json"
        file.write_bytes(encode(EnvironmentReport("staging", now, now, (), running)))
        git, environment = self.fleet.git, self.fleet.environment
        self.fleet.environment = {**self.ada.environment()}
        blob = git("hash-object", "-w", str(file)).strip()
        (self.folder / "tree").write_text("")
        self.fleet.environment["GIT_INDEX_FILE"] = str(self.folder / "index")
        (self.folder / "index").unlink(missing_ok=True)
        git("update-index", "--add", "--cacheinfo", f"100644,{blob},report.json")
        signed = git("commit-tree", "-S", "-m", "report", git("write-tree").strip()).strip()
        self.fleet.environment = environment
        git("push", "-q", "-f", "origin", f"{signed}:refs/headgate/env/staging")

    def run(self, *arguments: str, status: int | None = 0) -> Result:
        """Run headgate in the clone; a status of None is any."""
        result = CliRunner().invoke(main, [*arguments, "--repository", str(self.fleet.work)])
        assert status is None or result.exit_code == status, result.output
        return result

    def refs(self) -> Mapping[str, str]:
        """The refs of the remote, without reports."""
        return {name: each for name, each in self.fleet.remote_refs().items() if "/env/" not in name}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, Person]:
    folder = tmp_path_factory.mktemp("keys")
    return Person.make(folder, "ada"), Person.make(folder, "bob")


@pytest.fixture
def shell(tmp_path: Path, people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell(tmp_path, *people, monkeypatch)
    shell.report(shell.change(2))
    return shell


def test_promote_break_rollback(shell: Shell) -> None:
    promoted = shell.run("promote", "production")
    assert "passed     healthy: 2 Kustomizations Ready" in promoted.output
    assert "pushed the tag 1.3.1" in promoted.output
    shell.fleet.git("fetch", "-q", "--tags")
    assert "my-app:2" in shell.fleet.git("show", f"1.3.1:{APP}")
    rolled = shell.run("rollback", "production")
    assert "pushed the tag 1.3.2 with the content of 1.3.0" in rolled.output
    assert "By the rollback\n" in rolled.output
    assert "next promotion" not in rolled.output, "it is what happens now"
    assert "revert: pushed the branch 'headgate/revert-production'" in rolled.output
    assert shell.fleet.remote_git("diff", "1.3.0", "1.3.2") == ""
    shell.report(shell.fleet.head())
    refused = shell.run("promote", "production", status=1)
    assert "Refused by the guard not-rolled-back" in refused.output
    shell.run("promote", "production", "--override", "not-rolled-back=a false alarm")
    assert "refs/tags/1.3.3" in shell.refs()


def test_the_audit_keeps_the_options_that_decide_what_counts_as_evidence(shell: Shell) -> None:
    name = "Headgate-Promotion-Evidence-Options"
    message = ("for-each-ref", "--format=%(contents)")
    shell.run("promote", "production")
    assert name not in shell.fleet.remote_git(*message, "refs/tags/1.3.1")
    shell.report(shell.change(3))
    shell.run("promote", "production", "--unsigned-reports", "--context", "production=nowhere")
    said = trailers_of(shell.fleet.remote_git(*message, "refs/tags/1.3.2"))
    assert said[name] == "--unsigned-reports, --context production=nowhere"


def test_a_second_run_says_that_nothing_is_left_to_do(shell: Shell) -> None:
    shell.run("promote", "production")
    again = shell.run("promote", "production")
    assert f"production already follows 1.3.1 ({shell.fleet.head()[:12]}): nothing to do" in again.output
    shell.report(shell.fleet.commit({"README.md": "x\n"}))
    other = shell.run("promote", "production", status=1)
    assert "changes nothing in production, which has this content already" in other.output
    before = shell.refs()
    shell.report(shell.fleet.head(), ready=False, since=None, reason="HealthCheckFailed")
    assert "guard healthy" in shell.run("promote", "production", status=1).output
    assert shell.refs() == before


def test_a_version_that_somebody_tagged_by_hand_is_not_taken_again(shell: Shell) -> None:
    shell.fleet.tag("1.3.1", annotated=False)
    again = shell.run("promote", "production")
    assert f"production already follows 1.3.1 ({shell.fleet.head()[:12]}): nothing to do" in again.output
    assert (
        "not higher than 1.3.1" in shell.run("promote", "production", "--version", "1.3.1", status=2).output
    )
    shell.report(shell.change(3))
    assert "pushed the tag 1.3.2" in shell.run("promote", "production").output


def test_a_plan_is_written_approved_and_applied(shell: Shell, tmp_path: Path) -> None:
    shell.configure("approvals: {count: 1, signers: .headgate/signers, notAuthor: true}")
    shell.report(shell.fleet.commit({"docs": "x"}, author="Eve <eve@example.com>"))
    file, before = tmp_path / "plan.json", shell.refs()
    written = shell.run("promote", "production", "--plan", str(file))
    assert "refused    approvals: 0 of 1" in written.output
    assert shell.refs() == before
    plan = json.loads(file.read_bytes())
    assert plan["schemaVersion"] == 1
    assert (
        "Refused by the guard approvals"
        in shell.run("promote", "production", "--apply", str(file), status=1).output
    )
    shell.run("approve", str(file), "--yes")
    refused = shell.run("promote", "production", "--apply", str(file), status=1)
    assert "bob@example.com: wrote or committed a promoted commit, or promotes it" in refused.output
    assert not [name for name in shell.refs() if "1.3.1" in name]


def test_an_outdated_plan_is_refused_and_a_finished_one_is_done(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    shell.run("promote", "production", "--plan", str(file), "--minor")
    shell.run("promote", "production", "--apply", str(file))
    assert "refs/tags/1.4.0" in shell.refs()
    assert "on the remote already" in shell.run("promote", "production", "--apply", str(file)).output
    shell.report(shell.change(3))
    shell.run("promote", "production", "--plan", str(file))
    shell.fleet.tag("1.4.1", shell.fleet.first)
    for arguments in (("promote", "production", "--apply", str(file)), ("approve", str(file), "--yes")):
        assert "Refused by the guard plan" in shell.run(*arguments, status=1).output


def test_what_is_missing_is_refused_with_status_1_and_changes_nothing(shell: Shell) -> None:
    before = shell.refs()
    shell.report(shell.fleet.head(), ready=False, since=None, reason="BuildFailed")
    assert "guard healthy" in shell.run("promote", "production", status=1).output
    shell.fleet.remote_git("update-ref", "-d", "refs/headgate/env/staging")
    output = shell.run("promote", "production", status=1).output
    assert "proven: it is not known which objects have run before" in output
    last = output.splitlines()[-1]
    assert last.startswith("Refused by the guard evidence: ")
    assert "; by the guard healthy: " in last
    assert shell.refs() == before


def test_without_a_policy_the_user_says_what_comes_before(shell: Shell) -> None:
    shell.report(shell.fleet.commit({"headgate.yaml": None}))
    assert (
        "name the environment before it with --after" in shell.run("promote", "production", status=3).output
    )
    shell.run("promote", "production", "--after", "qa", status=2)
    shell.run("promote", "production", "--after", "production", status=2)
    assert "pushed the tag 1.3.1" in shell.run("promote", "production", "--after", "staging").output


def test_what_a_policy_says_cannot_be_changed_by_a_flag(shell: Shell) -> None:
    shell.run("promote", "production", "--after", "production", status=2)
    shell.run("promote", "production", "--env", "production=clusters/production", status=2)
    shell.run("promote", "production", "--context", "qa=x", status=2)
    shell.run("promote", "production", "--context", "staging", status=2)


def test_wrong_usage_is_status_2_and_other_errors_are_3(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("{}")
    for arguments in (
        ("promote", "production", "--plan", str(file), "--apply", str(file)),
        ("promote", "production", "--version", "1.4.0", "--minor"),
        ("promote", "production", "--apply", str(file), "--to", "main"),
        ("promote",),
        ("promote", "qa"),
        ("promote", "production", "--override", "sok=x"),
        ("promote", "production", "--override", "soak"),
        ("promote", "production", "--override", "plan=x"),
        ("promote", "production", "--version", "1.4"),
        ("promote", "production", "--version", "0.1.0"),
        ("promote", "production", "--env", "Qa=clusters/qa"),
        ("approve", str(tmp_path / "missing")),
    ):
        shell.run(*arguments, status=2)
    for arguments, message in (
        (("promote", "production", "--to", "nothing"), "names no commit"),
        (("promote", "production", "--apply", str(file)), "plan.json: the plan's schemaVersion"),
        (("promote", "production", "--remote", "nobody"), "no remote 'nobody'; there are: origin, upstream"),
        (("promote", "production", "--plan", str(tmp_path / "none" / "plan")), "cannot be written"),
        (("rollback", "production", "--to", "nothing"), "'nothing' names no commit of the remote 'origin'"),
    ):
        assert message in shell.run(*arguments, status=3).output


def test_of_two_at_once_one_wins(shell: Shell) -> None:
    """Two people, each with their own process: one tag, and one exit status of success."""
    command = [
        sys.executable,
        "-m",
        "headgate.cli",
        "promote",
        "production",
        "--repository",
        str(shell.fleet.work),
    ]
    running = [
        subprocess.Popen(
            command,
            env={**os.environ, **person.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for person in (shell.ada, shell.bob)
    ]
    output = [process.communicate(timeout=600)[0] for process in running]
    tags = [name for name in shell.refs() if name.startswith("refs/tags/")]
    assert tags == ["refs/tags/1.3.0", "refs/tags/1.3.1"], output
    assert sum("pushed the tag 1.3.1" in each for each in output) == 1, output
    # Whoever begins after the other has won finds nothing to do.
    lost = next(each for each in output if "pushed the tag" not in each)
    status = next(process.returncode for process, each in zip(running, output, strict=True) if each is lost)
    assert status == (0 if "nothing to do" in lost else 1), output


def test_evidence_may_be_the_statuses_that_flux_wrote_to_the_forge(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.fleet.remote_git("update-ref", "-d", "refs/headgate/env/staging")
    with ForgeServer(ForgeKind.GITHUB) as forge:
        monkeypatch.setenv("HEADGATE_FORGE_TOKEN", forge.token)
        flags = ("--forge", "github", "--forge-url", forge.web, "--forge-repository", "org/fleet")
        refused = shell.run("promote", "production", "--commit-statuses", *flags, status=1)
        assert "evidence" in refused.output
        assert [each.path for each in forge.requests if "status" in each.path]
        commit, at = shell.fleet.head(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        forge.add_status(commit, "kustomization/apps/0c9c2e41", "success", at)
        given = ("--commit-statuses", "--provider", "staging=0c9c2e41", *flags)
        half = shell.run("promote", "production", *given, status=1)
        assert "Refused by the guard healthy" in half.output
        assert "infrastructure is not Ready (NoStatus)" in half.output
        forge.add_status(commit, "kustomization/infrastructure/0c9c2e41", "success", at)
        shell.run("promote", "production", *flags, status=1)
        another = ("--commit-statuses", "--provider", "staging=ffffffff", *flags)
        assert "guard evidence" in shell.run("promote", "production", *another, status=1).output
        config = CONFIG % ""
        shell.fleet.commit({"headgate.yaml": config + "statusAuthors: [somebody]\n"})
        foreign = shell.run("promote", "production", *given, status=1)
        assert "StatusAuthorNotAccepted" in foreign.output
        shell.fleet.commit({"headgate.yaml": config})
        promoted = shell.run("promote", "production", *given)
        assert "note: staging: every account that may write commit statuses is believed" in promoted.output
        assert "pushed the tag 1.3.1" in promoted.output


def test_variables_that_are_not_in_git_are_given_to_each_step(shell: Shell, tmp_path: Path) -> None:
    post_build = {"substituteFrom": [{"kind": "ConfigMap", "name": "cluster"}]}
    shell.configure("approvals: {count: 1, signers: .headgate/signers}")
    files = {
        "clusters/production/apps.yaml": kustomization("apps", "./apps/production", postBuild=post_build),
        APP: deployment("my-app", image="registry.${region}.example.com/my-app:2"),
    }
    shell.report(shell.fleet.commit(files, author="Eve <eve@example.com>"))
    plan, values = tmp_path / "plan.json", tmp_path / "values.yaml"
    values.write_text("region: eu\n")
    unknown = shell.run("promote", "production", "--plan", str(plan))
    assert "registry.${region}.example.com/my-app:2" in unknown.output
    given = ("--vars", str(values))
    assert (
        "registry.eu.example.com/my-app:2"
        in shell.run("promote", "production", "--plan", str(plan), *given).output
    )
    assert "guard plan" in shell.run("approve", str(plan), "--yes", status=1).output
    shell.run("approve", str(plan), "--yes", *given)
    assert "pushed the tag 1.3.1" in shell.run("promote", "production", "--apply", str(plan), *given).output
    assert "registry.eu" in shell.run("rollback", "production", *given).output
