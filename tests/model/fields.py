"""Who owns which field of an object: server-side apply and the books that the API server keeps of it.

A set of fields is a set of paths to leaves; a list is one leaf (so are all lists of the kinds that worlds are made of).
The rules are those of https://kubernetes.io/docs/reference/using-api/server-side-apply/, the details were compared
with a real API server (``tests/e2e/test_model_server.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Obj = dict[str, Any]
Path = tuple[str, ...]

_UNOWNED = frozenset(
    ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
     "deletionGracePeriodSeconds", "managedFields", "selfLink")
)  # fmt: skip
"""Fields of the metadata that nobody owns."""


class FieldConflict(Exception):
    """Others own fields that the apply would change, and it does not force them."""

    def __init__(self, managers: Iterable[str], paths: Iterable[Path]) -> None:
        super().__init__(", ".join(sorted(set(managers))))
        self.managers, self.paths = sorted(set(managers)), sorted(set(paths))


@dataclass
class Entry:
    """One manager's entry of ``managedFields``."""

    manager: str
    operation: str
    api_version: str
    time: str
    subresource: str = ""
    paths: set[Path] = field(default_factory=set)

    def same_manager(self, other: Entry) -> bool:
        """Whether both belong to the same manager; for applies, the API version does not matter."""
        mine, theirs = (
            (e.manager, e.operation, e.subresource, "" if e.operation == "Apply" else e.api_version)
            for e in (self, other)
        )
        return mine == theirs

    def to_object(self) -> Obj:
        """The entry in the form of ``managedFields``."""
        obj = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _tree(self.paths),
        }
        return {**obj, "subresource": self.subresource} if self.subresource else obj

    @classmethod
    def parse(cls, raw: Obj) -> Entry:
        """From ``managedFields``."""
        return cls(
            raw["manager"],
            raw["operation"],
            raw["apiVersion"],
            raw.get("time", ""),
            raw.get("subresource", ""),
            set(_paths(raw.get("fieldsV1") or {}, ())),
        )


def entries(obj: Obj) -> list[Entry]:
    """The books of an object."""
    return [Entry.parse(e) for e in obj["metadata"].get("managedFields") or () if e]


def with_entries(obj: Obj, books: Iterable[Entry]) -> Obj:
    """The object with these books, in the server's order; entries without fields are dropped."""
    ordered = sorted(books, key=lambda e: (e.operation, e.time, e.manager, e.api_version, e.subresource))
    kept = [e.to_object() for e in ordered if e.paths]
    meta = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    if kept:
        meta["managedFields"] = kept
    return {**obj, "metadata": meta}


def leaves(obj: Obj) -> set[Path]:
    """The fields that whoever writes the object owns."""
    owned = {k: v for k, v in obj.items() if k not in ("apiVersion", "kind")}
    owned["metadata"] = {k: v for k, v in obj["metadata"].items() if k not in _UNOWNED}
    return set(_leaves(owned, ()))


def applied(live: Obj | None, wanted: Obj, self: Entry, *, force: bool) -> Obj:
    """The object after an apply, with its ``managedFields``; raises :class:`FieldConflict`.

    ``self`` says who applies, and when; this sets its paths. An apply that changes nothing keeps the earlier time.
    """
    self.paths = leaves(wanted)
    if live is None:
        return with_entries(wanted, [self])
    # Nobody knows who wrote fields before managedFields existed; they count as one manager's.
    books = entries(live) or [
        Entry(
            "before-first-apply", "Update", self.api_version, self.time, "", leaves({**live, "status": None})
        )
    ]
    others = [e for e in books if not e.same_manager(self)]
    mine = next((e for e in books if e.same_manager(self)), None)
    for entry in others:
        clash = {p for p in self.paths & entry.paths if value(live, p) != value(wanted, p)}
        if clash and not force:
            raise FieldConflict([entry.manager], clash)
        entry.paths -= clash
    result = _merged(live, {k: v for k, v in wanted.items() if k not in ("apiVersion", "kind")})
    result["apiVersion"], result["kind"] = wanted["apiVersion"], wanted["kind"]
    kept = set().union(self.paths, *(e.paths for e in others))
    for path in (mine.paths if mine else set()) - kept:
        result = _without(result, path, kept)
    unchanged = mine is not None and mine.paths == self.paths and mine.api_version == self.api_version
    if unchanged and _content(result) == _content(live):
        assert mine is not None
        self.time = mine.time
    return with_entries(result, [*others, self])


def updated(live: Obj, new: Obj, self: Entry, *, given: bool = False) -> Obj:
    """The object after a write other than an apply, with its ``managedFields``.

    ``given``: the write itself set ``managedFields``, as they are in ``new``.
    """
    books = entries(new if given else live)
    if not books:
        return with_entries(new, ())  # an update does not start managedFields
    before, after = leaves(live), leaves(new)
    changed = {p for p in after if p not in before or value(live, p) != value(new, p)}
    gone = before - after
    mine = next((e for e in books if e.same_manager(self)), None)
    for entry in books:
        if entry is not mine:
            entry.paths -= changed
        entry.paths -= gone
    if changed and mine is None:
        self.paths = changed
        books.append(self)
    elif changed and mine is not None:
        mine.paths |= changed
        mine.time = self.time
    return with_entries(new, books)


def value(obj: Any, path: Path) -> Any:
    """What the path leads to; None when it leads nowhere."""
    for part in path:
        if not isinstance(obj, dict) or part not in obj:
            return None
        obj = obj[part]
    return obj


def _content(obj: Obj) -> Obj:
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "resourceVersion")}
    return {**obj, "metadata": meta}


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        both = {k: _merged(old[k], v) if k in old else v for k, v in new.items()}
        return {**old, **both}
    return new


def _without(obj: Obj, path: Path, kept: set[Path]) -> Obj:
    """The object without a field, and without the mappings that this empties and nobody owns a field of."""
    head, *rest = path
    if head not in obj:
        return obj
    if rest and isinstance(obj[head], dict):
        inner = _without(obj[head], tuple(rest), {p[1:] for p in kept if p and p[0] == head})
        if inner:
            return {**obj, head: inner}
    return {k: v for k, v in obj.items() if k != head}


def _leaves(node: Any, path: Path) -> Iterator[Path]:
    if isinstance(node, dict) and (node or not path):
        for key, below in node.items():
            if below is not None and not (below in ({}, []) and path in ((), ("metadata",))):
                yield from _leaves(below, (*path, key))
    else:
        yield path


def _tree(paths: Iterable[Path]) -> Obj:
    root: Obj = {}
    for path in sorted(paths):
        node = root
        for part in path:
            node = node.setdefault(f"f:{part}", {})
    return root


def _paths(tree: Obj, path: Path) -> Iterator[Path]:
    below = [(k, v) for k, v in tree.items() if k != "."]
    if not below and path:
        yield path
    for key, node in below:
        yield from _paths(node, (*path, key.removeprefix("f:")))
