"""Many GitRepositories of one remote: how many requests the Git server gets, at the interval and on request."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import operator
from tests.support.cluster import SOURCE, Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

SOURCES = [f"source-{n}" for n in range(10)]


def answered(workspace: Workspace, name: str, stamp: str) -> bool:
    return workspace.get(name, SOURCE)["status"].get("lastHandledReconcileAt") == stamp


def test_a_remote_is_asked_once_for_all_that_are_due(
    request: pytest.FixtureRequest, api: Api, account: Path, tmp_path: Path
) -> None:
    served = tmp_path / "git"
    served.mkdir()
    with GitHttpServer(served) as server:
        workspace = Workspace(api, server, namespace_prefix(request), {OWN: "shared"})
        revision = workspace.commit({"apps/a.yaml": config_map("a")})
        workspace.repository.tag("v1.0.0")
        options = (f"--watch-label-selector={OWN}=shared",)
        with operator.running(account, tmp_path, options):
            for n, name in enumerate(SOURCES):
                ref = {"branch": "main"} if n % 2 else {"semver": ">=1"}
                workspace.source(name, ready=False, ref=ref)
            for name in SOURCES:
                workspace.ready(name, kind=SOURCE)
        server.forget()
        with operator.running(account, tmp_path, options):
            # All are due now, none of them on request.
            stamp = workspace.request_reconcile(SOURCE, SOURCES[0])
            until("the last one is reconciled", lambda: answered(workspace, SOURCES[0], stamp))
            first = server.count("ls-refs")
            assert first <= 4, (
                "one for each of the two kinds, once more for what came meanwhile, one for the request"
            )
            newer = workspace.repository.commit({"apps/a.yaml": config_map("a", v="2")})
            stamps = {name: workspace.request_reconcile(SOURCE, name) for name in SOURCES}
            for name, stamp in stamps.items():
                until(
                    f"{name} is reconciled", lambda name=name, stamp=stamp: answered(workspace, name, stamp)
                )  # type: ignore[misc]
            assert workspace.get(SOURCES[0], SOURCE)["status"]["artifact"]["revision"].startswith("v1.0.0@")
            assert workspace.get(SOURCES[1], SOURCE)["status"]["artifact"]["revision"] == f"main@sha1:{newer}"
            assert newer not in revision
            # By now each one has also been reconciled at its interval.
            assert server.count("ls-refs") <= 4 + len(SOURCES)
            workspace.close()
