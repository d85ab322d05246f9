"""Reports what blocks the event loop, while it does, and whether the loop is alive.

A thread checks the current turn of the loop. When the turn takes too long, the thread logs what the loop's thread is
doing: the task, which has the name of its object, and the lines of code. It logs again when the turn has lasted twice
as long, and once more when the turn ends.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Final

from headgate.loop.turns import LoopTurns

LOOKS: Final = 4
"""How often the thread checks within the time that is too long."""
_LINES: Final = 4
"""How many lines of code the log shows, the innermost last."""

_log = logging.getLogger("headgate.loop")


class Watchdog:
    """Watches the loop on which it starts, as an asynchronous context manager."""

    def __init__(self, turns: LoopTurns, *, warn_after: float, dead_after: float) -> None:
        """``warn_after``: seconds after which to log a turn; ``dead_after``: those after which the loop is dead."""
        self._turns, self._warn_after, self._dead_after = turns, warn_after, dead_after
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._report_at = warn_after
        self._reported: tuple[int, str] | None = None

    def dead(self) -> str | None:
        """Check liveness: None while the loop runs, otherwise what is wrong. Any thread may call this."""
        _, seconds = self._turns.present()
        if seconds < self._dead_after:
            return None
        return f"the event loop has been blocked for {seconds:.0f}s"

    async def __aenter__(self) -> Watchdog:
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()

    def _watch(self) -> None:
        while not self._end.wait(self._warn_after / LOOKS):
            self._look()

    def _look(self) -> None:
        number, seconds = self._turns.present()
        if self._reported is not None and self._reported[0] != number:
            _log.warning("the event loop continues after %s", self._reported[1])
            self._reported, self._report_at = None, self._warn_after
        if seconds < self._report_at:
            return
        doing = self._doing()
        if self._turns.number != number:
            return  # The loop has continued meanwhile, so this stack is another turn's.
        _log.warning("the event loop has been blocked for %.2fs by %s", seconds, doing)
        self._reported, self._report_at = (number, doing), max(seconds, self._report_at) * 2

    def _doing(self) -> str:
        task = asyncio.current_task(self._loop)
        frame = sys._current_frames().get(self._loop_thread)
        name = task.get_name() if task is not None else "a callback"
        lines = traceback.extract_stack(frame)[-_LINES:] if frame is not None else []
        shown = " > ".join(f"{_short(line.filename)}:{line.lineno} {line.name}" for line in lines)
        return f"{name} at {shown}"


def _short(path: str) -> str:
    """Return the path below the package or the libraries."""
    return path.rpartition("/headgate/")[2] if "/headgate/" in path else path.rpartition("/site-packages/")[2]
