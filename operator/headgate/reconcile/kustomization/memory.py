"""What the reconciler keeps of one Kustomization between calls, besides the object itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from headgate.reconcile.kustomization.attempt import PREPARING, Attempt, AttemptStep
from headgate.reconcile.kustomization.postponement import PostponementReport
from headgate.reconcile.kustomization.report import Reported
from headgate.reconcile.kustomization.steps.wait import Waiting


class Reached(Protocol):
    """A value that a step returns."""

    @property
    def attempt(self) -> Attempt:
        """The attempt in its newest form."""


R = TypeVar("R", bound=Reached)


class Course:
    """The progress of an attempt, for the report about its end."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt

    def reach(self, value: R) -> R:
        """Record the value that a step returned."""
        self.attempt = value.attempt
        return value


@dataclass(slots=True)
class Memory:
    """What is kept between attempts. Its loss in a restart costs one verification and repeated warnings."""

    open: Waiting | None = None
    """The running health check."""
    course: Course | None = None
    """The running attempt, or the last one if it ended with an unexpected error."""
    step: AttemptStep = PREPARING
    """The step that is running, for the report of an unexpected error."""
    postponement: PostponementReport = field(default_factory=PostponementReport)
    reported: Reported = field(default_factory=Reported)
