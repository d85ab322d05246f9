"""Everything that the guards decide on, as values. All times are UTC, aware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from headgate.api import ObjectKey
from headgate.promotion.config.model import Environment
from headgate.promotion.evidence.model import Evidence

__all__ = ["Approval", "Bad", "Base", "Facts", "Soak"]


@dataclass(frozen=True, slots=True)
class Base:
    """Whether the target runs what the difference starts from; at most one of the two is not empty."""

    proof: str = ""
    """Why this is known."""
    problem: str = ""
    """Why it is not."""


@dataclass(frozen=True, slots=True)
class Soak:
    """How one Kustomization of an environment before relates to the candidate."""

    runs_candidate: bool
    """Whether its last applied revision builds the same objects as the candidate."""
    since: datetime | None = None
    """Since when it has been Ready with these objects, whatever commits brought them; None if it is not."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval of the difference that the promotion makes."""

    principal: str
    """The person, as the ``allowed_signers`` file names them; empty if the signature is not trusted."""
    key: str
    """The fingerprint of the key."""
    problem: str = ""
    """Why it does not count; empty if it does."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A commit that a rollback marked as bad, and that the candidate contains, or has a copy of."""

    commit: str
    by: str
    """The version or commit that rolled it back."""
    reverted: bool
    """Whether the candidate also contains a commit that reverts it."""
    copied: bool = False
    """Whether the candidate contains not the commit, but everything that it changed in the target."""
    claimed: bool = False
    """Whether a message says that the candidate reverts it, and everything that it changed in the target is there."""
    decided: bool = False
    """Whether the target follows it again, after it was rolled back there: somebody has overridden the guard."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about one promotion. Whatever is missing makes its guard refuse."""

    environment: Environment
    """The target."""
    now: datetime
    candidate: str
    """The commit."""
    candidate_problem: str = ""
    """Why the candidate can never be right; empty if it can."""
    evidence: Mapping[str, Evidence | str] = field(default_factory=dict)
    """What each environment before runs, or why this is not known."""
    expected: Mapping[str, frozenset[ObjectKey]] = field(default_factory=dict)
    """The Kustomizations that each environment before has at the candidate: evidence must name each of them."""
    soaks: Mapping[str, Mapping[ObjectKey, Soak]] = field(default_factory=dict)
    unproven: tuple[str, ...] | None = None
    """Objects that change and have not run before; None if this could not be found out."""
    bad: tuple[Bad, ...] | None = None
    """None if this could not be found out."""
    bad_problem: str = ""
    """Why it could not."""
    problems: tuple[str, ...] = ()
    """What could not be built."""
    is_empty: bool | None = None
    suspended: tuple[str, ...] = ()
    """Objects of the target that are suspended, such as ``GitRepository/flux-system/flux-system``."""
    approvals: tuple[Approval, ...] = ()
    plan_problem: str = ""
    """What has moved since the plan was made."""
    base: Base = Base()
    """Whether the target runs what the difference starts from."""
