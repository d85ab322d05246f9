"""The guide's commands in their order, for each way in which production may follow: as a reader types them.

The remote is a bare repository, and nobody has a token for a forge: pull requests are branches that somebody merges.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fleets import deployment, fleet_files, git_repository
from tests.support.signing import Person, allowed_signers
from tests.unit.cli.test_promote import APP, Shell
from tests.unit.promotion.plans.test_pull_requests import pinned, with_images

CONFIG = """\
environments:
- {name: staging, cluster: clusters/staging}
- name: production
  cluster: clusters/production
  after: [staging]
  approvals: {count: 1, signers: .headgate/signers}
%s"""
STAGING = "apps/staging/kustomization.yaml"
PRODUCTION = "apps/production/kustomization.yaml"
PIN = "clusters/production/pinned.yaml"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, Person]:
    folder = tmp_path_factory.mktemp("keys")
    return Person.make(folder, "ada"), Person.make(folder, "bob")


class Reader(Shell):
    """Bob, who follows the guide; Ada approves, and is the operator of staging."""

    mode = ""

    def configure(self, policy: str = "") -> None:
        """The fleet of the mode, and its policy."""
        files = {
            "tag": fleet_files(),
            "branch": fleet_files({"staging": {"branch": "main"}, "production": {"branch": "production"}}),
            "pinned tag": pinned({"tag": "v1"}),
            "pinned commit": pinned({"commit": self.fleet.first}),
            "fields": with_images("1.0.0", "1.0.0"),
        }[self.mode]
        if self.mode == "tag":
            verify = {"mode": "TagAndHEAD", "secretRef": {"name": "promoters"}}
            files["clusters/production/flux-system.yaml"] = git_repository(
                {"semver": ">=1.0.0"}, verify=verify
            )
        policy = '  fields: ["kustomization.yaml:images[].newTag"]\n' if self.mode == "fields" else ""
        policy += "  source: flux-system/pinned\n" if self.mode.startswith("pinned") else ""
        files |= {
            "headgate.yaml": CONFIG % policy,
            ".headgate/reporters": f'staging namespaces="git" {self.ada.public}\n',
            ".headgate/signers": allowed_signers(self.ada),
            ".headgate/promoters": allowed_signers(self.bob),
        }
        self.signed(files)
        if self.mode == "branch":
            self.fleet.git("push", "-q", "origin", "HEAD:refs/heads/production")
        if self.mode == "pinned tag":
            self.tag("v1")
        if self.mode == "pinned commit":
            self.fleet.git("checkout", "-q", "main")

    def signed(self, files: dict[str, str]) -> str:
        """Somebody merges files to main by a commit that Bob signs."""
        self.fleet.commit(files, push=False)
        self.fleet.environment = self.bob.environment()
        self.fleet.git("commit", "-q", "--amend", "--no-edit", "-S")
        self.fleet.environment = {}
        self.fleet.git("push", "-q", "origin", "HEAD:refs/heads/main")
        return self.fleet.head()

    def tag(self, name: str) -> None:
        """Bob signs a tag of main."""
        self.fleet.environment = self.bob.environment()
        self.fleet.tag(name, sign=True)
        self.fleet.environment = {}

    def brings(self, value: str) -> str:
        """A change arrives on main, and staging runs it."""
        files = {APP: deployment("my-app", image=f"my-app:{value}")}
        if self.mode == "fields":
            files = {STAGING: with_images(value, "")[STAGING]}
        commit = self.signed(files)
        if self.mode == "pinned tag":
            self.tag(f"v{int(value.split('.')[1]) + 1}")
        self.report(commit)
        return commit

    def merges(self, output: str, kind: str) -> None:
        """Somebody merges the pull request that a command prepared, with a merge commit."""
        branch = f"headgate/{kind}-production"
        assert branch in output
        self.fleet.git("fetch", "-q", "origin")
        self.fleet.environment = self.bob.environment()
        self.fleet.git("merge", "-q", "--no-ff", "--no-edit", "-S", f"origin/{branch}")
        self.fleet.environment = {}
        self.fleet.git("push", "-q", "origin", "HEAD:refs/heads/main", f":refs/heads/{branch}")
        self.fleet.git("fetch", "-q", "--prune", "--tags", "origin")


@pytest.fixture(params=["tag", "branch", "pinned tag", "pinned commit", "fields"])
def reader(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    people: tuple[Person, Person],
    monkeypatch: pytest.MonkeyPatch,
) -> Reader:
    monkeypatch.setattr(Reader, "mode", request.param)
    return Reader(tmp_path, *people, monkeypatch)


def promoted(reader: Reader, folder: Path) -> str:
    """Plan, have it approved, do it, and merge what must be merged."""
    plan = folder / "next.json"
    written = reader.run("promote", "production", "--plan", str(plan)).output
    assert "refused    approvals: 0 of 1" in written, written
    assert [line for line in written.splitlines() if line.startswith("  refused")] == [
        line for line in written.splitlines() if line.startswith("  refused    approvals")
    ], written
    reader.be(reader.ada)
    approved = reader.run("approve", str(plan), "--yes").output
    assert "starts from" in approved
    reader.be(reader.bob)
    done = reader.run("promote", "production", "--apply", str(plan)).output
    if "headgate/promote-production" in done:
        reader.merges(done, "promote")
    reader.fleet.git("fetch", "-q", "--tags", "origin")
    return done


def runs_like_staging(reader: Reader) -> bool:
    """Whether the images of both are the same."""
    compared = reader.run("compare", "staging", "production", "--all", "-o", "json", status=None).output
    return ".image" not in compared


def test_diff_promote_break_and_roll_back(reader: Reader, tmp_path: Path) -> None:
    reader.brings("1.1.0")
    assert not runs_like_staging(reader)
    seen = reader.run("diff", "--env", "production", "--base", "main~1", "--head", "main", status=None).output
    if reader.mode != "fields":
        assert "at the next promotion: 1 changed" in seen, seen
    promoted(reader, tmp_path)
    assert runs_like_staging(reader), "production has what staging runs"
    again = reader.run("promote", "production", "--override", "approvals=none", status=None).output
    assert "pushed the tag" not in again
    reader.brings("1.2.0")
    assert not runs_like_staging(reader)
    promoted(reader, tmp_path)
    assert runs_like_staging(reader)
    rolled = reader.run("rollback", "production").output
    assert "By the rollback" in rolled
    if "headgate/rollback-production" in rolled:
        reader.merges(rolled, "rollback")
    reader.fleet.git("fetch", "-q", "--tags", "origin")
    assert not runs_like_staging(reader), "production is back"
    reader.report(reader.fleet.head())
    if reader.mode == "pinned tag":
        reader.tag("v9")
    refused = reader.run("promote", "production", status=1).output
    assert "refused    not-rolled-back" in refused, refused
    if "headgate/revert-production" in rolled:
        reader.merges(rolled, "revert")
        reader.report(reader.fleet.head())
        assert runs_like_staging(reader), "staging is, too"
    reader.brings("1.3.0")
    promoted(reader, tmp_path)
    assert runs_like_staging(reader)
