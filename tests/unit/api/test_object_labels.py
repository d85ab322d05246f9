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
        ({"annotations": {labels.RECONCILE: "disabled"}}, True),
        ({"labels": {labels.SSA: "ignore"}}, True),
        ({"annotations": {labels.PRUNE: "enabled"}}, False),
        ({"annotations": {labels.SSA: "disabled"}}, False),
        ({"annotations": None, "labels": None}, False),
        ({"annotations": [labels.PRUNE], "labels": "disabled"}, False),
        ({}, False),
    ],
)
def test_a_label_or_an_annotation_keeps_an_object(meta: dict[str, Any], expected: bool) -> None:
    assert labels.marked({"metadata": meta}, labels.KEPT) is expected


def test_keys_are_those_of_flux() -> None:
    assert labels.OWNER_NAME == "kustomize.toolkit.fluxcd.io/name"
    assert labels.OWNER_NAMESPACE == "kustomize.toolkit.fluxcd.io/namespace"
    assert labels.EXCLUDED == {
        "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
        "kustomize.toolkit.fluxcd.io/ssa": "Ignore",
    }
