"""What ``flux logs`` (flux2 2.9, ``cmd/flux/logs.go``) prints of the lines of a pod."""

from __future__ import annotations

import json
from collections.abc import Iterable

LONGEST_TOKEN = 64 * 1024
"""Limit in bytes for a line: at the first longer one, Go's ``bufio.Scanner`` ends."""


def flux_logs(
    lines: Iterable[str],
    *,
    namespace: str = "flux-system",
    all_namespaces: bool = False,
    kind: str = "",
    name: str = "",
    level: str = "",
) -> list[str]:
    """The printed lines. Comparisons ignore case, except for that of the level."""
    printed = []
    for line in lines:
        if len(line.encode()) >= LONGEST_TOKEN:
            break
        if not line.startswith("{"):
            continue
        entry = json.loads(line)
        about, where = entry.get("name", ""), entry.get("namespace", "")
        kinds = (entry.get("reconciler kind", ""), entry.get("controllerKind", ""))
        if (
            (not level or level == entry["level"])
            and (not kind or kind.lower() in [each.lower() for each in kinds])
            and (not name or name.lower() == about.lower())
            and (all_namespaces or namespace.lower() == where.lower())
        ):
            obj = f"/{about}.{where}" if about else ""
            printed.append(
                f"{entry['ts']} {entry['level']} {kinds[0] or kinds[1]}{obj} - {entry['msg']} {entry.get('error', '')}"
            )
    return printed
