"""Writes what ``kubectl kustomize`` prints into the cases, for a look with ``git diff`` before it is believed.

python tests/conformance/record.py [cases/FILE.txt ...]

``kubectl`` always sorts, so cases with ``--reorder none`` keep what they expect, and so do those that ``fail``:
their texts are Headgate's own. It is only checked that kustomize fails there, too.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from casefile import FOLDER, Case, load
from peer import KUBECTL, kustomize, write


def record(case: Case) -> Case:
    """The case with kustomize's output."""
    arguments = [word for word in case.arguments if word not in ("--reorder", "legacy")]
    if "none" in arguments:
        return case
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), case.files)
        printed = kustomize(Path(folder, case.directory), *arguments)
    if printed.failed != case.fails:
        print(f"{case.title}: kustomize {'fails' if printed.failed else 'does not fail'}\n{printed.text}")
        return case
    return case if case.fails else replace(case, expected=printed.text)


def main(paths: list[str]) -> None:
    if KUBECTL is None:
        sys.exit("kubectl is needed")
    for path in map(Path, paths) if paths else sorted(FOLDER.glob("*.txt")):
        path.write_text("".join(record(case).text() for case in load(path)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
