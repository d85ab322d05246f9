"""The cluster folder of an environment: at which commit it is read, and what it holds.

The folder is first looked for on the default branch. The GitRepository in it says which commit the environment
follows, and there the folder is read again, until both agree. A Kustomization whose path is the folder applies it;
without one, somebody applies it by hand, and what it holds is the root of the rendering.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from headgate.api import InvalidSpec, Kustomization, ObjectKey
from headgate.documents.tree import EntryKind
from headgate.names import KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import CloneError
from headgate.promotion.fleet.building import Builds
from headgate.promotion.fleet.discovery import resolved
from headgate.promotion.fleet.rendering import RenderedObject, RenderedSource
from headgate.promotion.fleet.side import Side, key_of
from headgate.promotion.fleet.sources import SourceShape, Trees, shape_of, source_of
from headgate.reconcile.kustomization.build.builds import build_directory

__all__ = ["Root", "find_root"]

_LOOKS = 8
"""How often the folder may name another commit."""


@dataclass(frozen=True, slots=True)
class Root:
    """The cluster folder."""

    commit: str
    """Where it was read; empty if it does not exist there."""
    objects: tuple[RenderedObject, ...] = ()
    applied: bool = False
    """Whether a Kustomization in the folder applies it."""
    followed: ObjectKey | None = None
    """The GitRepository of this repository that the folder follows."""


def find_root(environment: Environment, side: Side, trees: Trees, builds: Builds) -> Root:
    """Find the cluster folder of an environment; problems and the followed source go to the side."""
    folder = build_directory(environment.cluster)
    commit = side.state.default_commit
    shape = SourceShape()
    given = side.default_source
    if given is not None:
        given = resolved(trees, side, given)
        side.sources[given.key] = given
        if given.resolved is None:
            return Root("", followed=given.key)
        commit = given.resolved.commit
    if not commit:
        side.problem(f"the default branch '{side.state.default_branch}' does not exist")
        return Root("")
    seen: list[str] = []
    followed: RenderedSource | None = given
    while True:
        seen.append(commit)
        try:
            tree = trees.plain(commit, shape)
        except CloneError as error:
            side.problem(str(error))
            return Root("", followed=None if followed is None else followed.key)
        if tree.kind(folder) is not EntryKind.DIRECTORY:
            side.problem(
                f"{folder}: there is no such directory in {_short(commit)}, which {environment.name} follows"
            )
            return Root("", followed=None if followed is None else followed.key)
        built = builds.build(tree, {"path": folder}, lambda _kind, _name: None)
        if built.error:
            side.problem(f"the cluster folder {folder} cannot be built: {built.error}")
            return Root("", followed=None if followed is None else followed.key)
        found, applied = _own_source(environment, folder, side, trees, built.objects)
        if found is not None:
            followed = resolved(trees, side, found)
            side.sources[followed.key] = followed
        if followed is None or given is not None:
            break
        if followed.resolved is None:
            return Root("", followed=followed.key)
        try:
            shape_now = shape_of(followed).plain
        except InvalidSpec:
            break
        if (followed.resolved.commit, shape_now) == (commit, shape):
            break
        if followed.resolved.commit in seen[:-1] or len(seen) > _LOOKS:
            side.problem(
                f"{folder} follows another commit at each commit that it names; {_short(commit)} counts"
            )
            break
        commit, shape = followed.resolved.commit, shape_now
    if followed is not None:
        with suppress(CloneError, InvalidSpec):
            submodule = trees.submodule_of(followed, side.sources, {"path": folder})
            if submodule:
                side.problem(
                    f"{folder} may read the submodule {submodule}, whose files are not in this clone"
                )
    return Root(commit, built.objects, applied, None if followed is None else followed.key)


def _own_source(
    environment: Environment, folder: str, side: Side, trees: Trees, objects: Sequence[RenderedObject]
) -> tuple[RenderedSource | None, bool]:
    """The GitRepository that the folder itself is read from, and whether a Kustomization applies the folder."""
    sources: dict[ObjectKey, RenderedSource] = {}
    own: ObjectKey | None = None
    for each in objects:
        key = key_of(each.ref)
        if each.ref.group == SOURCE_GROUP and each.ref.kind == "GitRepository":
            try:
                sources[key] = source_of(each.obj, key, each.place)
            except InvalidSpec as error:
                side.problem(f"{each.place or folder}: GitRepository/{key}: {error}")
        elif each.ref.group == KUSTOMIZE_GROUP and each.ref.kind == "Kustomization" and own is None:
            own = _source_if_self(each, key, folder)
    ours = {key: source for key, source in sources.items() if trees.is_ours(source)}
    if not ours and len(sources) == 1:
        # Mirrors and forks have other URLs; a single repository can hardly be another one.
        only = next(iter(sources.values()))
        trees.accept(only)
        ours = {only.key: only}
        side.notes[
            f"GitRepository/{only.key} has a URL that is none of the clone's remotes; it counts as this repository "
            "(name its URL with --source-url)"
        ] = None
    if own is not None and own in ours:
        return ours[own], True
    if environment.source:
        namespace, _, name = environment.source.rpartition("/")
        chosen = ours.get(ObjectKey(namespace or "default", name))
        if chosen is None:
            side.problem(f"{folder} holds no GitRepository/{environment.source} of this repository")
        return chosen, own is not None
    if len(ours) > 1:
        names = ", ".join(str(key) for key in ours)
        side.problem(
            f"{folder} holds several GitRepositories of this repository ({names}): the first one counts; "
            "choose with 'source'"
        )
    return next(iter(ours.values()), None), own is not None


def _source_if_self(each: RenderedObject, key: ObjectKey, folder: str) -> ObjectKey | None:
    spec = each.obj.get("spec")
    path = spec.get("path") if isinstance(spec, dict) else None
    if not isinstance(path, str) or build_directory(path) != folder:
        return None
    try:
        meta = {"namespace": key.namespace, "name": key.name}
        found = Kustomization.from_object({"metadata": meta, "spec": each.obj.get("spec")})
    except InvalidSpec:
        return None
    if found.source.kind != "GitRepository":
        return None
    return found.source.key


def _short(commit: str) -> str:
    return commit[:12]
