"""How a setting is declared: once, as the field of a dataclass that holds its value.

    @dataclass(frozen=True)
    class WebSettings:
        max_connections: int = number("max-connections", 256, "Connections at once.", least=1)

The functions below make such fields. What they are told about the command line is in the field's metadata, as an
:class:`Option`, a :class:`Gate` or a :class:`Variable`; :func:`declared` finds it again. :mod:`headgate.cli` makes the
options of ``headgate run`` from that, and :func:`headgate.settings.settings_from` the settings from what was given.
Pure.
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
class Text:
    """Any text."""


@dataclass(frozen=True)
class Number:
    """A whole number, within bounds where there are any."""

    least: int | None = None
    most: int | None = None


@dataclass(frozen=True)
class Switch:
    """On or off, as Go's flags are: ``--name``, ``--name=true`` or ``--name=false``."""


@dataclass(frozen=True)
class Choice:
    """One of these words."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class File:
    """The path of a file, as text."""


@dataclass(frozen=True)
class Folder:
    """The path of a folder, as a :class:`~pathlib.Path`."""


Kind = Text | Number | Switch | Choice | File | Folder


def _as_given(given: Any) -> Any:
    return given


@dataclass(frozen=True)
class Option:
    """An option of ``headgate run``."""

    name: str
    """Without the dashes."""
    help: str
    kind: Kind
    given: Any = None
    """The default as a user would give it, which ``--help`` shows; None: nothing is given."""
    read: Callable[[Any], Any] = _as_given
    """The setting of what is given. Raises ValueError with what is wrong."""
    repeated: bool = False
    """It may be given several times; ``given`` is then a tuple."""
    metavar: str | None = None
    """What ``--help`` calls the value; None: the name of its kind."""
    variable: str | None = None
    """The environment variable that gives the default."""
    flux: bool = False
    """Flux's controllers have the option, by the same name and with the same meaning."""
    needs_namespace: bool = False
    """Any other value than the default needs the operator's namespace to be known."""

    def value(self, given: Any) -> Any:
        """The setting of what is given. Raises ValueError with what is wrong."""
        return given if given is None else self.read(given)


@dataclass(frozen=True)
class Gate:
    """A behaviour that ``--feature-gates`` turns on or off by a name of Flux's."""

    name: str
    help: str
    """What it does when it is on."""
    given: bool
    """The default."""
    negated: bool
    """The setting is off when the gate is on."""

    def value(self, given: bool) -> bool:
        """The setting of a gate that is on or off."""
        return given is not self.negated


@dataclass(frozen=True)
class Variable:
    """An environment variable that no option replaces."""

    name: str
    given: str = ""

    def value(self, given: str) -> str:
        """The setting is the variable's value."""
        return given


Declaration = Option | Gate | Variable


class Extras(TypedDict, total=False):
    """See :class:`Option`."""

    metavar: str
    variable: str
    flux: bool
    needs_namespace: bool


def declared(part: type) -> Iterator[tuple[str, Declaration]]:
    """The fields of a settings dataclass, by name, and what is declared by each."""
    for each in fields(part):
        yield each.name, each.metadata[_METADATA]


def _declare(declaration: Declaration) -> Any:
    given: Any = declaration.given
    return field(default=declaration.value(given), metadata={_METADATA: declaration})


def text(name: str, default: str, help: str, **extras: Unpack[Extras]) -> str:
    """An option for any text."""
    return _declare(Option(name, help, Text(), default, **extras))  # type: ignore[no-any-return]


def optional(name: str, help: str, **extras: Unpack[Extras]) -> str | None:
    """An option for a text, without a default."""
    return _declare(Option(name, help, Text(), **extras))  # type: ignore[no-any-return]


def texts(name: str, help: str, **extras: Unpack[Extras]) -> tuple[str, ...]:
    """An option for a text that may be given several times."""
    return _declare(Option(name, help, Text(), (), tuple, repeated=True, **extras))  # type: ignore[no-any-return]


def parsed(name: str, default: str, help: str, read: Callable[[str], T], **extras: Unpack[Extras]) -> T:
    """An option for a text that ``read`` turns into the setting, or refuses with a ValueError that says why."""
    return _declare(Option(name, help, Text(), default, read, **extras))  # type: ignore[no-any-return]


def duration(
    name: str, default: str, help: str, *, positive: bool = False, **extras: Unpack[Extras]
) -> float:
    """An option for a time, in Go's notation; the setting is in seconds."""
    return parsed(name, default, help, _positive if positive else parse_duration, **extras)


def size(name: str, default: str, help: str, **extras: Unpack[Extras]) -> int:
    """An option for a number of bytes, in Kubernetes' notation: ``64Ki``."""
    return parsed(name, default, help, parse_bytes, **extras)


def number(
    name: str,
    default: int,
    help: str,
    *,
    least: int | None = None,
    most: int | None = None,
    **extras: Unpack[Extras],
) -> int:
    """An option for a whole number."""
    return _declare(Option(name, help, Number(least, most), default, **extras))  # type: ignore[no-any-return]


def percentage(name: str, default: int, help: str, *, most: int, **extras: Unpack[Extras]) -> float:
    """An option for a whole number of percent; the setting is a fraction."""
    return _declare(Option(name, help, Number(0, most), default, _fraction, **extras))  # type: ignore[no-any-return]


def switch(name: str, default: bool, help: str, **extras: Unpack[Extras]) -> bool:
    """An option that is on or off."""
    return _declare(Option(name, help, Switch(), default, **extras))  # type: ignore[no-any-return]


def word(name: str, words: tuple[str, ...], default: str, help: str, **extras: Unpack[Extras]) -> str:
    """An option for one of some words."""
    return _declare(Option(name, help, Choice(words), default, **extras))  # type: ignore[no-any-return]


def either(name: str, on: str, off: str, default: str, help: str, **extras: Unpack[Extras]) -> bool:
    """An option for one of two words; the setting is whether it is ``on``."""
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
        raise ValueError("must be longer than nothing")
    return seconds


def _fraction(percent: int) -> float:
    return percent / 100
