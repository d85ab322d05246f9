"""One report: what the raw objects say, and how it follows the last one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from headgate.api import report as reports
from headgate.api.report import MAX_BYTES, REPORT_FILE, EnvironmentReport, ReportInvalid
from headgate.api.running import belonging, running_kustomization, running_source
from headgate.git.credentials.signing import SigningKey
from headgate.git.publishing import Author, PublishedFile, Tip
from headgate.git.remote.client import Remote
from headgate.objects import Obj
from headgate.reconcile.environment.secret import Destination, ReportImpossible, same_repository

__all__ = ["ReportWriter", "observe"]

MAX_GAP = 600.0
"""Seconds between two observations beyond which nobody knows what ran in between."""
TIMEOUT = 60.0
"""Seconds for all requests of one report."""
MAX_FETCH = 16 << 20
"""Bytes of what is fetched: the last two reports."""


def observe(
    environment: str, url: str, sources: Iterable[Obj], kustomizations: Iterable[Obj], now: datetime
) -> EnvironmentReport:
    """Return what the objects of the repository at ``url`` say; those of other repositories do not appear."""
    ours, applied = belonging(sources, kustomizations, lambda each: same_repository(each, url))
    moment = now.replace(microsecond=0)
    return EnvironmentReport(
        environment,
        observed=moment,
        begun=moment,
        sources=tuple(running_source(each) for each in ours),
        # Messages stay in the cluster, whose readers are not those of the repository.
        kustomizations=tuple(replace(running_kustomization(each), message="") for each in applied),
    )


class ReportWriter:
    """Writes reports to one ref. It works in a thread, one call at a time."""

    def __init__(self, folder: Path, goal: Destination) -> None:
        self.goal = goal
        self._published = PublishedFile(folder, REPORT_FILE, goal.ref, max_bytes=MAX_BYTES)

    def renew(self, goal: Destination) -> None:
        """Continue with other keys for the same ref of the same repository."""
        self.goal = goal

    def write(self, report: EnvironmentReport) -> None:
        """Push a report, as it follows the last one.

        Raises :class:`headgate.git.errors.GitError` or :class:`ReportImpossible`.
        """
        goal = self.goal
        remote = Remote(goal.url, goal.credentials, timeout=TIMEOUT, max_bytes=MAX_FETCH)
        last = self._published.last(remote)
        before = self._report_of(last)
        report, replaces = follow(before, _sealed(report, goal.key))
        content = reports.encode(report)
        if len(content) > MAX_BYTES:
            raise ReportImpossible(f"the report has {len(content)} bytes, of which {MAX_BYTES} are allowed")
        self._published.publish(
            remote,
            content,
            goal.key,
            Author("headgate", f"{goal.environment}@headgate.invalid"),
            message=f"Report of {goal.environment}",
            moment=int(report.observed.timestamp()),
            replace=replaces,
        )

    def _report_of(self, tip: Tip | None) -> EnvironmentReport | None:
        """The last report, if it is one of this environment with the signature of this key."""
        if tip is None or tip.content is None or not tip.is_ours(self.goal.key):
            return None
        try:
            found = reports.decode(tip.content)
        except ReportInvalid:
            return None
        return found if found.environment == self.goal.environment else None


def follow(before: EnvironmentReport | None, report: EnvironmentReport) -> tuple[EnvironmentReport, bool]:
    """Return the report as it follows the one before, and whether it takes its place.

    What only confirms the one before takes its place, so that the history has one commit for each state. So does one
    state on the way to a healthy one after another: that there was one matters, not how many.
    """
    if before is None:
        return report, False
    gap = (report.observed - before.observed).total_seconds()
    if report.says_the_same(before) and 0 <= gap <= MAX_GAP:
        return replace(report, begun=before.begun), True
    return report, not _is_settled(before) and not _is_settled(report)


def _sealed(report: EnvironmentReport, key: SigningKey) -> EnvironmentReport:
    """The report with digests that only this key can make: the objects hold the values of Secrets."""
    sealed = (
        replace(each, digest=key.sealed(each.digest)) if each.digest else each
        for each in report.kustomizations
    )
    return replace(report, kustomizations=tuple(sealed))


def _is_settled(report: EnvironmentReport) -> bool:
    return all(each.ready for each in report.kustomizations)
