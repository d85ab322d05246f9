"""The event loop is everybody's: long computations pause in it, and what held it up is reported."""

from __future__ import annotations

from headgate.loop.background import Background
from headgate.loop.pauses import Pauses

__all__ = ["Background", "Pauses"]
