"""The newest cached state of the custom resources, and the references between them.

The watches (:mod:`headgate.handlers`) and the responses to Headgate's own writes fill it, so that a reconciler sees
what it wrote before the watch returns it. Plain data and look-ups; it does no I/O.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from headgate.api import ObjectKey
from headgate.api.fields import MAX_ENTRIES
from headgate.kube import ObjectRef
from headgate.loop import Pauses
from headgate.names import GIT_REPOSITORY
from headgate.objects import Obj, is_newer, version_of
from headgate.reconcile.core.links import Links

T = TypeVar("T")


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


OnKustomization = Callable[[ObjectKey, Obj | None, Obj | None], None]
"""Takes a Kustomization's key, its state before and its state now; None for a state in which it does not exist."""
OnSource = Callable[[SourceKey], None]
"""Takes the key of a source that has a new state."""
OnSourceDropped = Callable[[SourceKey], None]
"""Takes the key of a source that no longer exists."""


def key_of(obj: Obj) -> ObjectKey:
    """Namespace and name of a raw object."""
    meta = obj["metadata"]
    return ObjectKey(meta.get("namespace", ""), meta["name"])


def source_key_of(obj: Obj) -> SourceKey:
    """Kind, namespace and name of a raw source."""
    key = key_of(obj)
    return SourceKey(obj["kind"], key.namespace, key.name)


def source_of(kustomization: Obj) -> SourceKey:
    """The source that a raw Kustomization refers to."""
    ref = kustomization["spec"]["sourceRef"]
    namespace = ref.get("namespace") or kustomization["metadata"]["namespace"]
    return SourceKey(ref["kind"], namespace, ref["name"])


def dependencies_of(kustomization: Obj) -> list[ObjectKey]:
    """The dependencies of a raw Kustomization, in its order."""
    own = kustomization["metadata"]["namespace"]
    return [
        ObjectKey(d.get("namespace") or own, d["name"]) for d in kustomization["spec"].get("dependsOn") or ()
    ]


def included_sources(source: Obj) -> Iterator[SourceKey]:
    """The sources whose artifacts a raw GitRepository includes in its own."""
    for include in source["spec"].get("include") or ():
        name = (include.get("repository") or {}).get("name")
        if name:
            yield SourceKey(GIT_REPOSITORY, source["metadata"]["namespace"], name)


def _judged(kustomization: Obj) -> list[ObjectKey]:
    """The dependencies with a ``readyExpr``, which decides whether they are ready."""
    entries = kustomization["spec"].get("dependsOn") or ()
    keys = dependencies_of(kustomization)
    return [key for key, entry in zip(keys, entries, strict=True) if entry.get("readyExpr")]


class WrongThread(RuntimeError):
    """A thread used an object that belongs to another thread."""


class Store:
    """Kustomizations and sources by key, and their references.

    The store belongs to the thread that makes it, the event loop's. It takes in a watch event as a whole or not at all,
    so no reader sees half of it. Every method raises :class:`WrongThread` in another thread.
    """

    def __init__(
        self,
        references: Callable[[Obj], Iterable[ObjectRef]] = lambda _: (),
        source_references: Callable[[Obj], Iterable[ObjectRef]] = lambda _: (),
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        """``references``: the ConfigMaps and Secrets that a raw Kustomization refers to; ``source_references``: those
        that a raw source refers to.

        An object with a list of more than ``max_entries``, which its reconciler refuses, refers to nothing.
        """
        self._owner, self._max_entries = threading.get_ident(), max_entries
        self._references, self._source_references = references, source_references
        self._on_kustomization: list[OnKustomization] = []
        self._on_source: list[OnSource] = []
        self._on_source_dropped: list[OnSourceDropped] = []
        self._kustomizations: dict[ObjectKey, Obj] = {}
        self._sources: dict[SourceKey, Obj] = {}
        self._source: Links[ObjectKey, SourceKey] = Links()
        self._depends: Links[ObjectKey, ObjectKey] = Links()
        self._judges: Links[ObjectKey, ObjectKey] = Links()
        self._uses: Links[ObjectKey, ObjectRef] = Links()
        self._includes: Links[SourceKey, SourceKey] = Links()
        self._source_uses: Links[SourceKey, ObjectRef] = Links()

    def subscribe(
        self,
        *,
        on_kustomization: OnKustomization | None = None,
        on_source: OnSource | None = None,
        on_source_dropped: OnSourceDropped | None = None,
    ) -> None:
        """Call these with every later change, before readers can see the change.

        If a callback raises an exception, the change has not happened: the caller may repeat it.
        """
        self._check_thread()
        if on_kustomization is not None:
            self._on_kustomization.append(on_kustomization)
        if on_source is not None:
            self._on_source.append(on_source)
        if on_source_dropped is not None:
            self._on_source_dropped.append(on_source_dropped)

    def kustomization(self, key: ObjectKey) -> Obj | None:
        self._check_thread()
        return self._kustomizations.get(key)

    def source(self, key: SourceKey) -> Obj | None:
        self._check_thread()
        return self._sources.get(key)

    def kustomizations(self) -> list[Obj]:
        """All Kustomizations, in no particular order."""
        self._check_thread()
        return list(self._kustomizations.values())

    def sources(self, kind: str) -> list[Obj]:
        """All sources of a kind, in no particular order."""
        self._check_thread()
        return [obj for key, obj in self._sources.items() if key.kind == kind]

    def put_kustomization(self, obj: Obj) -> bool:
        """Store the object unless the store has a newer version; whether it was stored."""
        self._check_thread()
        key = key_of(obj)
        old = self._kustomizations.get(key)
        if old is not None and not _newer(obj, old):
            return False
        if old is None or not _same_spec(obj, old):
            self._source.put(key, _found(lambda: [source_of(obj)]))
            self._depends.put(key, self._listed(obj, dependencies_of))
            self._judges.put(key, self._listed(obj, _judged))
            self._uses.put(key, self._listed(obj, self._references))
        for on_kustomization in self._on_kustomization:
            on_kustomization(key, old, obj)
        # Last, so that a change whose callback raised happens when the object arrives again.
        self._kustomizations[key] = obj
        return True

    def put_source(self, obj: Obj) -> bool:
        """Store the source unless the store has a newer version; whether it was stored."""
        self._check_thread()
        key = source_key_of(obj)
        old = self._sources.get(key)
        if old is not None and not _newer(obj, old):
            return False
        if key.kind == GIT_REPOSITORY and (old is None or not _same_spec(obj, old)):
            self._includes.put(key, self._listed(obj, included_sources))
            self._source_uses.put(key, self._listed(obj, self._source_references))
        for on_source in self._on_source:
            on_source(key)
        self._sources[key] = obj
        return True

    def drop_kustomization(self, key: ObjectKey) -> None:
        self._check_thread()
        old = self._kustomizations.get(key)
        if old is None:
            return
        self._source.drop(key)
        self._depends.drop(key)
        self._judges.drop(key)
        self._uses.drop(key)
        for on_kustomization in self._on_kustomization:
            on_kustomization(key, old, None)
        del self._kustomizations[key]

    def drop_source(self, key: SourceKey) -> None:
        self._check_thread()
        for on_source_dropped in self._on_source_dropped:
            on_source_dropped(key)
        self._sources.pop(key, None)
        self._includes.drop(key)
        self._source_uses.drop(key)

    async def consumers(self, source: SourceKey) -> AsyncIterator[ObjectKey]:
        """The Kustomizations that refer to the source, each after its dependencies.

        The iteration pauses in between, and takes changes during a pause into account, except new Kustomizations.
        """
        self._check_thread()
        wanted, done, pauses = self._source.to(source), set[ObjectKey](), Pauses()
        for start in sorted(wanted):
            stack = [(start, False)]
            while stack:
                await pauses.here()
                key, children_done = stack.pop()
                if children_done:
                    if key in self._kustomizations:
                        yield key
                elif key not in done:
                    done.add(key)
                    stack.append((key, True))
                    below = reversed(self._depends.of(key))
                    stack.extend((d, False) for d in below if d in wanted and d not in done)

    def dependents(self, key: ObjectKey, *, by_expression: bool = False) -> list[ObjectKey]:
        """The Kustomizations that depend on this one, sorted; or only those with a ``readyExpr`` for it."""
        self._check_thread()
        return sorted((self._judges if by_expression else self._depends).to(key))

    def including(self, source: SourceKey) -> list[SourceKey]:
        """The GitRepositories that include the source, sorted."""
        self._check_thread()
        return sorted(self._includes.to(source), key=str)

    def users(self, ref: ObjectRef) -> tuple[list[ObjectKey], list[SourceKey]]:
        """The Kustomizations and the GitRepositories that refer to a ConfigMap or Secret, sorted."""
        self._check_thread()
        return sorted(self._uses.to(ref)), sorted(self._source_uses.to(ref), key=str)

    def _listed(self, obj: Obj, look: Callable[[Obj], Iterable[T]]) -> list[T]:
        spec = obj.get("spec") or {}
        build = spec.get("postBuild")
        lists = (spec.get("dependsOn"), spec.get("include"), build and build.get("substituteFrom"))
        if any(isinstance(each, list) and len(each) > self._max_entries for each in lists):
            return []
        return _found(lambda: look(obj))

    def _check_thread(self) -> None:
        if threading.get_ident() != self._owner:
            raise WrongThread("the store belongs to the thread of the event loop")


def _found(look: Callable[[], Iterable[T]]) -> list[T]:
    """What an object refers to, each once; empty for a spec that its reconciler refuses."""
    try:
        return list(dict.fromkeys(look()))
    except (AttributeError, KeyError, TypeError, ValueError):
        return []


def _same_spec(new: Obj, old: Obj) -> bool:
    """Whether only status or metadata differ, according to the generation that the API server counts."""
    one, other = new["metadata"], old["metadata"]
    return one.get("generation") is not None and (one.get("uid"), one["generation"]) == (
        other.get("uid"),
        other.get("generation"),
    )


def _newer(new: Obj, old: Obj) -> bool:
    """Whether ``new`` is at least as new as ``old``."""
    if new["metadata"].get("uid") != old["metadata"].get("uid"):
        return True
    version, before = version_of(new), version_of(old)
    return version == before or is_newer(version, before)
