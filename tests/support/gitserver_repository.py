"""Repositories made with plain git commands, below a folder that a Git server serves.

The repository has a work tree elsewhere, so that tests (and people, in the demo) commit there with Git as
usual, and every commit is on the server at once.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    # Submodules of a test's own repositories are added by path.
    "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
}
FIRST_COMMIT = 1_700_000_000


def run_git(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a git command in a folder, with more than :data:`ENVIRONMENT`, and return what it prints."""
    finished = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**ENVIRONMENT, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(f"git {' '.join(arguments)}: {finished.stderr.strip()}")
    return finished.stdout


def dated(time: int | None) -> dict[str, str]:
    """The environment of a commit or tag at a time in seconds since 1970; now if it is None."""
    return {} if time is None else {f"GIT_{who}_DATE": f"{time} +0000" for who in ("AUTHOR", "COMMITTER")}


def write_files(folder: Path, files: Mapping[str, str | bytes | None]) -> None:
    """Write files below a folder; None deletes one."""
    for path, content in files.items():
        target = folder / path
        if content is None:
            target.unlink()
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)


class Repository:
    """``<served>/<name>.git``, with its work tree at ``work``."""

    def __init__(
        self,
        served: Path,
        name: str = "repo",
        *,
        work: Path | None = None,
        branch: str = "main",
        object_format: str = "sha1",
    ) -> None:
        """Make an empty repository; ``work`` is ``<served>.work/<name>`` unless given."""
        self.name = f"{name}.git"
        self.path = served / self.name
        self.work = work or served.with_name(served.name + ".work") / name
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.work.mkdir(parents=True)
        self._clock = FIRST_COMMIT
        self.environment: dict[str, str] = {}
        """More environment for its git commands."""
        options = [f"--object-format={object_format}", f"--initial-branch={branch}", "--template="]
        self.git("init", "-q", *options, f"--separate-git-dir={self.path}")

    def git(self, *arguments: str, time: int | None = None) -> str:
        """Run a git command in the work tree and return what it prints; ``time`` is in seconds since 1970."""
        return run_git(self.work, *arguments, environment={**self.environment, **dated(time)})

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files to the work tree; None deletes one."""
        write_files(self.work, files)

    def commit(
        self,
        files: Mapping[str, str | bytes | None] | None = None,
        message: str = "change",
        *,
        time: int | None = None,
        sign: bool = False,
    ) -> str:
        """Write files, commit everything in the work tree and return the commit's id.

        Commits are ten seconds apart, so that ids follow from the contents.
        """
        self.write(files or {})
        self.git("add", "-A", "-f")
        self._clock += 10
        options = ["-S"] if sign else ["--no-gpg-sign"]
        self.git("commit", "-q", "--allow-empty", *options, "-m", message, time=time or self._clock)
        return self.head()

    def head(self) -> str:
        """The id of the commit that is checked out."""
        return self.git("rev-parse", "HEAD").strip()

    def tag(self, name: str, commit: str = "HEAD", *, annotated: bool = False, sign: bool = False) -> str:
        """Make a tag, or move it, and return its object's id."""
        options = ["-s", "-m", name] if sign else ["-a", "-m", name] if annotated else []
        self.git("tag", "-f", *options, name, commit, time=self._clock)
        return self.git("rev-parse", f"refs/tags/{name}").strip()

    def switch(self, branch: str, start: str | None = None) -> None:
        """Check out a branch; with ``start`` a new one from there. HEAD on the server follows."""
        self.git("checkout", "-q", *(["-B", branch, start] if start else [branch]))

    def revert(self, commit: str = "HEAD") -> str:
        """Commit the reverse of a commit and return the new one's id."""
        self._clock += 10
        self.git("revert", "--no-edit", "--no-gpg-sign", commit, time=self._clock)
        return self.head()

    def copy_from(self, folder: Path, message: str = "import") -> str:
        """Commit a copy of a folder as the whole content of the repository."""
        self.git("rm", "-r", "-q", "--ignore-unmatch", ".")
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        return self.commit(files, message)
