"""Revisions that annotations hold: whether one may come in now, and the report while it may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from headgate.api import GitRepository, ObjectKey, reasons
from headgate.fairness.pools import STORAGE
from headgate.reconcile.core.controller import Outcome
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.reporting.events import NORMAL, WARNING
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.source.gate import Closed, closed
from headgate.reconcile.source.report import SourceReport


class HeldRevisions:
    """The sources with a held revision. Used from the event loop; one for all sources."""

    def __init__(
        self, store: Store, report: SourceReport, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store, self._report, self._clock = store, report, clock
        self._held: set[ObjectKey] = set()
        self._invalid: dict[ObjectKey, str] = {}
        """The invalid annotations that an event has reported."""

    def __len__(self) -> int:
        """The number of sources with a held revision."""
        return len(self._held)

    async def closed(self, key: SourceKey, session: StatusSession, source: GitRepository) -> Closed | None:
        """Why the source lets nothing new in now; None if it does."""
        if source.hold is None and source.windows is None:
            self._invalid.pop(source.key, None)
            return None
        runs = session.status.get("artifact") is not None or await self._is_applied(key)
        # Windows are the texts of tenants: what their evaluation costs is theirs.
        found = await STORAGE.run(key.namespace, closed, source, self._clock(), runs=runs)
        if found is None or found.reason != reasons.INVALID_ANNOTATION:
            self._invalid.pop(source.key, None)
        elif self._invalid.get(source.key) != found.why:
            self._invalid[source.key] = found.why
            self._report.emit(
                session, WARNING, reasons.INVALID_ANNOTATION, f"every new revision is {found.why}"
            )
        return found

    def hold(self, session: StatusSession, source: GitRepository, revision: str, why: Closed) -> str:
        """Report that the revision is held; returns the message.

        An event reports each revision and reason once: the condition remembers them.
        """
        present = (session.status.get("artifact") or {}).get("revision")
        what = f"revision '{revision}'" if revision != present else f"a new artifact of '{revision}'"
        stays = f"'{present}' stays" if revision != present else "the present one stays"
        message = f"{what} is {why.why}; {stays if present else 'there is no artifact yet'}"
        before = session.condition(reasons.REVISION_HELD)
        session.mark(reasons.REVISION_HELD, "True", why.reason, message)
        if before is None or (before["reason"], before["message"]) != (why.reason, message):
            self._report.emit(session, NORMAL, reasons.REVISION_HELD, message)
        self._held.add(source.key)
        return message

    def release(self, session: StatusSession, source: GitRepository) -> None:
        """Record that no revision of the source is held."""
        session.unmark(reasons.REVISION_HELD)
        self._held.discard(source.key)

    def forget(self, key: ObjectKey) -> None:
        """Forget a source that is gone."""
        self._held.discard(key)
        self._invalid.pop(key, None)

    def until_open(self, outcome: Outcome, why: Closed) -> Outcome:
        """The outcome of a reconcile with a held revision: the next one is due when a window opens, at the latest."""
        if why.opens is None:
            return outcome
        wait = max(0.0, (why.opens - self._clock()).total_seconds())
        return replace(outcome, after=wait if outcome.after is None else min(wait, outcome.after))

    async def _is_applied(self, key: SourceKey) -> bool:
        """Whether a Kustomization has applied a revision of the source, which may have been created again since."""
        async for each in self._store.consumers(key):
            status = (self._store.kustomization(each) or {}).get("status") or {}
            if status.get("lastAppliedRevision"):
                return True
        return False
