"""What a rule is: a function of an object, and the fields it looks at.

The fields are declared beside the function so that :func:`headgate.health.essence` can drop all others from
the objects kept in memory; a test holds that no verdict depends on a field that is not declared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headgate.health.result import Health
from headgate.health.view import View

GroupKind = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """How the health of one kind is told."""

    judge: Callable[[View], Health]
    fields: tuple[str, ...] = ()
    """Dotted paths; ``*`` stands for every entry of a list."""
    conditions: tuple[str, ...] = ()
    """Types of the conditions it looks at."""


def with_detail(message: str, detail: str) -> str:
    """A rule's message and, when there is one, what the object itself says of the reason."""
    return f"{message}: {detail}" if detail else message
