"""Floats as Go writes them, since both the MAC and the files that SOPS writes depend on it."""

from __future__ import annotations

import math
from decimal import Decimal

__all__ = ["general_float", "json_float", "plain_float"]


def _digits(number: float) -> tuple[str, str, int]:
    """Sign, the shortest digits that identify the number, and the position of the decimal point in them."""
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    return "-" if sign else "", text, 0 if text == "0" else len(text) + exponent


def plain_float(number: float) -> str:
    """Without an exponent (``strconv.FormatFloat(x, 'f', -1, 64)``)."""
    if not math.isfinite(number):
        return "NaN" if number != number else ("+Inf" if number > 0 else "-Inf")
    sign, digits, point = _digits(number)
    if point <= 0:
        return sign + ("0" if digits == "0" else "0." + "0" * -point + digits)
    if point >= len(digits):
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"


def _scientific(number: float) -> str:
    sign, digits, point = _digits(number)
    exponent = 0 if digits == "0" else point - 1
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"


def general_float(number: float) -> str:
    """With an exponent where that is usual (``strconv.FormatFloat(x, 'g', -1, 64)``)."""
    if not math.isfinite(number):
        return plain_float(number)
    _, _, point = _digits(number)
    # However many digits the number has: their shortest form counts as one of six.
    return _scientific(number) if not -4 <= point - 1 < 6 else plain_float(number)


def json_float(number: float) -> str:
    """As ``encoding/json`` writes it: with an exponent below 1e-6 and from 1e21; raises ValueError for no number."""
    if not math.isfinite(number):
        raise ValueError(f"JSON has no {plain_float(number)}")
    size = abs(number)
    if size and (size < 1e-6 or size >= 1e21):
        text = _scientific(number)
        return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text
    return plain_float(number)
