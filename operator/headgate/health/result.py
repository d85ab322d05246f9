"""The health of one object as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class HealthStatus(Enum):
    """Where an object stands on its way to what its spec asks for (the statuses of kstatus)."""

    CURRENT = "Current"
    """The spec is reached, or nothing tells otherwise."""
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    """It will not be reached without a change."""
    TERMINATING = "Terminating"
    """Being deleted."""
    NOT_FOUND = "NotFound"
    """No such object; never the outcome of looking at one."""
    UNKNOWN = "Unknown"
    """The object's status has a form that cannot be read."""


@dataclass(frozen=True, slots=True)
class Health:
    """A status with the reason for it, in words for the user."""

    status: HealthStatus
    message: str = ""


def current(message: str) -> Health:
    """The spec is reached."""
    return Health(HealthStatus.CURRENT, message)


def in_progress(message: str) -> Health:
    """The spec is not reached yet."""
    return Health(HealthStatus.IN_PROGRESS, message)


def failed(message: str) -> Health:
    """The spec will not be reached without a change."""
    return Health(HealthStatus.FAILED, message)
