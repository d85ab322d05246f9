"""Everything a tenant does to exhaust the operator, by subject. Each module lists its attacks in ``ATTACKS``."""

from __future__ import annotations

from tests.hostile.attack import Attack
from tests.hostile.attacks import (
    builds,
    expressions,
    numbers,
    repositories,
    servers,
    waiting,
)

ATTACKS: list[Attack] = [
    *expressions.ATTACKS,
    *repositories.ATTACKS,
    *builds.ATTACKS,
    *waiting.ATTACKS,
    *numbers.ATTACKS,
    *servers.ATTACKS,
]
