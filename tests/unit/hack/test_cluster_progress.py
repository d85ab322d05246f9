"""Progress on a terminal and in a log."""

from __future__ import annotations

import io
import time

import pytest

from controlplane.progress import QUIET, Progress, elapsed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_redrawn() -> None:
    stream = Terminal()
    progress = Progress(stream)
    progress.update("one")
    progress.update("two")
    progress.say("done")
    assert stream.getvalue() == "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[Kdone\n"


def test_a_log_has_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    stream = io.StringIO()
    progress = Progress(stream)
    progress.say("begin")
    progress.update("at once")
    now += QUIET
    progress.update("later")
    assert stream.getvalue() == "begin\nlater\n"


def test_quiet_says_nothing() -> None:
    stream = io.StringIO()
    progress = Progress(stream, quiet=True)
    progress.say("a")
    progress.update("b")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("seconds", "shown"), [(0.9, "0s"), (59, "59s"), (60, "1m00s"), (605, "10m05s")])
def test_elapsed(seconds: float, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 5000.0)
    assert elapsed(5000.0 - seconds) == shown
