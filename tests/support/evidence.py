"""Kustomizations, GitRepositories and evidence with chosen statuses; recorded statuses of stock Flux as raw objects."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from headgate.api import ObjectKey, timestamp
from headgate.promotion.evidence.model import Evidence, EvidenceOrigin, RunningKustomization

Obj = dict[str, Any]

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SUCCEEDED = "ReconciliationSucceeded"
FAILED = "HealthCheckFailed"
TRACES = Path(__file__).resolve().parents[1] / "golden" / "golden"


def commit(number: int) -> str:
    """The id of a commit of this number."""
    return hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()


def ago(minutes: float) -> datetime:
    """A time so many minutes before :data:`NOW`."""
    return NOW - timedelta(minutes=minutes)


def entry(digest: str, first: float, last: float, outcome: str = SUCCEEDED) -> Obj:
    """An entry of a history; ``first`` and ``last`` in minutes ago."""
    return {
        "digest": digest,
        "firstReconciled": timestamp(ago(first)),
        "lastReconciled": timestamp(ago(last)),
        "lastReconciledDuration": "100ms",
        "lastReconciledStatus": outcome,
        "totalReconciliations": 1,
    }


def kustomization(
    name: str = "apps",
    *,
    ready: str = "True",
    reason: str = SUCCEEDED,
    turned: float = 5,
    applied: str = f"main@sha1:{commit(1)}",
    attempted: str | None = None,
    history: Sequence[Obj] = (),
    spec: Obj | None = None,
    labels: Obj | None = None,
    source: str = "fleet",
    generation: int = 1,
    observed: int = 1,
) -> Obj:
    """A raw Kustomization; ``turned``: when Ready got its status, in minutes ago."""
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {
            "name": name,
            "namespace": "flux-system",
            "generation": generation,
            "labels": labels or {},
        },
        "spec": {"sourceRef": {"kind": "GitRepository", "name": source}, **(spec or {})},
        "status": {
            "conditions": [
                {
                    "type": "Ready",
                    "status": ready,
                    "reason": reason,
                    "message": "said",
                    "lastTransitionTime": timestamp(ago(turned)),
                    "observedGeneration": observed,
                }
            ],
            "lastAppliedRevision": applied,
            "lastAttemptedRevision": applied if attempted is None else attempted,
            "observedGeneration": observed,
            "history": list(history),
        },
    }


def git_repository(
    name: str = "fleet",
    *,
    url: str = "https://example.com/org/fleet.git",
    revision: str = f"main@sha1:{commit(1)}",
    **spec: Any,
) -> Obj:
    """A raw GitRepository."""
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "flux-system", "generation": 1},
        "spec": {"url": url, "ref": {"branch": "main"}, **spec},
        "status": {
            "artifact": {"revision": revision, "url": "http://localhost/a.tar.gz"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored"}],
        },
    }


def running(name: str = "apps", number: int = 1, **changed: Any) -> RunningKustomization:
    """A Kustomization that runs commit ``number`` healthy, unless ``changed`` says otherwise."""
    values: dict[str, Any] = {
        "key": ObjectKey("flux-system", name),
        "ready": True,
        "commit": commit(number),
        "attempted": commit(number),
        "since": ago(60),
        "digest": "sha256:a",
        "digest_since": ago(60),
        "source": ObjectKey("flux-system", "fleet"),
    }
    return RunningKustomization(**{**values, **changed})


def evidence(*kustomizations: RunningKustomization, **changed: Any) -> Evidence:
    """Evidence of these Kustomizations, observed just now."""
    values: dict[str, Any] = {
        "environment": "staging",
        "origin": EvidenceOrigin.CONTEXT,
        "detail": "context 'staging'",
        "at": NOW,
        "sources": {},
        "kustomizations": kustomizations,
        "held": {},
    }
    return Evidence(**{**values, **changed})


def recorded(scenario: str, snapshot: str) -> dict[str, Obj]:
    """The custom resources of a recorded trace as raw objects, by ``Kind/name``; commits as :func:`commit` has them.

    Traces have no times: the newest result is a minute old, each one before it an hour older.
    """
    trace = json.loads((TRACES / f"{scenario}.json").read_text())
    return {
        name: _raw(name, custom_resource)
        for name, custom_resource in trace["snapshots"][snapshot]["crs"].items()
        if custom_resource is not None
    }


def _raw(name: str, recorded: Obj) -> Obj:
    kind, _, short = name.partition("/")
    found: Obj = json.loads(re.sub(r"<sha:(\d+)>", lambda match: commit(int(match[1])), json.dumps(recorded)))
    status: Obj = {
        field: found[field]
        for field in ("lastAppliedRevision", "lastAttemptedRevision", "observedGeneration", "artifact")
        if field in found
    }
    status["conditions"] = [
        {"type": type, "lastTransitionTime": timestamp(ago(1)), **condition}
        for type, condition in found["conditions"].items()
    ]
    status["history"] = [
        {**entry(f"sha256:{index}", 60 * index + 2, 60 * index + 1, outcome), "metadata": metadata}
        for index, (outcome, metadata) in enumerate(found.get("history") or ())
    ]
    spec: Obj = {"sourceRef": {"kind": "GitRepository", "name": "repo"}} if kind == "Kustomization" else {}
    meta = {"name": short, "namespace": "recorded", "generation": found.get("generation")}
    return {"kind": kind, "metadata": meta, "spec": spec, "status": status}
