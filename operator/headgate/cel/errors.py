"""The exceptions of expressions.

CelError
├── ExpressionInvalid   it can never be evaluated: the text itself is invalid
├── EvaluationFailed    it could not be evaluated on this data, but may be on other data
└── BudgetExceeded      earlier expressions used the time; try again after ``after`` seconds
"""

from __future__ import annotations

from typing import Final, Self

LONGEST: Final = 500
"""Limit in characters for an expression and for its fault in an error."""


def shown(text: str) -> str:
    """A text for an error, cut if it is long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


class CelError(Exception):
    """An expression has no value; the message is for the user.

    The condition's reason depends on the field with the expression, which is unknown here.
    """

    after: float | None = None
    """Seconds until a retry is useful; None: not before the expression or its data change."""

    def at(self, field: str) -> Self:
        """This error, with the field of the expression at the beginning of its message."""
        self.args = (f"{field}: {self}",)
        return self


class ExpressionInvalid(CelError):
    """The text is not a valid expression. ``detail`` is its fault with the position; lines and columns count from 1."""

    def __init__(self, text: str, detail: str) -> None:
        super().__init__(f"failed to parse the CEL expression '{shown(text)}': {shown(detail)}")


class EvaluationFailed(CelError):
    """The expression has no boolean value on the given data.

    The message has the expression and the reason, one of :mod:`headgate.cel.reasons`, but none of the data.
    """


class BudgetExceeded(CelError):
    """No expression is evaluated for now; the message says why."""

    after: float

    def __init__(self, message: str, after: float) -> None:
        super().__init__(message)
        self.after = after
