"""Several trees as one: a repository, its submodules and its includes.

    tree = ComposedTree(
        [TreeLayer(repository), TreeLayer(submodule, "modules/a"), TreeLayer(other, "vendor/b", source="deploy")],
        ignore=spec.ignore,
    )

A layer's content goes to ``mount``, where only an empty directory may exist, as in Flux, which moves a folder there
(``fluxcd/pkg``, ``artifact/storage``, ``CopyToPath``). The ignore rules apply to the composed tree: the
``.sourceignore`` files of every layer apply from their paths in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol, Self

from headgate.documents.tree import Tree, why_left_out
from headgate.git.errors import IncludeFailed
from headgate.git.limits import DEFAULT_LIMITS, Count, TreeLimits, check_path
from headgate.git.tree.commit import read_rules
from headgate.git.tree.ignore import IGNORE_FILE, IgnoreRules
from headgate.git.tree.listed import ListedTree, Listing, TreeEntry, clean_path

__all__ = ["ComposedTree", "PackableTree", "TreeLayer"]

MAX_DEPTH = 64
"""Maximum depth of nested trees; every read passes through all levels."""


class PackableTree(Tree, Protocol):
    """A tree that can be read, archived, shared and closed: ``GitTree`` or ``ComposedTree``."""

    def entries(self) -> Iterable[TreeEntry]:
        """Yield directories and files, each directory before what it holds."""

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield size in bytes and content of these files, in order."""

    @property
    def depth(self) -> int:
        """The depth of nested trees."""

    @property
    def weight(self) -> int:
        """The number of files and directories."""

    def share(self) -> Self:
        """Return the tree for an additional user."""

    def close(self) -> None:
        """End one use."""


@dataclass(frozen=True, slots=True)
class TreeLayer:
    """``tree``, or its directory or file at ``source``, appears at ``mount``."""

    tree: PackableTree
    mount: str = ""
    source: str = ""
    name: str = ""
    """Its name in messages."""


class ComposedTree(ListedTree):
    """See the module's text. Owns one use of each layer's tree; ``close`` ends them."""

    def __init__(
        self,
        layers: Sequence[TreeLayer],
        *,
        ignore: str | None = None,
        filtered: bool = True,
        limits: TreeLimits = DEFAULT_LIMITS,
    ) -> None:
        """Without ``filtered`` no ignore rules apply.

        Raises :class:`IncludeFailed`, :class:`IgnoreInvalid` or :class:`SourceTooLarge`; the layers are then closed.
        """
        super().__init__()
        self._trees = [layer.tree for layer in layers]
        self.depth = 1 + max(tree.depth for tree in self._trees)
        self._places = [(clean_path(layer.mount), clean_path(layer.source)) for layer in layers]
        # Indexed by file number: layer, size, executable.
        self._layers = array("L")
        self._sizes = array("Q")
        self._executable = bytearray()
        try:
            if self.depth > MAX_DEPTH:
                raise IncludeFailed(f"includes nest deeper than {MAX_DEPTH} levels")
            self._load(layers, ignore, filtered, limits)
        except BaseException:
            self.close()
            raise

    def _release(self) -> None:
        for tree in self._trees:
            tree.close()

    def _file_id(self, path: str, number: int) -> str:
        return self._trees[self._layers[number]].content_id(self._inside(path, number))

    def read(self, path: str) -> bytes:
        number = self._number(path)
        if number < 0:
            raise self._no_file(path)
        return self._trees[self._layers[number]].read(self._inside(path, number))

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield size and content in chunks of each of these files, in order."""
        files = [(path, self._number(path)) for path in paths]
        for layer, group in groupby(files, key=lambda file: self._layers[file[1]]):
            yield from self._trees[layer].contents([self._inside(*file) for file in group])

    def _entry(self, path: str, number: int) -> TreeEntry:
        return TreeEntry(path, False, bool(self._executable[number]), self._sizes[number])

    def left_out(self, path: str) -> str:
        """Why the tree omits what a layer's repository has at a path; "" when it does not, or when the cause is
        unknown.
        """
        for tree, (mount, source) in zip(self._trees, self._places, strict=True):
            if not mount or path == mount or path.startswith(mount + "/"):
                below = path[len(mount) :].lstrip("/") if mount else path
                why = why_left_out(tree, f"{source}/{below}".strip("/"))
                if why:
                    return why
        return ""

    def _inside(self, path: str, number: int) -> str:
        """The path of a file in its layer's tree."""
        mount, source = self._places[self._layers[number]]
        below = path[len(mount) :].lstrip("/") if mount else path
        return f"{source}/{below}".strip("/") if below else source

    def _load(
        self, layers: Sequence[TreeLayer], ignore: str | None, filtered: bool, limits: TreeLimits
    ) -> None:
        files: dict[str, int] = {}
        directories: set[str] = {""}
        parents: set[str] = {""}
        count = limits.count()
        for layer_number, (layer, (mount, source)) in enumerate(zip(layers, self._places, strict=True)):
            if layer_number:
                _check_mount(layer, mount, files, parents)
            found = False
            for entry in layer.tree.entries():
                path = _moved(entry.path, source, mount)
                if path is None:
                    continue
                found = True
                count.add(1, len(path))
                check_path(path)
                if entry.is_directory:
                    directories.add(path)
                else:
                    files[path] = len(self._sizes)
                    self._layers.append(layer_number)
                    self._sizes.append(entry.size)
                    self._executable.append(entry.is_executable)
                above = path.rpartition("/")[0]
                if path and above not in parents:
                    new = [each for each in _above(path) if each not in parents]
                    uncounted = [each for each in new if each not in directories]
                    count.add(len(uncounted), sum(map(len, uncounted)))
                    parents.update(new)
            if not found:
                raise IncludeFailed(f"{_what(layer)}: there is no '{source or '.'}' in it")
        rules = self._rules(files, ignore) if filtered else IgnoreRules.none()
        self._hide(files, directories, rules, count if filtered else None)

    def _rules(self, files: dict[str, int], ignore: str | None) -> IgnoreRules:
        found = {p: number for p, number in files.items() if p.rpartition("/")[2] == IGNORE_FILE}
        sizes = {p: self._sizes[number] for p, number in found.items()}
        return read_rules(
            sizes, lambda p: self._trees[self._layers[found[p]]].read(self._inside(p, found[p])), ignore
        )

    def _hide(
        self, files: dict[str, int], directories: set[str], rules: IgnoreRules, count: Count | None
    ) -> None:
        listing = Listing()
        for path in directories:
            if path and not rules.ignores(path, is_directory=True):
                listing.add_directory(path)
        for path, number in files.items():
            if not rules.ignores(path):
                listing.add_file(path, number)
                if count is not None:
                    count.add_file(self._sizes[number])
        listing.put_into(self)
        self._hidden = {path for path in self._directories if rules.ignores(path, is_directory=True)}


def _check_mount(layer: TreeLayer, mount: str, files: dict[str, int], parents: set[str]) -> None:
    """``parents``: all directories that are not empty."""
    if mount in files or mount in parents:
        raise IncludeFailed(f"{_what(layer)}: there is already something at '{mount or '.'}'")
    blocked = next((path for path in _above(mount) if path in files), None)
    if blocked is not None:
        raise IncludeFailed(f"{_what(layer)}: '{blocked}' is a file")


def _what(layer: TreeLayer) -> str:
    return (
        f"failed to copy '{layer.name}' include from {layer.source or '.'} to {layer.mount or '.'}"
        if layer.name
        else f"the submodule at '{layer.mount}' cannot be put there"
    )


def _moved(path: str, source: str, mount: str) -> str | None:
    """The composed path of a layer's path, None when it is not below ``source``."""
    if source:
        if path != source and not path.startswith(source + "/"):
            return None
        path = path[len(source) + 1 :]
    return f"{mount}/{path}".strip("/") if path else mount


def _above(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition("/")[0]
        yield path
