"""The event loop is everybody's: long computations pause in it, and what holds it is reported.

turns        how long each turn takes
pauses       breaks within a long computation
background   work that nobody waits for, repeated until it succeeds
watchdog     reports what holds the loop, from a thread
"""

from __future__ import annotations

from headgate.loop.background import Background
from headgate.loop.pauses import Pauses
from headgate.loop.turns import BUCKETS, Turns, run
from headgate.loop.watchdog import Watchdog

__all__ = ["BUCKETS", "Background", "Pauses", "Turns", "Watchdog", "run"]
