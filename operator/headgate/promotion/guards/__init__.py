"""The conditions of a promotion, each by name. Pure: each fails closed.

model    a guard, its verdict, and a decision to go ahead in spite of it
facts    everything that the guards decide on
rules    one function for each guard
"""

from headgate.promotion.guards.facts import Approval, Bad, Base, Facts, Soak
from headgate.promotion.guards.model import Guard, GuardVerdict, Override, parse_overrides
from headgate.promotion.guards.rules import evaluate

__all__ = [
    "Approval",
    "Bad",
    "Base",
    "Facts",
    "Guard",
    "GuardVerdict",
    "Override",
    "Soak",
    "evaluate",
    "parse_overrides",
]
