"""The report of an environment: one JSON document that says what its cluster runs. Pure.

The operator writes it to Git (``--report-secret``), and ``headgate environments`` reads it where it has no access to
the cluster. A reader trusts its signature, not its content: everything is checked and limited here.

It holds no message of a condition, because more people may read the repository than the cluster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson

from headgate.api.gitrepository import REFERENCE_FIELDS, GitRepositoryRef
from headgate.api.meta import ObjectKey, timestamp
from headgate.api.revision import COMMIT_ID
from headgate.api.running import RunningKustomization, RunningSource
from headgate.objects import Obj

__all__ = [
    "MAX_BYTES",
    "REPORT_FILE",
    "REPORT_REFS",
    "EnvironmentReport",
    "ReportInvalid",
    "decode",
    "encode",
    "valid_environment",
]

T = TypeVar("T")

SCHEMA_VERSION = 1
REPORT_REFS = "refs/headgate/env/"
"""The prefix of the refs with reports; the rest of the name is the environment."""
REPORT_FILE = "report.json"
"""The only file in the tree of a report's commit."""
MAX_BYTES = 2 << 20
"""Size of the largest report: about 6,000 Kustomizations."""
MAX_ENTRIES = 10_000
_MAX_TEXT = 1024
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class ReportInvalid(ValueError):
    """A report that cannot be used; the message names the field."""


@dataclass(frozen=True, slots=True)
class EnvironmentReport:
    """What one environment runs."""

    environment: str
    observed: datetime
    """When the operator looked last."""
    begun: datetime
    """Since when it has seen exactly this, without a pause that matters."""
    sources: tuple[RunningSource, ...]
    kustomizations: tuple[RunningKustomization, ...]

    def says_the_same(self, other: EnvironmentReport) -> bool:
        """Whether both differ at most in their times of observation."""
        return replace(self, observed=other.observed, begun=other.begun) == other


def valid_environment(name: str) -> bool:
    """Whether the name can be that of an environment, and so the last part of a ref.

    >>> valid_environment("eu-production"), valid_environment("a/b"), valid_environment("x.lock")
    (True, False, False)
    """
    return bool(_NAME.fullmatch(name)) and ".." not in name and not name.endswith(".lock")


def encode(report: EnvironmentReport) -> bytes:
    """Return the document, with sorted keys, so that equal reports are equal bytes."""
    document: Obj = {
        "schemaVersion": SCHEMA_VERSION,
        "environment": report.environment,
        "observed": timestamp(report.observed),
        "begun": timestamp(report.begun),
        "sources": [_source_document(each) for each in report.sources],
        "kustomizations": [_kustomization_document(each) for each in report.kustomizations],
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


def decode(content: bytes) -> EnvironmentReport:
    """Parse a document; raises :class:`ReportInvalid`. Unknown fields are ignored, so that later versions may add."""
    if len(content) > MAX_BYTES:
        raise ReportInvalid(f"the report has more than {MAX_BYTES} bytes")
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ReportInvalid("the report is not valid JSON") from None
    if not isinstance(document, dict):
        raise ReportInvalid("the report is not a JSON object")
    version = document.get("schemaVersion")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise ReportInvalid(f"schemaVersion is not {SCHEMA_VERSION}: a newer Headgate may be able to read it")
    report = EnvironmentReport(
        environment=_text(document, "environment", required=True),
        observed=_required_time(document, "observed"),
        begun=_required_time(document, "begun"),
        sources=_list(document, "sources", _source),
        kustomizations=_list(document, "kustomizations", _kustomization),
    )
    if not valid_environment(report.environment):
        raise ReportInvalid("environment is not a valid name")
    if report.begun > report.observed:
        raise ReportInvalid("begun is later than observed")
    for times in ((each.since, each.digest_since) for each in report.kustomizations):
        # A cluster's clock may be a little ahead of the operator's.
        if any(time is not None and time > report.observed + timedelta(minutes=1) for time in times):
            raise ReportInvalid("since or digestSince is later than observed")
    for entries in (report.sources, report.kustomizations):
        if len({each.key for each in entries}) < len(entries):
            raise ReportInvalid("an object is listed twice")
    return report


def _source_document(source: RunningSource) -> Obj:
    reference = {name: _cut(value) for name in REFERENCE_FIELDS if (value := getattr(source.reference, name))}
    return {
        **_key_document(source.key),
        "ref": reference,
        "revision": _cut(source.revision),
        "ready": source.ready,
        "suspended": source.suspended,
        "held": _cut(source.held),
    }


def _kustomization_document(each: RunningKustomization) -> Obj:
    return {
        **_key_document(each.key),
        "source": _key_document(each.source) if each.source is not None else None,
        "ready": each.ready,
        "suspended": each.suspended,
        "reason": _cut(each.reason),
        "commit": each.commit,
        "attempted": each.attempted,
        "since": timestamp(each.since) if each.since is not None else None,
        "digest": _cut(each.digest),
        "digestSince": timestamp(each.digest_since) if each.digest_since is not None else None,
    }


def _cut(text: str) -> str:
    """The text as :func:`decode` accepts it: users choose some of them."""
    return _UNPRINTABLE.sub(" ", text.encode("utf-8", "replace").decode())[:_MAX_TEXT]


def _key_document(key: ObjectKey) -> Obj:
    return {"namespace": key.namespace, "name": key.name}


def _source(entry: Obj) -> RunningSource:
    reference = entry.get("ref") or {}
    if not isinstance(reference, dict):
        raise ReportInvalid("ref is not an object")
    return RunningSource(
        key=_key(entry),
        reference=GitRepositoryRef(**{name: _text(reference, name) for name in REFERENCE_FIELDS}),
        revision=_text(entry, "revision"),
        ready=_flag(entry, "ready"),
        suspended=_flag(entry, "suspended"),
        held=_text(entry, "held"),
    )


def _kustomization(entry: Obj) -> RunningKustomization:
    source = entry.get("source")
    if source is not None and not isinstance(source, dict):
        raise ReportInvalid("source is not an object")
    return RunningKustomization(
        key=_key(entry),
        ready=_flag(entry, "ready"),
        commit=_commit(entry, "commit"),
        attempted=_commit(entry, "attempted"),
        since=_time(entry, "since"),
        digest=_text(entry, "digest"),
        digest_since=_time(entry, "digestSince"),
        suspended=_flag(entry, "suspended"),
        reason=_text(entry, "reason"),
        source=_key(source) if source is not None else None,
    )


def _list(document: Obj, name: str, parse: Callable[[Obj], T]) -> tuple[T, ...]:
    entries = document.get(name)
    if not isinstance(entries, list):
        raise ReportInvalid(f"{name} is not a list")
    if len(entries) > MAX_ENTRIES:
        raise ReportInvalid(f"{name} has more than {MAX_ENTRIES} entries")
    return tuple(_parsed(entries, name, parse))


def _parsed(entries: Sequence[Any], name: str, parse: Callable[[Obj], T]) -> list[T]:
    found: list[T] = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise ReportInvalid(f"{name}[{index}] is not an object")
        try:
            found.append(parse(entry))
        except ReportInvalid as error:
            raise ReportInvalid(f"{name}[{index}].{error}") from None
    return found


def _key(entry: Obj) -> ObjectKey:
    return ObjectKey(_text(entry, "namespace"), _text(entry, "name", required=True))


def _text(entry: Obj, name: str, *, required: bool = False) -> str:
    value = entry.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or len(value) > _MAX_TEXT or _UNPRINTABLE.search(value):
        raise ReportInvalid(f"{name} is not a text of at most {_MAX_TEXT} printable characters")
    return value


def _commit(entry: Obj, name: str) -> str:
    value = _text(entry, name)
    if value and not COMMIT_ID.fullmatch(value):
        raise ReportInvalid(f"{name} is not a commit id")
    return value


def _flag(entry: Obj, name: str) -> bool:
    value = entry.get(name, False)
    if not isinstance(value, bool):
        raise ReportInvalid(f"{name} is neither true nor false")
    return value


def _required_time(entry: Obj, name: str) -> datetime:
    value = _time(entry, name)
    if value is None:
        raise ReportInvalid(f"{name} is required")
    return value


def _time(entry: Obj, name: str) -> datetime | None:
    value = entry.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ReportInvalid(f"{name} is not a time such as 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        raise ReportInvalid(f"{name} is not a time such as 2026-01-31T12:00:00Z") from None
