"""Describes drift: who changed an object that a Kustomization applied, and which of its fields. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headgate.apply.options import Owner

LONGEST_NAME = 128
"""The limit for characters of the name of a field manager or field in a message."""
_PLAIN = re.compile(r"[\w./:@+\[\]\"{},=-]+")


def describe(live: Mapping[str, Any], own: str, owner: Owner | None = None) -> str:
    """Who changed the object last, and which of its fields: ``kubectl-edit changed spec.replicas``; empty if unknown.

    Reads the newest entry of ``managedFields`` that is neither Headgate's nor of a subresource such as status. If the
    labels are no longer those of ``owner``, another Kustomization applied the object, and its name begins the text.
    """
    marks = live["metadata"].get("labels") or {}
    if owner is not None and any(marks.get(k) != v for k, v in owner.labels.items()):
        name, namespace = (marks.get(k) for k in owner.labels)
        taken = f"Kustomization/{namespace}/{name} has taken it over" if name and namespace else ""
        return ": ".join(filter(None, (taken, _changes(live, own))))
    return _changes(live, own)


def _changes(live: Mapping[str, Any], own: str) -> str:
    entries = [
        e
        for e in live["metadata"].get("managedFields") or ()
        if e.get("manager") != own and e.get("subresource") in (None, "", "scale")
    ]
    if not entries:
        return ""
    newest = max(entries, key=lambda e: str(e.get("time") or ""))
    fields = list(_leaves(newest.get("fieldsV1") or {}, ()))
    shown = ", ".join(map(written, fields[:3])) + (f" and {len(fields) - 3} more" if len(fields) > 3 else "")
    manager = written(str(newest.get("manager")))
    return f"{manager} changed {shown}" if shown else manager


def written(name: str) -> str:
    """A name that somebody chose, safe for a message: short, on one line, and quoted unless it is a plain name.

    >>> written("kubectl-edit"), written("all is well\n")
    ('kubectl-edit', '"all is well?"')
    """
    plain = "".join(c if c.isprintable() else "?" for c in name[: LONGEST_NAME + 1])
    if len(plain) > LONGEST_NAME:
        plain = f"{plain[:LONGEST_NAME]}..."
    return plain if _PLAIN.fullmatch(plain) else '"' + plain.replace('"', "'") + '"'


def _leaves(node: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    below = [(k, v) for k, v in node.items() if k != "."]
    if not below:
        if path:
            yield ".".join(path)
        return
    for key, value in below:
        kind, _, name = key.partition(":")
        part = name if kind == "f" else f"[{name}]"
        yield from _leaves(value if isinstance(value, dict) else {}, (*path, part))
