"""What a promotion, rollback, revert or approval writes into the message of its tag or commit, and how to read it back.

The format is that of Git's trailers (https://git-scm.com/docs/git-interpret-trailers): the last paragraph, one
``Name: value`` a line. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from headgate.api.revision import COMMIT_ID
from headgate.promotion.guards import Approval, GuardVerdict
from headgate.visible import visible

__all__ = [
    "APPROVALS",
    "APPROVED_BASE",
    "APPROVED_DIGEST",
    "APPROVED_ENVIRONMENT",
    "DIGEST",
    "ENVIRONMENT",
    "EVIDENCE_OPTIONS",
    "FROM",
    "GUARDS",
    "OVERRIDES",
    "REVERTS",
    "ROLLBACK_OF",
    "ROLLBACK_TO",
    "SOURCE_ENVIRONMENT",
    "audit",
    "message",
    "record_ref",
    "reverted_commits",
    "trailers_of",
]

ENVIRONMENT = "Headgate-Promotion-To"
FROM = "Headgate-Promotion-From"
SOURCE_ENVIRONMENT = "Headgate-Promotion-Source-Environment"
DIGEST = "Headgate-Promotion-Digest"
GUARDS = "Headgate-Promotion-Guards"
APPROVALS = "Headgate-Promotion-Approvals"
OVERRIDES = "Headgate-Promotion-Overrides"
EVIDENCE_OPTIONS = "Headgate-Promotion-Evidence-Options"
ROLLBACK_OF = "Headgate-Rollback-Of"
"""The commit that was bad; on the commit that a rollback makes."""
ROLLBACK_TO = "Headgate-Rollback-To"
REVERTS = "Headgate-Reverts"
"""The bad commit whose promotion a commit reverts."""
APPROVED_ENVIRONMENT = "Headgate-Approval-Environment"
APPROVED_DIGEST = "Headgate-Approval-Digest"
APPROVED_BASE = "Headgate-Approval-Base"
"""The commit that the difference starts from, so that the same difference after a rollback needs new approvals."""

MAX_VALUE = 2000
"""Characters of one trailer."""

_TRAILER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): (.*)")
# What git revert writes; with -m: "This reverts commit X, reversing changes made to Y."
_REVERTS = re.compile(r"^This reverts commit ([0-9a-f]{7,64})\b", re.MULTILINE)


def message(subject: str, body: Iterable[str], trailers: Sequence[tuple[str, str]]) -> str:
    """Return a message of a commit or tag: a subject, paragraphs, and trailers of one line each."""
    lines = "\n".join(f"{name}: {_line(value)}" for name, value in trailers if value)
    return "\n\n".join(part for part in (_line(subject)[:72], *map(_line, body), lines) if part) + "\n"


def audit(
    *,
    environment: str,
    before: str,
    sources: Iterable[str],
    digest: str,
    verdicts: Iterable[GuardVerdict],
    approvals: Iterable[Approval],
    evidence_options: Iterable[str] = (),
) -> list[tuple[str, str]]:
    """Return the trailers that say what was promoted, on which grounds, and who decided."""
    verdicts = list(verdicts)
    given = [each.override for each in verdicts if each.override is not None]
    counted = [each.principal for each in approvals if not each.problem and each.principal]
    return [
        (ENVIRONMENT, environment),
        (FROM, before),
        (SOURCE_ENVIRONMENT, ", ".join(sources)),
        (DIGEST, digest),
        (GUARDS, ", ".join(f"{each.guard.value}={each.word}" for each in verdicts)),
        (APPROVALS, ", ".join(sorted(set(counted)))),
        (OVERRIDES, "; ".join(f"{each.guard.value} by {each.by}: {each.reason}" for each in given)),
        (EVIDENCE_OPTIONS, ", ".join(evidence_options)),
    ]


def record_ref(environment: str) -> str:
    """The ref with the record of an environment's promotions, for environments that follow a branch."""
    return f"refs/headgate/promotions/{environment}"


def trailers_of(text: str) -> Mapping[str, str]:
    """Return the trailers of a message: those of its last paragraph, before a signature."""
    text = text.partition("\n-----BEGIN ")[0]
    last = text.strip().rpartition("\n\n")[2]
    return {match[1]: match[2].strip() for match in map(_TRAILER.fullmatch, last.splitlines()) if match}


def reverted_commits(text: str) -> list[str]:
    """Return the commits, possibly abbreviated, that a message says it reverts.

    A squash merge joins messages, so that trailers are no longer in the last paragraph: every line counts.
    """
    found = _REVERTS.findall(text)
    for line in text.splitlines():
        match = _TRAILER.fullmatch(line.strip())
        if match and match[1] == REVERTS and COMMIT_ID.fullmatch(match[2].strip()):
            found.append(match[2].strip())
    return found


def _line(value: str) -> str:
    """One line of at most :data:`MAX_VALUE` characters: nothing in it begins another trailer, or is not seen."""
    plain = visible(" ".join("".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in value).split()))
    return plain if len(plain) <= MAX_VALUE else plain[: MAX_VALUE - 1] + "…"
