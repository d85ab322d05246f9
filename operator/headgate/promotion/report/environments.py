"""Environments side by side, as text and as JSON (docs/reference/environments.schema.json). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from headgate.api import timestamp
from headgate.promotion.evidence.model import Evidence, EvidenceOrigin
from headgate.promotion.evidence.summary import EnvironmentSummary, follows_text
from headgate.visible import visible

__all__ = ["environments_as_json", "environments_as_text"]

SCHEMA_VERSION = 1
SHORT = 12
"""Digits of a commit in the text."""
_UNKNOWN = "?"
_COLUMNS = ("ENVIRONMENT", "FOLLOWS", "WANTS", "RUNS", "SINCE", "READY", "BEHIND", "KNOWN FROM")

Json = dict[str, Any]


def environments_as_json(summaries: Sequence[EnvironmentSummary], now: datetime) -> Json:
    """Return the environments as plain values."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "time": timestamp(now),
        "environments": [_environment(each, now) for each in summaries],
    }


def environments_as_text(summaries: Sequence[EnvironmentSummary], now: datetime) -> str:
    """Return a table with a row for each environment, and below it what a table cannot say."""
    rows = [_COLUMNS, *(_row(each, now) for each in summaries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    remarks = [
        f"{each.environment.name}: {visible(remark)}" for each in summaries for remark in _remarks(each, now)
    ]
    return "\n".join([*lines, *(["", *remarks] if remarks else []), ""])


def _environment(each: EnvironmentSummary, now: datetime) -> Json:
    found = each.evidence
    return {
        "name": each.environment.name,
        "cluster": each.environment.cluster,
        "source": str(each.source) if each.source is not None else None,
        "follows": follows_text(each.follows) if each.follows is not None else None,
        "wants": {"revision": each.wants.revision, "commit": each.wants.commit}
        if each.wants is not None
        else None,
        "runs": [{"commit": commit, "kustomizations": count} for commit, count in each.runs],
        "healthy": each.health.commit or None,
        "since": _time(each.since),
        "readySince": _time(each.health.since),
        "ready": {"ready": found.ready, "all": len(found.kustomizations)} if found is not None else None,
        "behind": None
        if each.behind is None
        else {"commits": each.behind.commits, "matter": each.behind.matter},
        "held": [{"source": str(key), "reason": why} for key, why in sorted(found.held.items())]
        if found
        else [],
        "evidence": None if found is None else _evidence(found, now),
        "problems": [*([each.missing] if each.missing else []), *each.health.problems, *each.problems],
        "notes": list(each.notes),
    }


def _evidence(found: Evidence, now: datetime) -> Json:
    return {
        "origin": found.origin.value,
        "detail": found.detail,
        "observed": timestamp(found.at),
        "stale": found.is_stale(now),
    }


def _row(each: EnvironmentSummary, now: datetime) -> tuple[str, ...]:
    found = each.evidence
    if each.behind is None:
        lag = _UNKNOWN
    else:
        lag = f"{each.behind.commits}, {each.behind.matter} matter" if each.behind.commits else "0"
    return (
        visible(each.environment.name),
        visible(follows_text(each.follows)) if each.follows is not None else _UNKNOWN,
        _wanted(each),
        ", ".join(
            commit[:SHORT] + (f" ({count})" if len(each.runs) > 1 else "") for commit, count in each.runs[:3]
        )
        or _UNKNOWN,
        age(now, each.since) if each.since is not None else "-",
        f"{found.ready}/{len(found.kustomizations)}" if found is not None else _UNKNOWN,
        lag,
        _origin(found, now),
    )


def _wanted(each: EnvironmentSummary) -> str:
    if each.wants is None:
        return _UNKNOWN
    pointer = each.wants.revision.rpartition("@")[0]
    shown = each.wants.commit[:SHORT]
    # The name of a branch is in the column before.
    return (
        f"{visible(pointer)} ({shown})"
        if pointer and each.follows is not None and each.follows.semver
        else shown
    )


def _origin(found: Evidence | None, now: datetime) -> str:
    if found is None:
        return "nothing"
    what = found.detail if found.origin is EvidenceOrigin.CONTEXT else found.origin.value
    when = "now" if found.origin is EvidenceOrigin.CONTEXT else f"{age(now, found.at)} ago"
    return f"{visible(what)}, {when}{', STALE' if found.is_stale(now) else ''}"


def _remarks(each: EnvironmentSummary, now: datetime) -> list[str]:
    found = each.evidence
    remarks = [each.missing] if each.missing else []
    remarks += each.health.problems
    if found is not None:
        remarks += [f"GitRepository '{key}' is held: {why}" for key, why in sorted(found.held.items())]
        remarks += [
            f"GitRepository '{one.key}' is not Ready, so '{visible(one.revision)}' stays; its status says why"
            for one in found.repositories
            if one.revision and not one.ready and not one.suspended
        ]
        remarks += [f"GitRepository '{one.key}' is suspended" for one in found.repositories if one.suspended]
        if found.is_stale(now):
            remarks.append(
                "what it runs is not known now: the last observation is too old or from the future"
            )
    return [*remarks, *each.problems, *each.notes]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def age(now: datetime, moment: datetime) -> str:
    """Return the time between two moments in its largest unit, rounded down.

    >>> from datetime import UTC, timedelta
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> [age(now, now - timedelta(seconds=each)) for each in (-5, 59, 61, 7300, 200000)]
    ['0s', '59s', '1m', '2h', '2d']
    """
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size * (2 if unit == "d" else 1):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
