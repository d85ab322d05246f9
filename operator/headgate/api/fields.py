"""Typed reading of a raw object's fields, with errors that name the field. Only the models use it.

>>> Fields({"interval": "10m"}, "spec").duration("interval")
600.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from headgate.api.errors import InvalidSpec
from headgate.durations import DurationInvalid, parse_duration

T = TypeVar("T")

_NAMES: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    dict: "a mapping",
    list: "a list",
    int: "a whole number",
}


MAX_ENTRIES = 1000
"""The default limit for the entries of a list."""


class Fields:
    """A mapping in an object, with its path; its lists have at most ``max_entries`` entries.

    A field that is absent or null counts as not set, as it does for the API server. Every method raises
    :class:`InvalidSpec` for a value of the wrong type.
    """

    __slots__ = ("_max_entries", "_path", "_values")

    def __init__(self, values: Any, path: str, max_entries: int = MAX_ENTRIES) -> None:
        self._path, self._max_entries = path, max_entries
        self._values: Mapping[str, Any] = _typed(values, dict, path)

    def path(self, name: str) -> str:
        """The field's full path."""
        return f"{self._path}.{name}"

    def invalid(self, name: str, problem: str) -> InvalidSpec:
        """The error to raise for a field with an invalid value; without a name, for the whole mapping."""
        return InvalidSpec(self.path(name) if name else self._path, problem)

    def only(self, *names: str) -> None:
        """Raise for a field with another name: for what no CRD checks, where a typo would have no effect."""
        for name in self._values:
            if name not in names:
                raise self.invalid(str(name)[:100], f"is not a field here; there are: {', '.join(names)}")

    def has(self, name: str) -> bool:
        """Whether the field is set."""
        return self._values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """A string; ``default`` when not set."""
        value = self._values.get(name)
        return default if value is None else str(_typed(value, str, self.path(name)))

    def optional_text(self, name: str) -> str | None:
        """A string; None when not set, which differs from empty."""
        return self.text(name) if self.has(name) else None

    def required_text(self, name: str) -> str:
        """A required string that is not empty."""
        value = self.text(name)
        if not value:
            raise self.invalid(name, "is required")
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: str = "") -> str:
        """One of the allowed strings; ``default``, which need not be one of them, when not set or empty."""
        value = self.text(name)
        if not value:
            return default
        if value not in allowed:
            raise self.invalid(name, f"must be one of {', '.join(allowed)}, not {value[:100]!r}")
        return value

    def flag(self, name: str) -> bool:
        """A boolean; false when not set."""
        value = self._values.get(name)
        return False if value is None else bool(_typed(value, bool, self.path(name)))

    def duration(self, name: str, default: float | None = None) -> float:
        """A Go duration in seconds; required unless there is a default."""
        value = self.optional_duration(name)
        if value is not None:
            return value
        if default is None:
            raise self.invalid(name, "is required")
        return default

    def optional_duration(self, name: str) -> float | None:
        """A Go duration in seconds; None when not set."""
        text = self.optional_text(name)
        if text is None:
            return None
        try:
            seconds = parse_duration(text)
        except DurationInvalid as error:
            raise self.invalid(name, str(error)) from None
        if seconds < 0:
            raise self.invalid(name, f"must not be negative, got {text!r}")
        return seconds

    def whole_number(self, name: str) -> int:
        """A required whole number."""
        value = self._values.get(name)
        if value is None:
            raise self.invalid(name, "is required")
        if isinstance(value, bool):
            raise self.invalid(name, "must be a whole number, not true or false")
        return int(_typed(value, int, self.path(name)))

    def strings(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty when not set."""
        values = self._list(name)
        for i, value in enumerate(values):
            if not isinstance(value, str):
                _typed(value, str, f"{self.path(name)}[{i}]")
        return tuple(values)

    def string_map(self, name: str) -> dict[str, str]:
        """A mapping of strings; empty when not set."""
        values = self._values.get(name)
        if values is None:
            return {}
        mapping = _typed(values, dict, self.path(name))
        for key, value in mapping.items():
            if not isinstance(value, str):
                _typed(value, str, f"{self.path(name)}.{key}")
        return {str(key): value for key, value in mapping.items()}

    def optional_object(self, name: str, parse: Callable[[Fields], T]) -> T | None:
        """A nested mapping, parsed; None when not set."""
        value = self._values.get(name)
        return None if value is None else parse(self._below(value, name))

    def required_object(self, name: str, parse: Callable[[Fields], T]) -> T:
        """A required nested mapping, parsed."""
        value = self.optional_object(name, parse)
        if value is None:
            raise self.invalid(name, "is required")
        return value

    def objects(self, name: str, parse: Callable[[Fields], T]) -> tuple[T, ...]:
        """A list of nested mappings, each parsed; empty when not set."""
        return tuple(parse(self._below(v, f"{name}[{i}]")) for i, v in enumerate(self._list(name)))

    def check_length(self, name: str, length: int, what: str = "entries") -> None:
        """Raise for a list, or for lists below a field, with more entries than the limit."""
        if length > self._max_entries:
            raise self.invalid(
                name, f"has {length} {what}, more than {self._max_entries} (--max-list-entries)"
            )

    def _below(self, values: Any, name: str) -> Fields:
        return Fields(values, self.path(name), self._max_entries)

    def _list(self, name: str) -> list[Any]:
        value = self._values.get(name)
        if value is None:
            return []
        entries = list(_typed(value, list, self.path(name)))
        self.check_length(name, len(entries))
        return entries


def _typed(value: Any, wanted: type, path: str) -> Any:
    if not isinstance(value, wanted):
        # The message omits the value, which may be a misplaced credential.
        raise InvalidSpec(
            path, f"must be {_NAMES[wanted]}, not {_NAMES.get(type(value), 'null or a number')}"
        )
    return value
