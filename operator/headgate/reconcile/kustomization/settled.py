"""The inputs of the last successful attempts, so that the same inputs are not built again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headgate.api import ObjectKey
from headgate.documents.tree import Inputs, Tree
from headgate.fairness.pools import BUILDS, SMALL
from headgate.objects import Obj
from headgate.reconcile.core.store import SourceKey
from headgate.reconcile.core.trees import SourceTrees


@dataclass(frozen=True, slots=True)
class Settled:
    """The build of the last attempt that succeeded, with its inputs."""

    uid: str
    generation: int
    digest: str
    inputs: Inputs
    """What the build read from the source tree."""
    cluster_inputs: str
    """The version of what the build read from the cluster."""

    def is_of(self, obj: Obj) -> bool:
        """Whether the Kustomization is the same, with the same spec."""
        meta = obj["metadata"]
        return (self.uid, self.generation) == (meta["uid"], meta.get("generation"))


@dataclass(frozen=True, slots=True)
class _Compared:
    """The newest tree that was compared with a settled build, and whether its inputs are equal."""

    tree: Tree
    same: bool


class SettledBuilds:
    """The settled build of each Kustomization. Their loss costs one build each. Used from the event loop only."""

    def __init__(self, kustomization: Callable[[ObjectKey], Obj | None], trees: SourceTrees) -> None:
        """``kustomization`` returns the newest raw Kustomization of a key; None if it does not exist."""
        self._kustomization, self._trees = kustomization, trees
        self._settled: dict[ObjectKey, Settled] = {}
        self._compared: dict[ObjectKey, _Compared] = {}

    def get(self, key: ObjectKey) -> Settled | None:
        """None if no attempt has succeeded since the operator started, or since the last one began to build."""
        return self._settled.get(key)

    def put(self, key: ObjectKey, settled: Settled) -> None:
        """Record that an attempt succeeded."""
        self._settled[key] = settled
        self._compared.pop(key, None)

    def drop(self, key: ObjectKey) -> None:
        """Forget the build: an attempt begins to build, or the Kustomization is gone."""
        self._settled.pop(key, None)
        self._compared.pop(key, None)

    def concerns(self, key: ObjectKey, source: SourceKey) -> bool:
        """Whether the source's present tree can change what the Kustomization applies, or has not been applied yet."""
        settled, obj, tree = self._settled.get(key), self._kustomization(key), self._trees.current(source)
        if settled is None or obj is None or tree is None or not settled.is_of(obj):
            return True
        compared = self._compared.get(key)
        if compared is None or compared.tree is not tree:
            compared = self._compared[key] = _Compared(tree, settled.inputs.unchanged_in(tree))
        return not compared.same

    async def compare(self, key: ObjectKey, source: SourceKey) -> None:
        """Compare the inputs of a large Kustomization outside the event loop, in advance for :meth:`concerns`."""
        settled, compared = self._settled.get(key), self._compared.get(key)
        if settled is None or (compared.tree if compared else None) is self._trees.current(source):
            return
        with self._trees.hold(source) as tree:
            if tree is not None and len(settled.inputs) >= SMALL:
                same = await BUILDS.run(key.namespace, settled.inputs.unchanged_in, tree)
                if self._settled.get(key) is settled:
                    self._compared[key] = _Compared(tree, same)
