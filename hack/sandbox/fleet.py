"""The example repository on a local Git server, and the objects of a cluster, rewritten to follow it.

FOLDER/git/fleet-infra.git    bare, served over HTTP on loopback; accepts pushes
FOLDER/fleet-infra/           a clone with the example committed and pushed, tagged 1.0.0
FOLDER/signing                an SSH key that signs tags
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
URL = "https://github.com/my-org/fleet-infra"
"""The repository's address in the example."""
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

    def environment(self) -> dict[str, str]:
        """Environment variables in which Git, also below another program, has the clone's configuration only."""
        return _environment()

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
    _git(bare, "config", "http.receivepack", "true")
    shutil.copytree(example, work)
    _git(work, "init", "--quiet", "--initial-branch=main")
    key = folder / "signing"
    _run(folder, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "demo@example.com", "-f", str(key))
    # The user may have configured no name in Git, or may have enabled signing, with a passphrase.
    for name, value in {
        "user.name": "Demo",
        "user.email": "demo@example.com",
        "user.signingKey": str(key),
        "gpg.format": "ssh",
        "commit.gpgSign": "false",
        "tag.gpgSign": "false",
        "push.autoSetupRemote": "true",
        "http.proxy": "",  # the server is on loopback
    }.items():
        _git(work, "config", name, value)
    with GitHttpServer(bare.parent) as server:
        url = server.url(bare.name)
        _follow(work, url)
        _git(work, "remote", "add", "origin", url)
        _git(work, "add", "--all")
        _git(work, "commit", "--quiet", "--message=The fleet")
        _git(work, "tag", FIRST_TAG)
        _git(work, "push", "--quiet", "origin", "main", FIRST_TAG)
        yield Fleet(work, url)


def _follow(work: Path, url: str) -> None:
    """Put the address into the clusters' files, as whoever copies the example does."""
    for path in sorted(work.glob("clusters/*/*.yaml")):
        text = path.read_text()
        if URL in text:
            path.write_text(text.replace(URL, url).replace("  interval: 1m\n", f"  interval: {POLL}\n"))


def _git(folder: Path, *arguments: str) -> str:
    return _run(folder, "git", *arguments)


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def _environment() -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
