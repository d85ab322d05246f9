"""The values of ``postBuild`` variables without a cluster, and placeholders for those that nobody knows. Pure.

Known are the values in ``spec.postBuild.substitute``, those of ConfigMaps and Secrets that the fleet itself renders in
the Kustomization's namespace, and those that the caller gives. If a ConfigMap or Secret is not known, every other
variable may come from it: it is unknown, even if it has a default, and so is what depends on it. A known value counts
even if an unknown source might override it: two sources of one variable are rare, and without this rule hardly any
value would be known.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headgate.objects import Obj
from headgate.postbuild import (
    UnknownValue,
    VariableReference,
    Variables,
    collect_variables,
    variable_references,
)
from headgate.promotion.fleet.rendering import UNKNOWN_CLOSE, UNKNOWN_OPEN

__all__ = ["Lookup", "PartlyKnown", "shown", "variables_of"]

Lookup = Callable[[str, str], Obj | None]
"""From the kind and name of a ConfigMap or Secret to the object, if its values are known."""


class PartlyKnown(Mapping[str, str]):
    """Known values by name; every other name has a placeholder as its value, and is recorded."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = dict(known)
        self.unknown: dict[str, None] = {}
        """Names that a build read and that are not known, in order."""

    def __getitem__(self, name: str) -> str:
        value = self._known.get(name)
        if value is None:
            self.unknown[name] = None
            return UnknownValue(f"{UNKNOWN_OPEN}{name}{UNKNOWN_CLOSE}")
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def variables_of(
    post_build: Mapping[str, Any] | None, lookup: Lookup, given: Mapping[str, str]
) -> Variables | None:
    """Return the variables of ``spec.postBuild``; None without one.

    Raises :class:`headgate.postbuild.PostBuildError` for values that cannot be used.
    """
    if post_build is None:
        return None
    found: dict[VariableReference, Obj] = {}
    missing: list[VariableReference] = []
    references = variable_references(post_build)
    for reference in references:
        obj = lookup(reference.kind, reference.name)
        if obj is None:
            missing.append(reference)
        else:
            found[reference] = _with_plain_data(obj)
    entries = [
        entry
        for entry, reference in zip(post_build.get("substituteFrom") or (), references, strict=True)
        if reference in found
    ]
    known = collect_variables({**post_build, "substituteFrom": entries}, found)
    if not missing:
        return known
    values = PartlyKnown({**{name: text.replace("\n", "") for name, text in given.items()}, **known.values})
    # What the caller gives instead of a Secret is as secret as that.
    given_secrets = given.values() if any(each.kind == "Secret" for each in missing) else ()
    return Variables(values, True, known.secret | frozenset(given_secrets))


def shown(text: str) -> str:
    """Return a message with placeholders as a reader knows them.

    >>> shown(f"no directory apps/{UNKNOWN_OPEN}zone{UNKNOWN_CLOSE}")
    'no directory apps/${zone}'
    """
    return text.replace(UNKNOWN_OPEN, "${").replace(UNKNOWN_CLOSE, "}")


def _with_plain_data(obj: Obj) -> Obj:
    """The object with ``stringData`` in ``data``, as the API server stores it."""
    plain = obj.get("stringData")
    if obj.get("kind") != "Secret" or not isinstance(plain, dict):
        return obj
    data = obj.get("data") if isinstance(obj.get("data"), dict) else {}
    added = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
    return {**obj, "data": {**(data or {}), **added}}
