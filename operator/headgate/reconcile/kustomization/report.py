"""Reports on attempts: conditions, history, events and log lines, in Flux's words."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from headgate.api import conditions as cond
from headgate.api import history as hist
from headgate.api import labels, reasons
from headgate.apply import ApplyResult
from headgate.durations import format_duration
from headgate.kube import ObjectRef
from headgate.names import KUSTOMIZE_CONTROLLER
from headgate.objects import Obj
from headgate.reconcile.core.store import key_of
from headgate.reconcile.kustomization.attempt import Attempt, AttemptStep
from headgate.reconcile.kustomization.errors import Failed, Postponed
from headgate.reconcile.kustomization.postponement import PostponementReport
from headgate.reconcile.reporting.events import NORMAL, WARNING, Event, EventRecorder
from headgate.reconcile.reporting.status import PROGRESS_DELAY, ROUTINE_DELAY, StatusSession

_log = logging.getLogger("headgate.kustomization")

WARNINGS_SHOWN = 20
"""The limit for warnings in one event."""
WARNINGS_REMEMBERED = 500
"""The limit for warnings of one Kustomization that are remembered and not repeated."""


@dataclass(slots=True)
class Reported:
    """Warnings of one Kustomization that were already reported and are not repeated."""

    build: tuple[str, int, str] | None = None
    """UID, generation and revision of the build that caused the last warnings."""
    objects: set[str] = field(default_factory=set)
    """Warnings about its objects."""


class Reporter:
    """Writes the reports. All attempts share it; it keeps no state of any of them."""

    def __init__(self, events: EventRecorder) -> None:
        self._events = events

    def progress(self, attempt: Attempt, doing: str) -> str:
        """Report the running step; written only if the step lasts long enough to be visible. Returns the message."""
        session = attempt.session
        timeout = format_duration(attempt.ks.timeout)
        message = f"{doing} for revision {attempt.revision} with a timeout of {timeout}"
        session.mark(reasons.READY, "Unknown", reasons.PROGRESSING, "Reconciliation in progress")
        session.mark(reasons.RECONCILING, "True", reasons.PROGRESSING, message)
        session.unmark(reasons.STALLED)
        session.write_soon(ROUTINE_DELAY if _is_settled(attempt) else PROGRESS_DELAY)
        return message

    def event(
        self,
        attempt: Attempt,
        type: str,
        message: str,
        extra: dict[str, str] | None = None,
        *,
        record: bool = True,
    ) -> None:
        """Send an event about the Kustomization, with the attempt's revision; ``record`` it on the cluster, too."""
        ready = attempt.session.condition(reasons.READY)
        reason = ready["reason"] if ready else ("error" if type == WARNING else "info")
        annotations = {**(extra or {}), **labels.event_revisions(attempt.revision, attempt.origin)}
        self._events.emit(
            Event(
                attempt.session.obj, KUSTOMIZE_CONTROLLER, type, reason, message, annotations, record=record
            )
        )

    async def apply_warnings(self, reported: Reported, attempt: Attempt, result: ApplyResult) -> None:
        """Report omitted fields of the objects, and warnings of the API server; each once, not in every pass."""
        for type, reason, lines in (
            (WARNING, reasons.UNKNOWN_FIELDS, result.warnings),
            (NORMAL, reasons.API_WARNING, result.notices),
        ):
            new = [line for line in dict.fromkeys(lines) if line not in reported.objects]
            if not new:
                continue
            if len(reported.objects) + len(new) > WARNINGS_REMEMBERED:
                reported.objects.clear()
            reported.objects.update(new[:WARNINGS_REMEMBERED])
            message = await attempt.masked(_first(new))
            _log.warning("%s: %s", attempt.key, message, extra={"revision": attempt.revision})
            self._advise(attempt, type, reason, message)

    def _advise(self, attempt: Attempt, type: str, reason: str, message: str) -> None:
        self._events.emit(
            Event(
                attempt.session.obj,
                KUSTOMIZE_CONTROLLER,
                type,
                reason,
                message,
                labels.event_revisions(attempt.revision, attempt.origin),
                is_advice=True,
            )
        )

    async def build_warnings(self, reported: Reported, attempt: Attempt, warnings: Sequence[str]) -> None:
        """Report the warnings of the build, once for each revision and spec."""
        about = (attempt.uid, attempt.session.generation, attempt.revision)
        if not warnings or reported.build == about or _is_settled(attempt):
            return
        reported.build = about
        message = await attempt.masked("\n".join(warnings))
        self._advise(attempt, WARNING, reasons.BUILD_WARNING, message)
        _log.warning("%s: %s", attempt.key, message, extra={"revision": attempt.revision})

    async def succeeded(self, attempt: Attempt) -> None:
        """Report that the revision is applied, with the attempt's digest. Raises :class:`headgate.kube.ApiError`."""
        session = attempt.session
        session.status["lastAppliedRevision"] = attempt.revision
        session.status.pop("lastAppliedOriginRevision", None)
        if attempt.origin:
            session.status["lastAppliedOriginRevision"] = attempt.origin
        message = f"Applied revision: {attempt.revision}"
        session.mark(reasons.READY, "True", reasons.RECONCILIATION_SUCCEEDED, message)
        self._remember(attempt, reasons.RECONCILIATION_SUCCEEDED)
        settle(session, attempt.requested)
        await session.write()
        message = self._finished(attempt)
        _log.info("%s: %s", attempt.key, message, extra={"revision": attempt.revision})

    def verified(self, attempt: Attempt) -> None:
        """Report that a full pass found everything in place: to the notification controller only.

        Flux does so, too. It sets the status of a commit whose notification was lost, or whose alert was created later.
        """
        self._finished(attempt, record=False)

    def _finished(self, attempt: Attempt, *, record: bool = True) -> str:
        spent = format_duration(time.monotonic() - attempt.started)
        interval = format_duration(attempt.ks.spec.interval)
        message = f"Reconciliation finished in {spent}, next run in {interval}"
        commit_status = f"{labels.GROUP}/{labels.EVENT_COMMIT_STATUS}"
        update = {commit_status: labels.EVENT_COMMIT_STATUS_UPDATE}
        self.event(attempt, NORMAL, message, update, record=record)
        return message

    async def failed(self, attempt: Attempt, failure: Failed) -> None:
        """Report that the attempt ended without success. Raises :class:`headgate.kube.ApiError`."""
        session = attempt.session
        message = (await attempt.masked(str(failure))).rstrip("\n") + (
            "\n" if failure.reason == reasons.RECONCILIATION_FAILED else ""
        )
        session.mark(reasons.READY, "False", failure.reason, message)
        if failure.stalled:
            session.mark(reasons.STALLED, "True", failure.reason, message)
            session.unmark(reasons.RECONCILING)
        if failure.is_observed:
            session.status["observedGeneration"] = session.generation
        if attempt.digest:
            self._remember(attempt, failure.reason)
        settle(session, attempt.requested)
        self.event(attempt, WARNING, message)
        _log.error("%s: %s", attempt.key, message, extra={"revision": attempt.revision})
        await session.write()

    def postponed(
        self, report: PostponementReport, attempt: Attempt, wait: Postponed, due: float | None
    ) -> None:
        """Report that it waits, after the delay of ``report``; ``due`` as in its ``schedule``."""
        _log.info("%s: %s", attempt.key, wait.message)

        async def write() -> None:
            attempt.session.mark(reasons.READY, "False", wait.reason, wait.message)
            settle(attempt.session, attempt.requested)
            # As Flux, which writes no event for a missing or empty source: each bootstrap begins in this way.
            if wait.reason != reasons.ARTIFACT_FAILED:
                self.event(attempt, NORMAL, wait.event)
            try:
                await attempt.session.write()
            except Exception as error:
                _log.warning("%s: waiting is not reported: %s", attempt.key, error)

        report.schedule(write, due, PROGRESS_DELAY)

    async def invalid(self, session: StatusSession, requested: str | None, message: str) -> None:
        """Report that the spec itself is invalid; only a change of it helps."""
        session.mark(reasons.READY, "False", reasons.INVALID_SPEC, message)
        session.mark(reasons.STALLED, "True", reasons.INVALID_SPEC, message)
        session.status["observedGeneration"] = session.generation
        settle(session, requested)
        self._events.emit(Event(session.obj, KUSTOMIZE_CONTROLLER, WARNING, reasons.INVALID_SPEC, message))
        await session.write()

    async def broke_off(
        self,
        session: StatusSession,
        requested: str | None,
        step: AttemptStep,
        said: str,
        revisions: dict[str, str],
    ) -> None:
        """Report that an attempt ended with an unexpected error. Raises :class:`headgate.kube.ApiError`.

        ``revisions`` are the attempt's, as annotations of the event; empty if it found none. ``session`` has the stored
        status, so that the rest of it stays unchanged: above all the inventory.
        """
        message = f"{step.what} failed: {said}"
        session.mark(reasons.READY, "False", step.reason, message)
        settle(session, requested)
        self._events.emit(Event(session.obj, KUSTOMIZE_CONTROLLER, WARNING, step.reason, message, revisions))
        await session.write()

    def drifted(self, obj: Obj, ref: ObjectRef, what: str) -> None:
        """Report that an object differs from what was applied, who changed it and which fields."""
        message = f"drift detected: {ref}: {what}" if what else f"drift detected: {ref}"
        _log.info("%s: %s", key_of(obj), message)
        self._events.emit(
            Event(
                obj,
                KUSTOMIZE_CONTROLLER,
                NORMAL,
                reasons.DRIFT_DETECTED,
                message,
                applied_revisions(obj),
                managed=ref,
            )
        )

    def _remember(self, attempt: Attempt, outcome: str) -> None:
        hist.upsert(
            attempt.session.status,
            digest=attempt.digest,
            duration=time.monotonic() - attempt.started,
            outcome=outcome,
            metadata={
                "revision": attempt.revision,
                **({"originRevision": attempt.origin} if attempt.origin else {}),
            },
        )


def applied_revisions(obj: Obj) -> dict[str, str]:
    """The revisions that a raw Kustomization has applied, as annotations of an event."""
    status = obj.get("status") or {}
    revision, origin = status.get("lastAppliedRevision"), status.get("lastAppliedOriginRevision")
    return labels.event_revisions(revision or "", origin or "")


def _first(lines: list[str]) -> str:
    """The first few of many lines, and the number of further ones."""
    shown = lines[:WARNINGS_SHOWN]
    more = len(lines) - len(shown)
    return "\n".join([*shown, *([f"and {more} more"] if more else [])])


def adds_to_status(attempt: Attempt, *, changed: bool) -> bool:
    """Whether the success adds anything to the status; ``changed``: it changed objects."""
    before = attempt.obj.get("status") or {}
    history = before.get("history") or [{}]
    return (
        changed
        or attempt.session.wrote
        or not _is_settled(attempt)
        or history[0].get("digest") != attempt.digest
        or before.get("inventory") != attempt.session.status.get("inventory")
    )


def _is_settled(attempt: Attempt) -> bool:
    """Whether the Kustomization was Ready with this spec and this revision before the attempt."""
    before = attempt.obj.get("status") or {}
    return (
        cond.is_true(before.get("conditions") or (), reasons.READY)
        and before.get("observedGeneration") == attempt.session.generation
        and before.get("lastAppliedRevision") == attempt.revision
        and before.get("lastHandledReconcileAt") == attempt.requested
    )


def settle(session: StatusSession, requested: str | None) -> None:
    """Set what the status says at the end of every attempt, whatever its outcome."""
    if requested is not None:
        session.status["lastHandledReconcileAt"] = requested
    if session.is_true(reasons.READY):
        session.unmark(reasons.RECONCILING, reasons.STALLED)
        session.status["observedGeneration"] = session.generation
    elif (reconciling := session.condition(reasons.RECONCILING)) is not None:
        ready = session.condition(reasons.READY)
        if ready is not None and ready["status"] == "False":
            session.mark(reasons.RECONCILING, "True", reasons.PROGRESSING_WITH_RETRY, reconciling["message"])
