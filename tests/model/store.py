"""Where the in-memory API server keeps objects, and the history of all writes."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.model import objects
from tests.model.kinds import Kind

Obj = dict[str, Any]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    content_type: str = ""
    who: str = "operator"
    """Who sends it; for the invariants."""

    @property
    def dry_run(self) -> bool:
        """Whether it is a dry run."""
        return "dryRun" in self.query


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer: the status, and JSON or text."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One write: ``old`` is None for a creation, ``new`` for a deletion."""

    version: int
    kind: Kind
    old: Obj | None
    new: Obj | None
    request: Request | None
    """None for what the server's own controllers did."""

    @property
    def object(self) -> Obj:
        """The new object, or the old one after a deletion."""
        found = self.new if self.new is not None else self.old
        assert found is not None
        return found


class Store:
    """Objects by kind, in all versions of it, and by namespace and name. Stored objects are never changed in place."""

    def __init__(self) -> None:
        self.objects: defaultdict[tuple[str, str], dict[Key, Obj]] = defaultdict(dict)
        self.changes: list[Change] = []
        self.observers: list[Callable[[Change], None]] = []
        self._versions = itertools.count(1000)
        self.version = next(self._versions)

    def find(self, store: tuple[str, str], namespace: str, name: str) -> Obj | None:
        """A stored object, not to be changed."""
        return self.objects[store].get((namespace, name))

    def write(self, kind: Kind, old: Obj | None, new: Obj | None, request: Request | None = None) -> Obj:
        """Store a change; returns the object with its resource version, or the last one of what is gone."""
        if old is not None and new is not None and objects.bare(old) == objects.bare(new):
            return old
        self.version = next(self._versions)
        about = new if new is not None else old
        assert about is not None
        about = {**about, "metadata": {**about["metadata"], "resourceVersion": str(self.version)}}
        meta = about["metadata"]
        key = meta.get("namespace", ""), meta["name"]
        if new is None:
            del self.objects[kind.store][key]
        else:
            self.objects[kind.store][key] = about
        change = Change(self.version, kind, old, None if new is None else about, request)
        if new is None:
            change = Change(self.version, kind, about, None, request)
        self.changes.append(change)
        for observer in tuple(self.observers):
            observer(change)
        return about

    def release(self, kind: Kind, obj: Obj) -> None:
        """Take all finalizers off, which is the end of an object that is being deleted."""
        meta = {k: v for k, v in obj["metadata"].items() if k != "finalizers"}
        gone = bool(meta.get("deletionTimestamp"))
        self.write(kind, obj, None if gone else {**obj, "metadata": meta})
