"""A real Git server on loopback, and repositories made with plain git commands."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.git.cache import Caches
from tests.unit.git.server import GitHttpServer

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


class Repository:
    """A work tree and the bare repository it is pushed to, which the server serves."""

    def __init__(self, root: Path, name: str = "repo", object_format: str = "sha1") -> None:
        self.name = f"{name}.git"
        self.bare = root / "served" / self.name
        self.work = root / "work" / name
        self.work.mkdir(parents=True)
        self._clock = 1_700_000_000
        self._run("init", "-q", "--bare", f"--object-format={object_format}", str(self.bare), cwd=root)
        self._run("init", "-q", "-b", "main", f"--object-format={object_format}", str(self.work), cwd=root)
        self.git("remote", "add", "origin", str(self.bare))

    def git(self, *arguments: str, time: int | None = None) -> str:
        return self._run(*arguments, cwd=self.work, time=time)

    def commit(
        self, files: dict[str, str | bytes | None], *, time: int | None = None, push: bool = True
    ) -> str:
        """Write (None: delete) files, commit, push the branch, and return the commit's id."""
        for path, content in files.items():
            target = self.work / path
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A", "-f")
        self._clock += 10
        self.git("commit", "-q", "--allow-empty", "-m", "change", time=time or self._clock)
        if push:
            self.git("push", "-q", "--force", "origin", "HEAD")
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").strip()

    def tag(self, name: str, *, annotated: bool = False) -> None:
        self.git("tag", *(["-a", "-m", name] if annotated else []), name)
        self.git("push", "-q", "origin", f"refs/tags/{name}")

    def _run(self, *arguments: str, cwd: Path, time: int | None = None) -> str:
        environment = dict(ENVIRONMENT)
        if time is not None:
            environment |= {"GIT_AUTHOR_DATE": f"{time} +0000", "GIT_COMMITTER_DATE": f"{time} +0000"}
        finished = subprocess.run(
            ["git", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHttpServer]:
    (tmp_path / "served").mkdir()
    with GitHttpServer(tmp_path / "served") as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def caches(tmp_path: Path) -> Caches:
    return Caches(tmp_path / "caches")
