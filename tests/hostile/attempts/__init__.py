"""Everything a tenant tries, by subject. Each module lists its attempts in ``ATTEMPTS``."""

from __future__ import annotations

from tests.hostile.attempt import Attempt
from tests.hostile.attempts import (
    accounts,
    clusters,
    credentials,
    expressions,
    health,
    ownership,
    receivers,
    references,
    urls,
)

ATTEMPTS: list[Attempt] = [
    *health.ATTEMPTS,
    *expressions.ATTEMPTS,
    *references.ATTEMPTS,
    *accounts.ATTEMPTS,
    *ownership.ATTEMPTS,
    *clusters.ATTEMPTS,
    *urls.ATTEMPTS,
    *credentials.ATTEMPTS,
    *receivers.ATTEMPTS,
]
