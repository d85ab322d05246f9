"""Tolerant access of the rules to the fields and conditions of a raw object.

A number or text that is missing or of another type counts as not set, because a controller may not have written it yet.
Malformed conditions are an error (:class:`ConditionsUnreadable`), because their content is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class ConditionsUnreadable(ValueError):
    """The object's conditions are malformed."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; missing fields are empty text."""

    type: str
    status: str
    reason: str
    message: str

    @property
    def is_true(self) -> bool:
        """Whether its status is True."""
        return self.status == "True"

    @property
    def is_false(self) -> bool:
        """Whether its status is False."""
        return self.status == "False"


class View:
    """Tolerant access to a raw object. Paths are dotted: ``spec.replicas``."""

    __slots__ = ("_obj",)

    def __init__(self, obj: Mapping[str, Any]) -> None:
        self._obj = obj

    def value(self, path: str) -> Any:
        """The value at the path, None without one."""
        here: Any = self._obj
        for name in path.split("."):
            if not isinstance(here, Mapping):
                return None
            here = here.get(name)
        return here

    def number(self, path: str, default: int) -> int:
        """The whole number at the path."""
        found = self.value(path)
        return found if isinstance(found, int) and not isinstance(found, bool) else default

    def optional_number(self, path: str) -> int | None:
        """The whole number at the path, None when there is none."""
        found = self.value(path)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def text(self, path: str, default: str = "") -> str:
        """The text at the path."""
        found = self.value(path)
        return found if isinstance(found, str) else default

    def flag(self, path: str) -> bool:
        """Whether the boolean at the path is true."""
        return self.value(path) is True

    def mappings(self, path: str) -> Sequence[View]:
        """The mappings in the list at the path."""
        found = self.value(path)
        return [View(v) for v in found if isinstance(v, Mapping)] if isinstance(found, list) else []

    def conditions(self) -> Sequence[Condition]:
        """``status.conditions`` in their order; raises :class:`ConditionsUnreadable`."""
        found = self.value("status.conditions")
        if found is None:
            return ()
        if not isinstance(found, list):
            raise ConditionsUnreadable("status.conditions is not a list")
        return [_condition(c) for c in found]

    def condition(self, type: str) -> Condition | None:
        """The first condition of that type, None when there is none; raises :class:`ConditionsUnreadable`."""
        return next((c for c in self.conditions() if c.type == type), None)


def _condition(raw: Any) -> Condition:
    if not isinstance(raw, Mapping):
        raise ConditionsUnreadable("status.conditions holds an entry that is not a mapping")
    values = [raw.get(name) for name in ("type", "status", "reason", "message")]
    if any(v is not None and not isinstance(v, str) for v in values):
        raise ConditionsUnreadable("status.conditions holds an entry whose fields are not strings")
    return Condition(*(v or "" for v in values))
