"""Unexpected errors in words for users: what was being done, what kind of error, where in the code.

The object's status and an event report whatever ends an attempt, also an error in Headgate itself. The text of such an
error may quote data, which may be secret: only texts that name types and places are reported. The log has the whole
error.
"""

from __future__ import annotations

import traceback
from pathlib import PurePath

from headgate.api.errors import ApiModelError
from headgate.kube import ApiError

_TALKS_OF_TYPES = (TypeError, AttributeError, RecursionError, MemoryError, NotImplementedError)
"""Python builds the texts of these errors from the names of types, fields and functions."""


def first_of(error: BaseException) -> BaseException:
    """The error, or the first of those that a group holds."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def is_passing(error: BaseException) -> bool:
    """Whether the API server will probably accept the same request a moment later."""
    cause = first_of(error)
    if isinstance(cause, ApiError):
        return cause.passes and not cause.is_too_large
    return isinstance(cause, TimeoutError | ConnectionError)


def is_too_large(error: BaseException) -> bool:
    """Whether an object was refused for its size, by the API server or its storage."""
    cause = first_of(error)
    return isinstance(cause, ApiError) and cause.is_too_large


def explained(error: BaseException) -> str:
    """The kind of an error, without any value."""
    cause = first_of(error)
    notes = "".join(f" at {note}" for note in getattr(cause, "__notes__", ()))
    if isinstance(cause, ApiError):
        return f"the API server refused or failed{notes}: {cause.message}"
    if isinstance(cause, ApiModelError):
        return f"{cause}{notes}"
    said = type(cause).__name__
    if isinstance(cause, OSError):
        said += f": {cause.strerror}" if cause.strerror else ""
    elif isinstance(cause, _TALKS_OF_TYPES) and str(cause):
        said += f": {cause}"
    return f"unexpected error{notes}: {said} ({_place(cause)}); the operator's log has the trace, please report it"


def _place(error: BaseException) -> str:
    """The place in Headgate's own code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((f for f in reversed(frames) if "/headgate/" in f.filename), frames[-1] if frames else None)
    if own is None:
        return "nowhere"
    parts = PurePath(own.filename).parts
    start = len(parts) - 1 - parts[::-1].index("headgate") if "headgate" in parts else len(parts) - 1
    return f"{'/'.join(parts[start:])}:{own.lineno}"
