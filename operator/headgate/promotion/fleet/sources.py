"""GitRepositories of an environment: whether they are this repository, what they select, and their trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headgate.api import GitRepository, ObjectKey
from headgate.documents.tree import Tree
from headgate.git.errors import GitError
from headgate.git.refs.reference import GitReference, Resolved, revision_of
from headgate.git.tree.commit import GitTree
from headgate.git.tree.compose import ComposedTree, PackableTree, TreeLayer
from headgate.objects import Obj
from headgate.promotion.clone import Clone
from headgate.promotion.clone.urls import repository_key
from headgate.promotion.errors import CloneError
from headgate.promotion.fleet.reach import Paths, Reaches
from headgate.promotion.fleet.rendering import RenderedSource
from headgate.promotion.fleet.state import WORK_TREE, RefState

__all__ = ["SourceShape", "Trees", "shape_of", "source_of"]


@dataclass(frozen=True, slots=True)
class SourceShape:
    """What determines the tree of a source besides its commit."""

    ignore: str | None = None
    sparse: tuple[str, ...] = ()
    includes: tuple[tuple[ObjectKey, str, str], ...] = ()
    """The included GitRepository, the part of it, and where that goes."""
    submodules: bool = False

    @property
    def plain(self) -> SourceShape:
        """The shape of its part of the commit itself: without includes and submodules."""
        return replace(self, includes=(), submodules=False)

    @property
    def is_plain(self) -> bool:
        """Whether it is a part of one commit."""
        return not self.includes and not self.submodules


def shape_of(source: RenderedSource) -> SourceShape:
    """Return what the spec says of the tree; raises :class:`headgate.api.InvalidSpec`."""
    if not source.spec:
        return SourceShape()
    spec = _parsed(source.key, source.spec).spec
    includes = tuple(
        (ObjectKey(source.key.namespace, each.repository.name), each.from_path, each.target_path)
        for each in spec.include
    )
    return SourceShape(spec.ignore or None, spec.sparse_checkout, includes, spec.recurse_submodules)


def source_of(obj: Obj, key: ObjectKey, place: str | None) -> RenderedSource:
    """Return a GitRepository without the commit that it selects; raises :class:`headgate.api.InvalidSpec`."""
    reference = GitReference.of(_parsed(key, obj.get("spec")).ref)
    spec: Obj = obj["spec"]
    return RenderedSource(key, str(spec.get("url") or ""), reference, None, spec, place)


def _parsed(key: ObjectKey, spec: object) -> GitRepository:
    return GitRepository.from_object(
        {"metadata": {"namespace": key.namespace, "name": key.name}, "spec": spec}
    )


def _submodules(tree: PackableTree) -> list[str]:
    return sorted(tree.submodules) if isinstance(tree, GitTree) else []


class Trees:
    """What the sources select, and their trees, kept for all renderings of a clone. Close it when done."""

    def __init__(self, clone: Clone, urls: Sequence[str] = ()) -> None:
        self._clone = clone
        self._ours = {repository_key(url) for url in (*clone.remote_urls(), *urls)} - {""}
        self._trees: dict[tuple[str, SourceShape], PackableTree] = {}
        self._changed: dict[tuple[str, str], Paths] = {}
        self._with: dict[tuple[str, tuple[str, ...]], Paths | None] = {}
        self._reaches: dict[tuple[str, SourceShape], Reaches] = {}

    def close(self) -> None:
        """Release the trees that the clone does not keep."""
        for tree in self._trees.values():
            tree.close()
        self._trees.clear()

    def is_ours(self, source: RenderedSource) -> bool:
        """Return whether the URL of a source is one of this repository; a source without a URL is."""
        return not source.url or repository_key(source.url) in self._ours

    def accept(self, source: RenderedSource) -> None:
        """Count the URL of a source as one of this repository from now on."""
        self._ours.add(repository_key(source.url))

    def resolved(self, source: RenderedSource, state: RefState) -> RenderedSource:
        """Return the source with the commit that it selects in a state; raises :class:`CloneError` if there is none."""
        commit = state.moved.get(source.key)
        if commit is not None:
            return replace(source, resolved=Resolved(commit, revision_of(commit)))
        return replace(source, resolved=self._clone.select(source.reference, state.refs))

    def plain(self, commit: str, shape: SourceShape = SourceShape()) -> PackableTree:
        """Return the tree of a commit of this repository without includes; raises :class:`CloneError`."""
        key = (commit, shape.plain)
        tree = self._trees.get(key)
        if tree is None:
            tree = self._trees[key] = self._opened(commit, shape.ignore, shape.sparse)
        return tree

    def _opened(
        self, commit: str, ignore: str | None, sparse: Sequence[str], *, filtered: bool = True
    ) -> PackableTree:
        if commit == WORK_TREE:
            return self._clone.working_tree(ignore=ignore, sparse=sparse, filtered=filtered)
        return self._clone.tree(commit, ignore=ignore, sparse=sparse, filtered=filtered).share()

    def submodule_of(
        self, source: RenderedSource, sources: Mapping[ObjectKey, RenderedSource], spec: Mapping[str, Any]
    ) -> str:
        """Return the path of a submodule that the source has and a build by this spec may read; "" if there is none.

        Raises :class:`CloneError`, or InvalidSpec for the spec of a source.
        """
        if source.resolved is None:
            return ""
        commit, shape = source.resolved.commit, shape_of(source)
        if shape.submodules:
            found = _submodules(self.plain(commit, shape))
            reach = self.reaches(commit, shape.plain).of(spec) if found and not shape.includes else None
            for path in found:
                if reach is None or reach.goes_below(path):
                    return path
        for key, _, _ in shape.includes:
            other = sources.get(key)
            if other is not None and other.resolved is not None and shape_of(other).submodules:
                for path in _submodules(self.plain(other.resolved.commit, shape_of(other))):
                    return path
        return ""

    def of(self, source: RenderedSource, sources: Mapping[ObjectKey, RenderedSource]) -> Tree:
        """Return the tree of a resolved source; raises :class:`CloneError`, or InvalidSpec for its spec."""
        return self._composed(source, sources, ())

    def _composed(
        self,
        source: RenderedSource,
        sources: Mapping[ObjectKey, RenderedSource],
        above: tuple[ObjectKey, ...],
    ) -> PackableTree:
        shape = shape_of(source)
        commit = "" if source.resolved is None else source.resolved.commit
        if not commit:
            raise CloneError(f"GitRepository/{source.key} selects no commit of this repository")
        if not shape.includes:
            return self.plain(commit, shape)
        if source.key in above:
            raise CloneError(f"GitRepository/{source.key} includes itself")
        layers = []
        for key, from_path, to_path in shape.includes:
            other = sources.get(key)
            if other is None:
                raise CloneError(
                    f"GitRepository/{source.key} includes {key}, which the environment does not have"
                )
            included = self._composed(other, sources, (*above, source.key))
            layers.append(TreeLayer(included, to_path, from_path, key.name))
        commits = ",".join(self._commit_of(key, sources) for key, _, _ in shape.includes)
        known = (f"{commit},{commits}", shape)
        tree = self._trees.get(known)
        if tree is None:
            top = self._opened(commit, None, shape.sparse, filtered=False)
            try:
                tree = ComposedTree(
                    [TreeLayer(top), *(replace(each, tree=each.tree.share()) for each in layers)],
                    ignore=shape.ignore,
                )
            except GitError as error:
                raise CloneError(f"GitRepository/{source.key}: {error}") from None
            self._trees[known] = tree
        return tree

    @staticmethod
    def _commit_of(key: ObjectKey, sources: Mapping[ObjectKey, RenderedSource]) -> str:
        other = sources[key]
        return "" if other.resolved is None else other.resolved.commit

    def changed(self, before: str, after: str) -> Paths:
        """Return the paths of files that differ between two commits, whatever the ignore rules say."""
        known = self._changed.get((before, after))
        if known is None:
            paths = self._compared(before, after) if before != after else ()
            known = self._changed[before, after] = Paths(paths)
        return known

    def _compared(self, before: str, after: str) -> frozenset[str]:
        if WORK_TREE not in (before, after):
            return self._clone.changed_paths(before, after)
        found = []
        for commit in (before, after):
            tree = self._opened(commit, None, (), filtered=False)
            try:
                found.append(
                    {(e.path, tree.content_id(e.path)) for e in tree.entries() if not e.is_directory}
                )
            finally:
                tree.close()
        return frozenset(path for path, _ in found[0] ^ found[1])

    def files_with(self, commit: str, patterns: Sequence[str]) -> Paths | None:
        """Return the paths of files of a commit that match a pattern of ``grep -E``; None if this is not known."""
        key = (commit, tuple(patterns))
        if commit == WORK_TREE:
            return None
        if key not in self._with:
            try:
                self._with[key] = Paths(self._clone.files_with(commit, patterns))
            except CloneError:
                self._with[key] = None
        return self._with[key]

    def reaches(self, commit: str, shape: SourceShape) -> Reaches:
        """Return what builds of the plain tree of a commit can read; raises :class:`CloneError`."""
        key = (commit, shape)
        if key not in self._reaches:
            self._reaches[key] = Reaches(self.plain(commit, shape))
        return self._reaches[key]
