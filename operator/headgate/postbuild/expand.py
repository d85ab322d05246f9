"""Fills values into parsed expressions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headgate.postbuild.errors import BrokenBySubstitution, ExpressionMalformed, VariableNotSet
from headgate.postbuild.expressions import Expansion, Node, parse
from headgate.postbuild.functions import DEFAULT_OPERATORS, MAX_TEXT, apply
from headgate.postbuild.variables import UnknownValue

__all__ = ["expand"]


def expand(text: str, values: Mapping[str, str], *, strict: bool = True) -> str:
    """Return the text with every expression replaced.

    With ``strict``, a variable that is not set needs a default; otherwise it is empty. A default is computed even if it
    is unused, so its variables must be set too. Raises :class:`ExpressionMalformed`, :class:`VariableNotSet` and
    :class:`BrokenBySubstitution`.

    >>> expand("${tier:=web}-${zone/eu-/}, $${kept}", {"zone": "eu-1"})
    'web-1, ${kept}'
    """
    return _joined(parse(text), values, strict)


def _joined(nodes: Iterable[Node], values: Mapping[str, str], strict: bool) -> str:
    parts: list[str] = []
    size = 0
    for node in nodes:
        part = node if isinstance(node, str) else _expanded(node, values, strict)
        size += len(part)
        if size > MAX_TEXT:
            raise BrokenBySubstitution(f"the text is larger than {MAX_TEXT} characters after substitution")
        parts.append(part)
    return "".join(parts)


def _expanded(node: Expansion, values: Mapping[str, str], strict: bool) -> str:
    arguments = [_joined((argument,), values, strict) for argument in node.arguments]
    value = values.get(node.name)
    if isinstance(value, UnknownValue):
        return value
    if value is None:
        if strict and node.operator not in DEFAULT_OPERATORS:
            raise VariableNotSet(
                f"variable {node.name!r} has no value, neither in substitute nor in substituteFrom, "
                "and no default",
                variable=node.name,
            )
        value = ""
    try:
        return apply(node.operator, value, arguments)
    except ExpressionMalformed as error:
        raise ExpressionMalformed(
            f"bad substitution of variable {node.name!r}: {error.message}", variable=node.name
        ) from None
