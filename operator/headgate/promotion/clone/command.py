"""Git on the user's clone, with errors for the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from headgate.git.command.process import Finished, run
from headgate.git.errors import GitError
from headgate.promotion.errors import CloneError, without_credentials

__all__ = ["GitOf", "decoded", "last_line"]

LOCAL_TIMEOUT = 120.0
"""Seconds for a command that needs no server."""
REMOTE_TIMEOUT = 300.0
MAX_OUTPUT = 64 << 20


class GitOf:
    """Runs Git commands on the repository of one Git directory."""

    def __init__(self, git_dir: Path) -> None:
        self.git_dir = git_dir

    def read(self, *arguments: str, max_output: int = MAX_OUTPUT) -> bytes:
        """Return the output of a local command; raises :class:`CloneError` if it fails."""
        finished = self.local(*arguments, max_output=max_output)
        if finished.status:
            raise self.failed(arguments[0], finished)
        return finished.output

    def text(self, *arguments: str) -> str:
        """Return the output of a local command as one stripped text; raises :class:`CloneError`."""
        return decoded(self.read(*arguments)).strip()

    def local(
        self,
        *arguments: str,
        max_output: int = MAX_OUTPUT,
        environment: Mapping[str, str] | None = None,
        config: Sequence[tuple[str, str]] = (),
        git_dir: Path | None = None,
    ) -> Finished:
        """Run a local command, without the user's configuration; the caller interprets the exit status."""
        return self._run(arguments, LOCAL_TIMEOUT, max_output, environment, config, git_dir, as_user=False)

    def as_user(
        self,
        *arguments: str,
        timeout: float = REMOTE_TIMEOUT,
        max_output: int = MAX_OUTPUT,
        environment: Mapping[str, str] | None = None,
        config: Sequence[tuple[str, str]] = (),
        git_dir: Path | None = None,
    ) -> Finished:
        """Run a command with the user's configuration, keys and credentials."""
        return self._run(arguments, timeout, max_output, environment, config, git_dir, as_user=True)

    def failed(self, what: str, finished: Finished) -> CloneError:
        """The error for a command that failed."""
        return CloneError(f"git {what} failed: {last_line(finished.messages)}")

    def _run(
        self,
        arguments: Sequence[str],
        timeout: float,
        max_output: int,
        environment: Mapping[str, str] | None,
        config: Sequence[tuple[str, str]],
        git_dir: Path | None,
        *,
        as_user: bool,
    ) -> Finished:
        try:
            return run(
                arguments,
                git_dir=git_dir or self.git_dir,
                timeout=timeout,
                max_output=max_output,
                environment=environment,
                config=config,
                as_user=as_user,
            )
        except GitError as error:
            raise CloneError(without_credentials(str(error))) from None


def decoded(output: bytes) -> str:
    """Git's output as text; bytes that are not UTF-8, as names may have, stay what they are."""
    return output.decode("utf-8", "surrogateescape")


def last_line(messages: str) -> str:
    """The line of Git's messages that says what is wrong, without credentials of a URL."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))]
    found = (telling or lines or ["no message"])[0]
    return without_credentials(found)[:300]
