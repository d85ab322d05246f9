"""The example repository on a local Git server, and the objects of a cluster, rewritten to follow it.

FOLDER/git/fleet-infra.git    bare, served over HTTP on loopback
FOLDER/fleet-infra/           a clone with the example committed and pushed, tagged 1.0.0
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from headgate.kustomize import FolderTree, build
from tests.support.gitserver import GitHttpServer

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fleet-infra"
FIRST_TAG = "1.0.0"
POLL = "5s"
"""How often the demo's source asks its Git server; the example says 1m, which is long to sit and watch."""

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fleet:
    """The clone to work in, and the URL for the GitRepositories on the cluster."""

    work: Path
    url: str

    def git(self, *arguments: str) -> str:
        """Run git in the clone, without the user's own configuration (hooks, signing)."""
        return _git(self.work, *arguments)

    def manifests(self, cluster: str = "production") -> str:
        """``clusters/<cluster>`` as YAML, its source following this server."""
        root = str(self.work / "clusters" / cluster)
        return yaml.safe_dump_all(redirected(build(FolderTree(Path("/")), root), self.url), sort_keys=False)


def redirected(objects: list[Obj], url: str, interval: str = POLL) -> list[Obj]:
    """The objects with every GitRepository at another address and asked more often."""
    return [
        {**obj, "spec": {**obj["spec"], "url": url, "interval": interval}}
        if obj["kind"] == "GitRepository"
        else obj
        for obj in objects
    ]


@contextmanager
def served(folder: Path, example: Path = EXAMPLE) -> Iterator[Fleet]:
    """Push the example to a Git server on loopback that runs as long as the context lasts."""
    bare, work = folder / "git" / "fleet-infra.git", folder / "fleet-infra"
    bare.mkdir(parents=True)
    _git(bare, "init", "--quiet", "--bare", "--initial-branch=main")
    shutil.copytree(example, work)
    _git(work, "init", "--quiet", "--initial-branch=main")
    # The user may have configured no name in Git, or may have enabled signing, with a passphrase.
    for key, value in {
        "user.name": "Demo",
        "user.email": "demo@example.com",
        "commit.gpgSign": "false",
        "tag.gpgSign": "false",
        "push.autoSetupRemote": "true",
    }.items():
        _git(work, "config", key, value)
    _git(work, "remote", "add", "origin", str(bare))
    _git(work, "add", "--all")
    _git(work, "commit", "--quiet", "--message=The fleet")
    _git(work, "tag", FIRST_TAG)
    _git(work, "push", "--quiet", "origin", "main", FIRST_TAG)
    with GitHttpServer(bare.parent) as server:
        yield Fleet(work, server.url(bare.name))


def _git(folder: Path, *arguments: str) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()
