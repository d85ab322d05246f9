"""The model test of inventory and prune: generated worlds, and after each of them the cluster equals Git.

A world is a cluster, Git and some Kustomizations that may render the same objects. A story happens to it: commits,
definitions that come, go and change what they serve, new target namespaces, suspensions, deletions, somebody else's
hands, lost answers, refusals of all sorts, restarts and kills at any request. The invariants are in ``invariants.py``,
what must be the case at the end in ``truth.py``. ``make model-long`` generates thousands of worlds.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.model.story import Story
from tests.model.strategies import stories
from tests.model.world import play

# A killed operator leaves coroutines that nobody awaits.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LONG = settings.get_current_profile_name() == "long"
EXAMPLES = settings.default.max_examples if LONG and settings.default is not None else 60


@settings(
    max_examples=EXAMPLES,
    # The same worlds in every run of make test; make model-long generates others.
    derandomize=not LONG,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=False,
    database=None,
)
@given(stories())
def test_the_cluster_equals_git(story: Story) -> None:
    play(story)
