"""Large Kustomizations: work that grows with their size runs outside of the event loop, or not at all."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from headgate.api import Kustomization, ObjectKey
from headgate.api import inventory as inv
from headgate.documents.tree import EntryKind, Inputs, MemoryTree, Seen
from headgate.fairness.pools import SMALL
from headgate.kube import Client, ObjectRef
from headgate.names import GIT_REPOSITORY
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.kustomization.settled import Settled, SettledBuilds
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.target.applying import Applier
from tests.model.store import Request
from tests.support.applyworld import OWNER, ApplyWorld, config, in_a_world, refused

Obj = dict[str, Any]
KEY, SOURCE = ObjectKey("ns", "apps"), SourceKey(GIT_REPOSITORY, "ns", "source")


class FakeClient:
    def __init__(self) -> None:
        self.patches: list[Obj] = []

    async def patch(self, ref: object, patch: Obj, **_: Any) -> Obj:
        self.patches.append(patch)
        return {"metadata": {"resourceVersion": "2"}}


async def test_an_inventory_is_replaced_and_never_copied() -> None:
    status: Obj = {"conditions": []}
    inv.to_status(status, {inv.Entry.of("v1", "ConfigMap", "ns", str(i)) for i in range(3)})
    meta = {"name": "apps", "namespace": "ns", "generation": 1}
    obj = {"apiVersion": "v1", "kind": "Kustomization", "metadata": meta, "status": status}
    client = FakeClient()
    session = StatusSession(cast(Client, client), obj, manager="m", on_written=lambda _: None)
    assert session.status["inventory"] is status["inventory"]
    assert session.status["conditions"] is not status["conditions"]
    session.mark("Ready", "True", "Succeeded", "done")
    await session.write()
    assert [sorted(patch["status"]) for patch in client.patches] == [["conditions"]]
    inv.to_status(session.status, ())
    await session.write()
    assert client.patches[-1] == {"status": {"inventory": {"entries": []}}}
    assert len(status["inventory"]["entries"]) == 3


class Tree(MemoryTree):
    """Notes in which threads it is read."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        self.weight, self.readers = len(files), set[int]()

    def content_id(self, path: str) -> str:
        self.readers.add(threading.get_ident())
        return super().content_id(path)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("files", [3, SMALL])
async def test_a_large_kustomization_is_compared_with_a_tree_beside_the_loop(files: int) -> None:
    content = {f"apps/{i}.yaml": b"a" for i in range(files)}
    tree = Tree(content)
    seen = {path: Seen(EntryKind.FILE, tree.content_id(path)) for path in content}
    obj: Obj = {
        "metadata": {"name": "apps", "namespace": "ns", "uid": "u", "generation": 1, "resourceVersion": "1"},
        "spec": {"sourceRef": {"kind": GIT_REPOSITORY, "name": "source"}},
    }
    store, trees = Store(), SourceTrees()
    store.put_kustomization(obj)
    builds = SettledBuilds(store.kustomization, trees)
    builds.put(KEY, Settled("u", 1, "d", Inputs(seen), ""))
    here = threading.get_ident()
    for other in (False, True):
        tree = Tree({**content, **({"apps/1.yaml": b"b"} if other else {})})
        trees.put(SOURCE, str(other), tree)
        tree.readers.clear()
        await builds.compare(KEY, SOURCE)
        assert here not in tree.readers
        assert builds.concerns(KEY, SOURCE) is other
        assert (here in tree.readers) is (files < SMALL)


@in_a_world
async def test_many_refused_deletions_are_sorted_out_without_comparing_each_with_each(
    world: ApplyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, compared, equal = 300, 0, ObjectRef.__eq__

    def counted(one: ObjectRef, other: object) -> bool:
        nonlocal compared
        compared += 1
        return equal(one, other)

    world.policies.append(
        lambda request: refused(403, "Forbidden", "no") if _is_of_a_config_map(request) else None
    )
    meta = {"name": OWNER.name, "namespace": OWNER.namespace, "uid": "u", "generation": 1}
    spec = {"interval": "1h", "prune": True, "sourceRef": {"kind": GIT_REPOSITORY, "name": "source"}}
    obj: Obj = {"apiVersion": "v1", "kind": "Kustomization", "metadata": meta, "spec": spec}
    entries = inv.of_objects(config(str(i)) for i in range(count))
    applier = Applier(world.client, world.known, cast(Any, None), concurrency=4)
    monkeypatch.setattr(ObjectRef, "__eq__", counted)
    pruned = await applier.prune(Kustomization.from_object(obj), obj, entries)
    assert (len(pruned.errors), pruned.survivors, len(pruned.changes)) == (count, entries, 0)
    assert compared < 20 * count


def _is_of_a_config_map(request: Request) -> bool:
    return "/configmaps/" in request.path
