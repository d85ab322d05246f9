"""How Git is run: hardened, bounded, cancellable, and with nothing secret in its arguments."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from headgate.git.command.process import Cancellation, kill, run, start
from headgate.git.errors import GitCancelled, GitFailed, GitTimedOut
from tests.support.cluster import until
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository


def git(*arguments: str, **options: object) -> tuple[int, str, str]:
    finished = run(arguments, timeout=20, **options)  # type: ignore[arg-type]
    return finished.status, finished.output.decode(), finished.messages


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch {flag}'",
        "file://{folder}/served/repo.git",
        "{folder}/served/repo.git",
        "git://127.0.0.1:1/x",
    ],
)
def test_only_http_and_ssh_are_spoken(repository: Repository, tmp_path: Path, url: str) -> None:
    repository.commit()
    flag = tmp_path / "flag"
    status, output, messages = git("ls-remote", url.format(flag=flag, folder=tmp_path))
    assert status
    assert output == ""
    assert "not allowed" in messages
    assert not flag.exists()


def test_no_configuration_but_ours(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".config" / "git").mkdir(parents=True)
    (home / ".gitconfig").write_text("[user]\n\tname = Mallory\n")
    (home / ".config" / "git" / "config").write_text("[user]\n\temail = m@example.com\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'user.signingkey'='x'")
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch /nonexistent")
    monkeypatch.setenv("GIT_TRACE", "1")
    status, output, messages = git("config", "--list")
    assert status == 0
    assert "user." not in output
    assert "trace" not in messages


def test_inherited_variables_do_not_reach_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_EXEC_PATH", "/nonexistent")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nonexistent")
    target = tmp_path / "new.git"
    assert git("init", "--bare", str(target))[0] == 0
    process = start(["cat-file", "--batch"], git_dir=target, with_input=True)
    try:
        deadline = time.monotonic() + 10
        # First it is still the one that unsets variables.
        while process_name(process.pid) != "git" and time.monotonic() < deadline:
            time.sleep(0.01)
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        variables = environment.split(b"\0")
        assert f"GIT_DIR={target}".encode() in variables
        assert not any(each.startswith((b"GIT_EXEC_PATH", b"SSH_AUTH_SOCK")) for each in variables)
    finally:
        kill(process)


def test_hooks_of_a_repository_do_not_run(repository: Repository, tmp_path: Path) -> None:
    repository.commit()
    hook = repository.path / "hooks" / "reference-transaction"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/flag\n")
    hook.chmod(0o755)
    assert git("update-ref", "refs/heads/new", repository.head(), git_dir=repository.path)[0] == 0
    assert not (tmp_path / "flag").exists()


def test_a_time_limit_ends_git_and_its_helpers(server: GitHttpServer, repository: Repository) -> None:
    server.hang = True
    with pytest.raises(GitTimedOut, match="did not finish within"):
        run(["ls-remote", server.url()], timeout=0.5)
    # All of the group are killed at once, but each ends when the kernel gets to it.
    until("none is left", lambda: not any(server.url() in name for name in commands()))


def test_cancelling_from_another_thread(server: GitHttpServer, repository: Repository) -> None:
    server.hang = True
    cancellation = Cancellation()

    def cancel_once_asked() -> None:
        while not server.requests:
            time.sleep(0.01)
        cancellation.cancel()

    thread = threading.Thread(target=cancel_once_asked)
    thread.start()
    with pytest.raises(GitCancelled):
        run(["ls-remote", server.url()], timeout=30, cancellation=cancellation)
    thread.join()
    with pytest.raises(GitCancelled):
        run(["version"], timeout=30, cancellation=cancellation)


def test_output_is_bounded(repository: Repository) -> None:
    repository.commit({"big": "x" * 100_000})
    with pytest.raises(GitFailed, match="more than 1000 bytes"):
        run(["cat-file", "-p", "HEAD:big"], git_dir=repository.path, timeout=20, max_output=1000)


def test_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_PYTHON_GIT_EXECUTABLE", "/nonexistent/git")
    with pytest.raises(GitFailed, match="not installed"):
        run(["version"], timeout=5)


def process_name(process_id: int) -> str:
    """The name of the program that a process runs now."""
    return Path(f"/proc/{process_id}/comm").read_text().strip()


def commands() -> list[str]:
    """The command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
