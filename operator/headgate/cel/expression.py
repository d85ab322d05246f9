"""A valid expression."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expression:
    """The result of :meth:`headgate.cel.ExpressionBudget.compile`."""

    text: str

    def __str__(self) -> str:
        return self.text
