"""Submodules: finds them, checks and fetches them, and returns their trees as layers.

``.gitmodules`` is untrusted. A URL must be valid for a GitRepository (no ``ext::``, no files) or relative to the
repository's own; names and paths serve for look-ups only. Credentials go to the server of the repository only
(``Remote.for_submodule``). Depth and number are limited.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace

from headgate.git.cache.bare import BareCache
from headgate.git.errors import (
    CHECKOUT,
    GitCancelled,
    GitError,
    SubmoduleFailed,
    UrlInvalid,
)
from headgate.git.limits import DEFAULT_LIMITS, TreeLimits
from headgate.git.refs.reference import Resolved, revision_of
from headgate.git.remote.client import Remote
from headgate.git.tree.commit import GitTree
from headgate.git.tree.compose import TreeLayer
from headgate.git.url import RemoteUrl, long_form

__all__ = ["fetch_submodules"]

MAX_DEPTH = 10
"""Flux's limit (go-git, ``DefaultSubmoduleRecursionDepth``)."""
MAX_SUBMODULES = 500
FILE = ".gitmodules"
MAX_FILE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Submodule:
    """One submodule: its path, commit and URL."""

    path: str
    commit: str
    url: RemoteUrl


def fetch_submodules(
    remote: Remote,
    cache: BareCache,
    tree: GitTree,
    *,
    offline: bool = False,
    limits: TreeLimits = DEFAULT_LIMITS,
) -> list[TreeLayer]:
    """Fetch all submodules of a tree recursively and return them as layers; the caller closes the trees.

    ``offline``: use the cache only. Raises :class:`GitCancelled`, or a :class:`GitError` that names the
    submodule.
    """
    layers: list[TreeLayer] = []
    used: set[str] = set()
    count = limits.count()
    try:
        for layer, url in _collect(remote, cache, tree, "", 1, cache, offline, limits):
            layers.append(layer)
            used.add(url)
            count.add(layer.tree.weight, 0)
            if len(layers) > MAX_SUBMODULES:
                raise SubmoduleFailed(f"there are more than {MAX_SUBMODULES} submodules")
    except BaseException:
        for layer in layers:
            layer.tree.close()
        raise
    if not offline:
        cache.keep_submodules(used)
    return layers


def _collect(
    remote: Remote,
    owner: BareCache,
    tree: GitTree,
    prefix: str,
    depth: int,
    root: BareCache,
    offline: bool,
    limits: TreeLimits,
) -> Iterator[tuple[TreeLayer, str]]:
    if tree.submodules and depth > MAX_DEPTH:
        raise SubmoduleFailed(f"submodules nest deeper than {MAX_DEPTH} levels")
    for module in _declared(owner, tree, remote.url):
        place = f"{prefix}{module.path}"
        own = root.submodule(str(module.url))
        below = remote.for_submodule(module.url)
        try:
            if not offline:
                below.fetch(Resolved(module.commit, revision_of(module.commit)), own)
            inner = GitTree(own, module.commit, filtered=False, limits=limits)
        except GitCancelled:
            raise  # Nothing is wrong with the submodule.
        except GitError as error:
            failed = _at(place, error)
            failed.reason = error.reason
            raise failed from error
        yield TreeLayer(inner, mount=place), str(module.url)
        yield from _collect(below, own, inner, f"{place}/", depth + 1, root, offline, limits)


def _declared(cache: BareCache, tree: GitTree, base: RemoteUrl) -> list[Submodule]:
    """The submodules with a URL in ``.gitmodules``; others stay empty directories, as with Git."""
    if not tree.submodules:
        return []
    if tree.size(FILE) > MAX_FILE_BYTES:
        raise SubmoduleFailed(f"'{FILE}' is larger than {MAX_FILE_BYTES} bytes")
    status, output = cache.git("config", "-z", "--blob", f"{tree.commit}:{FILE}", "--list", check=False)
    if status:
        return []
    paths: dict[str, str] = {}
    urls: dict[str, str] = {}
    for item in output.decode("utf-8", "surrogateescape").split("\0"):
        key, _, value = item.partition("\n")
        section, _, rest = key.partition(".")
        name, _, option = rest.rpartition(".")
        if section == "submodule" and option == "path":
            paths[name] = posixpath.normpath(value)
        elif section == "submodule" and option == "url":
            urls[name] = value
    by_path = {path: urls[name] for name, path in paths.items() if name in urls}
    return [
        Submodule(path, commit, _address(path, by_path[path], base))
        for path, commit in sorted(tree.submodules.items())
        if path in by_path
    ]


def _address(path: str, url: str, base: RemoteUrl) -> RemoteUrl:
    """Parse a submodule's URL; one that begins with ``./`` or ``../`` is relative to the repository's."""
    try:
        if url.startswith(("./", "../")):
            joined = posixpath.normpath(posixpath.join(base.path.rstrip("/"), url))
            if not joined.startswith("/"):
                raise UrlInvalid("the URL leads out of the server")
            return RemoteUrl.parse(str(replace(base, path=joined)))
        # The scp-like short form is common here, although a GitRepository may not use it.
        return RemoteUrl.parse(long_form(url))
    except UrlInvalid as error:
        raise _at(path, error) from error


def _at(path: str, error: GitError) -> SubmoduleFailed:
    failed = SubmoduleFailed(f"unable to fetch the submodule at '{path}': {error}")
    failed.step = CHECKOUT
    return failed
