"""What can be wrong with an expression.

InvalidExpression   it can never be evaluated: the text itself is at fault
EvaluationError     it could not be evaluated on this data; on other data it may
OverBudget          the expressions that were evaluated before it took too much time; later it may be
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 500
"""Characters of an expression, and of what is wrong with it, that an error quotes."""

_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+)")


def shown(text: str) -> str:
    """A text as an error quotes it: cut where it is long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


class InvalidExpression(ValueError):
    """The text is no valid expression. ``text`` is the expression, ``detail`` what is wrong with it and where.

    ``line`` and ``column`` count from 1; None where the fault has no single place.
    """

    def __init__(self, text: str, detail: str) -> None:
        super().__init__(f"failed to parse the CEL expression '{shown(text)}': {shown(detail)}")
        self.text, self.detail = text, detail
        place = _PLACE.search(detail)
        self.line = int(place[1]) if place else None
        self.column = int(place[2]) if place else None


class EvaluationError(Exception):
    """The expression has no boolean value on the data it was given.

    The message holds the expression and the reason, which is one of :mod:`headgate.cel.reasons`: nothing of the data.
    """


class OverBudget(Exception):
    """No more is evaluated for now; the message says why. ``after``: seconds until trying again makes sense."""

    def __init__(self, message: str, after: float) -> None:
        super().__init__(message)
        self.after = after
