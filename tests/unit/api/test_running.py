"""What statuses prove: of Headgate, of stock Flux as recorded, and of objects that lack or misuse fields."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.api.running import belonging, commit_of, running_kustomization, running_source
from tests.support.evidence import FAILED, ago, commit, entry, git_repository, kustomization, recorded

A, B, C = "sha256:a", "sha256:b", "sha256:c"


@pytest.mark.parametrize(
    ("revision", "wanted"),
    [
        (f"main@sha1:{commit(1)}", commit(1)),
        (f"refs/pull/4/head@sha1:{commit(1)}", commit(1)),
        (f"sha1:{commit(1)}", commit(1)),
        (f"feature/x/{commit(1)}", commit(1)),
        (commit(1), commit(1)),
        ("1.2.3@sha256:" + "0" * 64, "0" * 64),
        ("", ""),
        ("main@sha1:short", ""),
        ("latest", ""),
    ],
)
def test_the_commit_of_a_revision(revision: str, wanted: str) -> None:
    assert commit_of(revision) == wanted


@pytest.mark.parametrize(
    ("what", "history", "turned", "since"),
    [
        ("the first success", [entry(A, 60, 1)], 1, 60),
        ("the second content", [entry(B, 30, 1), entry(A, 600, 31)], 1, 30),
        ("it failed at first", [entry(A, 30, 1), entry(A, 40, 31, FAILED)], 1, 30),
        ("another content failed before", [entry(A, 30, 1), entry(B, 50, 40, FAILED)], 1, 30),
        ("it came back, and Ready has not changed since", [entry(A, 600, 1), entry(B, 40, 30)], 20, 20),
        ("it came back, and nobody knows when", [entry(A, 600, 1), entry(B, 40, 30)], 35, 1),
        ("it failed in between", [entry(A, 600, 2), entry(A, 300, 200, FAILED)], 5, 5),
        ("a result without times", [entry(A, 600, 2), {"digest": B}], 1, 1),
        ("a full history", [entry(d, 9 - n, n + 1) for n, d in enumerate("abcde")], 1, 1),
        ("a full history of contents", [entry(d, n * 2 + 2, n * 2 + 1) for n, d in enumerate("abcde")], 1, 2),
        ("no history", [], 7, None),
    ],
)
def test_since_when_a_content_runs(what: str, history: list[Any], turned: float, since: float | None) -> None:
    found = running_kustomization(kustomization(history=history, turned=turned))
    assert found.digest_since == (None if since is None else ago(since)), what
    if history:
        assert found.digest == history[0]["digest"]


@pytest.mark.parametrize(
    ("what", "history", "turned", "since"),
    [
        ("every result was a success", [entry(B, 30, 1), entry(A, 600, 31)], 1, 600),
        ("after a failure", [entry(B, 30, 1), entry(A, 50, 40, FAILED), entry(C, 600, 51)], 1, 30),
        ("after a failure of content that ran before", [entry(A, 600, 1), entry(A, 50, 40, FAILED)], 4, 4),
        ("the history is full", [entry(d, n * 10 + 9, n * 10 + 1) for n, d in enumerate("abcde")], 1, 41),
        ("no history", [], 7, 7),
        ("the condition is older", [entry(A, 30, 1)], 90, 90),
    ],
)
def test_since_when_it_is_ready(what: str, history: list[Any], turned: float, since: float) -> None:
    assert running_kustomization(kustomization(history=history, turned=turned)).since == ago(since), what


@pytest.mark.parametrize(
    "changed",
    [
        {"ready": "False", "reason": FAILED},
        {"ready": "Unknown", "reason": "Progressing"},
        {"generation": 2},
        {"observed": -1},
    ],
)
def test_what_is_not_ready_is_ready_since_never(changed: dict[str, Any]) -> None:
    found = running_kustomization(kustomization(history=[entry(A, 60, 1)], **changed))
    assert (found.ready, found.since, found.digest_since) == (False, None, None)
    assert found.commit == commit(1)
    assert found.reason == changed.get("reason", "Progressing"), "never that of a success"


def test_a_kustomization_that_is_being_deleted_is_not_ready() -> None:
    obj = kustomization()
    obj["metadata"]["deletionTimestamp"] = "2026-06-01T00:00:00Z"
    assert not running_kustomization(obj).ready


def test_the_spec_of_a_suspended_one_need_not_be_observed() -> None:
    found = running_kustomization(kustomization(spec={"suspend": True}, generation=2))
    assert (found.ready, found.suspended) == (True, True)


def test_a_source_of_another_kind_has_no_commit() -> None:
    ref = {"sourceRef": {"kind": "OCIRepository", "name": "fleet"}}
    found = running_kustomization(kustomization(spec=ref, applied="latest@sha256:" + "0" * 64))
    assert (found.source, found.commit, found.ready) == (None, "", True)


def test_a_source_in_another_namespace() -> None:
    ref = {"sourceRef": {"kind": "GitRepository", "name": "fleet", "namespace": "other"}}
    assert running_kustomization(kustomization(spec=ref)).source == ObjectKey("other", "fleet")


@pytest.mark.parametrize(
    "status",
    [
        None,
        [],
        {"conditions": "none"},
        {"conditions": [1, {"type": "Ready", "status": True}]},
        {"history": {"digest": A}},
        {"lastAppliedRevision": 7, "history": [7]},
        {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "yesterday"}]},
    ],
)
def test_a_status_of_any_shape_proves_nothing(status: object) -> None:
    obj = {**kustomization(), "status": status}
    found = running_kustomization(obj)
    assert (found.commit, found.since, found.digest_since) == ("", None, None)
    assert not found.ready or not isinstance(status, dict) or "observedGeneration" in status


def test_what_a_source_follows() -> None:
    found = running_source(git_repository(ref={"semver": ">=1.0.0"}, revision=f"1.3.0@sha1:{commit(4)}"))
    assert (found.reference.semver, found.revision, found.commit) == (
        ">=1.0.0",
        f"1.3.0@sha1:{commit(4)}",
        commit(4),
    )
    assert found.ready
    empty = running_source({"metadata": {"name": "new", "namespace": "a"}, "spec": {}})
    assert (empty.commit, empty.ready) == ("", False)


def test_a_held_revision_is_named_while_the_annotation_holds_it() -> None:
    obj = git_repository()
    obj["status"]["conditions"].append(
        {"type": "RevisionHeld", "status": "True", "message": "main is on hold"}
    )
    assert running_source(obj).held == ""
    obj["metadata"]["annotations"] = {"promotion.headgate.dev/hold": "release"}
    assert running_source(obj).held == "main is on hold"


@pytest.mark.parametrize(
    ("scenario", "snapshot", "ready", "applied", "attempted"),
    [
        ("health-exprs", "failed", False, "", commit(1)),
        ("health-exprs", "end", True, commit(2), commit(2)),
        ("job-fails", "end", False, "", commit(1)),
        ("branch-change", "end", True, commit(2), commit(2)),
        ("git-commit", "end", True, commit(1), commit(1)),
        ("git-name", "end", True, commit(1), commit(1)),
        ("depends-cross", "waiting", False, "", ""),
    ],
)
def test_recorded_statuses_of_flux(
    scenario: str, snapshot: str, ready: bool, applied: str, attempted: str
) -> None:
    found = [
        running_kustomization(obj)
        for name, obj in recorded(scenario, snapshot).items()
        if name.startswith("Kustomization/")
    ]
    assert (ready, applied, attempted) in [(each.ready, each.commit, each.attempted) for each in found]
    for each in found:
        assert (each.digest_since is not None) == each.ready
        if each.digest_since is not None:
            assert each.digest_since == ago(2)


def keys(objects: list[dict[str, Any]]) -> list[str]:
    return [each["metadata"]["name"] for each in objects]


def test_what_belongs_to_a_repository() -> None:
    """What uses it, and what that applies: also Kustomizations of other sources, at any depth."""

    def applied_by(name: str) -> dict[str, str]:
        group = "kustomize.toolkit.fluxcd.io"
        return {f"{group}/name": name, f"{group}/namespace": "flux-system"}

    sources = [git_repository("other", url="https://example.com/else.git"), git_repository()]
    kustomizations = [
        kustomization("deep", source="chart", labels=applied_by("infra")),
        kustomization("infra", source="other", labels=applied_by("cluster")),
        kustomization("cluster"),
        kustomization("foreign", source="other"),
        kustomization("claims", source="other", labels=applied_by("foreign")),
    ]
    found = belonging(sources, kustomizations, lambda url: url.endswith("/fleet.git"))
    assert (keys(found[0]), keys(found[1])) == (["fleet"], ["cluster", "deep", "infra"])
    assert belonging(sources, kustomizations, lambda _: False) == ([], [])


def test_labels_that_form_a_circle_end() -> None:
    group = "kustomize.toolkit.fluxcd.io"
    own = {f"{group}/name": "apps", f"{group}/namespace": "flux-system"}
    found = belonging([git_repository()], [kustomization(labels=own)], lambda _: True)
    assert keys(found[1]) == ["apps"]


def test_times_are_in_utc() -> None:
    obj = kustomization()
    obj["status"]["conditions"][0]["lastTransitionTime"] = "2026-06-01T13:00:00+02:00"
    since = running_kustomization(obj).since
    assert since is not None
    assert since == datetime.fromisoformat("2026-06-01T11:00:00Z")
    assert since.utcoffset() == datetime.fromisoformat("2026-06-01T11:00:00Z").utcoffset()
