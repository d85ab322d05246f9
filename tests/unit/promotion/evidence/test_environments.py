"""``headgate environments``: from a bare clone with reports, and the same from the objects of the clusters."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headgate.api import timestamp
from headgate.cli.environments import command
from headgate.promotion.evidence import gather as gather_module
from headgate.promotion.evidence.contexts import ClusterObjects
from headgate.promotion.forges.model import CommitStatus
from headgate.reconcile.environment.writing import observe
from tests.support.evidence import SUCCEEDED
from tests.support.gitserver_repository import Repository
from tests.support.manifests import config_map
from tests.unit.promotion.evidence.test_reports import PRODUCTION, STAGING, Pushed

ROOT = Path(__file__).resolve().parents[4]
URL = "https://example.com/org/fleet.git"
REPORTERS = f'staging namespaces="git" {STAGING.public}\nproduction namespaces="git" {PRODUCTION.public}\n'


def cluster(name: str, ref: str) -> dict[str, str]:
    """A cluster folder: a GitRepository and two Kustomizations."""
    source = (
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
        "metadata: {name: fleet, namespace: flux-system}\n"
        f"spec: {{interval: 1m, url: {URL}, ref: {ref}}}\n"
    )
    kustomization = (
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        "metadata: {{name: {0}, namespace: flux-system}}\n"
        "spec: {{interval: 1m, prune: true, path: {1}, sourceRef: {{kind: GitRepository, name: fleet}}}}\n"
    )
    content = kustomization.format("cluster", f"./clusters/{name}")
    content += kustomization.format("apps", f"./apps/{name}")
    return {
        f"clusters/{name}/fleet.yaml": source + content,
        f"apps/{name}/kustomization.yaml": "resources: [../base]\n",
    }


class Fleet(Pushed):
    """A repository with staging on main and production on tags, and what their clusters run."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.repository.commit(
            {
                **cluster("staging", "{branch: main}"),
                **cluster("production", '{semver: ">=1.0.0"}'),
                "apps/base/kustomization.yaml": "resources: [a.yaml]\n",
                "apps/base/a.yaml": config_map("a"),
                ".headgate/reporters": REPORTERS,
            }
        )
        self.repository.tag("1.0.0")
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.clusters: dict[str, ClusterObjects] = {}
        # As a mirror: a remote to compare URLs with, and nothing to fetch from it.
        self.repository.git("config", "remote.origin.url", "git@example.com:org/fleet.git")

    def runs(self, environment: str, revision: str, *, hours: float = 5, **changed: Any) -> None:
        """What the cluster of an environment runs, in its objects and in its report."""
        since = timestamp(self.now - timedelta(hours=hours))
        last = timestamp(self.now)
        history = [
            {
                "digest": "sha256:a",
                "firstReconciled": since,
                "lastReconciled": last,
                "lastReconciledStatus": SUCCEEDED,
            }
        ]
        kustomizations = []
        for name in ("apps", "cluster"):
            applied = changed.get(name, revision)
            ready = changed.get("ready", {}).get(name, "True")
            condition = {"type": "Ready", "status": ready, "reason": SUCCEEDED, "lastTransitionTime": since}
            kustomizations.append(
                {
                    "metadata": {"name": name, "namespace": "flux-system", "generation": 1},
                    "spec": {"sourceRef": {"kind": "GitRepository", "name": "fleet"}},
                    "status": {
                        "observedGeneration": 1,
                        "conditions": [condition],
                        "lastAppliedRevision": applied,
                        "lastAttemptedRevision": applied,
                        "history": history,
                    },
                }
            )
        ref = {"branch": "main"} if environment == "staging" else {"semver": ">=1.0.0"}
        source = {
            "metadata": {"name": "fleet", "namespace": "flux-system"},
            "spec": {"url": URL, "ref": ref},
            "status": {
                "artifact": {"revision": revision, "url": "http://x"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }
        self.clusters[environment] = ClusterObjects(environment, (source,), tuple(kustomizations))
        observed = observe(environment, URL, [source], kustomizations, self.now)
        key = STAGING if environment == "staging" else PRODUCTION
        self.push(observed, key, ref=f"refs/headgate/env/{environment}")

    def revision(self, pointer: str = "main") -> str:
        return f"{pointer}@sha1:{self.repository.head()}"

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(
            command, ["--repository", str(self.repository.path), "--no-fetch", *arguments]
        )

    def listed(self, *arguments: str, status: int = 0) -> dict[str, dict[str, Any]]:
        """The environments of the JSON, by name."""
        result = self.run("-o", "json", *arguments)
        assert result.exit_code == status, result.output
        return {each["name"]: each for each in json.loads(result.stdout)["environments"]}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.fixture
def contexts(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Sequence[str]:
    """Options that read the clusters, whose objects are those of the fleet."""

    def read(wanted: dict[str, str], _: str | None) -> dict[str, ClusterObjects]:
        return {name: fleet.clusters[name] for name in wanted}

    monkeypatch.setattr(gather_module, "read_contexts", read)
    return ("--context", "staging=one", "--context", "production=two")


def test_a_bare_clone_says_what_the_clusters_say(fleet: Fleet, contexts: Sequence[str]) -> None:
    fleet.runs("production", fleet.revision("1.0.0"), hours=50)
    fleet.repository.commit({"apps/base/a.yaml": config_map("a", v="2")})
    fleet.repository.commit({"README.md": "x"})
    fleet.runs("staging", fleet.revision())
    from_reports, from_contexts = fleet.listed(), fleet.listed(*contexts)
    assert {each["evidence"]["origin"] for each in from_reports.values()} == {"report"}
    assert {each["evidence"]["origin"] for each in from_contexts.values()} == {"context"}
    for each in (*from_reports.values(), *from_contexts.values()):
        del each["evidence"]
    assert from_reports == from_contexts
    production = from_reports["production"]
    assert production["follows"] == "semver >=1.0.0"
    assert production["wants"]["revision"].startswith("1.0.0@sha1:")
    assert production["healthy"] == production["wants"]["commit"]
    assert production["ready"] == {"ready": 2, "all": 2}
    assert production["behind"] == {"commits": 2, "matter": 1}
    assert production["since"] == timestamp(fleet.now - timedelta(hours=50))
    assert from_reports["staging"]["behind"] == {"commits": 0, "matter": 0}


def test_the_output_has_the_fields_of_the_schema(fleet: Fleet) -> None:
    fleet.runs("staging", fleet.revision())
    schema = json.loads((ROOT / "docs" / "reference" / "environments.schema.json").read_text())
    wanted = schema["properties"]["environments"]["items"]
    for each in fleet.listed(status=3).values():
        assert sorted(each) == sorted(wanted["required"]) == sorted(wanted["properties"])
        for name, value in each.items():
            fields = wanted["properties"][name]
            if isinstance(value, dict):
                assert sorted(value) == sorted(fields["required"]) == sorted(fields["properties"]), name


def test_fifty_commits_to_the_readme(fleet: Fleet) -> None:
    fleet.runs("production", fleet.revision("1.0.0"))
    for number in range(50):
        fleet.repository.commit({"README.md": str(number)})
    fleet.runs("staging", fleet.revision())
    assert fleet.listed()["production"]["behind"] == {"commits": 50, "matter": 0}
    assert "50, 0 matter" in fleet.run().output


def test_half_on_the_old_revision_is_not_healthy(fleet: Fleet) -> None:
    old = fleet.revision()
    fleet.repository.commit({"apps/base/a.yaml": config_map("a", v="2")})
    fleet.runs("staging", fleet.revision(), cluster=old)
    found = fleet.listed("--env", "staging")["staging"]
    assert found["healthy"] is None
    assert found["since"] is None
    assert sorted(each["kustomizations"] for each in found["runs"]) == [1, 1]
    assert "not at the same commit" in " ".join(found["problems"])


def test_what_git_has_and_the_cluster_has_not(fleet: Fleet) -> None:
    fleet.runs("staging", fleet.revision())
    objects = fleet.clusters["staging"]
    report = observe("staging", URL, objects.sources, objects.kustomizations[:1], fleet.now)
    fleet.push(report, ref="refs/headgate/env/staging")
    found = fleet.listed("--env", "staging")["staging"]
    assert "'flux-system/cluster' is in Git, but not in the environment" in " ".join(found["problems"])


def test_nobody_knows_what_an_environment_runs(fleet: Fleet) -> None:
    fleet.runs("staging", fleet.revision())
    found = fleet.listed(status=3)
    assert found["production"]["evidence"] is None
    assert "no report of it" in found["production"]["problems"][0]
    assert found["production"]["wants"]["revision"].startswith("1.0.0@")
    assert found["staging"]["healthy"]


def test_a_forged_report_is_named(fleet: Fleet) -> None:
    fleet.runs("staging", fleet.revision())
    fleet.repository.git("update-ref", "refs/headgate/env/production", "refs/headgate/env/staging")
    assert "no key of 'production'" in fleet.listed(status=3)["production"]["problems"][0]


def test_a_context_that_cannot_be_read_leaves_the_report(
    fleet: Fleet, contexts: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.runs("staging", fleet.revision())
    fleet.clusters["staging"] = ClusterObjects("one", failure="context 'one' did not answer")
    found = fleet.listed("--env", "staging", "--context", "staging=one")["staging"]
    assert found["evidence"]["origin"] == "report"
    assert "context 'one' did not answer" in found["notes"]


def test_a_commit_that_the_clone_lacks(fleet: Fleet) -> None:
    fleet.runs("staging", f"main@sha1:{'ab' * 20}")
    found = fleet.listed("--env", "staging")["staging"]
    assert found["behind"] is None
    assert found["runs"] == [{"commit": "ab" * 20, "kustomizations": 2}]
    assert "how far it is behind is not known" in " ".join(found["notes"])


def test_an_old_report_is_marked(fleet: Fleet) -> None:
    fleet.now -= timedelta(hours=1)
    fleet.runs("staging", fleet.revision())
    assert fleet.listed("--env", "staging")["staging"]["evidence"]["stale"] is True
    assert "STALE" in fleet.run("--env", "staging").output


Break = Callable[[Fleet], object]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--context", "staging"), 2, "not of the form ENV=NAME"),
        (("--context", "nobody=x"), 2, "no environment is named 'nobody'"),
        (("--env", "nobody"), 2, "no environment is named 'nobody'"),
        (("--default-branch", "nobody"), 3, "nobody"),
    ],
)
def test_invalid_usage(fleet: Fleet, arguments: Sequence[str], status: int, message: str) -> None:
    result = fleet.run(*arguments)
    assert (result.exit_code, message in result.output) == (status, True), result.output


def test_the_text_shows_each_environment_in_a_row(fleet: Fleet) -> None:
    fleet.runs("production", fleet.revision("1.0.0"), hours=50)
    fleet.runs("staging", fleet.revision())
    lines = fleet.run().output.splitlines()
    assert lines[0].split() == [
        "ENVIRONMENT",
        "FOLLOWS",
        "WANTS",
        "RUNS",
        "SINCE",
        "READY",
        "BEHIND",
        "KNOWN",
        "FROM",
    ]
    commit = fleet.repository.head()[:12]
    assert next(each for each in lines if each.startswith("staging")).split()[:6] == [
        "staging", "branch", "main", commit, commit, "5h",
    ]  # fmt: skip
    assert f"1.0.0 ({commit})" in lines[1] + lines[2]


def test_texts_of_a_report_cannot_move_the_cursor(fleet: Fleet) -> None:
    fleet.runs("staging", fleet.revision())
    objects = fleet.clusters["staging"]
    report = observe("staging", URL, objects.sources, objects.kustomizations, fleet.now)
    odd = tuple(
        replace(each, ready=False, since=None, reason="\u202e\u200bodd") for each in report.kustomizations
    )
    fleet.push(replace(report, kustomizations=odd), ref="refs/headgate/env/staging")
    output = fleet.run("--env", "staging").output
    assert "\u202e" not in output
    assert "odd" in output


def test_a_source_that_is_not_ready_or_suspended_is_named(fleet: Fleet) -> None:
    fleet.runs("staging", fleet.revision())
    objects = fleet.clusters["staging"]
    report = observe("staging", URL, objects.sources, objects.kustomizations, fleet.now)

    def output(**changed: Any) -> str:
        sources = tuple(replace(each, **changed) for each in report.sources)
        fleet.push(replace(report, sources=sources), ref="refs/headgate/env/staging")
        return fleet.run("--env", "staging").output

    assert "GitRepository" not in output()
    assert f"GitRepository 'flux-system/fleet' is not Ready, so '{fleet.revision()}' stays" in output(
        ready=False
    )
    assert "GitRepository 'flux-system/fleet' is suspended" in output(ready=False, suspended=True)


def test_what_the_remote_has_now_counts_and_no_branch_or_tag_of_the_clone_moves(
    fleet: Fleet, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    fleet.repository.git("clone", "--quiet", str(fleet.repository.path), str(mine))

    def look(*arguments: str) -> tuple[str, Result]:
        given = [
            "--repository",
            str(mine),
            "--source-url",
            URL,
            "-o",
            "json",
            "--unsigned-reports",
            *arguments,
        ]
        result = CliRunner().invoke(command, given)
        found = {each["name"]: each for each in json.loads(result.stdout)["environments"]}
        return found["production"]["wants"]["commit"], result

    def refs() -> str:
        return fleet.repository.git(
            "-C", str(mine), "for-each-ref", "refs/heads", "refs/tags", "refs/remotes"
        )

    old, before = fleet.repository.head(), refs()
    new = fleet.repository.commit({"apps/base/a.yaml": config_map("a", changed="yes")})
    fleet.repository.tag("1.1.0")
    assert look()[0] == new
    assert look("--no-fetch")[0] == old
    assert refs() == before

    fleet.repository.git("-C", str(mine), "remote", "set-url", "origin", str(tmp_path / "gone"))
    commit, result = look()
    assert commit == old
    assert "Warning: the refs of the clone count" in result.stderr


def test_a_repository_without_environments_says_so(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "empty")
    repository.commit({"README.md": "x"})
    result = CliRunner().invoke(command, ["--repository", str(repository.work), "--no-fetch"])
    assert result.exit_code == 3
    assert "headgate.yaml" in result.output


def cluster_config(more: str) -> str:
    names = ("staging", "production")
    return (
        more
        + "environments:\n"
        + "".join(f"- {{name: {each}, cluster: clusters/{each}}}\n" for each in names)
    )


class Forge:
    """Statuses of commits, as a forge has them."""

    def __init__(self) -> None:
        self.statuses: dict[str, dict[str, CommitStatus]] = {}

    def __enter__(self) -> Forge:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def commit_statuses(self, commit: str) -> dict[str, CommitStatus]:
        return self.statuses.get(commit, {})


def test_commit_statuses_count_where_there_is_no_report(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge = Forge()
    monkeypatch.setattr("headgate.promotion.forges.opening.open_forge", lambda *_: forge)
    fleet.runs("production", fleet.revision("1.0.0"))
    ready = CommitStatus("success", "reconciliation succeeded", fleet.now - timedelta(hours=3))
    first = fleet.repository.head()
    forge.statuses[first] = {f"kustomization/{name}/0c9c2e41": ready for name in ("apps", "cluster")}
    fleet.repository.commit({"README.md": "x"})
    arguments = ("--commit-statuses", "--forge", "gitea", "--provider", "staging=0c9c2e41")
    found = fleet.listed(*arguments)
    assert found["production"]["evidence"]["origin"] == "report"
    staging = found["staging"]
    assert (staging["evidence"]["origin"], staging["healthy"]) == ("commit status", first)
    assert staging["since"] == timestamp(fleet.now - timedelta(hours=3))
    assert staging["behind"] == {"commits": 1, "matter": 0}
    assert staging["evidence"]["stale"], "three hours ago is not now"
    assert fleet.listed("--commit-statuses", "--forge", "gitea", status=3)["staging"]["evidence"] is None
    listed = cluster_config("statusAuthors: [flux]\n")
    fleet.repository.commit({"headgate.yaml": listed})
    assert "StatusAuthorNotAccepted" in fleet.run(*arguments).output


def test_the_policy_may_name_another_file_of_reporters(fleet: Fleet) -> None:
    config = "reporters: keys/reporters\nenvironments: [{name: staging, cluster: clusters/staging}]\n"
    fleet.runs("staging", fleet.revision())
    fleet.repository.commit({"headgate.yaml": config})
    assert "there is no keys/reporters" in fleet.listed(status=3)["staging"]["problems"][0]
    fleet.repository.commit({"keys/reporters": REPORTERS})
    assert fleet.listed()["staging"]["healthy"]
