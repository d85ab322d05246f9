"""The project's own cases: every field of a kustomization file, and every tree that once went wrong."""

from __future__ import annotations

import pytest

from headgate.kustomize import BuildError, MemoryTree, RecordingTree, build, dump_all
from tests.conformance.casefile import FOLDER, Case, load

CASES = [
    pytest.param(case, id=f"{path.stem}: {case.title}")
    for path in sorted(FOLDER.glob("*.txt"))
    for case in load(path)
]


def test_cases_were_found() -> None:
    assert len(CASES) > 175


@pytest.mark.parametrize("case", CASES)
def test_case(case: Case) -> None:
    tree = RecordingTree(MemoryTree(case.files))
    if case.fails:
        with pytest.raises(BuildError) as caught:
            build(tree, case.directory, case.options)
        for text in case.expected.splitlines():
            assert text in str(caught.value)
        return
    printed = dump_all(build(tree, case.directory, case.options))
    assert printed == case.expected
    # The second build takes documents from the cache, and must not see what the first made of them.
    assert dump_all(build(tree, case.directory, case.options)) == printed
    assert tree.inputs.unchanged_in(MemoryTree(case.files))
