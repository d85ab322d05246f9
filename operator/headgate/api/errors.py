"""The exceptions for invalid custom resources.

::

    ApiModelError
    ├── InvalidSpec       a field of the spec cannot be used
    └── InvalidStatus     a field of the status cannot be read back

With the CRDs, the API server refuses most invalid objects. These errors are for objects that were stored before a
stricter CRD, or while none was enforced.
"""

from __future__ import annotations


class ApiModelError(ValueError):
    """A custom resource holds a value that cannot be used."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        """Path of the field, e.g. ``spec.dependsOn[0].name``."""
        self.problem = problem


class InvalidSpec(ApiModelError):
    """A field of the spec cannot be used; only an edit of the object helps."""


class InvalidStatus(ApiModelError):
    """A field of the status, which the operator itself writes, cannot be read back."""
