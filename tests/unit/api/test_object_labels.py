"""Labels and annotations on managed objects."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import labels


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"labels": {labels.PRUNE: "disabled"}}, True),
        ({"annotations": {labels.PRUNE: "disabled"}}, True),
        ({"annotations": {labels.PRUNE: "Disabled"}}, True),
        ({"labels": {labels.PRUNE: "enabled"}, "annotations": {labels.PRUNE: "disabled"}}, True),
        ({"annotations": {labels.PRUNE: "enabled"}}, False),
        ({"annotations": {labels.SSA: "disabled"}}, False),
        ({"annotations": None, "labels": None}, False),
        ({}, False),
    ],
)
def test_is_set(meta: dict[str, Any], expected: bool) -> None:
    assert labels.is_set({"metadata": meta}, labels.PRUNE, labels.DISABLED) is expected


def test_owner() -> None:
    ours = labels.owner_labels("ns", "apps")
    assert ours == {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "ns",
    }
    assert labels.is_owned_by({"metadata": {"labels": ours}}, "ns", "apps")
    assert not labels.is_owned_by({"metadata": {"labels": ours}}, "ns", "other")
    assert not labels.is_owned_by({"metadata": {"annotations": ours}}, "ns", "apps")
    assert not labels.is_owned_by({"metadata": {}}, "ns", "apps")
