"""Many GitRepositories on one remote: how often the Git server is asked, routinely and on request."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import operator
from tests.support.area import OWN, Area, area_name
from tests.support.cluster import SOURCE, Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map

pytestmark = pytest.mark.e2e

SOURCES = [f"source-{n}" for n in range(10)]


def answered(area: Area, name: str, stamp: str) -> bool:
    return area.get(name, SOURCE)["status"].get("lastHandledReconcileAt") == stamp


def test_a_remote_is_asked_once_for_all_that_are_due(
    request: pytest.FixtureRequest, api: Api, account: Path, tmp_path: Path
) -> None:
    served = tmp_path / "git"
    served.mkdir()
    with GitHttpServer(served) as server:
        area = Area(api, server, area_name(request), {OWN: "shared"})
        revision = area.commit({"apps/a.yaml": config_map("a")})
        area.repository.tag("v1.0.0")
        options = (f"--watch-label-selector={OWN}=shared",)
        with operator.running(account, tmp_path, options):
            for n, name in enumerate(SOURCES):
                ref = {"branch": "main"} if n % 2 else {"semver": ">=1"}
                area.source(name, ready=False, ref=ref)
            for name in SOURCES:
                area.ready(name, kind=SOURCE)
        server.forget()
        with operator.running(account, tmp_path, options):
            # All are due now, none of them on request.
            stamp = area.poke(SOURCE, SOURCES[0])
            until("the last one is looked at", lambda: answered(area, SOURCES[0], stamp))
            first = server.count("ls-refs")
            assert first <= 4, (
                "one for each of the two kinds, once more for what came meanwhile, one for the request"
            )
            newer = area.repository.commit({"apps/a.yaml": config_map("a", v="2")})
            stamps = {name: area.poke(SOURCE, name) for name in SOURCES}
            for name, stamp in stamps.items():
                until(f"{name} is looked at", lambda name=name, stamp=stamp: answered(area, name, stamp))  # type: ignore[misc]
            assert area.get(SOURCES[0], SOURCE)["status"]["artifact"]["revision"].startswith("v1.0.0@")
            assert area.get(SOURCES[1], SOURCE)["status"]["artifact"]["revision"] == f"main@sha1:{newer}"
            assert newer not in revision
            # By now every one has had its routine visit too.
            assert server.count("ls-refs") <= 4 + len(SOURCES)
            area.close()
