"""``headgate affected`` says before a push what the operator then builds, by its metric."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controlplane.ports import LOOPBACK, free_ports
from headgate.promotion.clone import Clone
from headgate.promotion.config.model import Environment
from headgate.promotion.fleet import Fleet, FleetOptions
from headgate.promotion.ranges import Range, affected_by
from sandbox import operator
from tests.support.cluster import KUSTOMIZATION, SOURCE, Api, condition, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, dump, kustomization
from tests.support.metrics import read, value
from tests.support.workspace import OWN, Files, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

FOLDER = "clusters/production"
BASES, APPS = ("web", "db"), ("a", "b", "c", "d", "e")
NAMES = ("root", *APPS)
USES = {"a": "web", "b": "web", "c": "db", "d": "", "e": "db"}
COMMITS = 20
FROM_SOURCE = {"kind": SOURCE, "name": "source"}


class Generated:
    """A fleet of one cluster folder that applies itself, and random commits to it."""

    def __init__(self, workspace: Workspace, seed: int) -> None:
        self._workspace, self._random = workspace, random.Random(seed)
        self._count = 0
        self._intervals = dict.fromkeys(APPS, 60)
        self._extra: list[str] = []
        self._broken = False
        self._left: list[Callable[[], Files]] = []

    def spec(self, name: str) -> dict[str, Any]:
        """Of the Kustomization ``root`` or of an app."""
        if name == "root":
            return {"interval": "1h", "path": f"./{FOLDER}", "prune": True, "sourceRef": FROM_SOURCE}
        spec = {"interval": f"{self._intervals[name]}m", "retryInterval": "1h", "path": f"./apps/{name}"}
        target = {"targetNamespace": self._workspace.namespace, "prune": True, "sourceRef": FROM_SOURCE}
        depends = {"dependsOn": [{"name": "d"}]} if name == "e" else {}
        return {**spec, **target, **depends}

    def first(self) -> Files:
        files = {"README.md": "0"}
        for name in BASES:
            files[f"bases/{name}/kustomization.yaml"] = kustomization("cm.yaml", namePrefix=f"{name}-")
            files[f"bases/{name}/cm.yaml"] = config_map("base", key="0")
        for name in APPS:
            files |= {f"apps/{name}/cm.yaml": config_map(f"app-{name}", key="0")}
            if USES[name]:
                files[f"apps/{name}/kustomization.yaml"] = self._overlay(name)
        files[f"{FOLDER}/kustomization.yaml"] = kustomization("source.yaml", "apps.yaml")
        return {**files, **self._cluster()}

    def _overlay(self, name: str) -> str:
        return kustomization("cm.yaml", f"../../bases/{USES[name]}", nameSuffix=f"-{name}")

    def _cluster(self) -> dict[str, str]:
        workspace = self._workspace
        source = {"interval": "1h", "url": workspace.url, "ref": {"branch": "main"}}
        objects = [
            self._custom("kustomize", KUSTOMIZATION, name, self.spec(name)) for name in ("root", *APPS)
        ]
        return {
            f"{FOLDER}/source.yaml": dump(self._custom("source", SOURCE, "source", source)),
            f"{FOLDER}/apps.yaml": dump(*objects),
        }

    def _custom(self, group: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        meta = {"name": name, "namespace": self._workspace.namespace, "labels": self._workspace.labels}
        return {"apiVersion": f"{group}.toolkit.fluxcd.io/v1", "kind": kind, "metadata": meta, "spec": spec}

    def next(self) -> Files:
        """The files of the next commit. No commit changes both the spec and the files of one Kustomization."""
        self._count += 1
        if self._broken:
            # A build that failed is built again with each revision.
            self._broken = self._count % 2 == 0
            return self._readme() if self._broken else {"apps/c/kustomization.yaml": self._overlay("c")}
        if not self._left:
            self._left = [
            self._readme, self._base, self._app, self._unread, self._spec, self._listed, self._comment, self._break,
        ]  # fmt: skip
            self._random.shuffle(self._left)
        return self._left.pop()()

    def _readme(self) -> Files:
        return {"README.md": str(self._count), "docs/page.md": str(self._count)}

    def _base(self) -> Files:
        return {f"bases/{self._random.choice(BASES)}/cm.yaml": config_map("base", key=str(self._count))}

    def _app(self) -> Files:
        names = self._random.sample(APPS, self._random.randint(1, 3))
        return {f"apps/{name}/cm.yaml": config_map(f"app-{name}", key=str(self._count)) for name in names}

    def _unread(self) -> Files:
        return {
            "apps/a/unused.yaml": config_map("unused", key=str(self._count)),
            "bases/web/NOTES": str(self._count),
        }

    def _spec(self) -> Files:
        self._intervals[self._random.choice(APPS)] += 1
        return self._cluster()

    def _listed(self) -> Files:
        # d has no kustomization file: every manifest in its directory counts.
        if self._extra:
            return {self._extra.pop(): None}
        self._extra.append(f"apps/d/extra-{self._count}.yaml")
        return {self._extra[-1]: config_map(f"extra-{self._count}")}

    def _comment(self) -> Files:
        return {"apps/b/kustomization.yaml": f"# {self._count}\n{self._overlay('b')}"}

    def _break(self) -> Files:
        self._broken = True
        self._count += self._count % 2
        return {"apps/c/kustomization.yaml": "resources: [missing.yaml]\n"}


def settled(workspace: Workspace, name: str, revision: str) -> bool:
    obj = workspace.get(name)
    status = obj.get("status") or {}
    ready = condition(obj, "Ready") or {}
    return (
        status.get("lastAttemptedRevision") == revision
        and status.get("observedGeneration") == obj["metadata"]["generation"]
        and ready.get("observedGeneration") == obj["metadata"]["generation"]
        and ready.get("status") in ("True", "False")
        and (ready.get("status") == "False" or status.get("lastAppliedRevision") == revision)
    )


def all_settled(workspace: Workspace, revision: str) -> None:
    # The root first: it writes the others.
    for name in NAMES:
        until(f"{name} is settled at {revision}", partial(settled, workspace, name, revision))


def builds(address: str) -> int:
    return int(value(read(address), "headgate_step_duration_seconds_count", step="build"))


def has_built(address: str, count: int) -> bool:
    return builds(address) == count


def predicted(repository: Path, url: str, before: str, after: str) -> list[str]:
    with ExitStack() as stack:
        clone = stack.enter_context(Clone.open(repository))
        fleet = stack.enter_context(Fleet(clone, FleetOptions(default_branch="main", source_urls=(url,))))
        (found,) = affected_by(fleet, [Environment("production", FOLDER)], Range.of(fleet, before, after))
        assert found.unknown == ()
        assert not found.assumed
        return sorted(each.key.name for each in found.kustomizations)


def test_what_each_of_20_commits_rebuilds_is_what_it_says(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    address = f"{LOOPBACK}:{free_ports(1)[0]}"
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: "affected"})
    generated = Generated(workspace, seed=7)
    first = workspace.repository.commit(generated.first(), "first")
    seen: set[str] = set()
    with operator.running(account, tmp_path, (workspace.selector, f"--metrics-addr={address}")):
        workspace.source()
        workspace.apply_custom(KUSTOMIZATION, "root", generated.spec("root"))
        for name in NAMES:
            until(f"{name} exists", partial(workspace.find, name))
        all_settled(workspace, f"main@sha1:{first}")
        built = builds(address)
        before = first
        for number in range(COMMITS):
            files = generated.next()
            revision = workspace.commit(files, f"commit {number}")
            after = revision.rpartition(":")[2]
            expected = predicted(workspace.repository.path, workspace.url, before, after)
            seen.update(expected)
            all_settled(workspace, revision)
            built += len(expected)
            what = f"commit {number} ({', '.join(files)}) rebuilds {expected}"
            until(what, partial(has_built, address, built))
            before = after
    assert seen == set(NAMES)
