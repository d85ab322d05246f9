"""Edits fields inside JSON or YAML text, such as a ConfigMap's value.

The path of a replacement may lead into such a text: ``data.config\\.json.database.host``. YAML keeps its form except
for the changed value (:mod:`headgate.documents.yaml.nodes`); JSON is written as Go writes it, sorted, on one line or
indented by two spaces. Reference: ``setValueInStructuredData`` of kustomize.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from headgate.documents.budget import Budget
from headgate.documents.errors import BuildError, YamlError
from headgate.documents.yaml import Dialect, first_value, scalar_text, to_indented_json, to_json
from headgate.documents.yaml.nodes import Node, NodeKind, Page, write
from headgate.kustomize.errors import ReferenceFault
from headgate.kustomize.paths.fieldpath import MISSING, clean, is_entry, look_up, look_up_slot
from headgate.kustomize.paths.nodepath import find_nodes, read_text

__all__ = ["Edited", "edit_embedded"]

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_SCAN = 8
"""The charge for each character that is read and written as values."""


class Edited(NamedTuple):
    """The position of the text, and the new text: None if unchanged."""

    place: list[str]
    text: str | None


def edit_embedded(
    root: Any,
    path: list[str],
    create: NodeKind | None,
    edit: Callable[[Node], None],
    text: str | None,
    budget: Budget,
) -> Edited | None:
    """Edit the values at a path in the first JSON or YAML text along it; None without such a text.

    ``edit`` changes a node; ``text`` is the new text of a scalar if it does not depend on the old one, otherwise None.
    Raises BuildError when the path leads to nothing within the text, or the new value cannot be written.
    """
    for length in range(1, len(path)):
        try:
            value = look_up(root, path[:length])
        except BuildError:
            continue
        if value is MISSING or isinstance(value, (dict, list)):
            continue
        found = scalar_text(value)
        if not found.strip():
            continue
        place, rest = path[:length], path[length:]
        if text is not None and found[0] in "{[":
            done = _json_with(found, rest, text, budget)
            if done is not None:
                return Edited(place, done)
        page = read_text(found, budget)
        return None if page is None else Edited(place, _edited(found, page, rest, create, edit, budget))
    return None


def _edited(
    text: str,
    page: Page,
    path: list[str],
    create: NodeKind | None,
    edit: Callable[[Node], None],
    budget: Budget,
) -> str | None:
    """Edit a text as kustomize does, None if unchanged.

    JSON stays unchanged if the result would not be JSON, for example because text replaces a number: kustomize reports
    no error.
    """
    nodes = find_nodes(page.root, path, create, budget)
    if not nodes:
        verb = "find or create" if create is not None else "find"
        raise ReferenceFault(f"unable to {verb} the target field of a replacement in the embedded text")
    for node in nodes:
        edit(node)
    if text.strip()[0] in "{[":
        return _as_json(text, write(page), budget)
    for node in nodes:
        if node.misfit is not None:
            raise ReferenceFault(
                f"a replacement would change the type of the field: {node.value!r} is not {node.misfit}"
            )
    return write(page).strip()


def _json_with(text: str, path: list[str], new: str, budget: Budget) -> str | None:
    """Return JSON with another text or whole number at a path; None when the case is not that simple.

    The result is that of :func:`_edited`, in a twentieth of the time: dashboards are large.
    """
    try:
        orjson.loads(text)
        document = first_value(text.encode(), file="", dialect=Dialect.EMBEDDED, budget=budget)
    except (ValueError, YamlError):
        return None
    budget.charge(_SCAN * len(text))
    if clean(path) != path or any(segment == "-" or is_entry(segment) for segment in path):
        # These have another meaning in node paths.
        return None
    try:
        old = look_up(document, path)
    except BuildError:
        return None
    value: str | int = new
    if type(old) is int and _WHOLE.fullmatch(new):
        value = int(new)
    elif not isinstance(old, str):
        return None
    container, key = look_up_slot(document, path)
    container[key] = value
    return _printed(text, document, budget)


def _as_json(before: str, text: str, budget: Budget) -> str | None:
    try:
        value = first_value(text.encode(), file="", dialect=Dialect.EMBEDDED, budget=budget)
        return _printed(before, value, budget)
    except YamlError:
        return None


def _printed(before: str, value: Any, budget: Budget) -> str:
    """Print JSON as Go does: indented if the old text was."""
    indented = "\n" in before and "  " in before
    text = to_indented_json(value) if indented else to_json(value).decode()
    # Indentation can be much longer than the indented text.
    budget.charge(len(text))
    return text
