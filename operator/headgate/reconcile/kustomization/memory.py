"""What the reconciler remembers of one Kustomization from call to call, beyond the object itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from headgate.reconcile.kustomization.attempt import PREPARING, Attempt, Step
from headgate.reconcile.kustomization.postponement import PostponementReport
from headgate.reconcile.kustomization.report import Reported
from headgate.reconcile.kustomization.steps.wait import Waiting


class Reached(Protocol):
    """What a step returns."""

    @property
    def attempt(self) -> Attempt:
        """The attempt, as far as it is known now."""


R = TypeVar("R", bound=Reached)


class Course:
    """How far an attempt has come, for the report of whatever ends it."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt

    def reach(self, value: R) -> R:
        """A step has returned the value."""
        self.attempt = value.attempt
        return value


@dataclass(slots=True)
class Memory:
    """What survives an attempt. Losing it in a restart costs one verification and repeated warnings."""

    open: Waiting | None = None
    """The wait for health that is under way."""
    course: Course | None = None
    """The attempt under way, or the last one where it broke off."""
    step: Step = PREPARING
    """What is done at present, for the report of an unexpected error."""
    postponement: PostponementReport = field(default_factory=PostponementReport)
    reported: Reported = field(default_factory=Reported)
