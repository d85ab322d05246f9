"""Which live objects may be deleted."""

from typing import Any

import pytest

from headgate.apply import DeleteOptions, Owner
from headgate.apply.prune import Fate, fate

PREFIX = "kustomize.toolkit.fluxcd.io"
OURS = {f"{PREFIX}/name": "apps", f"{PREFIX}/namespace": "flux"}
OPTIONS = DeleteOptions(Owner("apps", "flux"))


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"labels": OURS}, Fate.DELETE),
        ({"labels": {**OURS, f"{PREFIX}/name": "other"}}, Fate.KEEP),
        ({"labels": {f"{PREFIX}/name": "apps"}}, Fate.KEEP),
        ({}, Fate.KEEP),
        ({"labels": OURS, "annotations": {f"{PREFIX}/prune": "disabled"}}, Fate.KEEP),
        ({"labels": {**OURS, f"{PREFIX}/prune": "Disabled"}}, Fate.KEEP),
        ({"labels": OURS, "annotations": {f"{PREFIX}/reconcile": "disabled"}}, Fate.KEEP),
        ({"labels": OURS, "annotations": {f"{PREFIX}/ssa": "Ignore"}}, Fate.KEEP),
        ({"labels": OURS, "annotations": {f"{PREFIX}/ssa": "Merge"}}, Fate.DELETE),
        ({"labels": OURS, "deletionTimestamp": "2026-01-01T00:00:00Z"}, Fate.GOING),
    ],
)
def test_fate(meta: dict[str, Any], expected: Fate) -> None:
    assert fate({"metadata": meta}, OPTIONS) is expected
