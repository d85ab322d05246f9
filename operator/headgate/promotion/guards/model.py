"""A guard, its verdict, and a decision to go ahead in spite of it, as values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from headgate.promotion.errors import OptionInvalid

__all__ = ["Guard", "GuardVerdict", "Override", "parse_overrides"]

MAX_REASON = 500
"""Characters of a reason: it becomes one line of a commit message."""


class Guard(Enum):
    """The name of a guard, as the command line and the audit trailers write it."""

    EVIDENCE = "evidence"
    """Somebody has seen recently what the environments before run."""
    CANDIDATE = "candidate"
    """The commit is in the history that the environments before follow, and newer than what the target runs."""
    BASE = "base"
    """The target runs what the difference starts from."""
    HEALTHY = "healthy"
    """Every Kustomization of the environments before is Ready at the candidate."""
    SOAK = "soak"
    """The content of the candidate has run there for long enough."""
    PROVEN = "proven"
    """Each object that changes has run in an environment before."""
    NOT_ROLLED_BACK = "not-rolled-back"
    """The candidate contains no commit that was rolled back, unless it also reverts it."""
    RENDERED = "rendered"
    """Everything that the target would apply can be built."""
    NOT_EMPTY = "not-empty"
    """The promotion changes something."""
    NOT_SUSPENDED = "not-suspended"
    """The target would act on the promotion."""
    WINDOW = "window"
    """The target accepts promotions now."""
    APPROVALS = "approvals"
    """Enough people approved exactly this difference."""
    PLAN = "plan"
    """Nothing has moved since the plan was made."""

    @property
    def overridable(self) -> bool:
        """Whether a person may decide to go ahead in spite of it.

        An outdated plan and a candidate from elsewhere are never right: a new plan, or ``headgate rollback``, is.
        """
        return self not in (Guard.PLAN, Guard.CANDIDATE)


@dataclass(frozen=True, slots=True)
class Override:
    """A decision to go ahead in spite of a guard."""

    guard: Guard
    reason: str
    by: str
    """``Name <email>`` of the person, from the configuration of Git."""


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """What one guard says of a promotion."""

    guard: Guard
    passed: bool
    message: str
    """What is missing and when it would pass; or what is fulfilled."""
    passes_at: datetime | None = None
    """When the guard passes if nothing else changes; None if time alone does not help, or it has passed."""
    override: Override | None = None

    @property
    def refuses(self) -> bool:
        """Whether the promotion must not go ahead."""
        return not self.passed and self.override is None

    @property
    def word(self) -> str:
        """``passed``, ``overridden`` or ``refused``."""
        return "passed" if self.passed else "refused" if self.override is None else "overridden"


def parse_overrides(given: Iterable[str], by: str) -> tuple[Override, ...]:
    """Return the overrides that ``GUARD=REASON`` arguments ask for; raises :class:`OptionInvalid`."""
    found: dict[Guard, Override] = {}
    for text in given:
        name, _, reason = text.partition("=")
        reason = " ".join(re.sub(r"[^\S ]|[\x00-\x1f\x7f]", " ", reason).split())
        guard = next((each for each in Guard if each.value == name.strip()), None)
        names = ", ".join(each.value for each in Guard if each.overridable)
        if guard is None:
            raise OptionInvalid(f"--override names no guard '{_shown(name)}'; write one of: {names}")
        if not guard.overridable:
            raise OptionInvalid(f"--override: the guard '{guard.value}' cannot be overridden; only: {names}")
        if not reason:
            raise OptionInvalid(f"--override {guard.value}=REASON lacks the reason; it is kept for the audit")
        if len(reason) > MAX_REASON:
            raise OptionInvalid(f"--override {guard.value}: the reason has more than {MAX_REASON} characters")
        found[guard] = Override(guard, reason, by)
    return tuple(found.values())


def _shown(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)[:60]
