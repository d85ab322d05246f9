"""Failures to reach the cluster of an environment are one sentence for the user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headgate.api import ObjectKey
from headgate.promotion.changes.model import ChangeStage
from headgate.promotion.errors import EvidenceMissing
from headgate.promotion.fleet.rendering import RenderedKustomization, Rendering
from headgate.promotion.live import Method, changes_in_cluster

KEY = ObjectKey("flux-system", "apps")
RENDERING = Rendering(
    "production", "clusters/production", kustomizations=(RenderedKustomization(KEY, {}, None, ""),)
)


def test_a_context_that_does_not_exist_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "contexts": []}))
    with pytest.raises(EvidenceMissing, match=r"environment 'production' \(context prod\) cannot be read: "):
        changes_in_cluster(
            RENDERING, Method.READS, ChangeStage.ON_MERGE, kubeconfig=str(config), context="prod"
        )


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    named = {"name": "x"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{**named, "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{**named, "user": {}}],
        "contexts": [{**named, "context": {"cluster": "x", "user": "x"}}],
        "current-context": "x",
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    with pytest.raises(EvidenceMissing, match="environment 'production' cannot be read: "):
        changes_in_cluster(RENDERING, Method.READS, ChangeStage.ON_MERGE, kubeconfig=str(path))
