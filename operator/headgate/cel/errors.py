"""What can be wrong with an expression, as one small tree of exceptions.

CelError
├── ExpressionInvalid   it can never be evaluated: the text itself is at fault
├── EvaluationFailed    it could not be evaluated on this data; on other data it may
└── BudgetExceeded      those before it took too much time; it is evaluated after ``after`` seconds
"""

from __future__ import annotations

import re
from typing import Final, Self

LONGEST: Final = 500
"""Characters of an expression, and of what is wrong with it, that an error quotes."""

_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+)")


def shown(text: str) -> str:
    """A text as an error quotes it: cut where it is long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


class CelError(Exception):
    """An expression has no value now; the message is for the user.

    The reason of the condition that reports it is that of the field that holds the expression, which is not known here.
    """

    after: float | None = None
    """Seconds until trying again makes sense; None: not before the expression or its data change."""

    def at(self, field: str) -> Self:
        """This error, its message beginning with the field that holds the expression."""
        self.args = (f"{field}: {self}",)
        return self


class ExpressionInvalid(CelError):
    """The text is no valid expression. ``text`` is the expression, ``detail`` what is wrong with it and where.

    ``line`` and ``column`` count from 1; None where the fault has no single place.
    """

    def __init__(self, text: str, detail: str) -> None:
        super().__init__(f"failed to parse the CEL expression '{shown(text)}': {shown(detail)}")
        self.text, self.detail = text, detail
        place = _PLACE.search(detail)
        self.line = int(place[1]) if place else None
        self.column = int(place[2]) if place else None


class EvaluationFailed(CelError):
    """The expression has no boolean value on the data it was given.

    The message holds the expression and the reason, which is one of :mod:`headgate.cel.reasons`: nothing of the data.
    """


class BudgetExceeded(CelError):
    """No more is evaluated for now; the message says why."""

    after: float

    def __init__(self, message: str, after: float) -> None:
        super().__init__(message)
        self.after = after
