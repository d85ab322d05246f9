"""Which live objects may be deleted."""

from typing import Any

import pytest

from headgate.apply import DeleteOptions, Owner
from headgate.apply.deletion.prune import Fate, fate

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


def test_what_was_applied_just_now_is_never_deleted() -> None:
    """Whatever name led to it: another group, an alias of the kind."""
    options = DeleteOptions(Owner("apps", "flux"), spared={"the-uid"})
    assert fate({"metadata": {"labels": OURS, "uid": "the-uid"}}, options) is Fate.KEEP
    assert fate({"metadata": {"labels": OURS, "uid": "another"}}, options) is Fate.DELETE


def test_what_is_just_being_given_to_us_is_ours_already() -> None:
    meta = {"labels": {**OURS, f"{PREFIX}/name": "other"}}
    assert fate({"metadata": meta}, OPTIONS, inherited=True) is Fate.DELETE
    meta["annotations"] = {f"{PREFIX}/prune": "disabled"}
    assert fate({"metadata": meta}, OPTIONS, inherited=True) is Fate.KEEP
