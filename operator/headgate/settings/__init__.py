"""The operator's settings: one frozen value for each part, from the command line and the environment.

:mod:`.parts` and :mod:`.page` declare each setting with its option, in the notation of :mod:`.declare`. Each part of
the operator gets its own settings and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast

from headgate.settings.declare import Declaration, Gate, Option, declared
from headgate.settings.page import PageSettings
from headgate.settings.parts import (
    RUNTIME_NAMESPACE,
    ClusterSettings,
    DecryptionSettings,
    ElectionSettings,
    EventSettings,
    ExpressionSettings,
    KustomizationSettings,
    LogSettings,
    LoopSettings,
    ObjectSettings,
    ReportSettings,
    SourceSettings,
    StorageSettings,
    TargetSettings,
    WatchSettings,
    WebSettings,
)

__all__ = [
    "ClusterSettings",
    "DecryptionSettings",
    "ElectionSettings",
    "EventSettings",
    "ExpressionSettings",
    "KustomizationSettings",
    "LogSettings",
    "LoopSettings",
    "ObjectSettings",
    "PageSettings",
    "ReportSettings",
    "SettingInvalid",
    "Settings",
    "SourceSettings",
    "StorageSettings",
    "TargetSettings",
    "WatchSettings",
    "WebSettings",
    "declarations",
    "gates",
    "options",
    "settings_from",
]


class SettingInvalid(ValueError):
    """A given value cannot work; the message says why."""

    def __init__(self, message: str, option: str = "") -> None:
        super().__init__(message)
        self.option = option
        """Name of the option with the wrong value, without the dashes; empty if several options conflict."""


@dataclass(frozen=True)
class Settings:
    """All settings."""

    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    web: WebSettings = field(default_factory=WebSettings)
    page: PageSettings = field(default_factory=PageSettings)
    sources: SourceSettings = field(default_factory=SourceSettings)
    kustomizations: KustomizationSettings = field(default_factory=KustomizationSettings)
    targets: TargetSettings = field(default_factory=TargetSettings)
    decryption: DecryptionSettings = field(default_factory=DecryptionSettings)
    receivers: ObjectSettings = field(default_factory=ObjectSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    events: EventSettings = field(default_factory=EventSettings)
    reports: ReportSettings = field(default_factory=ReportSettings)
    expressions: ExpressionSettings = field(default_factory=ExpressionSettings)
    loop: LoopSettings = field(default_factory=LoopSettings)
    election: ElectionSettings = field(default_factory=ElectionSettings)
    log: LogSettings = field(default_factory=LogSettings)


def _parts() -> Iterator[tuple[str, type]]:
    for each in fields(Settings):
        yield each.name, cast(type, each.default_factory)


def declarations() -> dict[str, Declaration]:
    """Return all options, gates and environment variables by name, each once, in the order of their fields."""
    return {declaration.name: declaration for _, part in _parts() for _, declaration in declared(part)}


def options() -> list[Option]:
    """Return the options of ``headgate run``, without those of :mod:`headgate.cli` itself."""
    return [each for each in declarations().values() if isinstance(each, Option)]


def gates() -> list[Gate]:
    """Return the feature gates with an effect."""
    return [each for each in declarations().values() if isinstance(each, Gate)]


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Return the settings for given values, by the name of an option, a gate or an environment variable.

    A missing value has its default. Raises :class:`SettingInvalid`.

    >>> settings_from({"concurrent": 3, "requeue-dependency": "5s"}).kustomizations.requeue_dependency
    5.0
    """
    found = declarations()
    values = {name: _value(each, given[name]) for name, each in found.items() if name in given}
    for name, each in found.items():
        if isinstance(each, Option) and each.needs_namespace and not values.get(RUNTIME_NAMESPACE):
            value = values.get(name, each.given)
            if value != each.given:
                shown = f"--{name}=false" if value is False else f"--{name}"
                raise SettingInvalid(f"{shown} needs the environment variable {RUNTIME_NAMESPACE}")
    try:
        return Settings(**{name: _part(part, values) for name, part in _parts()})
    except ValueError as error:
        raise SettingInvalid(str(error)) from error


def _value(declaration: Declaration, given: Any) -> Any:
    try:
        return declaration.value(given)
    except ValueError as error:
        raise SettingInvalid(str(error), declaration.name) from error


def _part(part: type, values: Mapping[str, Any]) -> Any:
    return part(**{name: values[each.name] for name, each in declared(part) if each.name in values})
