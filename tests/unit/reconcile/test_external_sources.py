"""However many callers ask for an artifact, it is fetched once, and all callers learn the result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from headgate.api.source import Artifact
from headgate.documents.tree import MemoryTree
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.source.artifacts import ArtifactError, ArtifactFetcher, ArtifactMissing
from headgate.reconcile.source.external import REMEMBERED, ArtifactPending, ExternalSources

KEY = SourceKey("Bucket", "apps", "podinfo")


class Tree(MemoryTree):
    closed = False
    weight = 1

    def close(self) -> None:
        self.closed = True


class Fetcher(ArtifactFetcher):
    """Fetches what the test has put there."""

    def __init__(self) -> None:
        super().__init__(Path("unused"))
        self.asked: list[Artifact] = []
        self.results: list[Tree | Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, key: SourceKey, artifact: Artifact) -> Tree:  # type: ignore[override]
        self.asked.append(artifact)
        await self.gate.wait()
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


class Setting:
    def __init__(self) -> None:
        self.fetcher, self.trees, self.store, self.now = Fetcher(), SourceTrees(), Store(), 0.0
        self.available: list[SourceKey] = []
        self.announced = asyncio.Event()
        wakeups = cast(Wakeups, self)
        self.sources = ExternalSources(self.fetcher, self.trees, self.store, wakeups, lambda: self.now)

    def source_available(self, key: SourceKey) -> None:
        self.available.append(key)
        self.announced.set()

    async def fetched(self, artifact: Artifact, result: Tree | Exception) -> None:
        """Ask, and let it end."""
        self.fetcher.results.append(result)
        self.announced.clear()
        with pytest.raises(ArtifactPending):
            self.sources.want(KEY, artifact)
        await self.announced.wait()


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    setting = Setting()
    yield setting
    await setting.sources.close()


def artifact(revision: str, digest: str = "sha256:1") -> Artifact:
    return Artifact(revision, digest, "http://host/x")


async def test_many_ask_and_one_fetches(setting: Setting) -> None:
    setting.fetcher.gate.clear()
    setting.fetcher.results.append(Tree({"a": "1"}))
    for _ in range(5):
        with pytest.raises(ArtifactPending):
            setting.sources.want(KEY, artifact("v1"))
        await asyncio.sleep(0)
    setting.fetcher.gate.set()
    await setting.announced.wait()
    setting.sources.want(KEY, artifact("v1"))
    assert setting.trees.has(KEY, "v1")
    assert (len(setting.fetcher.asked), setting.available) == (1, [KEY])


@pytest.mark.parametrize("newer", [artifact("v2"), artifact("v1", "sha256:2")])
async def test_a_newer_artifact_replaces(setting: Setting, newer: Artifact) -> None:
    old, new = Tree({"a": "1"}), Tree({"a": "2"})
    await setting.fetched(artifact("v1"), old)
    await setting.fetched(newer, new)
    setting.sources.want(KEY, newer)
    with setting.trees.use(KEY, newer.revision) as tree:
        assert tree is new
    assert old.closed
    assert not new.closed


async def test_a_newer_artifact_calls_off_the_older(setting: Setting) -> None:
    setting.fetcher.gate.clear()
    setting.fetcher.results.append(Tree({"a": "2"}))
    for wanted in (artifact("v1"), artifact("v2")):
        with pytest.raises(ArtifactPending):
            setting.sources.want(KEY, wanted)
        await asyncio.sleep(0)
    setting.fetcher.gate.set()
    await setting.announced.wait()
    assert setting.trees.has(KEY, "v2")
    assert (setting.fetcher.results, setting.available) == ([], [KEY])


async def test_a_failure_is_reported_to_all_and_retried_later(setting: Setting) -> None:
    await setting.fetched(artifact("v1"), ArtifactMissing("file not found"))
    for _ in range(3):
        with pytest.raises(ArtifactMissing):
            setting.sources.want(KEY, artifact("v1"))
    setting.now += REMEMBERED
    await setting.fetched(artifact("v1"), Tree({}))
    setting.sources.want(KEY, artifact("v1"))
    assert len(setting.fetcher.asked) == 2


async def test_a_newer_artifact_is_tried_at_once_after_a_failure(setting: Setting) -> None:
    await setting.fetched(artifact("v1"), ArtifactMissing("file not found"))
    await setting.fetched(artifact("v2"), Tree({}))
    setting.sources.want(KEY, artifact("v2"))


async def test_a_failure_nobody_foresaw_is_a_failure_like_others(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    await setting.fetched(artifact("v1"), RuntimeError("boom"))
    with pytest.raises(ArtifactError, match="unexpected error: RuntimeError") as caught:
        setting.sources.want(KEY, artifact("v1"))
    assert "boom" not in str(caught.value)
    assert "Traceback" in caplog.text


async def test_a_source_that_is_gone_leaves_nothing(setting: Setting) -> None:
    tree = Tree({})
    await setting.fetched(artifact("v1"), tree)
    setting.store.drop_source(KEY)
    assert tree.closed
    setting.fetcher.gate.clear()
    with pytest.raises(ArtifactPending):
        setting.sources.want(KEY, artifact("v1"))
    await asyncio.sleep(0)
    setting.store.drop_source(KEY)
    await asyncio.sleep(0)
    assert setting.available == [KEY]
    assert not setting.trees.has(KEY, "v1")
