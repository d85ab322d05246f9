"""What all tests share: how many examples hypothesis generates."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No deadline: the machine may be busy, and no test asserts a time.
settings.register_profile("default", deadline=None)
settings.register_profile(
    "long", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("default")
