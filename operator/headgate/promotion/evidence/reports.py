"""Evidence from the reports that operators push: signed commits in the clone, whose parents are its past.

A report counts if a key of its environment has signed it. Anybody who may push can put a commit on the ref, so all of
it is checked, and limited in size and number. An old report that somebody pushed again is stale by its own time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from headgate.api.report import MAX_BYTES, REPORT_FILE, REPORT_REFS, EnvironmentReport, ReportInvalid, decode
from headgate.git.verify.signature import SignatureInvalid, split_commit
from headgate.git.verify.signers import signed_by
from headgate.promotion.clone import Clone
from headgate.promotion.clone.pushing import fetch
from headgate.promotion.errors import CloneError, EvidenceMissing
from headgate.promotion.evidence.model import AHEAD, Evidence
from headgate.promotion.evidence.objects import evidence_of_report

__all__ = ["Reporters", "fetch_reports", "report_evidence"]

BRANCHES = "refs/heads/headgate/env/"
"""The same as branches, where a server refuses other refs (``--report-branch=headgate/env/NAME``)."""
MAX_COMMIT = 64 << 10
"""Limit in bytes for the commit of a report."""
MAX_PAST = 200
"""Limit for the reports that are read of one environment."""


class Reporters:
    """Whose reports count, from the ``allowed_signers`` file of the policy."""

    def __init__(self, allowed_signers: bytes | None, path: str, *, unsigned: bool = False) -> None:
        """``allowed_signers``: None if there is no file at ``path``; ``unsigned``: whether unsigned reports count."""
        self._allowed, self._path, self._unsigned = allowed_signers, path, unsigned

    def check(self, environment: str, commit: bytes, *, sha256: bool) -> None:
        """Raise :class:`EvidenceMissing` unless a key of the environment has signed the commit."""
        signed = split_commit(commit, sha256=sha256)
        if self._unsigned and not signed.signature:
            return
        if self._allowed is None:
            raise EvidenceMissing(
                f"nobody's reports count: there is no {self._path} on the default branch, which lists the keys of the "
                "operators"
            )
        try:
            signed_by(signed, self._allowed, environment)
        except SignatureInvalid as error:
            raise EvidenceMissing(
                f"the report of '{environment}' does not count: {error}; "
                f"{self._path} on the default branch lists the keys that count"
            ) from None


def fetch_reports(clone: Clone) -> None:
    """Fetch the reports of all environments from the remote; raises :class:`CloneError`."""
    fetch(clone, [f"+{REPORT_REFS}*:{REPORT_REFS}*"])


def report_evidence(
    clone: Clone, environment: str, reporters: Reporters, now: datetime, *, past: int = 0
) -> Evidence | None:
    """Return what the newest report of an environment says, with up to ``past`` reports before it.

    None if the clone has no report. Raises :class:`EvidenceMissing` if it has one that does not count, and
    :class:`CloneError`.
    """
    ref = _ref(clone, environment)
    if ref is None:
        return None
    commit = clone.refs().ids[ref]
    newest = _checked(clone, commit, environment, reporters)
    ahead = (newest.observed - now).total_seconds()
    if ahead > AHEAD:
        raise EvidenceMissing(
            f"the report of '{environment}' does not count: it is from the future, by {ahead:.0f} s; "
            "check the clocks of its cluster and of this machine"
        )
    found = evidence_of_report(newest, ref)
    return replace(found, past=_past(clone, commit, environment, reporters, ref, min(past, MAX_PAST)))


def _ref(clone: Clone, environment: str) -> str | None:
    ids = clone.refs().ids
    return next((ref for ref in (REPORT_REFS + environment, BRANCHES + environment) if ref in ids), None)


def _past(
    clone: Clone, commit: str, environment: str, reporters: Reporters, ref: str, limit: int
) -> tuple[Evidence, ...]:
    """The reports before, up to the first that does not count: what is beyond it proves nothing either."""
    if limit <= 0:
        return ()
    listed = clone.git.local(
        "rev-list", "--first-parent", f"--max-count={limit + 1}", "--end-of-options", commit
    )
    found: list[Evidence] = []
    for each in listed.output.decode("ascii", "replace").split()[1:]:
        try:
            found.append(evidence_of_report(_checked(clone, each, environment, reporters), ref))
        except (EvidenceMissing, CloneError):
            break
    return tuple(found)


def _checked(clone: Clone, commit: str, environment: str, reporters: Reporters) -> EnvironmentReport:
    raw = clone.git.read("cat-file", "commit", commit, max_output=MAX_COMMIT)
    reporters.check(environment, raw, sha256=len(commit) == 64)
    content = clone.file(commit, REPORT_FILE, limit=MAX_BYTES)
    if content is None:
        raise EvidenceMissing(f"the report of '{environment}' does not count: it has no file {REPORT_FILE}")
    try:
        report = decode(content)
    except ReportInvalid as error:
        raise EvidenceMissing(f"the report of '{environment}' does not count: {error}") from None
    if report.environment != environment:
        raise EvidenceMissing(
            f"the report of '{environment}' does not count: it is one of '{report.environment}'"
        )
    return report
