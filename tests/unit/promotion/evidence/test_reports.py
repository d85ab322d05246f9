"""Reports in a clone: whose count, and what is refused with a reason. Real commits with real signatures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headgate.api.report import REPORT_REFS, EnvironmentReport, encode
from headgate.promotion.clone import Clone
from headgate.promotion.errors import EvidenceMissing
from headgate.promotion.evidence.facts import healthy, soaked_since
from headgate.promotion.evidence.model import Evidence, EvidenceOrigin
from headgate.promotion.evidence.reports import Reporters, fetch_reports, report_evidence
from tests.support.evidence import NOW, ago, commit, running
from tests.support.gitserver_repository import Repository
from tests.support.sshserver import KeyPair, generate_key

STAGING, PRODUCTION, NOBODY = generate_key(), generate_key(), generate_key()
ALLOWED = (
    f'staging namespaces="git" {STAGING.public}\nproduction,eu-* namespaces="git" {PRODUCTION.public}\n'
).encode()
REPORTERS = Reporters(ALLOWED, ".headgate/reporters")
REF = f"{REPORT_REFS}staging"


def report(*, observed: datetime = NOW, begun: datetime | None = None, **changed: Any) -> EnvironmentReport:
    kustomization = running(**{"digest_since": begun or observed, "since": begun or observed, **changed})
    return EnvironmentReport(
        "staging", observed, begun or observed, sources=(), kustomizations=(kustomization,)
    )


class Pushed:
    """A repository with reports on refs, as operators push them."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "served")
        self.repository.commit({"README.md": "fleet"})
        self._folder = folder

    def push(
        self,
        content: EnvironmentReport | bytes,
        key: KeyPair | None = STAGING,
        *,
        ref: str = REF,
        parent: str = "",
        file: str = "report.json",
    ) -> str:
        """Put a commit on the ref, on top of ``parent``; signed unless ``key`` is None."""
        path = self._folder / "content"
        path.write_bytes(content if isinstance(content, bytes) else encode(content))
        blob = self.repository.git("hash-object", "-w", str(path)).strip()
        index = self._folder / "index"
        index.unlink(missing_ok=True)
        self.repository.environment = {"GIT_INDEX_FILE": str(index)}
        self.repository.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{file}")
        tree = self.repository.git("write-tree").strip()
        self.repository.environment = {}
        parents = ["-p", parent] if parent else []
        config: list[str] = []
        if key is not None:
            private = self._folder / "key"
            private.touch(0o600)
            private.write_bytes(key.private)
            config = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={private}"]
            parents.append("-S")
        made = self.repository.git(*config, "commit-tree", *parents, "-m", "report", tree).strip()
        self.repository.git("update-ref", ref, made)
        return made

    def read(
        self, environment: str = "staging", reporters: Reporters = REPORTERS, *, past: int = 0
    ) -> Evidence | None:
        with Clone.open(self.repository.path) as clone:
            return report_evidence(clone, environment, reporters, NOW, past=past)

    def refused(self, environment: str = "staging", reporters: Reporters = REPORTERS) -> str:
        with pytest.raises(EvidenceMissing) as error:
            self.read(environment, reporters)
        return str(error.value)


@pytest.fixture
def pushed(tmp_path: Path) -> Pushed:
    return Pushed(tmp_path)


def test_a_signed_report_counts(pushed: Pushed) -> None:
    pushed.push(report(observed=ago(3), begun=ago(60)))
    found = pushed.read()
    assert found is not None
    assert (found.environment, found.origin, found.detail) == ("staging", EvidenceOrigin.REPORT, REF)
    assert (found.at, found.begun, found.ready) == (ago(3), ago(60), 1)
    assert healthy(found).commit == commit(1)
    assert not found.is_stale(NOW)


def test_no_report_is_no_evidence(pushed: Pushed) -> None:
    assert pushed.read() is None


def test_a_branch_serves_where_a_server_refuses_other_refs(pushed: Pushed) -> None:
    pushed.push(report(), ref="refs/heads/headgate/env/staging")
    found = pushed.read()
    assert found is not None
    assert found.detail == "refs/heads/headgate/env/staging"


@pytest.mark.parametrize(
    ("key", "environment", "message"),
    [
        (None, "staging", "it is not signed"),
        (NOBODY, "staging", "no key of 'staging' has signed it"),
        (PRODUCTION, "staging", "no key of 'staging' has signed it"),
    ],
)
def test_who_signed_it_decides(pushed: Pushed, key: KeyPair | None, environment: str, message: str) -> None:
    pushed.push(report(), key)
    said = pushed.refused(environment)
    assert message in said
    assert ".headgate/reporters" in said


def test_a_signature_for_another_purpose_does_not_count(pushed: Pushed) -> None:
    pushed.push(report())
    only_files = Reporters(f'staging namespaces="file" {STAGING.public}\n'.encode(), "x")
    assert "no key of 'staging'" in pushed.refused(reporters=only_files)


def test_a_key_may_report_for_several_environments(pushed: Pushed) -> None:
    pushed.push(replace(report(), environment="eu-west"), PRODUCTION, ref=f"{REPORT_REFS}eu-west")
    assert pushed.read("eu-west") is not None


def test_without_the_file_of_keys_nobody_counts(pushed: Pushed) -> None:
    pushed.push(report())
    assert "there is no .headgate/reporters" in pushed.refused(
        reporters=Reporters(None, ".headgate/reporters")
    )
    assert "no key" in pushed.refused(reporters=Reporters(b"\x00 nonsense", "x"))


def test_unsigned_reports_count_on_demand_only(pushed: Pushed) -> None:
    pushed.push(report(), None)
    assert pushed.read(reporters=Reporters(None, "x", unsigned=True)) is not None
    pushed.push(report(), NOBODY)
    assert "no key" in pushed.refused(reporters=Reporters(ALLOWED, "x", unsigned=True))


def test_the_report_of_another_environment_does_not_count(pushed: Pushed) -> None:
    """Neither under the ref of this one, nor with a copy of its commit there."""
    other = pushed.push(replace(report(), environment="eu-west"), PRODUCTION, ref=f"{REPORT_REFS}eu-west")
    pushed.repository.git("update-ref", f"{REPORT_REFS}production", other)
    assert "it is one of 'eu-west'" in pushed.refused("production")


def test_an_old_report_that_is_pushed_again_is_stale(pushed: Pushed) -> None:
    old = pushed.push(report(observed=ago(600)))
    pushed.push(report(), parent=old)
    pushed.repository.git("update-ref", REF, old)
    found = pushed.read()
    assert found is not None
    assert found.is_stale(NOW)


def test_a_report_from_the_future_does_not_count(pushed: Pushed) -> None:
    pushed.push(report(observed=NOW + timedelta(hours=1)))
    assert "from the future, by 3600 s" in pushed.refused()
    pushed.push(report(observed=NOW + timedelta(seconds=30)))
    assert pushed.read() is not None


Break = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("not valid JSON", b"{"),
        ("not valid JSON", b"[" * 50_000),
        ("schemaVersion", json.dumps({"schemaVersion": 99}).encode()),
        ("sources is not a list", encode(report()).replace(b'"sources": []', b'"sources": 7')),
    ],
)
def test_content_that_is_no_report_does_not_count(pushed: Pushed, message: str, content: bytes) -> None:
    pushed.push(content)
    assert message in pushed.refused()


def test_a_commit_without_the_file_does_not_count(pushed: Pushed) -> None:
    pushed.push(report(), file="other.json")
    assert "no file report.json" in pushed.refused()


def test_a_huge_report_is_not_read(pushed: Pushed) -> None:
    pushed.push(b"x" * (3 << 20))
    with Clone.open(pushed.repository.path) as clone, pytest.raises(Exception, match="more than") as error:
        report_evidence(clone, "staging", REPORTERS, NOW)
    assert type(error.value).__name__ in ("CloneError", "EvidenceMissing")


def chain(pushed: Pushed, *reports: tuple[EnvironmentReport, KeyPair | None]) -> None:
    """Reports on top of each other, the oldest first."""
    tip = ""
    for content, key in reports:
        tip = pushed.push(content, key, parent=tip)


def test_the_reports_before_are_the_past(pushed: Pushed) -> None:
    """A content that came back has soaked since it came back; one that never left, since it came."""
    chain(
        pushed,
        (report(observed=ago(301), begun=ago(400), digest="sha256:b"), STAGING),
        (report(observed=ago(21), begun=ago(300)), STAGING),
        (report(observed=NOW, begun=ago(20), number=2, digest_since=ago(1)), STAGING),
    )
    found = pushed.read(past=10)
    assert found is not None
    assert [each.at for each in found.past] == [ago(21), ago(301)]
    assert soaked_since(found) == ago(300)
    newest_only = pushed.read()
    assert newest_only is not None
    assert (newest_only.past, soaked_since(newest_only)) == ((), ago(20))


@pytest.mark.parametrize("key", [None, NOBODY, PRODUCTION])
def test_what_is_before_a_report_that_does_not_count_proves_nothing(
    pushed: Pushed, key: KeyPair | None
) -> None:
    chain(
        pushed,
        (report(observed=ago(301), begun=ago(400)), STAGING),
        (report(observed=ago(21), begun=ago(300)), key),
        (report(observed=NOW, begun=ago(20), digest_since=ago(1)), STAGING),
    )
    found = pushed.read(past=10)
    assert found is not None
    assert (found.past, soaked_since(found)) == ((), ago(20))


def test_the_past_has_a_limit(pushed: Pushed) -> None:
    chain(pushed, *((report(observed=ago(9 - n), begun=ago(9.5 - n)), STAGING) for n in range(6)))
    found = pushed.read(past=3)
    assert found is not None
    assert len(found.past) == 3


def test_reports_are_fetched_into_the_clone(pushed: Pushed, tmp_path: Path) -> None:
    pushed.push(report(observed=ago(1)))
    cloned = tmp_path / "clone"
    pushed.repository.git("clone", "-q", str(pushed.repository.path), str(cloned))
    with Clone.open(cloned) as clone:
        assert report_evidence(clone, "staging", REPORTERS, NOW) is None
        fetch_reports(clone)
        found = report_evidence(clone, "staging", REPORTERS, NOW)
        assert found is not None
        pushed.push(report(observed=NOW))
        fetch_reports(clone)
        newer = report_evidence(clone, "staging", REPORTERS, NOW)
        assert newer is not None
        assert (found.at, newer.at) == (ago(1), NOW)
