"""All work shares the event loop: long computations pause in it, and a watchdog reports what blocks it.

turns        measures each turn
pauses       lets other tasks run within a long computation
background   work that no caller awaits, repeated until it succeeds
watchdog     reports what blocks the loop, from a thread
"""

from __future__ import annotations

from headgate.loop.background import Background
from headgate.loop.pauses import Pauses
from headgate.loop.turns import BUCKETS, LoopTurns, run
from headgate.loop.watchdog import Watchdog

__all__ = ["BUCKETS", "Background", "LoopTurns", "Pauses", "Watchdog", "run"]
