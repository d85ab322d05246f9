"""The type of a rule: a function of an object, and the fields that it reads.

The fields are declared with the function so that :func:`headgate.health.essence` can drop all others from cached
objects; a test ensures that no result depends on an undeclared field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headgate.health.result import Health
from headgate.health.view import View

GroupKind = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """The health rule of one kind."""

    judge: Callable[[View], Health]
    fields: tuple[str, ...] = ()
    """Dotted paths; ``*`` means every entry of a list."""
    conditions: tuple[str, ...] = ()
    """Types of the conditions that it reads."""


def with_detail(message: str, detail: str) -> str:
    """A rule's message and, if any, the reason in the object itself."""
    return f"{message}: {detail}" if detail else message
