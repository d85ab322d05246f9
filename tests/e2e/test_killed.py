"""``kill -9`` of the operator again and again while commits land: nothing is lost, nothing is left over."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from sandbox import operator
from tests.support.cluster import until
from tests.support.manifests import config_map
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

KILLS = 20
APPS = ("one", "two", "three")
OBJECTS = 12
AT_WORK = 3
"""Every third time it is not killed before it has begun: on a busy machine it would do nothing otherwise."""
DOOMED_FROM = KILLS // 2
"""The kill after which one Kustomization is deleted."""

State = dict[str, str]
"""The ConfigMaps that there should be, with their content."""


class Fleet:
    """Three applications whose every commit adds, changes and removes some of their objects."""

    def __init__(self, workspace: Workspace, chance: random.Random) -> None:
        self.workspace, self._chance = workspace, chance
        self.state: dict[str, State] = {app: {} for app in (*APPS, "doomed")}
        self.revision = ""
        self._number = 0

    def commit(self) -> None:
        """The next commit."""
        self._number += 1
        files: dict[str, str | None] = {}
        for app, before in self.state.items():
            chosen = self._chance.sample(range(OBJECTS), self._chance.randint(1, OBJECTS))
            after = {f"{app}-{n}": str(self._number) for n in chosen}
            files |= {f"{app}/{name}.yaml": None for name in before.keys() - after.keys()}
            files |= {f"{app}/{name}.yaml": config_map(name, v=value) for name, value in after.items()}
            self.state[app] = after
        self.revision = self.workspace.commit(files, f"Commit {self._number}")

    def commit_for(self, seconds: float) -> None:
        """Commit on and on."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            self.commit()
            time.sleep(min(self._chance.uniform(0, 0.2), max(left, 0)))

    def commit_and_see_work(self) -> None:
        """Commit, and wait until something of it is there."""
        self.commit()
        new = str(self._number)
        until("the operator is at work", lambda: new in self.found().values())

    def wanted(self) -> State:
        """What the last commit says."""
        return {name: value for app in APPS for name, value in self.state[app].items()}

    def found(self) -> State:
        """What is there."""
        items = self.workspace.api.list("v1", "ConfigMap", self.workspace.namespace)
        return {i["metadata"]["name"]: i["data"]["v"] for i in items if "v" in i["data"]}


def test_killed_at_random_moments_while_commits_land(
    own_workspace: Workspace, account: Path, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    options = (own_workspace.selector,)
    fleet = Fleet(own_workspace, chance)
    fleet.commit()
    own_workspace.source(ready=False, interval="1s")
    for app, before in zip((*APPS, "doomed"), ("", *APPS[:2], ""), strict=True):
        own_workspace.kustomization(app, dependsOn=[{"name": before}] if before else None, retryInterval="1s")
    for kill in range(KILLS):
        with operator.running(account, tmp_path, options) as running:
            if kill % AT_WORK == 0:
                fleet.commit_and_see_work()
            fleet.commit_for(chance.uniform(0.0, 0.8))
            if kill == DOOMED_FROM:
                own_workspace.api.delete(
                    "kustomize.toolkit.fluxcd.io/v1", "Kustomization", "doomed", own_workspace.namespace
                )
                time.sleep(chance.uniform(0.0, 0.1))
            running.kill()
    with operator.running(account, tmp_path, options):
        for app in APPS:
            own_workspace.ready(app, fleet.revision)
        until("the deleted one is gone", lambda: own_workspace.find("doomed") is None)
        assert fleet.found() == fleet.wanted()
        for app in APPS:
            entries = own_workspace.get(app)["status"]["inventory"]["entries"]
            assert {e["id"].split("_")[1] for e in entries} == set(fleet.state[app])
        own_workspace.close()
