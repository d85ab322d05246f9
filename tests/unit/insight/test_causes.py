"""Root causes, chains and groups."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.insight import Fleet, Ref, RootType, State, chain_of, explain
from headgate.insight.causes import MISSING, UNKNOWN
from tests.unit.insight.objects import BUILD_FAILED, READY, condition, ks, repo, waits_for

Obj = dict[str, Any]
NO_SOURCE = condition("Ready", "False", "ArtifactFailed", 'GitRepository "ghost" not found')
NO_BRANCH = condition("Ready", "False", "GitOperationFailed", "the remote has no branch 'x'")
DOING = condition("Ready", "Unknown", "Progressing", "Running health checks")


def k(name: str, namespace: str = "shop") -> Ref:
    return Ref("Kustomization", namespace, name, "kustomize.toolkit.fluxcd.io")


def r(name: str, kind: str = "GitRepository") -> Ref:
    return Ref(kind, "shop", name, "source.toolkit.fluxcd.io")


def states(*objects: Obj) -> dict[str, State]:
    return {each.ref.name: each.state for each in explain(Fleet.of(objects)).verdicts}


def test_a_chain_of_three_ends_at_the_object_that_fails() -> None:
    fleet = Fleet.of(
        [
            repo(),
            ks("one", BUILD_FAILED),
            ks("two", waits_for("one"), needs=("one",)),
            ks("three", waits_for("two"), needs=("two",)),
            ks("other", READY),
        ]
    )
    report = explain(fleet)
    (cause,) = report.causes
    assert (cause.type, cause.root) == (RootType.OBJECT, k("one"))
    assert (cause.file, cause.line) == ("apps/web.yaml", 3)
    assert cause.blocked == (k("three"), k("two"))
    assert "headgate build" in cause.remedy
    assert [link.ref.name for link in chain_of(fleet, report, k("three"))] == ["three", "two", "one"]
    assert report.cause_of(k("two")) == cause
    assert report.cause_of(k("other")) is None
    assert report.counts == {State.READY: 2, State.FAILED: 1, State.BLOCKED: 2}


def test_what_is_in_progress_blocks_nobody_and_is_waited_for() -> None:
    found = states(repo(), ks("one", DOING), ks("two", waits_for("one"), needs=("one",)))
    assert (found["one"], found["two"]) == (State.PROGRESSING, State.WAITING)


def test_a_source_that_fails_without_an_artifact_blocks() -> None:
    report = explain(
        Fleet.of(
            [
                repo("repo", NO_BRANCH, artifact=False),
                ks("a", NO_SOURCE),
                ks("b", waits_for("a"), needs=("a",)),
            ]
        )
    )
    (cause,) = report.causes
    assert (cause.root, cause.blocked) == (r("repo"), (k("a"), k("b")))


def test_a_source_that_fails_with_an_artifact_blocks_nobody() -> None:
    found = states(repo("repo", NO_BRANCH), ks("a", READY), ks("b", NO_SOURCE))
    assert found == {"repo": State.FAILED, "a": State.READY, "b": State.FAILED}


def test_a_missing_source_is_the_root_and_the_remedy_names_who_refers_to_it() -> None:
    (cause,) = explain(
        Fleet.of([ks("a", NO_SOURCE, source="ghost"), ks("b", waits_for("a"), needs=("a",))])
    ).causes
    assert (cause.type, cause.root, cause.state) == (RootType.MISSING, r("ghost"), MISSING)
    assert cause.referrer == k("a")
    assert cause.remedy == (
        "create GitRepository/shop/ghost, or correct spec.sourceRef of Kustomization/shop/a"
    )
    assert cause.blocked == (k("a"), k("b"))


def test_a_missing_dependency_is_the_root() -> None:
    report = explain(Fleet.of([repo(), ks("a", waits_for("ghost"), needs=("ghost",))]))
    (cause,) = report.causes
    assert (cause.type, cause.root) == (RootType.MISSING, k("ghost"))
    assert "spec.dependsOn of Kustomization/shop/a" in cause.remedy


def test_what_the_caller_may_not_read_is_not_called_missing() -> None:
    waiting = ks("a", waits_for("base", "infra"))
    waiting["spec"]["dependsOn"] = [{"name": "base", "namespace": "infra"}]
    for fleet in (
        Fleet.of([repo(), waiting], namespaces=["shop"]),
        Fleet.of([waiting, repo()], unread={"Kustomization": "forbidden"}),
    ):
        (cause,) = explain(fleet).causes
        assert (cause.type, cause.state) == (RootType.UNKNOWN, UNKNOWN)


def test_a_circle_is_named_once_with_all_that_waits_for_it() -> None:
    objects = [
        repo(),
        ks("a", waits_for("b"), needs=("b",)),
        ks("b", waits_for("c"), needs=("c",)),
        ks("c", waits_for("a"), needs=("a",)),
        ks("d", waits_for("b"), needs=("b",)),
    ]
    fleet = Fleet.of(objects)
    report = explain(fleet)
    (cause,) = report.causes
    assert cause.type is RootType.CYCLE
    assert cause.cycle == (k("a"), k("b"), k("c"), k("a"))
    assert cause.blocked == (k("d"),)
    assert "dependsOn" in cause.remedy
    assert [x.ref.name for x in chain_of(fleet, report, k("d"))] == ["d", "b", "c", "a", "b"]
    assert report.counts[State.BLOCKED] == 4


def test_an_object_that_depends_on_itself_is_a_circle() -> None:
    (cause,) = explain(Fleet.of([repo(), ks("a", waits_for("a"), needs=("a",))])).causes
    assert cause.cycle == (k("a"), k("a"))


def test_includes_in_a_circle_end() -> None:
    failed = condition("Ready", "False", "NoArtifact", "x")
    objects = [
        repo("a", failed, artifact=False, include=[{"repository": {"name": "b"}}]),
        repo("b", failed, artifact=False, include=[{"repository": {"name": "a"}}]),
    ]
    report = explain(Fleet.of(objects))
    assert len(report.causes) == 1
    assert {each.state for each in report.verdicts} <= {State.FAILED, State.BLOCKED}


def test_a_suspended_dependency_that_is_not_ready_is_a_root() -> None:
    fleet = Fleet.of([repo(), ks("a", BUILD_FAILED, suspend=True), ks("b", waits_for("a"), needs=("a",))])
    (cause,) = explain(fleet).causes
    assert (cause.root, cause.state, cause.blocked) == (k("a"), "suspended", (k("b"),))
    assert "spec.suspend" in cause.remedy


def test_a_suspended_dependency_that_is_ready_is_none() -> None:
    found = states(repo(), ks("a", READY, suspend=True), ks("b", BUILD_FAILED, needs=("a",)))
    assert found["b"] is State.FAILED


def test_the_dependency_that_the_message_names_counts_first() -> None:
    fleet = Fleet.of(
        [
            repo(),
            ks("x", BUILD_FAILED),
            ks("y", BUILD_FAILED),
            ks("b", waits_for("y"), needs=("x", "y")),
        ]
    )
    assert explain(fleet).cause_of(k("b")).root == k("y")  # type: ignore[union-attr]


def test_a_dependency_that_is_ready_leaves_the_object_its_own_root() -> None:
    said = condition("Ready", "False", "DependencyNotReady", "dependency 'shop/a' revision is not up to date")
    (cause,) = explain(Fleet.of([repo(), ks("a", READY), ks("b", said, needs=("a",))])).causes
    assert cause.root == k("b")


def test_failures_come_first_and_then_the_largest_group() -> None:
    objects = [repo(), ks("p", DOING), *(ks(f"p{n}", waits_for("p"), needs=("p",)) for n in range(9))]
    objects += [
        ks("small", BUILD_FAILED),
        ks("big", BUILD_FAILED),
        ks("big1", waits_for("big"), needs=("big",)),
    ]
    causes = explain(Fleet.of(objects)).causes
    assert [each.root.name for each in causes] == ["big", "small", "p"]


@pytest.mark.parametrize("length", [5000])
def test_a_very_long_chain_takes_no_recursion(length: int) -> None:
    objects = [repo(), ks("n0", BUILD_FAILED)]
    objects += [ks(f"n{n}", waits_for(f"n{n - 1}"), needs=(f"n{n - 1}",)) for n in range(1, length)]
    fleet = Fleet.of(objects)
    report = explain(fleet)
    (cause,) = report.causes
    assert len(cause.blocked) == length - 1
    assert len(chain_of(fleet, report, k(f"n{length - 1}"))) == 1000


def test_names_and_fields_of_other_types_do_no_harm() -> None:
    odd = ks("a", BUILD_FAILED)
    odd["spec"] = {"sourceRef": [1], "dependsOn": [3, {"name": 4}, {"name": "x" * 9999}, None]}
    report = explain(
        Fleet.of([odd, {"kind": "Secret"}, {}, {"kind": "Kustomization", "metadata": {"name": 7}}])
    )
    assert len(report.verdicts) == 1
