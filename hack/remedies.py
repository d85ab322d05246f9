#!/usr/bin/env python3
"""Writes operator/headgate/insight/remedies.json from the tables of docs/guide/troubleshooting.md (make remedies).

The guide is the source. In the first cell of a row, a word in code is a reason; other code, and text in double quotes,
is a part of a message, where an ellipsis or a lone N means any text.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "guide" / "troubleshooting.md"
TARGET = ROOT / "operator" / "headgate" / "insight" / "remedies.json"

_KINDS = {
    "Kustomizations": "Kustomization",
    "Messages": "Kustomization",
    "GitRepositories": "GitRepository",
    "Pods": "Pod",
}
_WORD = re.compile(r"[A-Z][A-Za-z]+")
_ANYTHING = re.compile(r"…|\.\.\.|(?<= )N(?= )")


def rows(guide: str) -> list[dict[str, Any]]:
    """The rows, in their order: what a reason or message means, and what to do, which may be empty."""
    found = []
    for section in re.split(r"^##+ ", guide, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        kind = _KINDS.get(heading.strip())
        for line in body.splitlines() if kind else ():
            cells = [each.strip() for each in re.split(r"(?<!\\)\|", line)[1:-1]]
            if len(cells) != 3 or cells[0] in ("reason", "message") or set(cells[0]) == {"-"}:
                continue
            reasons, parts = _first_cell(cells[0])
            row = {"kind": kind, "reasons": reasons, "parts": parts}
            found.append({**row, "means": plain(cells[1]), "do": plain(cells[2])})
    return found


def plain(text: str) -> str:
    """Markdown without the targets of links and without marks of code."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text).replace("`", "").replace("\\|", "|")


def _first_cell(cell: str) -> tuple[list[str], list[str]]:
    code = re.findall(r"`([^`]+)`", cell)
    quoted = re.findall(r"\"([^\"]+)\"", re.sub(r"`[^`]*`", "", cell))
    # After "on" stands the type of the condition that has the reason.
    reasons = [each for each in code if _WORD.fullmatch(each)]
    messages = [each for each in code if not _WORD.fullmatch(each)] + quoted
    parts = [part.strip() for each in messages for part in _ANYTHING.split(each)]
    return (reasons[:1] if " on `" in cell else reasons), [part for part in parts if part]


def content(guide: str) -> str:
    """The text of the file."""
    lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in rows(guide))
    return f'{{\n  "rows": [\n{lines}\n  ]\n}}\n'


if __name__ == "__main__":
    TARGET.write_text(content(GUIDE.read_text()))
