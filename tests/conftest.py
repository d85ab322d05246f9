"""What all tests share: how many examples hypothesis generates, and which tests one process runs."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from controlplane.choice import KUBECONFIG_VARIABLE

_WITH_CLUSTER = ("tests/e2e/", "tests/hostile/")
"""Each starts a separate cluster, unless one is given."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Let one process of pytest-xdist run all tests that share a cluster, in their order.

    Its own ``--dist=loadgroup`` has no effect with pytest 9.2: it renames tests, which pytest no longer notices.
    """
    from xdist.scheduler import LoadScopeScheduling

    one_for_all = bool(os.environ.get(KUBECONFIG_VARIABLE))

    class ByCluster(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            for folder in _WITH_CLUSTER:
                if nodeid.startswith(folder):
                    return "cluster" if one_for_all else folder
            return nodeid

    return ByCluster(config, log)


# No deadline: the machine may be busy, and no test asserts a time.
settings.register_profile("default", deadline=None)
settings.register_profile(
    "long", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("default")
