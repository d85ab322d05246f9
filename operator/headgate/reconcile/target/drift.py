"""Drift is corrected at once, but never in a hot loop: back-off for objects that somebody keeps changing.

The first correction of an object is immediate. Each further one within :data:`QUIET` seconds of the last waits
longer, so that two writers who disagree cost a request now and then, and a single mishap costs no time at all.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.apply.options import Owner
from headgate.backoff import Doubling

PAUSES = Doubling(4.0, 300.0)
"""Between the first correction and the second, and so on."""
QUIET = 600.0
"""Seconds without drift after which an object starts afresh."""
LONGEST_NAME = 128
"""Characters of the name of a field manager or a field that a message holds."""
_PLAIN = re.compile(r"[\w./:@+\[\]\"{},=-]+")
REMEMBERED = 10_000
"""How many objects are remembered; the longest quiet are forgotten first."""


@dataclass(slots=True)
class _History:
    corrections: int
    next_at: float


class DriftBackoff:
    """How long to wait before an object is corrected again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._histories: OrderedDict[Hashable, _History] = OrderedDict()

    def delay(self, key: Hashable) -> float:
        """Seconds to wait now; counts as a correction at that time."""
        now = self._clock()
        history = self._histories.pop(key, None)
        if history is None or now - history.next_at > QUIET:
            history = _History(0, now)
        else:
            history.next_at = max(now, history.next_at + PAUSES.after(history.corrections))
        history.corrections += 1
        self._histories[key] = history
        while len(self._histories) > REMEMBERED:
            self._histories.popitem(last=False)
        return history.next_at - now


def describe(live: Mapping[str, Any], own: str, owner: Owner | None = None) -> str:
    """Who changed the object last, and which of its fields: ``kubectl-edit changed spec.replicas``; empty if unknown.

    Read from the newest entry of ``managedFields`` that is not ours and not of a subresource such as status. When the
    labels are not those of ``owner`` any more, another Kustomization applied the object, and which one comes first.
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
    """A name that somebody chose, as a message may hold it: short, on one line, and quoted where it is no plain name.

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
