"""A compiled expression: the class that the rest of the program uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from headgate.cel.errors import EvaluationError, InvalidExpression, shown
from headgate.cel.guard import GUARD, Exhausted


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that is known to be valid. Equal texts are compiled once."""

    text: str

    @classmethod
    def compile(cls, text: str, variables: tuple[str, ...] | None = None) -> Expression:
        """Raise :class:`InvalidExpression` unless the text is a valid expression.

        Without ``variables`` only the grammar is checked: which fields the data has is seen when it is there. With
        them names and types are checked too, and that the result is a boolean; each variable stands for an object.
        """
        try:
            reason = _fault(text, variables)
        except Exhausted as error:
            raise InvalidExpression(text, str(error)) from error
        if reason is not None:
            raise InvalidExpression(text, reason)
        return cls(text)

    def evaluate_bool(self, data: Mapping[str, Any]) -> bool:
        """The value of the expression, the top-level fields of ``data`` (as JSON has them) being its variables.

        Raises :class:`EvaluationError`: a field is missing, types do not fit, the value is no boolean, or finding it
        takes too much time or memory.
        """
        try:
            answer = GUARD.ask({"text": self.text, "data": data})
        except (Exhausted, orjson.JSONEncodeError) as error:
            raise EvaluationError(
                f"failed to evaluate the CEL expression '{shown(self.text)}': {error}"
            ) from error
        reason = answer.get("error") or answer.get("invalid")
        if reason is not None:
            raise EvaluationError(f"failed to evaluate the CEL expression '{shown(self.text)}': {reason}")
        value: bool | None = answer["value"]
        if value is None:
            raise EvaluationError(f"failed to evaluate CEL expression as boolean: '{shown(self.text)}'")
        return value

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=1024)
def _fault(text: str, variables: tuple[str, ...] | None) -> str | None:
    """What is wrong with an expression, None when nothing is."""
    reason: str | None = GUARD.ask({"text": text, "variables": variables or ()}).get("invalid")
    return reason
