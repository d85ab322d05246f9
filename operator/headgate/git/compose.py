"""Trees put together into one: a repository, its submodules, and what it includes.

    tree = ComposedTree(
        [Layer(repository), Layer(submodule, mount="modules/a"), Layer(other, "vendor/b", source="deploy")],
        ignore=spec.ignore,
    )

A layer's content goes to ``mount``, where there must be nothing yet but an empty directory, as in Flux, which
moves a folder there (``fluxcd/pkg``, ``artifact/storage``, ``CopyToPath``). The ignore rules are those of the whole:
``.sourceignore`` files of every layer count from where they come to lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol, Self

from headgate.git.errors import IncludeFailed
from headgate.git.ignore import IGNORE_FILE, IgnoreRules
from headgate.git.listed import Entry, ListedTree, clean_path, link
from headgate.git.tree import read_rules
from headgate.kustomize.tree import Tree

__all__ = ["ComposedTree", "Layer", "PackableTree"]


class PackableTree(Tree, Protocol):
    """A tree that can be read, archived, shared and closed: ``GitTree`` or ``ComposedTree``."""

    def entries(self) -> Iterable[Entry]:
        """Yield directories and files, each directory before what it holds."""

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield size in bytes and content of these files, in order."""

    def share(self) -> Self:
        """Return the tree for one more user."""

    def close(self) -> None:
        """End one use."""


@dataclass(frozen=True, slots=True)
class Layer:
    """``tree``, or what it has at ``source`` (a directory or a file), goes to ``mount``."""

    tree: PackableTree
    mount: str = ""
    source: str = ""
    name: str = ""
    """What messages call it."""


@dataclass(frozen=True, slots=True)
class _File:
    layer: int
    path: str
    is_executable: bool
    size: int


class ComposedTree(ListedTree):
    """See the module's text. Owns the uses of its layers' trees and ends them when it is closed."""

    def __init__(self, layers: Sequence[Layer], *, ignore: str | None = None, filtered: bool = True) -> None:
        """Without ``filtered`` no ignore rules are used.

        Raises :class:`IncludeFailed` or :class:`IgnoreInvalid`; the layers are then closed.
        """
        super().__init__()
        self._trees = [layer.tree for layer in layers]
        self._files: dict[str, _File] = {}
        try:
            self._load(layers, ignore, filtered)
        except BaseException:
            self.close()
            raise

    def _release(self) -> None:
        for tree in self._trees:
            tree.close()

    def _has_file(self, path: str) -> bool:
        return path in self._files

    def _file_id(self, path: str) -> str:
        file = self._files[path]
        return self._trees[file.layer].content_id(file.path)

    def read(self, path: str) -> bytes:
        file = self._files.get(path)
        if file is None:
            raise self._no_file(path)
        return self._trees[file.layer].read(file.path)

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield size and content in chunks of each of these files, in order."""
        files = [self._files[path] for path in paths]
        for layer, group in groupby(files, key=lambda file: file.layer):
            yield from self._trees[layer].contents([file.path for file in group])

    def _entry(self, path: str) -> Entry | None:
        file = self._files.get(path)
        return None if file is None else Entry(path, False, file.is_executable, file.size)

    def _load(self, layers: Sequence[Layer], ignore: str | None, filtered: bool) -> None:
        files: dict[str, _File] = {}
        directories: set[str] = {""}
        parents: set[str] = {""}
        for number, layer in enumerate(layers):
            mount, source = clean_path(layer.mount), clean_path(layer.source)
            if number:
                _check_mount(layer, mount, files, parents)
            found = False
            for entry in layer.tree.entries():
                path = _moved(entry.path, source, mount)
                if path is None:
                    continue
                found = True
                if entry.is_directory:
                    directories.add(path)
                else:
                    files[path] = _File(number, entry.path, entry.is_executable, entry.size)
                parents.update(_above(path))
            if not found:
                raise IncludeFailed(f"{_what(layer)}: there is no '{source or '.'}' in it")
        rules = self._rules(files, ignore) if filtered else IgnoreRules.none()
        self._hide(files, directories, rules)

    def _rules(self, files: dict[str, _File], ignore: str | None) -> IgnoreRules:
        sizes = {p: file.size for p, file in files.items() if p.rpartition("/")[2] == IGNORE_FILE}
        return read_rules(sizes, lambda p: self._trees[files[p].layer].read(files[p].path), ignore)

    def _hide(self, files: dict[str, _File], directories: set[str], rules: IgnoreRules) -> None:
        children: dict[str, set[str]] = {"": set()}
        for path in directories:
            if path and not rules.ignores(path, is_directory=True):
                children.setdefault(path, set())
                link(path, children)
        for path, file in files.items():
            if not rules.ignores(path):
                self._files[path] = file
                link(path, children)
        self._names = {path: tuple(sorted(names)) for path, names in children.items()}
        self._hidden = {path for path in self._names if rules.ignores(path, is_directory=True)}


def _check_mount(layer: Layer, mount: str, files: dict[str, _File], parents: set[str]) -> None:
    """``parents``: all directories that hold something."""
    if mount in files or mount in parents:
        raise IncludeFailed(f"{_what(layer)}: there is already something at '{mount or '.'}'")
    blocked = next((path for path in _above(mount) if path in files), None)
    if blocked is not None:
        raise IncludeFailed(f"{_what(layer)}: '{blocked}' is a file")


def _what(layer: Layer) -> str:
    return (
        f"failed to copy '{layer.name}' include from {layer.source or '.'} to {layer.mount or '.'}"
        if layer.name
        else f"the submodule at '{layer.mount}' cannot be put there"
    )


def _moved(path: str, source: str, mount: str) -> str | None:
    """Where a layer's path comes to lie, None when it is not below ``source``."""
    if source:
        if path != source and not path.startswith(source + "/"):
            return None
        path = path[len(source) + 1 :]
    return f"{mount}/{path}".strip("/") if path else mount


def _above(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition("/")[0]
        yield path
