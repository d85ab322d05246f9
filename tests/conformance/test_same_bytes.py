"""Two builds of a tree are byte-identical: in another process, with other hashes, from files made in another order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.conformance.casefile import FOLDER, Case, load
from tests.conformance.peer import write

CASES = [case for path in sorted(FOLDER.glob("*.txt")) for case in load(path) if not case.fails]

# Builds the directories named on standard input, from the folder, and prints what comes of them.
BUILD_ALL = """
import json, sys
from pathlib import Path
from headgate.kustomize import BuildOptions, FolderTree, build, dump_all
for folder, directory, reorder, restrictor in json.load(sys.stdin):
    options = BuildOptions(reorder=reorder, load_restrictor=restrictor)
    print(json.dumps(dump_all(build(FolderTree(Path(folder)), directory, options))))
"""


def built(root: Path, cases: Iterable[tuple[int, Case]], seed: str) -> list[str]:
    """The outputs of all cases, built one after the other in a new process."""
    wanted = [
        (str(root / str(index)), case.directory, case.options.reorder, case.options.load_restrictor)
        for index, case in cases
    ]
    done = subprocess.run(
        [sys.executable, "-c", BUILD_ALL],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_builds_are_byte_identical(tmp_path: Path) -> None:
    numbered = list(enumerate(CASES))
    for index, case in numbered:
        write(tmp_path / "forward" / str(index), case.files)
        write(tmp_path / "backward" / str(index), dict(reversed(case.files.items())))
    first = built(tmp_path / "forward", numbered, "1")
    assert first == [case.expected for case in CASES]
    assert built(tmp_path / "backward", numbered, "2") == first
    # In the other order, where other things are in the caches already.
    assert built(tmp_path / "forward", reversed(numbered), "3") == first[::-1]
