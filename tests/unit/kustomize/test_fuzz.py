"""Whatever comes in: a result or an error of the engine's own, never another exception, never a hang.

A few seconds as part of all tests; ``make fuzz`` runs as many examples as its profile says.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.api.labelselector import SelectorInvalid, matches
from headgate.api.patterns import PatternInvalid, literal_prefix, whole
from headgate.documents.budget import Budget
from headgate.documents.yaml import Dialect, load_documents, plain, to_json
from headgate.documents.yaml.nodes import NodeKind
from headgate.kustomize import (
    BuildError,
    BuildOptions,
    FolderTree,
    MemoryTree,
    RecordingTree,
    YamlError,
    build,
    dump,
    dump_all,
)
from headgate.kustomize.giturl import parse_git_url
from headgate.kustomize.merge import strategic_merge
from headgate.kustomize.merge.jsonpatch import parse_json_patch
from headgate.kustomize.model.kustomization_file import parse
from headgate.kustomize.paths.fieldpath import look_up, split_dotted
from headgate.kustomize.paths.pathmatch import find_slots
from headgate.kustomize.schema import Schema
from tests.support import hostile

quiet = settings(suppress_health_check=list(HealthCheck))
# Whole trees take longer to invent than to build.
fewer = settings(quiet, max_examples=max(10, settings.default.max_examples // 4))


@pytest.mark.parametrize("dialect", list(Dialect))
@quiet
@given(data=hostile.BYTES)
def test_yaml_text(dialect: Dialect, data: bytes) -> None:
    with hostile.no_hang():
        try:
            documents = load_documents(data, file="a.yaml", dialect=dialect)
        except YamlError:
            return
        for document in documents:
            value = plain(document.value)
            try:
                text = dump(value)
            except YamlError:
                continue
            again = (
                load_documents(text.encode("utf-8", "surrogatepass"), file="b.yaml")
                if _printable(value)
                else None
            )
            if again is not None:
                assert [plain(each.value) for each in again] == ([value] if value is not None else [])
            to_json(value)


def _printable(value: Any) -> bool:
    """The output is as kustomize prints it: without bytes that are not text, and with numbers that JSON can hold."""
    text = json.dumps(value, ensure_ascii=False)
    return (
        text.isascii()
        and text.isprintable()
        and "\\u" not in text
        and not any(c in text for c in ("e+", "e-", "."))
    )


@quiet
@given(target=hostile.objects(), patch=hostile.objects())
def test_strategic_merge(target: Any, patch: Any) -> None:
    before = copy.deepcopy((target, patch))
    with hostile.no_hang():
        try:
            merged = strategic_merge(target, patch, Schema.builtin(), Budget())
        except BuildError:
            merged = None
    assert (target, patch) == before, "the arguments were changed"
    if merged is not None:
        assert strategic_merge(target, patch, Schema.builtin(), Budget()) == merged


@quiet
@given(obj=hostile.objects(), operations=hostile.OPERATIONS)
def test_json_patch(obj: Any, operations: Any) -> None:
    before = copy.deepcopy((obj, operations))
    with hostile.no_hang(), contextlib.suppress(BuildError):
        parse_json_patch(operations, file="p.json", budget=Budget()).apply(obj, Budget())
    assert (obj, operations) == before, "the arguments were changed"


@quiet
@given(text=hostile.BYTES)
def test_json_patch_text(text: bytes) -> None:
    with hostile.no_hang(), contextlib.suppress(BuildError):
        parse_json_patch(text, file="p.yaml", budget=Budget()).apply(
            {"kind": "A", "metadata": {"name": "a"}}, Budget()
        )


@quiet
@given(content=st.one_of(hostile.kustomizations(), hostile.VALUES), strict=st.booleans())
def test_kustomization_file(content: Any, strict: bool) -> None:
    with contextlib.suppress(BuildError):
        parse(content, strict=strict)


@quiet
@given(obj=hostile.objects(), path=st.one_of(st.text(max_size=12), hostile.PATHS), create=st.booleans())
def test_field_paths(obj: Any, path: str, create: bool) -> None:
    with hostile.no_hang(), contextlib.suppress(BuildError):
        look_up(obj, split_dotted(path))
    with hostile.no_hang(), contextlib.suppress(BuildError):
        find_slots(obj, split_dotted(path), NodeKind.MAPPING if create else None, Budget())


@quiet
@given(
    pattern=st.one_of(st.text(max_size=10), st.text("ab.*+?()[]|\\{}^$-,1", max_size=14)),
    name=st.text("ab1-.", max_size=8),
)
def test_patterns(pattern: str, name: str) -> None:
    with hostile.no_hang():
        try:
            fits = whole(pattern)(name)
        except PatternInvalid:
            return
        assert not fits or name.startswith(literal_prefix(pattern))


@quiet
@given(text=st.one_of(st.text(max_size=12), st.text("ab=!(),<> in\n", max_size=14)))
def test_label_selectors(text: str) -> None:
    with contextlib.suppress(SelectorInvalid):
        matches(text, {"a": "b"})


@quiet
@given(url=st.one_of(hostile.PATHS, st.text("gitssh:/@.?=&refa%", max_size=30)))
def test_git_urls(url: str) -> None:
    parse_git_url(url)


@st.composite
def _trees(draw: Any) -> dict[str, bytes]:
    def text(content: Any) -> bytes:
        return json.dumps(content).encode()

    some = st.lists(hostile.objects(), max_size=4)
    return {
        "kustomization.yaml": draw(st.one_of(hostile.kustomizations("base").map(text), hostile.BYTES)),
        "base/kustomization.yaml": draw(hostile.kustomizations("../all.yaml").map(text)),
        "base/all.yaml": text({"apiVersion": "v1", "kind": "List", "items": draw(some)}),
        "all.yaml": b"\n---\n".join(text(each) for each in draw(some)),
        "other.yaml": draw(hostile.BYTES),
        "a/kustomization.yaml": draw(hostile.kustomizations("..").map(text)),
    }


@fewer
@given(files=_trees(), legacy=st.booleans(), restricted=st.booleans())
def test_trees(files: dict[str, bytes], legacy: bool, restricted: bool) -> None:
    options = BuildOptions(
        reorder="legacy" if legacy else "none", load_restrictor="root-only" if restricted else "none"
    )
    tree = RecordingTree(MemoryTree(files))
    with hostile.no_hang():
        try:
            objects = build(tree, "", options)
            text = dump_all(objects)
        except BuildError:
            return
        # Once more, out of the cache.
        assert dump_all(build(MemoryTree(files), "", options)) == text
    assert tree.inputs.unchanged_in(MemoryTree(files))


_CANARY = "what-must-never-come-out"
_LINKS = st.dictionaries(
    st.sampled_from(
        ["link", "out", "loop", "a/link", "base/link", "base/loop", "link.yaml", "base/out.yaml"]
    ),
    st.sampled_from(
        [
            "..",
            "../..",
            "../secret.yaml",
            "../../secret.yaml",
            "/",
            ".",
            "loop",
            "base",
            "../base",
            "all.yaml",
            "{}",
        ]
    ),
    max_size=5,
)


@fewer
@given(files=_trees(), links=_LINKS, restricted=st.booleans())
def test_nothing_from_outside_the_root(
    files: dict[str, bytes], links: dict[str, str], restricted: bool
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        outside = Path(temporary)
        secret = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": {"a": _CANARY}}
        (outside / "secret.yaml").write_text(json.dumps(secret))
        (outside / "kustomization.yaml").write_text("resources: [secret.yaml]")
        root = outside / "root"
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        for path, target in links.items():
            (root / path).unlink(missing_ok=True)
            os.symlink(target.format(outside / "secret.yaml"), root / path)
        options = BuildOptions(load_restrictor="root-only" if restricted else "none")
        with hostile.no_hang():
            try:
                said = dump_all(build(FolderTree(root), "", options))
            except BuildError as error:
                said = str(error)
        assert _CANARY not in said
