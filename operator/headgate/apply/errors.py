"""The errors of an apply as one tree.

    ApplyError                  nothing, or not all, was applied; holds changes, unsure and errors
    ├── IgnoreRuleInvalid       a rule of spec.ignore can never be used (:mod:`.ignore`); no request was sent
    └── ApplyFailed             some objects were refused or not reached; holds all that was done before

A caller needs only the base class: each error holds what its report needs (:class:`headgate.borders.BorderError`), and
the objects that may be on the cluster now.

A fault of a single object is a value, :class:`ObjectError`, because an apply continues and finds all of them. For the
same reason a deletion raises nothing: :class:`.DeleteResult` has the refusals.
:class:`.objects.definitions.DefinitionNeverReady` does not leave this package.

Messages are Flux's where it has one (``Deployment/staging/web dry-run failed (Invalid): …``), one line for each object,
and never hold a value of a Secret.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.api import reasons
from headgate.apply.changeset import ChangeSet
from headgate.apply.wording import plain
from headgate.borders import BorderError
from headgate.kube.errors import ApiError, Conflict, Invalid, NotFound
from headgate.kube.refs import ObjectRef
from headgate.objects import Obj


@dataclass(frozen=True, slots=True)
class ObjectError:
    """What is wrong with one object; ``message`` names it."""

    ref: ObjectRef
    message: str

    def __str__(self) -> str:
        return self.message


class ApplyError(BorderError):
    """Not all objects could be applied; the message says why."""

    reason: str = reasons.RECONCILIATION_FAILED

    def __init__(
        self,
        message: str,
        *,
        changes: ChangeSet | None = None,
        errors: Sequence[ObjectError] = (),
        unsure: Sequence[ObjectRef] = (),
    ) -> None:
        super().__init__(message)
        self.changes = changes or ChangeSet()
        """All changes, stage by stage, until the error: the caller must know everything that was applied."""
        self.errors = tuple(errors)
        """All faults that were found in the stage that failed, if they are about objects."""
        self.unsure = tuple(unsure)
        """Further objects that may have been applied: the response was lost, or something failed after it."""


class ApplyFailed(ApplyError):
    """Some objects of a stage were refused or not reached."""

    def __init__(
        self, changes: ChangeSet, errors: Sequence[ObjectError], unsure: Sequence[ObjectRef] = ()
    ) -> None:
        super().__init__("\n".join(str(e) for e in errors), changes=changes, errors=errors, unsure=unsure)


def describe(error: Exception, ref: ObjectRef, doing: str, obj: Obj | None = None) -> ObjectError:
    """The error of one object in words; ``doing`` is ``dry-run`` or ``apply``, ``obj`` what was sent."""
    message = plain(str(error)) if isinstance(error, ApiError) else str(error)
    if isinstance(error, NotFound) and error.reason == "NotFound":
        text = f"{ref} not found: {message}"
    else:
        reason = _reason(error) if isinstance(error, ApiError) else ""
        text = f"{ref} {doing} failed{f' ({reason})' if reason else ''}: {message}"
    return ObjectError(ref, text if obj is None else without_secrets(text, obj))


def _reason(error: ApiError) -> str:
    if any(c.reason == "FieldManagerConflict" for c in error.causes):
        return "FieldManagerConflict"
    return error.reason


_IMMUTABLE = re.compile(
    r"is immutable|immutable field|field is immutable|may not change once set|cannot be changed|"
    r"updates to .* are forbidden|cannot change roleRef|may not be changed|cannot be updated|"
    r"may not change fields other than",
    re.IGNORECASE,
)


def is_immutable(error: Exception) -> bool:
    """Whether the API server certainly refuses the *change* and not the object: every cause in its response says so."""
    if not isinstance(error, ApiError):
        return False
    if error.causes:
        return all(_IMMUTABLE.search(c.message) for c in error.causes)
    return bool(_IMMUTABLE.search(error.message))


def may_be_immutable(error: Exception) -> bool:
    """Whether it could help to recreate the object (Flux takes each of these for an immutable field)."""
    return isinstance(error, Invalid | Conflict) or is_immutable(error)


def without_secrets(text: str, obj: Obj) -> str:
    """The text with every value of a Secret masked; the text of another kind stays unchanged."""
    if obj.get("kind") != "Secret" or obj.get("apiVersion") != "v1":
        return text
    for value in sorted(_secret_values(obj), key=len, reverse=True):
        text = text.replace(value, "***")
    return text


def _secret_values(secret: Obj) -> set[str]:
    values: set[str] = set()
    for held in (secret.get("data"), secret.get("stringData")):
        for value in held.values() if isinstance(held, dict) else ():
            values.add(str(value))
            if isinstance(value, str):
                try:
                    values.add(base64.b64decode(value, validate=True).decode())
                except ValueError:
                    values.update(value.split())
    return {v for v in values if len(v) >= 3}
