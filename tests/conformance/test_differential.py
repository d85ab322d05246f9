"""Generated trees, built by Headgate and by ``kubectl kustomize``: the same text, byte for byte, or both fail.

A few hundred trees are the same in every run of ``make test``; ``make differential-long`` generates 5,000 others. When
one comes out differently, hypothesis makes it small and the message is a case to put into ``cases/``.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.internal.conjecture import providers

from headgate.kustomize import BuildError, BuildOptions, MemoryTree, build, dump_all
from tests.conformance.casefile import Case
from tests.conformance.peer import KUBECTL, Printed, write
from tests.conformance.strategies import Tree, trees

LONG = settings.get_current_profile_name() == "long"
EXAMPLES = settings.default.max_examples if LONG and settings.default is not None else 200


@pytest.fixture(autouse=True, scope="module")
def same_trees() -> Iterator[None]:
    """Hypothesis also draws constants of whatever modules are loaded: other trees after each change of any code."""
    if LONG:
        yield
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(providers, "_get_local_constants", providers.Constants)
        patched.setattr(providers, "CONSTANTS_CACHE", type(providers.CONSTANTS_CACHE)(1024))
        yield


def ours(tree: Tree) -> Printed:
    """The output of Headgate for a tree; any exception other than BuildError is a bug."""
    try:
        objects = build(MemoryTree(tree.files), tree.directory, BuildOptions(reorder="legacy"))
    except BuildError as error:
        return Printed(True, str(error))
    return Printed(False, dump_all(objects))


def both(tree: Tree) -> tuple[Printed, Printed]:
    """Build a tree with kustomize and, while its process runs, with Headgate."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), tree.files)
        arguments = [str(KUBECTL), "kustomize", str(Path(folder, tree.directory))]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            mine = ours(tree)
            out, err = process.communicate(timeout=120)
    failed = process.returncode != 0
    return Printed(failed, (err if failed else out).decode(errors="replace")), mine


def explained(tree: Tree, theirs: Printed, mine: Printed) -> bool:
    """Whether this is one of the differences that docs/build.md lists and generated trees can show."""
    if theirs.failed:
        crashed = re.search("panic: (.|\n)*goroutine |number of previous names", theirs.text)
        merge_key = "invalid map key: value='<<'" in theirs.text
        blank = "is missing for replacement source" in theirs.text and _has(tree, r": (}|,)")
        typed = re.search("ASYAML .*cannot decode !!", theirs.text) and _has(tree, "replacements")
        comment = "could not find expected ':'" in theirs.text and _has(tree, r"(\[\]|\{\}) +#")
        unnamed = "missing metadata.name in object" in theirs.text and _has(tree, r'"path": "/metadata')
        return bool(crashed or merge_key or blank or typed or comment or unnamed)
    if mine.failed:
        # In YAML within text, which another kustomization may have replaced since.
        within = "!!" in theirs.text or "field data.config" in mine.text
        mistyped = "would change the type of the field" in mine.text and within
        loose = "was written over, but an alias" in mine.text
        return "has lost its name or kind to a patch" in mine.text or mistyped or loose
    claims = _has(tree, "includeTemplates") and _has(tree, "volumeClaimTemplates")
    folded = _has(tree, "[{]") and _has(tree, "(: |- )>") and _dense(theirs.text) == _dense(mine.text)
    identity = _has(tree, "replacements") and _differ_where(r" *(name|namespace|kind): [^\"]", theirs, mine)
    typed = _has(tree, "vars:|replacements") and _differ_where(r" *(- |[^ ]+: )(\d|true|false)", theirs, mine)
    listed = _has(tree, r'/metadata/annotations\\?"?,?\s*\\?"?value\\?"?: *(\[|\n *- )')
    hashed = re.search(r"(?m)^data: (true|false)$", mine.text)
    blank = _has(tree, "replacements") and _has(tree, "{") and _nothing(theirs.text) == _nothing(mine.text)
    tagged = _has(tree, "!!(int|float|bool|str)")
    return any((claims, folded, identity, typed, listed, hashed, blank, tagged))


def _differ_where(pattern: str, theirs: Printed, mine: Printed) -> bool:
    """Whether they differ only in lines such as ``pattern`` that lost their quotes."""
    first, second = theirs.text.splitlines(), mine.text.splitlines()
    return len(first) == len(second) and all(
        re.match(pattern, line) and re.match(r' *(- |[^ ]+: )"', other)
        for line, other in zip(first, second, strict=True)
        if line != other
    )


def _dense(text: str) -> str:
    """The text without empty lines, be they printed or escaped."""
    return re.sub(r"(\\n)+", r"\\n", re.sub(r"\n\n+", "\n", text))


def _nothing(text: str) -> str:
    """The text with empty text and null made one."""
    return text.replace('""', "null")


def _has(tree: Tree, pattern: str) -> bool:
    return any(re.search(pattern, text) for text in tree.files.values())


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
@settings(
    max_examples=EXAMPLES,
    derandomize=not LONG,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(trees())
def test_invented_trees(tree: Tree) -> None:
    theirs, mine = both(tree)
    if (theirs.failed and mine.failed) or explained(tree, theirs, mine):
        return
    if theirs != mine:
        case = Case("found by the differential test", dict(tree.files), tree.directory)
        pytest.fail(f"{case.text()}\nkustomize:\n{theirs.text}\nHeadgate:\n{mine.text}", pytrace=False)
