"""During an attack, the other team's commits become live, the probes respond, and memory stays bounded.

No test asserts a time: ``make test-hostile`` measures times.
"""

from __future__ import annotations

import os

import pytest

from tests.hostile.attack import Attack, under
from tests.hostile.attacks import ATTACKS
from tests.hostile.servers import http
from tests.hostile.steady import Steady, forget_peak, peak_mib
from tests.hostile.world import World

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="starts its own cluster"),
]

MEMORY = 512
"""MiB that the operator's own process may have at any time."""
COMMITS = 2


@pytest.fixture(scope="module")
def steady(hostile_world: World) -> Steady:
    return Steady(hostile_world)


@pytest.mark.parametrize("attack", [pytest.param(each, id=each.name) for each in ATTACKS if each.brief])
def test_others_work_while(attack: Attack, hostile_world: World, steady: Steady) -> None:
    w = hostile_world
    forget_peak(w.running.pid)
    with under(w, attack):
        for _ in range(COMMITS):
            steady.commit()
            assert http(w.running.health, "/healthz").startswith("200"), attack.why
        w.running.check()
        assert peak_mib(w.running.pid) < MEMORY, attack.why
