"""Runs Git: hardened, with limits on time, memory and output.

Every Git command goes through ``run`` or ``start``. Commands that use a transport are started by GitPython's
``git.cmd.Git``; local ones are not, because its import takes longer than most of them. Both guarantee:

* no prompt, no user or system configuration, no hooks, no submodule recursion, no background maintenance, no replace
  refs, no lazy fetching, no inherited ``GIT_*`` variable (:mod:`headgate.git.command.environment`);
* only the transports http, https and ssh, and these only for commands that are about a remote;
* English messages, so that failures can be distinguished;
* at most a few dozen commands at once, each with a limit on memory and on the size of any file it writes;
* a timeout after which the whole process group is killed (Git's helpers and ssh are children of Git), and a limit on
  Git's output.

Configuration and secrets are in the environment, never in the argument list. A command line may run single commands
``as_user``: with the configuration, keys and credentials of the user who called it.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from headgate.git.command.environment import (
    REMOTE_COMMANDS,
    Config,
    inherited_names,
    variables_of,
    without_inherited,
)
from headgate.git.command.httptrace import HttpAnswer
from headgate.git.command.memory import TOTAL, MemoryGuard
from headgate.git.errors import GitCancelled, GitFailed, GitTimedOut, OutputTooLarge, SourceTooLarge
from headgate.git.limits import GIT_MEMORY

__all__ = ["Cancellation", "Config", "Finished", "kill_all", "run", "running", "start"]

MAX_OUTPUT = 64 * 1024 * 1024
MAX_ERRORS = 256 * 1024
MAX_COMMANDS = 64
"""Limit for the commands that run at once; others wait."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The result of a Git command: its exit status, output and messages."""

    status: int
    output: bytes
    messages: str
    answer: HttpAnswer | None = None
    """The last answer of an HTTP server, if traced."""


class Cancellation:
    """Cancels running and future commands from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._running: set[subprocess.Popen[bytes]] = set()

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` has been called."""
        return self._cancelled

    def cancel(self) -> None:
        """Kill running commands; later ones fail with :class:`GitCancelled`."""
        with self._lock:
            self._cancelled = True
            for process in self._running:
                _signal(process)

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Add a started process, so that ``cancel`` can kill it."""
        with self._lock:
            self._running.add(process)
            if self._cancelled:
                _signal(process)

    def discard(self, process: subprocess.Popen[bytes]) -> None:
        """Remove a process that has ended."""
        with self._lock:
            self._running.discard(process)


def start(
    arguments: Sequence[str],
    *,
    git_dir: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    config: Config = (),
    with_input: bool = False,
    max_file: int | None = None,
    as_user: bool = False,
) -> subprocess.Popen[bytes]:
    """Start ``git <arguments>`` in its own process group, with pipes for its output and messages.

    The caller owns the process: it reads the pipes and ends it with ``kill``. Raises :class:`GitFailed`
    when Git is not installed.
    """
    variables = variables_of(arguments[0], config, as_user=as_user) | dict(environment or {})
    if git_dir is not None:
        # An explicit repository keeps Git from searching for one, and from checking its owner.
        variables["GIT_DIR"] = os.fspath(git_dir)
    executable = os.environ.get("GIT_PYTHON_GIT_EXECUTABLE") or "git"
    if shutil.which(executable) is None:
        raise GitFailed("git is not installed, or not on the PATH")
    bounds, command = _bounded(max_file), [executable, *arguments]
    if arguments[0] in REMOTE_COMMANDS:
        removed = without_inherited(variables, as_user=as_user)
        process = _start_remote([*bounds, *removed, *command], variables, with_input)
    else:
        removed = inherited_names(variables, as_user=as_user)
        kept = {name: value for name, value in os.environ.items() if name not in removed}
        process = _start_local([*bounds, *command], kept | variables, with_input)
    _running.add(process)
    return process


def _start_local(
    command: Sequence[str], environment: Mapping[str, str], with_input: bool
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd="/",
            env=environment,
            stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise GitFailed(_NO_SHELL) from None


def _start_remote(
    command: Sequence[str], variables: Mapping[str, str], with_input: bool
) -> subprocess.Popen[bytes]:
    # Here, because the import itself runs Git, and commands that only read a repository need none of it.
    from git.cmd import Git
    from git.exc import GitCommandNotFound

    try:
        handle = Git("/").execute(
            command,
            istream=subprocess.PIPE if with_input else None,
            as_process=True,
            env=variables,
            start_new_session=True,
        )
    except GitCommandNotFound:
        raise GitFailed(_NO_SHELL) from None
    # The wrapper's destructor would kill the process; from here on the caller owns it.
    process: subprocess.Popen[bytes] | None
    process, handle.proc = handle.proc, None
    if process is None:
        raise GitFailed("git could not be started")
    return process


_NO_SHELL = "git cannot be started: there is no 'sh' on the PATH"
_BOUND = 'ulimit -d "$1" 2>/dev/null; ulimit -f "$2" 2>/dev/null; shift 2; exec "$@"'
"""Sets the limits before Git begins, because its helpers inherit them. The shell never evaluates the arguments."""
_BLOCK = 512
"""Bytes of the unit in which a POSIX shell limits the size of files."""


def _bounded(max_file: int | None) -> list[str]:
    """A command prefix that limits memory and the size of written files, for the command and all its children."""
    blocks = "unlimited" if max_file is None else str(max(1, max_file // _BLOCK))
    return ["sh", "-c", _BOUND, "sh", str(GIT_MEMORY // 1024), blocks]


def _ended(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Wait for the end of a process without reaping it, so that its id is not reused; raises TimeoutError."""
    if not hasattr(os, "pidfd_open"):
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        return
    handle = os.pidfd_open(process.pid)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        if not waiting.poll(timeout * 1000):
            raise TimeoutError
    finally:
        os.close(handle)


def run(
    arguments: Sequence[str],
    *,
    timeout: float,
    git_dir: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    config: Config = (),
    max_output: int = MAX_OUTPUT,
    on_output: Callable[[bytes], None] | None = None,
    max_file: int | None = None,
    cancellation: Cancellation | None = None,
    as_user: bool = False,
) -> Finished:
    """Run ``git <arguments>`` to its end; ``timeout`` is in seconds, ``max_output`` in bytes.

    ``on_output`` receives the output as it arrives, and ends the command by raising. ``max_file`` limits the size in
    bytes of a file that the command writes. ``as_user``: see the module's text.

    Raises :class:`GitTimedOut`, :class:`GitCancelled`, or :class:`OutputTooLarge`. A non-zero exit status raises
    nothing: the caller interprets it.
    """
    deadline = time.monotonic() + timeout
    if not _commands.acquire(timeout=timeout):
        raise GitTimedOut(
            f"git {arguments[0]} did not start within {timeout:g} s: too many other Git processes are running"
        )
    try:
        return _run(
            start(
                arguments,
                git_dir=git_dir,
                environment=environment,
                config=config,
                max_file=max_file,
                as_user=as_user,
            ),
            arguments[0],
            deadline,
            timeout,
            max_output,
            on_output,
            cancellation,
        )
    finally:
        _commands.release()


def running() -> int:
    """The number of running Git processes, without their children."""
    return len(_running)


def kill_all() -> None:
    """Kill all running processes, for which nobody waits any longer."""
    for process in list(_running):
        if process.returncode is None:
            _signal(process)


_commands = threading.BoundedSemaphore(MAX_COMMANDS)
_running: set[subprocess.Popen[bytes]] = set()
_memory = MemoryGuard()


def _run(
    process: subprocess.Popen[bytes],
    name: str,
    deadline: float,
    timeout: float,
    max_output: int,
    on_output: Callable[[bytes], None] | None,
    cancellation: Cancellation | None,
) -> Finished:
    if cancellation is not None:
        cancellation.add(process)
    _memory.watch(process)
    ended = False
    try:
        output, messages = _collect(process, deadline, max_output, name, on_output)
        _ended(process, max(0.1, deadline - time.monotonic()))
        # Its children end with it.
        if process.returncode is None:
            _signal(process)
        status = process.wait()
    except TimeoutError:
        raise GitTimedOut(f"git {name} did not finish within {timeout:g} s") from None
    finally:
        ended = _memory.forget(process)
        kill(process)
        if cancellation is not None:
            cancellation.discard(process)
    if cancellation is not None and cancellation.cancelled:
        raise GitCancelled(f"git {name} was canceled")
    if ended:
        raise SourceTooLarge(
            f"git {name} was stopped: all Git processes together used more than {TOTAL >> 20} MiB of memory, and it "
            "used the most"
        )
    return Finished(status, output, messages.decode("utf-8", "replace"))


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process of ``start`` with all its children and close its pipes."""
    if process.returncode is None:
        _signal(process)
        process.wait()
    _running.discard(process)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _signal(process: subprocess.Popen[bytes]) -> None:
    # Not reaped yet, so the id still belongs to this process, and to its group even when only children remain.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _collect(
    process: subprocess.Popen[bytes],
    deadline: float,
    max_output: int,
    name: str,
    on_output: Callable[[bytes], None] | None,
) -> tuple[bytes, bytes]:
    output, messages = bytearray(), bytearray()
    pipes: list[tuple[IO[bytes] | None, bytearray]] = [(process.stdout, output), (process.stderr, messages)]
    with selectors.DefaultSelector() as selector:
        for pipe, buffer in pipes:
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, buffer)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data is output:
                    output += chunk
                    if len(output) > max_output:
                        raise OutputTooLarge(f"git {name} printed more than {max_output} bytes")
                    if on_output is not None:
                        on_output(chunk)
                elif len(messages) < MAX_ERRORS:
                    messages += chunk
    return bytes(output), bytes(messages)
