"""The state of GitRepositories and Kustomizations as rows: pure, computed from their JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]

READY, WORKING, FAILED, WAITING = "ready", "working", "failed", "waiting"

SOURCE, KUSTOMIZATION = "GitRepository", "Kustomization"


@dataclass(frozen=True, slots=True)
class Row:
    """One custom resource, as a person wants to know it."""

    kind: str
    name: str
    state: str
    """ready, working, failed or waiting (nothing is said of it yet, or it waits for another)."""
    reason: str
    revision: str
    """Of the source: what was fetched; of a Kustomization: what was applied last. Shortened."""
    objects: int
    """How many objects it has applied."""
    message: str
    after: str = ""
    """The names it depends on."""


def row(obj: Obj) -> Row:
    """The row of a GitRepository or Kustomization."""
    status: Obj = obj.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or []}
    ready: Obj = conditions.get("Ready") or {}
    depends = [each["name"] for each in obj["spec"].get("dependsOn") or []]
    revision = status.get("lastAppliedRevision") or (status.get("artifact") or {}).get("revision") or ""
    return Row(
        kind=obj["kind"],
        name=obj["metadata"]["name"],
        state=_state(obj, ready),
        reason=ready.get("reason", ""),
        revision=short_revision(revision),
        objects=len((status.get("inventory") or {}).get("entries") or []),
        message=short_message(ready.get("message", "")),
        after=", ".join(depends),
    )


def rows(sources: list[Obj], kustomizations: list[Obj]) -> list[Row]:
    """Sources first, then Kustomizations, each after those it depends on."""
    found = [row(obj) for obj in sorted(sources, key=_name)]
    left = {each.name: each for each in map(row, sorted(kustomizations, key=_name))}
    while left:
        free = [each for each in left.values() if not set(each.after.split(", ")) & set(left)]
        for each in free or list(left.values()):  # a cycle has no first
            found.append(left.pop(each.name))
    return found


def all_ready(found: list[Row], expected: int) -> bool:
    """Whether as many resources as were applied are there, and every one is Ready."""
    return len(found) >= expected and all(each.state == READY for each in found)


def short_revision(revision: str) -> str:
    """``1.0.0@sha1:0123abc``: enough digits of the commit to know it by."""
    return re.sub(r"\b(sha1|sha256):([0-9a-f]{7})[0-9a-f]+", r"\1:\2", revision)


def short_message(message: str) -> str:
    """The first line, its commits shortened."""
    return short_revision(message.strip().split("\n", 1)[0])


def _state(obj: Obj, ready: Obj) -> str:
    if (
        obj["metadata"].get("generation") != (obj.get("status") or {}).get("observedGeneration", 0)
        and not ready
    ):
        return WAITING
    if ready.get("status") == "True":
        return READY
    if ready.get("status") == "False":
        return WAITING if ready.get("reason") in ("DependencyNotReady", "ArtifactFailed") else FAILED
    return WORKING if ready else WAITING


def _name(obj: Obj) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
