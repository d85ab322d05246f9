"""A canceled operation ends at once, with all processes that it started."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.git.command.process import Cancellation, kill_all, running
from headgate.git.errors import GitCancelled
from headgate.git.refs.reference import Question
from headgate.git.remote.client import Remote
from headgate.git.remote.reflists import Asking, RefLists
from headgate.git.url import RemoteUrl

PATIENCE = 60.0
ALL = Question(frozenset(), frozenset())


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:
        yield listening


def remote(silent: socket.socket, cancellation: Cancellation) -> Remote:
    url = RemoteUrl.parse(f"http://127.0.0.1:{silent.getsockname()[1]}/r.git")
    return Remote(url, timeout=600, cancellation=cancellation)


def until(what: str, holds: object) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def helpers() -> list[str]:
    """Processes of Git that talk to servers, of anybody below this process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                group = os.getpgid(int(entry.name))
            except OSError:
                continue
            if "remote-http" in command and "127.0.0.1" in command:
                found.append(f"{entry.name} {group}")
    return found


def test_a_question_and_those_who_wait_for_its_answer(silent: socket.socket) -> None:
    lists, ended = RefLists(), []
    calls = [Cancellation(), Cancellation()]

    def ask(cancellation: Cancellation) -> None:
        try:
            Asking(lists, remote(silent, cancellation), time.monotonic())(ALL)
        except GitCancelled:
            ended.append(cancellation)

    threads = [threading.Thread(target=ask, args=(each,)) for each in calls]
    threads[0].start()
    held = silent.accept()[0]
    threads[1].start()
    calls[1].cancel()
    threads[1].join(PATIENCE)
    assert ended == [calls[1]]
    assert running() >= 1
    calls[0].cancel()
    threads[0].join(PATIENCE)
    assert ended == [calls[1], calls[0]]
    until("no helper is left", lambda: not helpers())
    held.close()


def test_when_the_operator_stops(silent: socket.socket) -> None:
    failed = []

    def ask() -> None:
        try:
            remote(silent, Cancellation()).ls_remote()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    held = silent.accept()[0]
    kill_all()
    thread.join(PATIENCE)
    assert failed
    until("nothing runs", lambda: not helpers() and not running())
    held.close()
