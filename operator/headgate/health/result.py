"""The health of one object as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class HealthStatus(Enum):
    """How far an object has reached its spec (the statuses of kstatus)."""

    CURRENT = "Current"
    """The object has reached its spec, or has nothing to say otherwise."""
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    """The object will not reach its spec without a change."""
    TERMINATING = "Terminating"
    """The object is being deleted."""
    NOT_FOUND = "NotFound"
    """The object does not exist; a rule never returns this."""
    UNKNOWN = "Unknown"
    """The object's status is malformed."""


@dataclass(frozen=True, slots=True)
class Health:
    """A status with its reason, in words for the user."""

    status: HealthStatus
    message: str = ""


def current(message: str) -> Health:
    """The object has reached its spec."""
    return Health(HealthStatus.CURRENT, message)


def in_progress(message: str) -> Health:
    """The object has not reached its spec yet."""
    return Health(HealthStatus.IN_PROGRESS, message)


def failed(message: str) -> Health:
    """The object will not reach its spec without a change."""
    return Health(HealthStatus.FAILED, message)
