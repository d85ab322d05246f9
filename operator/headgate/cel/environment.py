"""Flux's CEL environment on Google's C++ implementation of CEL. Pure; only the worker process uses it.

Flux (``runtime/cel/expression.go``) has the standard library, with UTC as the default time zone and with numbers of
different types compared by value, optional types, and the string, set and encoder functions. The C++ library lacks two
of these: :mod:`headgate.cel.sets` has the set functions, and this module declares the comparisons between numeric types
for the check (evaluation supports them already).

One difference from Flux remains: a checked expression may have list and map literals of mixed types, which Flux
refuses.
"""

from __future__ import annotations

from functools import cache

from cel_expr_python import cel
from cel_expr_python.ext import ext_encoders, ext_optional, ext_strings

from headgate.cel import sets

_NUMBERS = (cel.Type.INT, cel.Type.UINT, cel.Type.DOUBLE)
_COMPARISONS = ("_<_", "_<=_", "_>_", "_>=_")
_WORDING = (
    # Status codes of the library in messages about an expression's text.
    ("INVALID_ARGUMENT: ", ""),
    (" [INVALID_ARGUMENT]", ""),
    ("UNKNOWN: ", ""),
    ("OUT_OF_RANGE: ", ""),
    ("INTERNAL: ", ""),
    (" [INTERNAL]", ""),
    ("CANCELLED: ", ""),
    (" [CANCELLED]", ""),
)


def parse(text: str) -> cel.Expression:
    """The program of an expression whose variables and types are unknown until its evaluation.

    Raises :class:`RuntimeError` for text that is not an expression.
    """
    return _environment(()).compile(text, disable_check=True)


def check(text: str, variables: tuple[str, ...]) -> None:
    """Raise :class:`RuntimeError` unless the text is an expression over these variables with a boolean result.

    Each variable is an object: a map from strings to any values (Flux declares ``google.protobuf.Struct``).
    """
    found = _environment(variables).compile(text).return_type()
    if found != cel.Type.BOOL:
        raise RuntimeError(f"CEL expression output type mismatch: expected bool, got {found.name().lower()}")


def words(reason: str) -> str:
    """The library's message about an expression's text, in the words of cel-go where they differ."""
    for theirs, ours in _WORDING:
        reason = reason.replace(theirs, ours)
    return reason


@cache
def _environment(variables: tuple[str, ...]) -> cel.Env:
    extensions = [ext_strings.ExtStrings(), ext_encoders.ExtEncoders(), ext_optional.ExtOptional(), _sets()]
    if not variables:
        return cel.NewEnv(extensions=extensions)
    anything = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    extensions.append(cel.CelExtension("comparisons", [_comparison(name) for name in _COMPARISONS]))
    return cel.NewEnv(extensions=extensions, variables=dict.fromkeys(variables, anything))


def _sets() -> cel.CelExtension:
    return cel.CelExtension(
        "sets",
        [
            cel.FunctionDecl(
                f"sets.{function.__name__}",
                [
                    cel.Overload(
                        f"list_sets_{function.__name__}_list",
                        return_type=cel.Type.BOOL,
                        parameters=[cel.Type.LIST, cel.Type.LIST],
                        is_member=False,
                        impl=function,
                    )
                ],
            )
            for function in (sets.contains, sets.equivalent, sets.intersects)
        ],
    )


def _comparison(name: str) -> cel.FunctionDecl:
    return cel.FunctionDecl(
        name,
        [
            cel.Overload(
                f"{name}{left.name()}{right.name()}",
                return_type=cel.Type.BOOL,
                parameters=[left, right],
                is_member=False,
                impl=_declared_only,
            )
            for left in _NUMBERS
            for right in _NUMBERS
            if left != right
        ],
    )


def _declared_only(left: object, right: object) -> bool:
    raise AssertionError("checked expressions are evaluated by parse()")
