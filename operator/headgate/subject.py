"""Which object the current task reconciles, so that each log line says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Subject", "current_subject", "reconciling"]


@dataclass(frozen=True, slots=True)
class Subject:
    """An object, and the controller that reconciles it."""

    controller: str
    kind: str
    namespace: str
    name: str


_subject: ContextVar[Subject | None] = ContextVar("headgate subject", default=None)


def current_subject() -> Subject | None:
    """Return the object that the current task reconciles; None outside a reconcile."""
    return _subject.get()


@contextmanager
def reconciling(subject: Subject | None) -> Iterator[None]:
    """Say what the task reconciles, also for the tasks that it starts meanwhile."""
    token = _subject.set(subject)
    try:
        yield
    finally:
        _subject.reset(token)
