"""Variables from ``postBuild.substitute``, and from ConfigMaps and Secrets of ``substituteFrom``."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate.postbuild.errors import SubstitutionError, VariableNameInvalid, VariablesMissing

__all__ = ["UnknownValue", "VariableReference", "Variables", "collect_variables", "variable_references"]

_NAME = re.compile(r"[_A-Za-z][_A-Za-z0-9]*")
NAME_PATTERN = "^[_[:alpha:]][_[:alpha:][:digit:]]*$"


class UnknownValue(str):
    """The placeholder for a missing value. It may be any value: no operator changes it, no default applies."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class VariableReference:
    """A ConfigMap or Secret, in the Kustomization's namespace, whose data are variables."""

    kind: str
    """``ConfigMap`` or ``Secret``."""
    name: str
    optional: bool = False
    """Whether it may be missing; other failures to read it are errors."""


@dataclass(frozen=True)
class Variables:
    """The values by name, and whether to substitute at all."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    always: bool = False
    """Whether to substitute without any variable, for expressions that have defaults."""
    secret: frozenset[str] = field(default=frozenset(), repr=False)
    """The values that come from Secrets."""

    @property
    def wanted(self) -> bool:
        """Return whether to substitute variables in objects."""
        return bool(self.values) or self.always

    def check_names(self) -> None:
        """Raise :class:`VariableNameInvalid` for the first invalid name, in order."""
        if "names" not in self.__dict__:
            bad = sorted(name for name in self.values if not _NAME.fullmatch(name))
            self.__dict__["names"] = bad[0] if bad else None
        invalid = self.__dict__["names"]
        if invalid is not None:
            raise VariableNameInvalid(
                f"{invalid!r} var name is invalid, must match '{NAME_PATTERN}'", variable=invalid
            )


def variable_references(post_build: Mapping[str, Any]) -> tuple[VariableReference, ...]:
    """Return the references of ``substituteFrom``, in order."""
    return tuple(
        VariableReference(entry["kind"], entry["name"], bool(entry.get("optional")))
        for entry in post_build.get("substituteFrom") or ()
    )


def collect_variables(
    post_build: Mapping[str, Any], found: Mapping[VariableReference, Mapping[str, Any]]
) -> Variables:
    """Return the variables of ``spec.postBuild``.

    ``found`` has the raw ConfigMaps and Secrets by reference; an absent reference does not exist on the cluster. A
    later reference takes precedence over an earlier one, and ``substitute`` over both. Newlines are removed from
    values. Raises :class:`VariablesMissing`.
    """
    values: dict[str, str] = {}
    secret: set[str] = set()
    for reference in variable_references(post_build):
        source = found.get(reference)
        if source is not None:
            data = _data(reference, source)
            values.update(data)
            if reference.kind == "Secret":
                secret.update(data.values())
        elif not reference.optional:
            raise VariablesMissing(
                f"substitute from '{reference.kind}/{reference.name}' error: "
                f"the {reference.kind} does not exist, and is not optional"
            )
    for name, value in (post_build.get("substitute") or {}).items():
        if not isinstance(value, str):
            raise SubstitutionError(f"the value of {name!r} in substitute must be a string", variable=name)
        values[name] = value.replace("\n", "")
    always = post_build.get("substituteStrategy") == "Always"
    return Variables(values, always, frozenset(secret))


def _data(reference: VariableReference, source: Mapping[str, Any]) -> dict[str, str]:
    values: dict[str, str] = {}
    for key, value in (source.get("data") or {}).items():
        text = str(value)
        if reference.kind == "Secret":
            try:
                # Bytes that are not UTF-8 matter only where they are used.
                text = base64.b64decode(text, validate=True).decode("utf-8", "surrogateescape")
            except (binascii.Error, ValueError):
                raise VariablesMissing(
                    f"substitute from 'Secret/{reference.name}' error: the value of {key!r} is not base64",
                    variable=key,
                ) from None
        values[key] = text.replace("\n", "")
    return values
