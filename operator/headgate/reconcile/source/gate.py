"""Whether a GitRepository lets a new revision in, by its annotations ``hold`` and ``windows``. Pure.

A hold keeps everything out. Windows keep a change out while none of them is open; what runs nowhere yet changes
nothing, so windows let it in. An annotation that cannot be read keeps everything out, too: whoever wrote it wanted to
hold something.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from headgate.api import GitRepository, InvalidSpec, labels, reasons, timestamp
from headgate.api.windows import Window, is_open, opens_at, parse_windows
from headgate.documents import plainyaml

__all__ = ["Closed", "closed"]

LONGEST = 16_384
"""The limit for characters of the annotation with the windows."""
SHOWN = 500
"""The limit for characters of a reason in a message."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Why nothing new is let in."""

    reason: str
    """Of the condition: ``OnHold``, ``WindowClosed`` or ``InvalidAnnotation``."""
    why: str
    """For people; continues "revision X is "."""
    opens: datetime | None = None
    """When the next window opens; None if only a change of the annotations lets something in."""


def closed(source: GitRepository, now: datetime, *, runs: bool) -> Closed | None:
    """Why the source lets nothing new in at this time; None if it does.

    ``runs``: whether a revision of it runs already.
    """
    if source.hold is not None:
        said = " ".join(source.hold.split())
        said = f": {said[:SHOWN]}" if said else ""
        return Closed(reasons.ON_HOLD, f"on hold{said}")
    if source.windows is None:
        return None
    windows = _parsed(source.windows)
    if isinstance(windows, InvalidSpec):
        return Closed(reasons.INVALID_ANNOTATION, f"held because an annotation is invalid: {windows}")
    if not runs or is_open(windows, now):
        return None
    opens = opens_at(windows, now)
    when = f"at {timestamp(opens)}" if opens is not None else "in more than nine years"
    return Closed(reasons.WINDOW_CLOSED, f"held until the next window opens {when}", opens)


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Window, ...] | InvalidSpec:
    path = f"metadata.annotations[{labels.WINDOWS}]"
    if len(text) > LONGEST:
        return InvalidSpec(path, f"must have at most {LONGEST} characters, not {len(text)}")
    try:
        windows = parse_windows(plainyaml.load(text), path)
    except plainyaml.NotPlain as error:
        return InvalidSpec(path, str(error))
    except InvalidSpec as error:
        return error
    return windows or InvalidSpec(path, "must have a window; to let everything in, remove the annotation")
