"""Reports a reconcile of a GitRepository: its conditions, its events, and when the next one is due.

The conditions, reasons and messages are Flux's (source-controller, ``gitrepository_controller.go`` and
``internal/reconcile/summarize``).
"""

from __future__ import annotations

import logging

from headgate.api import GitRepository, ObjectKey, labels, reasons
from headgate.backoff import jittered
from headgate.durations import format_duration
from headgate.names import SOURCE_CONTROLLER, SOURCE_GROUP
from headgate.reconcile.core.controller import NOTHING_MORE, Outcome
from headgate.reconcile.reporting.events import NORMAL, WARNING, Event, EventRecorder
from headgate.reconcile.reporting.status import StatusSession

_log = logging.getLogger("headgate.source")


class SourceReport:
    """Writes the reports. One for all sources."""

    def __init__(self, events: EventRecorder, jitter: float) -> None:
        """``jitter``: the largest fraction by which an interval becomes longer or shorter."""
        self._events, self._jitter = events, jitter

    def outdated(self, session: StatusSession, reason: str, message: str) -> None:
        """Report that the artifact will be replaced."""
        session.mark(reasons.ARTIFACT_OUTDATED, "True", reason, message)
        session.mark(reasons.RECONCILING, "True", reasons.PROGRESSING, f"building artifact: {message}")
        session.write_soon()

    async def succeeded(
        self, session: StatusSession, source: GitRepository, requested: str | None, age: float = 0.0
    ) -> Outcome:
        """Report that the artifact in storage is up to date, from a response of the remote ``age`` seconds ago."""
        revision = session.status["artifact"]["revision"]
        message = f"stored artifact for revision '{revision}'"
        session.unmark(reasons.FETCH_FAILED, reasons.ARTIFACT_OUTDATED, reasons.STALLED)
        session.mark(reasons.ARTIFACT_IN_STORAGE, "True", reasons.SUCCEEDED, message)
        session.mark(reasons.READY, "True", reasons.SUCCEEDED, message)
        summarise(session, requested)
        await session.write()
        if not source.spec.interval:
            return NOTHING_MORE  # As in Flux: an interval of zero means no next reconcile.
        return Outcome(after=jittered(source.spec.interval, self._jitter) - age)

    async def waits(
        self, session: StatusSession, source: GitRepository, requested: str | None, message: str
    ) -> Outcome:
        """Report that there is no artifact yet because the first revision is held."""
        session.unmark(reasons.FETCH_FAILED, reasons.ARTIFACT_OUTDATED, reasons.STALLED)
        session.mark(reasons.READY, "Unknown", reasons.REVISION_HELD, message)
        session.mark(reasons.RECONCILING, "True", reasons.PROGRESSING, message)
        summarise(session, requested)
        await session.write()
        interval = source.spec.interval
        return Outcome(after=jittered(interval, self._jitter)) if interval else NOTHING_MORE

    async def failed(
        self,
        key: ObjectKey,
        session: StatusSession,
        requested: str | None,
        reason: str,
        message: str,
        again: float | None,
        condition: str = reasons.FETCH_FAILED,
        *,
        waiting: bool = False,
    ) -> Outcome:
        """Report a failure. The next attempt is due after ``again`` seconds; None: not before the object has changed.

        ``waiting`` for another object is a failure as well, but not a warning.
        """
        session.mark(condition, "False" if condition == reasons.SOURCE_VERIFIED else "True", reason, message)
        session.mark(reasons.READY, "False", reason, message)
        if again is None:
            session.mark(reasons.STALLED, "True", reason, message)
            session.unmark(reasons.RECONCILING)
            session.status["observedGeneration"] = session.generation
        summarise(session, requested)
        self.emit(session, NORMAL if waiting else WARNING, reason, message, trace=waiting)
        next_attempt = f", next attempt in {format_duration(round(again, 1))}" if again is not None else ""
        _log.error("%s: %s%s", key, message, next_attempt)
        await session.write()
        return Outcome(after=again, failed=again is not None)

    def emit(
        self, session: StatusSession, type: str, reason: str, message: str, *, trace: bool = False
    ) -> None:
        """Emit an event; a ``trace`` is visible on the object, and sends no notification."""
        artifact = session.status.get("artifact")
        annotations = {}
        if artifact and type == NORMAL and not trace:
            annotations = {
                f"{SOURCE_GROUP}/{labels.EVENT_REVISION}": artifact["revision"],
                f"{SOURCE_GROUP}/{labels.EVENT_DIGEST}": artifact["digest"],
            }
        self._events.emit(
            Event(session.obj, SOURCE_CONTROLLER, type, reason, message, annotations, notify=not trace)
        )


def forget_verification(session: StatusSession, source: GitRepository) -> None:
    """Remove what an earlier spec, or a failed reconcile, reported about signatures."""
    found = session.condition(reasons.SOURCE_VERIFIED)
    if source.spec.verify is None:
        session.status.pop("sourceVerificationMode", None)
    if source.spec.verify is None or (found is not None and found["status"] == "False"):
        session.unmark(reasons.SOURCE_VERIFIED)


def summarise(session: StatusSession, requested: str | None) -> None:
    """Set what the status says at the end of every reconcile, whatever its outcome."""
    if requested is not None:
        session.status["lastHandledReconcileAt"] = requested
    ready = session.condition(reasons.READY)
    if ready is None:
        return
    if ready["status"] == "True":
        session.unmark(reasons.RECONCILING, reasons.STALLED)
        session.mark(reasons.READY, "True", ready["reason"], ready["message"])
        session.status["observedGeneration"] = session.generation
        return
    reconciling = session.condition(reasons.RECONCILING)
    if reconciling is not None and ready["status"] == "False":
        session.mark(reasons.RECONCILING, "True", reasons.PROGRESSING_WITH_RETRY, reconciling["message"])


def short(subject: str) -> str:
    """A commit's subject, shortened as Flux does it."""
    return subject if len(subject) <= 50 else subject[:50] + "..."
