"""What all tests share: how many examples hypothesis generates, and which tests one process runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from controlplane.choice import KUBECONFIG_VARIABLE

_HERE = Path(__file__).parent
_WITH_CLUSTER = ("e2e", "hostile")
"""Each starts a separate cluster, unless one is given."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process of pytest-xdist run all tests that share a cluster, in their order."""
    one_for_all = bool(os.environ.get(KUBECONFIG_VARIABLE))
    for item in items:
        for folder in _WITH_CLUSTER:
            if item.path.is_relative_to(_HERE / folder):
                item.add_marker(pytest.mark.xdist_group("cluster" if one_for_all else folder))


# No deadline: the machine may be busy, and no test asserts a time.
settings.register_profile("default", deadline=None)
settings.register_profile(
    "long", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("default")
