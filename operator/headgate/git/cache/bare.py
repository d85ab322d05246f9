"""Clone caches: bare repositories on disk that hold, for each source, the few commits in use.

A cache starts empty and receives single commits without history (``Remote.fetch``). Every commit to keep has a ref
``refs/headgate/<commit>``: the newest one, and those that are pinned while their tree is in use. A repack, after a
number of fetches, drops all others, so that the size of the cache stays that of a few checkouts however long the
operator runs.

A cache belongs to one source object and one URL. Objects do not share caches: what one tenant's credentials fetched
must not be readable with another's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from headgate.git.command.process import MAX_OUTPUT, run
from headgate.git.errors import (
    CacheDamaged,
    OutputTooLarge,
    SourceTooLarge,
    StorageFailed,
)

__all__ = ["BareCache", "Caches"]

KEEP = "refs/headgate"
"""The prefix of one ref for each commit to keep; the rest of its name is the commit id."""
SCRATCH = "refs/headgate-fetch"
"""The prefix of the temporary refs of a fetch."""
MODULES = "headgate-modules"
"""The folder inside a repository that holds the caches of its submodules."""
GONE = ".gone-"
"""The prefix for the folder of a deleted source until its content is deleted; no namespace has such a name."""
MAX_PACKS = 24
MAX_PACK_BYTES = 256 << 20
"""Bytes by which the packs may exceed twice their size after the last repack."""
MAX_OBJECT = 1 << 20
"""Limit in bytes for a commit or an annotated tag."""
LOCAL_TIMEOUT = 300.0

_SAFE = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class BareCache:
    """One bare repository. A writer holds ``lock``; reading and pinning need no lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._pins: Counter[str] = Counter()
        self._pins_lock = threading.Lock()
        self._modules: dict[str, BareCache] = {}
        self._format = ""
        # The files of an earlier process are not trusted until they are checked.
        self._unclean = True
        self._condemned = False
        self._packed = 0
        """Bytes of all packs after the last repack; 0: unknown."""

    def prepare(self, commit: str) -> None:
        """Make sure that the repository exists, fits ``commit`` and has no leftovers of a killed Git.

        Call with the lock held. Raises :class:`StorageFailed` when the folder cannot be written.
        """
        wanted = "sha1" if len(commit) == 40 else "sha256"
        if self._condemned or (self._exists() and self._object_format() != wanted):
            self.remove()
        if not self._exists():
            self._create(wanted)
        if self._unclean:
            self.clean()

    def has(self, commit: str) -> bool:
        """Return whether the repository has the commit and all its files."""
        # The ref is written after all objects, so it implies all of them.
        try:
            kept = (self.path / KEEP / commit).read_text().strip()
        except OSError:
            return False
        return kept == commit and not self._condemned

    @property
    def is_shallow(self) -> bool:
        """Whether the repository has a commit without its history."""
        return (self.path / "shallow").is_file()

    def kind(self, name: str) -> str:
        """Return the kind of an object, such as ``commit``; "" when it does not exist."""
        status, output = self.git("cat-file", "-t", name, check=False)
        return "" if status else output.decode("ascii", "replace").strip()

    def forget(self, name: str) -> None:
        """Stop keeping an object."""
        (self.path / KEEP / name).unlink(missing_ok=True)

    def complete(self, commit: str) -> bool:
        """Return whether the repository has the commit itself; after a successful fetch it has its files too."""
        return self.git("cat-file", "-e", f"{commit}^{{commit}}", check=False)[0] == 0

    def is_ancestor(self, commit: str, ref: str) -> bool:
        """Return whether ``commit`` is part of the history of ``ref``."""
        return self.git("merge-base", "--is-ancestor", commit, ref, check=False)[0] == 0

    def object(self, kind: str, name: str) -> bytes | None:
        """Return a ``commit`` or ``tag`` as Git stores it, None when there is none of this kind.

        Raises :class:`SourceTooLarge` for one above :data:`MAX_OBJECT`.
        """
        try:
            status, content = self.git("cat-file", kind, name, check=False, max_output=MAX_OBJECT)
        except OutputTooLarge:
            raise SourceTooLarge(f"the {kind} {name} is larger than {MAX_OBJECT} bytes") from None
        return None if status else content

    def subject(self, commit: str) -> str:
        """Return the first line of a commit's message; raises :class:`StorageFailed`, :class:`SourceTooLarge`."""
        content = self.object("commit", commit)
        if content is None:
            self.condemn()
            raise CacheDamaged(f"the repository cache lacks the commit {commit}")
        return content.partition(b"\n\n")[2].split(b"\n", 1)[0].decode(errors="replace").strip()

    def commit_time(self, commit: str) -> int:
        """Return the committer date of a commit, in seconds since 1970."""
        return int(self.git("log", "-1", "--format=%ct", commit)[1])

    def is_sound(self) -> bool:
        """Return whether all objects that the refs lead to exist. Slow."""
        return self.git("fsck", "--connectivity-only", "--no-dangling", "--no-progress", check=False)[0] == 0

    def interrupted(self) -> None:
        """Record that a writing Git process was killed."""
        self._unclean = True

    def condemn(self) -> None:
        """Record that objects are missing or damaged: the repository is created again before the next fetch."""
        self._condemned = True

    def keep(self, commit: str) -> None:
        """Keep ``commit`` as the newest one, and stop keeping all others that are not pinned."""
        with self.lock:
            if not self.has(commit):
                self.git("update-ref", "--no-deref", f"{KEEP}/{commit}", commit)
            with self._pins_lock:
                wanted = {commit, *self._pins}
            for path in (self.path / KEEP).iterdir():
                if path.name not in wanted:
                    path.unlink(missing_ok=True)
            shutil.rmtree(self.path / SCRATCH, ignore_errors=True)
            self._shrink()

    def submodule(self, url: str) -> BareCache:
        """Return the cache of a submodule of this repository; removing this cache removes it too."""
        with self._pins_lock:
            path = self.path / MODULES / f"{_key(url)}.git"
            return self._modules.setdefault(path.name, BareCache(path))

    def keep_submodules(self, urls: Collection[str]) -> None:
        """Delete the caches of all other submodules."""
        wanted = {f"{_key(url)}.git" for url in urls}
        folder = self.path / MODULES
        with self._pins_lock:
            doomed = [path for path in folder.iterdir() if path.name not in wanted] if folder.is_dir() else []
            busy = {name for name, cache in self._modules.items() if cache.is_pinned}
            for path in doomed:
                if path.name not in busy:
                    self._modules.pop(path.name, None)
                    shutil.rmtree(path, ignore_errors=True)

    @property
    def is_pinned(self) -> bool:
        """Whether a commit is pinned."""
        return bool(self._pins)

    def pin(self, commit: str) -> None:
        """Keep ``commit`` until ``unpin``, even after newer ones arrive."""
        with self._pins_lock:
            self._pins[commit] += 1

    def unpin(self, commit: str) -> None:
        """End one ``pin``."""
        with self._pins_lock:
            self._pins[commit] -= 1
            if self._pins[commit] <= 0:
                del self._pins[commit]

    def remove(self) -> None:
        """Delete the repository from disk."""
        with self.lock:
            shutil.rmtree(self.path, ignore_errors=True)
            self._format = ""
            self._condemned = False

    def git(
        self,
        *arguments: str,
        check: bool = True,
        timeout: float = LOCAL_TIMEOUT,
        max_output: int = MAX_OUTPUT,
    ) -> tuple[int, bytes]:
        """Run a local Git command on the repository; return its exit status and output.

        Raises :class:`StorageFailed` when it fails and ``check`` is set, :class:`OutputTooLarge`.
        """
        finished = run(arguments, git_dir=self.path, timeout=timeout, max_output=max_output)
        if check and finished.status:
            raise StorageFailed(f"git {arguments[0]} failed on the cache: {_last_line(finished.messages)}")
        return finished.status, finished.output

    def _create(self, object_format: str) -> None:
        try:
            self.path.mkdir(parents=True, mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageFailed(f"the repository cache cannot be written: {error.strerror}") from None
        options = ["--quiet", "--bare", "--template=", f"--object-format={object_format}"]
        finished = run(["init", *options, "--", str(self.path)], timeout=LOCAL_TIMEOUT)
        if finished.status:
            raise StorageFailed(f"the repository cache cannot be written: {_last_line(finished.messages)}")
        self._format = object_format
        self._unclean = False

    def clean(self, full: int | None = None) -> bool:
        """Remove locks and incomplete packs; returns whether one of these has reached the size ``full``."""
        reached = False
        for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*", "objects/tmp_*"):
            for path in self.path.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        reached |= full is not None and path.stat().st_size >= full
                        path.unlink()
        self._unclean = False
        return reached

    def _shrink(self) -> None:
        sizes = self._packs()
        if len(sizes) > MAX_PACKS or (len(sizes) > 1 and sum(sizes) > 2 * self._packed + MAX_PACK_BYTES):
            # Repacking deletes the objects of other commits; a reader that has an old pack open keeps its file.
            self.git("repack", "-a", "-d", "-q", "--no-write-bitmap-index")
            self.git("prune", "--expire=now")
            self._packed = sum(self._packs())

    def _packs(self) -> list[int]:
        with os.scandir(self.path / "objects" / "pack") as entries:
            return [entry.stat().st_size for entry in entries if entry.name.endswith(".pack")]

    def _exists(self) -> bool:
        return (self.path / "HEAD").is_file() and (self.path / "config").is_file()

    def _object_format(self) -> str:
        if not self._format:
            self._format = self.git("rev-parse", "--show-object-format", check=False)[1].decode().strip()
        return self._format


class Caches:
    """All caches below one folder. Thread-safe; one ``BareCache`` exists for a repository at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for gone in root.glob(f"{GONE}*"):
            shutil.rmtree(gone, ignore_errors=True)
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], dict[str, BareCache]] = {}
        """By the name of the folder."""

    def open(self, namespace: str, name: str, url: str, *, sparing: str = "") -> BareCache:
        """Return the cache of the source ``namespace/name`` for ``url``.

        Deletes those for other URLs, except one that has the commit ``sparing``.
        """
        folder, wanted = self._folder(namespace, name), f"{_key(url)}.git"
        with self._lock:
            opened = self._open.setdefault((namespace, name), {})
            if opened.keys() != {wanted}:
                for path in _others(folder, wanted):
                    other = opened.setdefault(path.name, BareCache(path))
                    if not sparing or not other.has(sparing):
                        del opened[path.name]
                        shutil.rmtree(path, ignore_errors=True)
            return opened.setdefault(wanted, BareCache(folder / wanted))

    def holding(self, namespace: str, name: str, commit: str) -> BareCache | None:
        """Return the cache of the source, for whatever URL, that has the commit; None if none has it."""
        folder = self._folder(namespace, name)
        with self._lock:
            opened = self._open.setdefault((namespace, name), {})
            for path in _others(folder, ""):
                cache = opened.setdefault(path.name, BareCache(path))
                if cache.has(commit):
                    return cache
        return None

    def size(self) -> int:
        """Bytes on disk of all caches."""
        return _size(self._root)

    def drop(self, namespace: str, name: str) -> None:
        """Delete the caches of a deleted source."""
        folder = self._folder(namespace, name)
        gone = self._root / f"{GONE}{uuid.uuid4().hex}"
        with self._lock:
            self._open.pop((namespace, name), None)
            with contextlib.suppress(OSError):
                folder.rename(gone)
        # Slow, so outside the lock: others open their caches meanwhile.
        shutil.rmtree(gone, ignore_errors=True)

    def _folder(self, namespace: str, name: str) -> Path:
        for part in (namespace, name):
            if not _SAFE.fullmatch(part):
                raise StorageFailed(f"'{part}' is not a valid object name")
        return self._root / namespace / name


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def _size(folder: Path) -> int:
    """Ignores files that disappear meanwhile."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                is_folder = entry.is_dir(follow_symlinks=False)
                total += _size(Path(entry.path)) if is_folder else entry.stat(follow_symlinks=False).st_size
    return total


def _others(folder: Path, name: str) -> list[Path]:
    return [path for path in folder.iterdir() if path.name != name] if folder.is_dir() else []


def _last_line(messages: str) -> str:
    lines = messages.strip().splitlines()
    return lines[-1][:300] if lines else "no message"
