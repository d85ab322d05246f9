"""How to declare a setting: once, as the field of a dataclass that holds its value.

    @dataclass(frozen=True)
    class WebSettings:
        max_connections: int = number("max-connections", 256, "Connections at once.", least=1)

The functions below make such fields. The field's metadata holds their arguments about the command line, as an
:class:`Option`, a :class:`Gate` or a :class:`Variable`; :func:`declared` reads it. :mod:`headgate.cli` makes the
options of ``headgate run`` from that, and :func:`headgate.settings.settings_from` the settings from given values. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

from headgate.api.quantity import parse_bytes
from headgate.durations import parse_duration

T = TypeVar("T")

_METADATA = "headgate"


@dataclass(frozen=True)
class PlainText:
    """Any text."""


@dataclass(frozen=True)
class Number:
    """A whole number, optionally with limits."""

    least: int | None = None
    most: int | None = None


@dataclass(frozen=True)
class Switch:
    """On or off, with the syntax of Go's flags: ``--name``, ``--name=true`` or ``--name=false``."""


@dataclass(frozen=True)
class Choice:
    """One of several words."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class File:
    """The path of a file, as text."""


@dataclass(frozen=True)
class Folder:
    """The path of a folder, as a :class:`~pathlib.Path`."""


Kind = PlainText | Number | Switch | Choice | File | Folder


def _as_given(given: Any) -> Any:
    return given


@dataclass(frozen=True)
class Option:
    """An option of ``headgate run``."""

    name: str
    """The name without the dashes."""
    help: str
    kind: Kind
    given: Any = None
    """The default as a user would write it, which ``--help`` shows; None for no default."""
    read: Callable[[Any], Any] = _as_given
    """Converts a given value to the setting. Raises ValueError with what is wrong."""
    repeated: bool = False
    """The option may appear several times; ``given`` is then a tuple."""
    metavar: str | None = None
    """The name of the value in ``--help``; None for the name of its kind."""
    variable: str | None = None
    """The environment variable that sets the default."""
    flux: bool = False
    """Flux's controllers have the option, with the same name and meaning."""
    needs_namespace: bool = False
    """Any value except the default needs the operator's namespace."""

    def value(self, given: Any) -> Any:
        """Return the setting for a given value. Raises ValueError with what is wrong."""
        return given if given is None else self.read(given)


@dataclass(frozen=True)
class Gate:
    """Behavior that ``--feature-gates`` turns on or off by a name of Flux's."""

    name: str
    help: str
    """What the gate does when it is on."""
    given: bool
    """The default."""
    negated: bool
    """The setting is off when the gate is on."""

    def value(self, given: bool) -> bool:
        """Return the setting for a gate that is on or off."""
        return given is not self.negated


@dataclass(frozen=True)
class Variable:
    """An environment variable without an option."""

    name: str
    given: str = ""

    def value(self, given: str) -> str:
        """Return the variable's value as the setting."""
        return given


Declaration = Option | Gate | Variable


class Extras(TypedDict, total=False):
    """See :class:`Option`."""

    metavar: str
    variable: str
    flux: bool
    needs_namespace: bool


def declared(part: type) -> Iterator[tuple[str, Declaration]]:
    """Yield the fields of a settings dataclass, by name, with their declarations."""
    for each in fields(part):
        yield each.name, each.metadata[_METADATA]


def _declare(declaration: Declaration) -> Any:
    given: Any = declaration.given
    return field(default=declaration.value(given), metadata={_METADATA: declaration})


def text(name: str, default: str, help: str, **extras: Unpack[Extras]) -> str:
    """An option for any text."""
    return _declare(Option(name, help, PlainText(), default, **extras))  # type: ignore[no-any-return]


def optional(name: str, help: str, **extras: Unpack[Extras]) -> str | None:
    """An option for a text, without a default."""
    return _declare(Option(name, help, PlainText(), **extras))  # type: ignore[no-any-return]


def texts(name: str, help: str, **extras: Unpack[Extras]) -> tuple[str, ...]:
    """An option for a text that may appear several times."""
    return _declare(Option(name, help, PlainText(), (), tuple, repeated=True, **extras))  # type: ignore[no-any-return]


def parsed(name: str, default: str, help: str, read: Callable[[str], T], **extras: Unpack[Extras]) -> T:
    """An option for a text that ``read`` converts to the setting, or refuses with a ValueError that says why."""
    return _declare(Option(name, help, PlainText(), default, read, **extras))  # type: ignore[no-any-return]


def duration(
    name: str, default: str, help: str, *, positive: bool = False, **extras: Unpack[Extras]
) -> float:
    """An option for a duration, in Go's notation; the setting is in seconds."""
    return parsed(name, default, help, _positive if positive else parse_duration, **extras)


def size(name: str, default: str, help: str, **extras: Unpack[Extras]) -> int:
    """An option for a number of bytes, in Kubernetes' notation: ``64Ki``."""
    return parsed(name, default, help, parse_bytes, **extras)


def number(name: str, default: int, help: str, *, least: int | None = None, **extras: Unpack[Extras]) -> int:
    """An option for a whole number."""
    return _declare(Option(name, help, Number(least), default, **extras))  # type: ignore[no-any-return]


def percentage(name: str, default: int, help: str, *, most: int, **extras: Unpack[Extras]) -> float:
    """An option for a whole number of percent; the setting is a fraction."""
    return _declare(Option(name, help, Number(0, most), default, _fraction, **extras))  # type: ignore[no-any-return]


def switch(name: str, default: bool, help: str, **extras: Unpack[Extras]) -> bool:
    """An option that is on or off."""
    return _declare(Option(name, help, Switch(), default, **extras))  # type: ignore[no-any-return]


def word(name: str, words: tuple[str, ...], default: str, help: str, **extras: Unpack[Extras]) -> str:
    """An option for one of several words."""
    return _declare(Option(name, help, Choice(words), default, **extras))  # type: ignore[no-any-return]


def either(name: str, on: str, off: str, default: str, help: str, **extras: Unpack[Extras]) -> bool:
    """An option for one of two words; the setting is true for ``on``."""
    kind = Choice((on, off))
    return _declare(Option(name, help, kind, default, on.__eq__, **extras))  # type: ignore[no-any-return]


def file(name: str, help: str, **extras: Unpack[Extras]) -> str | None:
    """An option for the path of a file, without a default."""
    return _declare(Option(name, help, File(), **extras))  # type: ignore[no-any-return]


def folder(name: str, default: str, help: str, **extras: Unpack[Extras]) -> Path:
    """An option for the path of a folder."""
    return _declare(Option(name, help, Folder(), Path(default), **extras))  # type: ignore[no-any-return]


def gate(name: str, default: bool, help: str, *, negated: bool = False) -> bool:
    """A feature gate; a ``negated`` one turns the setting off when it is on."""
    return _declare(Gate(name, help, default, negated))  # type: ignore[no-any-return]


def variable(name: str) -> str:
    """An environment variable; empty when it is not set."""
    return _declare(Variable(name))  # type: ignore[no-any-return]


def _positive(given: str) -> float:
    seconds = parse_duration(given)
    if seconds <= 0:
        raise ValueError("must be longer than 0")
    return seconds


def _fraction(percent: int) -> float:
    return percent / 100
