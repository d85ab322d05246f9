"""Cases recorded from kustomize's own test suite; the file is not part of this repository.

``HEADGATE_CONFORMANCE_CASES`` names it; by default it is next to the repository. It is a mapping from a case's name to
``files`` (absolute paths to text), ``path``, ``reorder``, ``loadRestrictions``, and ``output`` or ``error``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.kustomize import BuildError, BuildOptions, MemoryTree, build, dump_all

ROOT = Path(__file__).parent.parent.parent
FILE = Path(
    os.environ.get("HEADGATE_CONFORMANCE_CASES", ROOT.parent / "shared/conformance/kustomize/cases.json")
)
CASES: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}


@pytest.mark.skipif(bool(CASES), reason="the cases were found")
def test_cases_are_missing() -> None:
    pytest.skip(f"no recorded cases at {FILE}; HEADGATE_CONFORMANCE_CASES names another place")


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    case = CASES[name]
    files = {path.lstrip("/"): content for path, content in case["files"].items()}
    options = BuildOptions(
        load_restrictor="none" if case["loadRestrictions"] == "LoadRestrictionsNone" else "root-only",
        reorder="none" if case["reorder"] == "none" else "legacy",
    )
    if "error" in case:
        with pytest.raises(BuildError):
            build(MemoryTree(files), case["path"].lstrip("/"), options)
        return
    objects = build(MemoryTree(files), case["path"].lstrip("/"), options)
    expected = [item for item in yaml.load_all(case["output"], yaml.CSafeLoader) if item is not None]
    assert list(yaml.load_all(dump_all(objects), yaml.CSafeLoader)) == expected
