"""What can be wrong with an expression.

InvalidExpression   it can never be evaluated: the text itself is at fault
EvaluationError     it could not be evaluated on this data; on other data it may
"""

from __future__ import annotations

import re

_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+)")


class InvalidExpression(ValueError):
    """The text is no valid expression. ``text`` is the expression, ``detail`` what is wrong with it and where.

    ``line`` and ``column`` count from 1; None where the fault has no single place.
    """

    def __init__(self, text: str, detail: str) -> None:
        super().__init__(f"failed to parse the CEL expression '{text}': {detail}")
        self.text, self.detail = text, detail
        place = _PLACE.search(detail)
        self.line = int(place[1]) if place else None
        self.column = int(place[2]) if place else None


class EvaluationError(Exception):
    """The expression has no boolean value on the data it was given; the message holds expression and reason."""
