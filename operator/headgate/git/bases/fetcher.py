"""Bases and files that kustomization files name by URL, fetched for the build engine.

``RemoteBases`` is a ``headgate.kustomize.RemoteFetcher``. A repository is fetched without history into its own cache
and, except for a user at a command line, without credentials, as in Flux's kustomize-controller. The trees of the last
few commits stay open, so that many builds on one base need one fetch, and one list of refs every few seconds. URLs and
submodules pass the same checks as those of a GitRepository.

The caller decides whether remote bases are allowed at all (``--no-remote-bases``).
"""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cachetools import TLRUCache

from headgate.api.revision import COMMIT_ID
from headgate.documents.tree import EntryKind
from headgate.git.bases.download import Downloads, RemoteFailed
from headgate.git.cache.bare import BareCache
from headgate.git.checkout.submodules import fetch_submodules
from headgate.git.credentials.secret import DEFAULT_SSH_USER, Credentials
from headgate.git.errors import GitError, RefInvalid, RefNotFound, UrlInvalid
from headgate.git.limits import DEFAULT_LIMITS, TreeLimits
from headgate.git.refs.reference import HEADS, TAGS, Refs, Resolved, check_ref_name, revision_of
from headgate.git.remote.client import Remote
from headgate.git.tree.commit import GitTree
from headgate.git.tree.compose import ComposedTree, PackableTree, TreeLayer
from headgate.git.url import RemoteUrl, long_form
from headgate.kustomize.errors import Refused
from headgate.kustomize.giturl import GitUrl

__all__ = ["RemoteBases", "RemoteFailed"]

MAX_TIMEOUT = 120.0
FRESH = 10.0
"""Seconds for which the commit of a ref is reused."""
MAX_TREES = 32
MAX_REPOSITORIES = 128


@dataclass(slots=True)
class _Repository:
    """``lock`` is held during a fetch from the repository."""

    cache: BareCache
    lock: threading.Lock


class _Borrowed:
    """A use of a tree that ends when the build releases it."""

    def __init__(self, tree: PackableTree) -> None:
        self._tree = tree
        weakref.finalize(self, tree.close)

    def kind(self, path: str) -> EntryKind:
        return self._tree.kind(path)

    def read(self, path: str) -> bytes:
        return self._tree.read(path)

    def list(self, path: str) -> Sequence[str]:
        return self._tree.list(path)

    def content_id(self, path: str) -> str:
        return self._tree.content_id(path)


class RemoteBases:
    """See the module's text. Thread-safe; ``close`` it when done."""

    def __init__(
        self,
        root: Path,
        *,
        fresh: float = FRESH,
        as_user: bool = False,
        guarded: bool = True,
        limits: TreeLimits = DEFAULT_LIMITS,
    ) -> None:
        """``root``: a folder for the caches; ``fresh``: seconds for which the commit of a ref is reused.

        ``as_user``: ssh may use the keys, agent and configuration of the user who runs this process, for a command
        line; an operator has none to use for the repositories of others. ``limits``: for one repository; all open trees
        together may have twice as much. ``guarded``: forbids downloads from the addresses of
        :mod:`headgate.git.bases.peers`; a command line may allow them.
        """
        self._root = root
        self._limits = limits
        self._as_user = as_user
        self._lock = threading.Lock()
        # No LRUCache: repositories in use stay, and trees have to be closed outside the lock.
        self._repositories: OrderedDict[str, _Repository] = OrderedDict()
        self._trees: OrderedDict[tuple[str, str, bool], PackableTree] = OrderedDict()
        self._resolved: TLRUCache[tuple[str, str], tuple[float, Resolved]] = TLRUCache(
            MAX_REPOSITORIES * 8, ttu=lambda _key, value, _now: value[0] + fresh, timer=time.monotonic
        )
        self._downloads = Downloads(guarded=guarded and not as_user)

    def repository(self, url: GitUrl) -> _Borrowed:
        """Return the tree of a repository at the ref that ``url`` names; raises a BuildError."""
        try:
            address = RemoteUrl.parse(long_form(url.repository))
        except UrlInvalid as error:
            raise Refused(f"the remote base cannot be fetched: {error}") from None
        if address.is_ssh and not self._as_user:
            raise Refused(
                f"the remote base '{address}' cannot be fetched: there are no credentials for ssh here; "
                "use an https URL, or include the repository in the GitRepository (spec.include)"
            )
        try:
            return self._borrow(address, url)
        except GitError as error:
            raise RemoteFailed(f"the remote base '{address}' cannot be fetched: {error}") from error

    def file(self, url: str) -> bytes | None:
        """Return the content of an HTTP(S) URL, None when the server does not have it; raises a BuildError."""
        return self._downloads.get(url)

    def close(self) -> None:
        """Release all trees; builds that still read keep theirs."""
        with self._lock:
            trees = list(self._trees.values())
            self._trees.clear()
        for tree in trees:
            tree.close()
        self._downloads.close()

    def _borrow(self, address: RemoteUrl, url: GitUrl) -> _Borrowed:
        credentials = Credentials(username=address.username or DEFAULT_SSH_USER, as_user=True)
        remote = Remote(
            address,
            credentials if address.is_ssh else None,
            timeout=min(url.timeout, MAX_TIMEOUT),
            max_bytes=self._limits.size,
        )
        repository = self._repository(str(address))
        # Another build may wait for the same server, within the same timeout.
        if not repository.lock.acquire(timeout=remote.remaining):
            raise remote.late()
        try:
            resolved = self._resolve(remote, url.ref)
            key = (str(address), resolved.commit, url.submodules)
            with self._lock:
                kept = self._trees.get(key)
                if kept is not None:
                    self._trees.move_to_end(key)
                    return _Borrowed(kept.share())
            remote.fetch(resolved, repository.cache)
            tree = _open(remote, repository.cache, resolved.commit, url.submodules, self._limits)
            borrowed = _Borrowed(tree.share())
        finally:
            repository.lock.release()
        self._keep(key, tree)
        return borrowed

    def _keep(self, key: tuple[str, str, bool], tree: PackableTree) -> None:
        with self._lock:
            self._trees[key] = tree
            surplus, weight = [], sum(each.weight for each in self._trees.values())
            while len(self._trees) > MAX_TREES or (
                len(self._trees) > 1 and weight > 2 * self._limits.entries
            ):
                surplus.append(self._trees.popitem(last=False)[1])
                weight -= surplus[-1].weight
        for each in surplus:
            each.close()

    def _repository(self, address: str) -> _Repository:
        with self._lock:
            known = self._repositories.get(address)
            if known is None:
                name = hashlib.sha256(address.encode()).hexdigest()[:32]
                known = _Repository(BareCache(self._root / f"{name}.git"), threading.Lock())
                self._repositories[address] = known
            self._repositories.move_to_end(address)
            idle = [
                (name, each)
                for name, each in list(self._repositories.items())[
                    : max(0, len(self._repositories) - MAX_REPOSITORIES)
                ]
                if not each.lock.locked() and not each.cache.is_pinned
            ]
            for name, each in idle:
                del self._repositories[name]
                shutil.rmtree(each.cache.path, ignore_errors=True)
            return known

    def _resolve(self, remote: Remote, ref: str) -> Resolved:
        if COMMIT_ID.fullmatch(ref):
            return Resolved(ref, revision_of(ref))
        key = (str(remote.url), ref)
        now = time.monotonic()
        with self._lock:
            known = self._resolved.get(key)
        if known is not None:
            return known[1]
        resolved = _find(remote, ref)
        with self._lock:
            self._resolved[key] = (now, resolved)
        return resolved


def _find(remote: Remote, ref: str) -> Resolved:
    """Resolves a name as Git does: as a full name, a tag, a branch."""
    if not ref:
        names = ["HEAD"]
    else:
        check_ref_name(HEADS + ref, ref)
        names = [*([ref] if ref.startswith("refs/") else []), TAGS + ref, HEADS + ref]
    refs: Refs = remote.ls_remote(*names, *(f"{name}^{{}}" for name in names))
    for name in names:
        commit = refs.commit(name)
        if commit is not None:
            return Resolved(commit, revision_of(commit), name)
    if re.fullmatch(r"[0-9a-f]{7,63}", ref):
        raise RefInvalid(f"'{ref}' is not a branch or tag, and a commit needs its full id")
    raise RefNotFound(f'couldn\'t find remote ref "{ref or "HEAD"}"')


def _open(
    remote: Remote, cache: BareCache, commit: str, submodules: bool, limits: TreeLimits
) -> PackableTree:
    tree = GitTree(cache, commit, filtered=False, limits=limits)
    if not submodules or not tree.submodules:
        return tree
    try:
        layers = fetch_submodules(remote, cache, tree, limits=limits)
    except BaseException:
        tree.close()
        raise
    return ComposedTree([TreeLayer(tree), *layers], filtered=False, limits=limits)
