"""How Go prints floating-point numbers: in JSON, in the general format of its YAML library, and without an exponent.

All formats print the fewest digits that read back as the same number, as Python's ``repr`` does; they differ in when
they use an exponent. Rules: ``encoding/json`` (float encoder) and ``strconv.FormatFloat``.
"""

from __future__ import annotations

import math
import struct

__all__ = ["go_fixed", "go_general", "go_json", "go_single", "go_whole", "go_yaml"]


def _digits(number: float) -> tuple[str, int]:
    """Return the shortest significant digits of a positive number, and the position of the decimal point in them."""
    mantissa, _, exponent = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    point = len(whole) + (int(exponent) if exponent else 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return stripped.rstrip("0"), point


def _fixed(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return digits[:point] + "." + digits[point:]


def _exponential(digits: str, point: int, width: int) -> str:
    exponent = point - 1
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):0{width}}"


def go_fixed(number: float) -> str:
    """Return the number as ``strconv.FormatFloat(number, 'f', -1, 64)`` prints it."""
    if number == 0 or not math.isfinite(number):
        return _special(number)
    return ("-" if number < 0 else "") + _fixed(*_digits(abs(number)))


def _special(number: float) -> str:
    """Return zeros, infinities and NaN as Go prints them in every format."""
    if number == 0:
        return "-0" if math.copysign(1, number) < 0 else "0"
    return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"


def go_general(number: float) -> str:
    """Return the number as ``strconv.FormatFloat(number, 'g', -1, 64)`` prints it."""
    if number == 0 or not math.isfinite(number):
        return _special(number)
    sign = "-" if number < 0 else ""
    digits, point = _digits(abs(number))
    if -4 <= point - 1 < 6:
        return sign + _fixed(digits, point)
    return sign + _exponential(digits, point, 2)


def go_single(number: float) -> str:
    """Return the number as ``strconv.FormatFloat(number, 'g', -1, 32)`` prints it; not for NaN."""
    single = _as_single(number)
    if math.isinf(single):
        return go_general(single)
    shortest = next(
        text for digits in range(1, 10) if _as_single(float(text := f"{single:.{digits}g}")) == single
    )
    return go_general(float(shortest))


def _as_single(number: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def go_json(number: float) -> str:
    """Return the number as Go's ``encoding/json`` prints it; the number must be finite."""
    if number == 0:
        return _special(number)
    sign = "-" if number < 0 else ""
    magnitude = abs(number)
    digits, point = _digits(magnitude)
    if 1e-6 <= magnitude < 1e21:
        return sign + _fixed(digits, point)
    return sign + _exponential(digits, point, 1 if magnitude < 1 else 2)


def go_yaml(number: float) -> str:
    """Return the number as ``kustomize build`` prints it: converted to JSON, and read back from it."""
    whole = go_whole(number)
    return go_general(number) if whole is None else str(whole)


def go_whole(number: float) -> int | None:
    """Return the integer that Go reads from the number's JSON, None when it reads a float; not for NaN."""
    text = go_json(number) if number - number == 0 else "e"
    if "." in text or "e" in text:
        return None
    whole = int(text)
    return whole if -(1 << 63) <= whole < (1 << 64) else None
