"""One line of the log of Headgate, or of a controller of Flux."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LEVELS", "LogLine", "parse_line"]

LEVELS = ("debug", "info", "warning", "error")
_RANK = {"trace": 0, "debug": 0, "info": 1, "warn": 2, "warning": 2, "error": 3, "critical": 4, "panic": 4}


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a line says. A line that is not JSON has a message only."""

    message: str
    time: str = ""
    level: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    error: str = ""
    raw: dict[str, Any] = field(default_factory=dict, compare=False)

    def is_about(self, kind: str, namespace: str, name: str) -> bool:
        """Whether it is about this object."""
        return (self.kind.lower(), self.namespace, self.name) == (kind.lower(), namespace, name)

    def is_at_least(self, level: str | None) -> bool:
        """Whether its level is this one or a graver one; a line without a level counts as information."""
        return level is None or _RANK.get(self.level, 1) >= _RANK[level]

    @property
    def about(self) -> str:
        """The object; empty if it is about none."""
        return "/".join((self.kind, self.namespace, self.name)) if self.name else ""

    @property
    def text(self) -> str:
        """The line for people."""
        said = self.message if not self.error else f"{self.message}: {self.error}"
        return " ".join(part for part in (self.time, self.level, self.about, said) if part)


def parse_line(line: str) -> LogLine:
    """Return what a line says; never raises."""
    try:
        found = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return LogLine(line, raw={"msg": line})
    return LogLine(
        _text(found, "msg"),
        _text(found, "ts"),
        _text(found, "level"),
        _text(found, "controllerKind") or _text(found, "reconciler kind"),
        _text(found, "namespace"),
        _text(found, "name"),
        _text(found, "error"),
        found,
    )


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""
