"""A plan as a value and as a file: JSON that holds no secret.

The schema of the file is ``docs/reference/plan.schema.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import orjson

from headgate.api.revision import COMMIT_ID
from headgate.promotion.errors import PlanOutdated, PromotionError
from headgate.promotion.guards import GuardVerdict

__all__ = ["Edit", "Mode", "Plan", "PlanInvalid", "Point", "decode", "encode"]

SCHEMA_VERSION = 1
MAX_PLAN = 4 * 1024 * 1024
"""Bytes of the file of a plan."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class PlanInvalid(PromotionError):
    """The file is not a plan."""


class Mode(Enum):
    """How the target learns of a promotion; its ``spec.ref`` decides."""

    TAG = "tag"
    """It follows a range of versions: a new tag."""
    BRANCH = "branch"
    """It follows a branch: the branch moves forward."""
    PIN = "pin"
    """It follows a tag or commit that a file names: a pull request changes the file."""
    FIELDS = "fields"
    """It follows the same branch as the environment before it: a pull request copies fields."""


@dataclass(frozen=True, slots=True)
class Point:
    """A commit and its tree."""

    commit: str
    tree: str
    name: str = ""
    """The version or branch that selects it, for people."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One scalar of a file that changes. Files with Secrets are never edited, so it holds no secret."""

    file: str
    path: str
    """Such as ``spec.ref.tag`` or ``images[name=my-app].newTag``."""
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a promotion does, and what it was decided on."""

    environment: str
    mode: Mode
    source: str
    """``namespace/name`` of the GitRepository that moves."""
    after: tuple[str, ...]
    """The environments that ran the candidate before."""
    candidate: str
    """The commit that is promoted."""
    base: Point
    """What the target follows now."""
    head: Point
    """What it follows afterwards."""
    digest: str
    """Of the rendered difference of the target."""
    ref: str
    """The full name of the ref that is pushed."""
    expected: str
    """The object id that this ref has on the server now; empty if it does not exist."""
    version: str = ""
    """The new version, for a tag."""
    branch: str = ""
    """The branch that a pull request goes to."""
    edits: tuple[Edit, ...] = ()
    verdicts: tuple[GuardVerdict, ...] = field(default=(), compare=False)
    summary: str = field(default="", compare=False)
    """The difference in one line, for people."""
    notes: tuple[str, ...] = field(default=(), compare=False)

    def check_current(self, now: Plan) -> None:
        """Raise :class:`PlanOutdated` unless a plan that was computed now is the same."""
        moved = list(self._moved(now))
        if moved:
            raise PlanOutdated(
                f"the plan for '{self.environment}' is outdated: {'; '.join(moved)}; make a new one"
            )

    def _moved(self, now: Plan) -> Iterator[str]:
        for name, text in _COMPARED.items():
            mine, others = getattr(self, name), getattr(now, name)
            if mine != others:
                yield f"{text} was {_shown(mine)} and is {_shown(others)}"


_COMPARED = {
    "environment": "the environment",
    "mode": "the way of promotion",
    "source": "the source",
    "after": "the environments before",
    "candidate": "the candidate",
    "base": "what the target follows",
    "head": "what the target would follow",
    "version": "the next version",
    "ref": "the ref to push",
    "expected": "the ref on the server",
    "branch": "the branch of the pull request",
    "edits": "the edits",
    "digest": "the rendered difference",
}


def encode(plan: Plan) -> bytes:
    """Return a plan as the content of a file."""
    content = {
        "schemaVersion": SCHEMA_VERSION,
        "environment": plan.environment,
        "mode": plan.mode.value,
        "source": plan.source,
        "after": list(plan.after),
        "candidate": plan.candidate,
        "base": _point(plan.base),
        "head": _point(plan.head),
        "digest": plan.digest,
        "ref": plan.ref,
        "expected": plan.expected,
        "version": plan.version,
        "branch": plan.branch,
        "edits": [
            {"file": each.file, "path": each.path, "before": each.before, "after": each.after}
            for each in plan.edits
        ],
        "guards": [
            {
                "guard": each.guard.value,
                "verdict": each.word,
                "message": each.message,
                "passesAt": each.passes_at.isoformat() if each.passes_at else None,
                "override": (
                    {"reason": each.override.reason, "by": each.override.by} if each.override else None
                ),
            }
            for each in plan.verdicts
        ],
        "summary": plan.summary,
        "notes": list(plan.notes),
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def decode(content: bytes) -> tuple[Plan, Mapping[str, str]]:
    """Return a plan without its verdicts, and the reasons of its overrides by the name of the guard.

    Verdicts are never taken from a file: whoever applies the plan asks the guards again. Raises :class:`PlanInvalid`.
    """
    if len(content) > MAX_PLAN:
        raise PlanInvalid(f"the plan has more than {MAX_PLAN} bytes")
    try:
        read = _Reader(orjson.loads(content), "")
    except orjson.JSONDecodeError as error:
        raise PlanInvalid(f"the plan is not JSON: line {error.lineno}: {error.msg}") from None
    if read.value("schemaVersion", int) != SCHEMA_VERSION:
        raise PlanInvalid(f"the plan has another schemaVersion than {SCHEMA_VERSION}: make a new one")
    mode = read.text("mode")
    if mode not in {each.value for each in Mode}:
        raise PlanInvalid(f"the plan's mode is none of {', '.join(each.value for each in Mode)}")
    plan = Plan(
        environment=read.text("environment"),
        mode=Mode(mode),
        source=read.text("source"),
        after=tuple(read.texts("after")),
        candidate=read.text("candidate", COMMIT_ID),
        base=_read_point(read.inner("base")),
        head=_read_point(read.inner("head")),
        digest=read.text("digest", _DIGEST),
        ref=read.text("ref"),
        expected=read.text("expected"),
        version=read.text("version"),
        branch=read.text("branch"),
        edits=tuple(
            Edit(each.text("file"), each.text("path"), each.text("before"), each.text("after"))
            for each in read.inners("edits")
        ),
        summary=read.text("summary"),
        notes=tuple(read.texts("notes")),
    )
    reasons = {}
    for each in read.inners("guards"):
        if each.has("override"):
            reasons[each.text("guard")] = each.inner("override").text("reason")
    return plan, reasons


class _Reader:
    """A JSON object whose fields are read with their types."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise PlanInvalid(f"the plan's {path or 'content'} is not a JSON object")
        self._values: dict[str, Any] = value
        self._path = path

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def value(self, name: str, kind: type) -> Any:
        found = self._values.get(name)
        if not isinstance(found, kind) or isinstance(found, bool):
            raise PlanInvalid(f"the plan's {self._path}{name} is missing or not of type {kind.__name__}")
        return found

    def text(self, name: str, form: re.Pattern[str] | None = None) -> str:
        found: str = self.value(name, str)
        if form is not None and not form.fullmatch(found):
            raise PlanInvalid(f"the plan's {self._path}{name} is malformed")
        return found

    def texts(self, name: str) -> list[str]:
        found: list[Any] = self.value(name, list)
        if not all(isinstance(each, str) for each in found):
            raise PlanInvalid(f"the plan's {self._path}{name} is not a list of strings")
        return found

    def inner(self, name: str) -> _Reader:
        return _Reader(self._values.get(name), f"{self._path}{name}.")

    def inners(self, name: str) -> list[_Reader]:
        found: list[Any] = self.value(name, list)
        return [_Reader(each, f"{self._path}{name}[{index}].") for index, each in enumerate(found)]


def _point(point: Point) -> dict[str, str]:
    return {"commit": point.commit, "tree": point.tree, "name": point.name}


def _read_point(read: _Reader) -> Point:
    return Point(read.text("commit", COMMIT_ID), read.text("tree", COMMIT_ID), read.text("name"))


def _shown(value: Any) -> str:
    if isinstance(value, Point):
        return f"{value.name or 'commit'} ({value.commit[:12]})"
    if isinstance(value, Mode):
        return value.value
    if isinstance(value, tuple):
        return f"{len(value)} of them" if value and isinstance(value[0], Edit) else ", ".join(value) or "none"
    text = str(value)
    return (text[:12] if COMMIT_ID.fullmatch(text) else text[:80]) or "none"
