"""The exceptions between build and apply.

::

    PostBuildError
    ├── SubstitutionError        variables could not be substituted
    │   ├── ExpressionMalformed  a ``${...}`` is malformed
    │   ├── VariableNotSet       a variable has neither a value nor a default
    │   ├── VariableNameInvalid  a key of the given variables is not a variable name
    │   ├── BrokenBySubstitution the result of the substitution is not an object
    │   └── VariablesMissing     a ConfigMap or Secret of ``substituteFrom`` does not exist or cannot be read
    └── DecryptionError          see :mod:`headgate.postbuild.sops.errors`

Each names object, field and variable if known, and never a value: values may be secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "BrokenBySubstitution",
    "ExpressionMalformed",
    "PostBuildError",
    "SubstitutionError",
    "VariableNameInvalid",
    "VariableNotSet",
    "VariablesMissing",
    "identity",
]


def identity(obj: Mapping[str, Any]) -> str:
    """Return the name of an object in errors: ``kind/namespace/name``, as far as it has them."""
    metadata = obj.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    parts = (obj.get("kind"), metadata.get("namespace"), metadata.get("name"))
    return "/".join(str(part) for part in parts if part)


class PostBuildError(Exception):
    """A built object cannot be prepared for the apply.

    ``message`` is the fault alone; ``object`` (such as ``ConfigMap/shop/settings``) and ``field`` (such as
    ``data.port``) locate it, None when unknown. ``str(error)`` joins them into one sentence.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.object: str | None = None
        self.field: str | None = None

    def __str__(self) -> str:
        where = [] if self.object is None else [self.object]
        if self.field is not None:
            where.append(f"field {self.field}")
        return f"{', '.join(where)}: {self.message}" if where else self.message


class SubstitutionError(PostBuildError):
    """Variables could not be substituted; ``variable`` is the name of the invalid one, None when unknown."""

    def __init__(self, message: str, *, variable: str | None = None) -> None:
        super().__init__(message)
        self.variable = variable


class ExpressionMalformed(SubstitutionError):
    """A ``${...}`` is malformed, or its value cannot be computed."""


class VariableNotSet(SubstitutionError):
    """A variable has neither a value nor a default, in strict mode."""


class VariableNameInvalid(SubstitutionError):
    """A key of ``substitute``, or of a ConfigMap or Secret of ``substituteFrom``, is not a variable name."""


class BrokenBySubstitution(SubstitutionError):
    """With the values filled in, the object's text is not YAML, not an object, or too large."""


class VariablesMissing(SubstitutionError):
    """A ConfigMap or Secret of ``substituteFrom`` does not exist and is not optional, or has invalid data."""
