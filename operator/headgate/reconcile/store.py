"""The newest known state of the custom resources, and who refers to whom.

Fed by the watches (:mod:`headgate.handlers`) and by the answers to our own writes, so that a reconciler sees
what it just wrote before the watch brings it back. Plain data and look-ups; it does no I/O.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from headgate.api import ObjectKey

Obj = dict[str, Any]

KUSTOMIZATION = "Kustomization"
GIT_REPOSITORY = "GitRepository"
EXTERNAL_SOURCES = ("OCIRepository", "Bucket", "ExternalArtifact")
"""Kinds of sources that other controllers reconcile and Kustomizations may refer to."""


@dataclass(frozen=True, slots=True)
class SourceKey:
    """A source of any kind."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def object(self) -> ObjectKey:
        """Namespace and name without the kind."""
        return ObjectKey(self.namespace, self.name)


def key_of(obj: Obj) -> ObjectKey:
    """Namespace and name of a raw object."""
    meta = obj["metadata"]
    return ObjectKey(meta.get("namespace", ""), meta["name"])


def source_of(kustomization: Obj) -> SourceKey:
    """The source a raw Kustomization refers to."""
    ref = kustomization["spec"]["sourceRef"]
    namespace = ref.get("namespace") or kustomization["metadata"]["namespace"]
    return SourceKey(ref["kind"], namespace, ref["name"])


def dependencies_of(kustomization: Obj) -> list[ObjectKey]:
    """The Kustomizations a raw Kustomization depends on, in its order."""
    own = kustomization["metadata"]["namespace"]
    return [
        ObjectKey(d.get("namespace") or own, d["name"]) for d in kustomization["spec"].get("dependsOn") or ()
    ]


class Store:
    """Kustomizations and sources by key, with the reverse of ``sourceRef`` and ``dependsOn``."""

    def __init__(self) -> None:
        self._kustomizations: dict[ObjectKey, Obj] = {}
        self._sources: dict[SourceKey, Obj] = {}
        self._consumers: defaultdict[SourceKey, set[ObjectKey]] = defaultdict(set)
        self._dependents: defaultdict[ObjectKey, set[ObjectKey]] = defaultdict(set)

    def kustomization(self, key: ObjectKey) -> Obj | None:
        return self._kustomizations.get(key)

    def source(self, key: SourceKey) -> Obj | None:
        return self._sources.get(key)

    def kustomizations(self) -> Iterator[tuple[ObjectKey, Obj]]:
        return iter(list(self._kustomizations.items()))

    def sources(self, kind: str) -> Iterator[tuple[SourceKey, Obj]]:
        return iter([(k, o) for k, o in self._sources.items() if k.kind == kind])

    def put_kustomization(self, obj: Obj) -> bool:
        """Keep the object unless a newer version is known; says whether it was kept."""
        key = key_of(obj)
        old = self._kustomizations.get(key)
        if old is not None and not _newer(obj, old):
            return False
        if old is not None:
            self._unlink(key, old)
        self._kustomizations[key] = obj
        self._consumers[source_of(obj)].add(key)
        for dependency in dependencies_of(obj):
            self._dependents[dependency].add(key)
        return True

    def put_source(self, obj: Obj) -> bool:
        """Keep the source unless a newer version is known; says whether it was kept."""
        key = SourceKey(obj["kind"], *_parts(obj))
        old = self._sources.get(key)
        if old is not None and not _newer(obj, old):
            return False
        self._sources[key] = obj
        return True

    def drop_kustomization(self, key: ObjectKey) -> None:
        old = self._kustomizations.pop(key, None)
        if old is not None:
            self._unlink(key, old)

    def drop_source(self, key: SourceKey) -> None:
        self._sources.pop(key, None)

    def consumers(self, source: SourceKey) -> list[ObjectKey]:
        """The Kustomizations that refer to the source, each after those it depends on."""
        return self._in_order(self._consumers.get(source, ()))

    def dependents(self, key: ObjectKey) -> list[ObjectKey]:
        """The Kustomizations that depend on this one, sorted."""
        return sorted(self._dependents.get(key, ()))

    def _in_order(self, keys: Iterable[ObjectKey]) -> list[ObjectKey]:
        wanted, done, order = set(keys), set[ObjectKey](), list[ObjectKey]()
        for start in sorted(wanted):
            stack = [(start, False)]
            while stack:
                key, children_done = stack.pop()
                if children_done:
                    order.append(key)
                elif key not in done:
                    done.add(key)
                    stack.append((key, True))
                    obj = self._kustomizations[key]
                    stack.extend((d, False) for d in reversed(dependencies_of(obj)) if d in wanted)
        return order

    def _unlink(self, key: ObjectKey, old: Obj) -> None:
        _discard(self._consumers, source_of(old), key)
        for dependency in dependencies_of(old):
            _discard(self._dependents, dependency, key)


def _discard(index: defaultdict[Any, set[ObjectKey]], at: Any, key: ObjectKey) -> None:
    index[at].discard(key)
    if not index[at]:
        del index[at]


def _parts(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _newer(new: Obj, old: Obj) -> bool:
    """Whether ``new`` is at least as new. Resource versions compare as numbers (KEP-5504)."""
    if new["metadata"].get("uid") != old["metadata"].get("uid"):
        return True
    return int(new["metadata"]["resourceVersion"]) >= int(old["metadata"]["resourceVersion"])
