"""A tenant whose objects cost as much as possible: others continue, probes respond, and the tenant gets an error."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest

from sandbox import operator
from tests.support.cluster import condition, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

COSTLY = "[" + ",".join(["0"] * 100) + "].all(x, " + " && ".join(["self == self"] * 6) + ")"
"""True, after about a tenth of a second of computing, as ``self`` is large where there are hundreds of these."""


@pytest.fixture
def other(workspace: Workspace, git_server: GitHttpServer) -> Iterator[Workspace]:
    """Another tenant."""
    other = Workspace(workspace.api, git_server, "other")
    yield other
    other.close()


def healthz(running: operator.Operator) -> str:
    with urllib.request.urlopen(f"{running._health}/healthz", timeout=60) as answer:
        return str(answer.read().decode())


def test_hundreds_of_costly_expressions_delay_nobody_else(
    workspace: Workspace, other: Workspace, shared_operator: operator.Operator
) -> None:
    for each in (workspace, other):
        each.commit({"apps/a.yaml": config_map("a", before="1")})
        each.source()
    workspace.kustomization("dep", path="apps")
    workspace.ready("dep")
    other.kustomization("apps")
    other.ready("apps")
    for name in ("one", "two", "three"):
        workspace.kustomization(
            name, path="apps", dependsOn=[{"name": "dep", "readyExpr": COSTLY}] * 400, retryInterval="1s"
        )
    revision = other.commit({"apps/a.yaml": config_map("a", after="2")})
    other.ready("apps", revision)
    assert healthz(shared_operator) == "ok"
    # Three attempts of five seconds of processor time each, on a machine that may be busy.
    said = workspace.failed(
        "one", "DependencyNotReady", r"^spec\.dependsOn\[\d+\]\.readyExpr: .* processor time", timeout=400.0
    )
    assert workspace.event("one", "processor time")["message"] == said["message"]
    # Again, while the tenant's time is used up.
    revision = other.commit({"apps/a.yaml": config_map("a", after="3")})
    other.ready("apps", revision)
    shared_operator.check()


def test_a_revision_passes_through_diamonds_of_dependencies(workspace: Workspace) -> None:
    """Forty Kustomizations in layers of two, each of which depends on both of the layer before."""
    workspace.commit({f"{i}-{side}/a.yaml": config_map(f"a{i}{side}") for i in range(20) for side in "ab"})
    workspace.source()
    for i in range(20):
        before = [{"name": f"{i - 1}-{side}"} for side in "ab"] if i else None
        for side in "ab":
            workspace.kustomization(f"{i}-{side}", dependsOn=before)
    workspace.ready("19-b")
    # Nothing that they are built from.
    revision = workspace.commit({"readme.md": "more"})
    for side in "ab":
        workspace.ready(f"19-{side}", revision)
    until(
        "nobody waits",
        lambda: all(condition(workspace.get(f"{i}-a")).get("status") == "True" for i in range(20)),
    )
