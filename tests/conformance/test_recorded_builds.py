"""Builds recorded from kustomize itself: whole trees in, whole output out.

The cases are a JSON file beside the checkout (``../shared/conformance/kustomize/cases.json``, or the file that
``HEADGATE_KUSTOMIZE_CASES`` names); where there is none, this skips.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.kustomize import BuildError, BuildOptions, MemoryTree, build, dump_all

ROOT = Path(__file__).resolve().parents[2]
CASES = Path(
    os.environ.get("HEADGATE_KUSTOMIZE_CASES")
    or ROOT.parent / "shared" / "conformance" / "kustomize" / "cases.json"
)


@functools.cache
def _cases() -> dict[str, dict[str, Any]]:
    return json.loads(CASES.read_text()) if CASES.is_file() else {}


def _outcome(case: dict[str, Any]) -> list[Any]:
    files = {path.lstrip("/"): content.encode() for path, content in case["files"].items()}
    options = BuildOptions(
        load_restrictor="none" if case["loadRestrictions"] == "LoadRestrictionsNone" else "root-only",
        reorder="none" if case["reorder"] == "none" else "legacy",
    )
    printed = dump_all(build(MemoryTree(files), case["path"].lstrip("/"), options))
    return [document for document in yaml.load_all(printed, yaml.CSafeLoader) if document is not None]


@pytest.mark.skipif(not CASES.is_file(), reason=f"there are no recorded builds in {CASES.parent.name}/")
@pytest.mark.parametrize("name", _cases())
def test_a_build_gives_what_kustomize_gave(name: str) -> None:
    case = _cases()[name]
    if "error" in case:
        with pytest.raises(BuildError) as raised:
            _outcome(case)
        assert str(raised.value).strip()
        return
    wanted = [d for d in yaml.load_all(case["output"], yaml.CSafeLoader) if d is not None]
    assert _outcome(case) == wanted


@pytest.mark.skipif(not CASES.is_file(), reason=f"there are no recorded builds in {CASES.parent.name}/")
def test_two_builds_of_a_tree_are_the_same_bytes() -> None:
    for case in _cases().values():
        if "output" in case:
            assert _outcome(case) == _outcome(case)
