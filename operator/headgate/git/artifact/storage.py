"""Artifacts on disk: published atomically, verified after a restart, deleted when they are old.

The layout is Flux's, ``<root>/gitrepository/<namespace>/<name>/``; the path below the root is the path of the
artifact's URL. Flux names the files ``<commit>.tar.gz``, so whoever knows a commit can download them. With a
:class:`PathKey` the names are ``<commit>-<32 digits>.tar.gz``, which only readers of the status know.

By default garbage collection keeps the newest two artifacts and those younger than a minute
(``--artifact-retention-records``, ``--artifact-retention-ttl``), so that a client that has just read the status can
still download. Each source has its own folder, which one reconcile uses at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from headgate.api.revision import COMMIT_ID
from headgate.git.artifact.archive import ArchiveSource, pack
from headgate.git.errors import StorageFailed

__all__ = ["ArtifactStorage", "PathKey", "StoredArtifact", "advertised_address"]

KIND = "gitrepository"
SUFFIX = ".tar.gz"
DEPRECATED_LINK = "latest.tar.gz"
DEFAULT_TTL = 60.0
DEFAULT_RECORDS = 2

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_FILE = re.compile(r"([0-9a-f]{40}(?:[0-9a-f]{24})?)(?:-[0-9a-f]{32})?")
_DIGEST = re.compile(r"(sha256|sha384|sha512):([0-9a-f]+)")


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """The content of ``status.artifact``. ``path`` is relative to the storage's root; the time is RFC 3339 in UTC."""

    path: str
    url: str
    revision: str
    digest: str
    size: int
    last_update_time: str

    def to_status(self) -> dict[str, str | int]:
        """Return the mapping for the status, with the API's field names."""
        return {
            "digest": self.digest,
            "lastUpdateTime": self.last_update_time,
            "path": self.path,
            "revision": self.revision,
            "size": self.size,
            "url": self.url,
        }


class PathKey:
    """A secret stored with the artifacts, and the suffix it gives their names, also after a restart. Thread-safe."""

    FILE = "artifact-path-key"
    SIZE = 32
    """Bytes."""

    def __init__(self, root: Path) -> None:
        """Reads and writes nothing yet."""
        self._root = root
        self._lock = threading.Lock()
        self._key = b""

    def mark(self, namespace: str, name: str, commit: str) -> str:
        """32 unguessable hexadecimal digits; raises :class:`StorageFailed` if the secret cannot be read or created."""
        text = f"{namespace}/{name}/{commit}".encode()
        return hmac.new(self._secret(), text, hashlib.sha256).hexdigest()[:32]

    def _secret(self) -> bytes:
        with self._lock:
            if not self._key:
                try:
                    self._key = self._read() or self._made()
                except OSError as error:
                    raise StorageFailed(
                        f"unable to store the key of artifact paths: {error.strerror}"
                    ) from None
            return self._key

    def _read(self) -> bytes:
        """The key; b"" when there is none, or when a full volume truncated it."""
        try:
            key = (self._root / self.FILE).read_bytes()
        except FileNotFoundError:
            return b""
        return key if len(key) == self.SIZE else b""

    def _made(self) -> bytes:
        key = secrets.token_bytes(self.SIZE)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self._root, prefix=f".{self.FILE}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(key)
            os.replace(temporary, self._root / self.FILE)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        return key


class ArtifactStorage:
    """The artifacts below one folder. ``hostname`` is the address of the file server, ``host:port`` or a URL."""

    def __init__(
        self,
        root: Path,
        hostname: str,
        *,
        retention_ttl: float = DEFAULT_TTL,
        retention_records: int = DEFAULT_RECORDS,
        path_key: PathKey | None = None,
    ) -> None:
        """``retention_ttl`` is in seconds; without a ``path_key`` the names are Flux's."""
        self.root, self._path_key = root, path_key
        self._hostname = hostname
        self._ttl = retention_ttl
        self._records = retention_records

    def publish(
        self, source: ArchiveSource, namespace: str, name: str, commit: str, revision: str
    ) -> StoredArtifact:
        """Pack ``source`` and replace any artifact of the same commit; raises :class:`StorageFailed`."""
        if not COMMIT_ID.fullmatch(commit):
            raise StorageFailed("the artifact's name is not a commit id")
        path = self._folder(namespace, name) / self._file(namespace, name, commit)
        target = self.root / path
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{commit}.")
            try:
                with os.fdopen(descriptor, "wb") as file, _newest(target.parent) as earlier:
                    packed = pack(source, file, earlier)
                os.replace(temporary, target)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
                raise
            (target.parent / DEPRECATED_LINK).unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed(f"unable to archive artifact to storage: {error.strerror}") from None
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return StoredArtifact(str(path), self.url(str(path)), revision, packed.digest, packed.size, now)

    def url(self, path: str) -> str:
        """Return the address at which the file server serves a path below the root."""
        base = (
            self._hostname
            if self._hostname.startswith(("http://", "https://"))
            else f"http://{self._hostname}"
        )
        return f"{base}/{path.lstrip('/')}"

    def local_path(self, path: str) -> Path:
        """Return the file of an artifact's path; raises :class:`StorageFailed` when the path is not in this storage.

        The path comes from an object's status, so it is untrusted.
        """
        parts = PurePosixPath(path).parts
        valid = len(parts) == 4 and parts[0] == KIND and parts[3].endswith(SUFFIX)
        if not valid or not _FILE.fullmatch(parts[3].removesuffix(SUFFIX)):
            raise StorageFailed("the artifact's path is not one of this storage")
        return self.root / self._folder(parts[1], parts[2]) / parts[3]

    def exists(self, path: str) -> bool:
        """Return whether the artifact exists, as a regular file with its current name."""
        with contextlib.suppress(StorageFailed):
            file = self.local_path(path)
            match = _FILE.fullmatch(file.name.removesuffix(SUFFIX))
            namespace, name = file.parts[-3:-1]
            is_named = match is not None and file.name == self._file(namespace, name, match[1])
            return is_named and file.is_file() and not file.is_symlink()
        return False

    def belongs(self, path: str, namespace: str, name: str) -> bool:
        """Return whether an artifact's path belongs to this source: a status may have the path of another."""
        with contextlib.suppress(StorageFailed):
            return self.local_path(path).parent == self.root / self._folder(namespace, name)
        return False

    def verify(self, path: str, digest: str) -> bool:
        """Return whether the artifact exists and has this digest (``sha256:<hex>``)."""
        match = _DIGEST.fullmatch(digest)
        if match is None or not self.exists(path):
            return False
        try:
            with self.local_path(path).open("rb") as file:
                found = hashlib.file_digest(file, match[1]).hexdigest()
        except OSError:
            return False
        return hmac.compare_digest(found, match[2])

    def remove_all(self, namespace: str, name: str) -> bool:
        """Delete all artifacts of one source; return whether there were any."""
        folder = self.root / self._folder(namespace, name)
        existed = folder.is_dir()
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return existed
        except OSError as error:
            raise _not_deleted("for deleted resource", error, folder) from None
        with contextlib.suppress(OSError):
            folder.parent.rmdir()
        return existed

    def collect(self, current: str) -> list[str]:
        """Delete artifacts past retention, except the current one; return the names of the deleted files.

        Deletes files older than the time to live, then the oldest until the number of records to keep remains.
        Temporary files that a killed process left count like others. Raises :class:`StorageFailed` when some cannot be
        deleted; the others are deleted.
        """
        keep = self.local_path(current)
        now = time.time()
        files: list[tuple[float, Path]] = []
        try:
            files = _by_age(keep.parent)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _not_deleted("of artifacts", error, keep.parent) from None
        doomed = [file for changed, file in files if file != keep and now - changed > self._ttl]
        survivors = [file for _, file in files if file not in doomed]
        surplus = max(0, len(survivors) - self._records)
        doomed += [file for file in survivors if file != keep][:surplus]
        failed: OSError | None = None
        for file in doomed:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                failed = failed or error
        if failed is not None:
            raise _not_deleted("of artifacts", failed, keep.parent)
        return [file.name for file in doomed]

    def _file(self, namespace: str, name: str, commit: str) -> str:
        mark = f"-{self._path_key.mark(namespace, name, commit)}" if self._path_key is not None else ""
        return f"{commit}{mark}{SUFFIX}"

    def _folder(self, namespace: str, name: str) -> PurePosixPath:
        for part in (namespace, name):
            if not _NAME.fullmatch(part) or ".." in part:
                raise StorageFailed(f"'{part[:100]}' is not a valid object name")
        return PurePosixPath(KIND, namespace, name)


@contextlib.contextmanager
def _newest(folder: Path) -> Iterator[IO[bytes] | None]:
    """The newest artifact of a folder, open for reading; None if there is none."""
    files = [file for _, file in _by_age(folder) if file.name.endswith(SUFFIX) and file.name[0] != "."]
    if not files:
        yield None
        return
    with files[-1].open("rb") as file:
        yield file


def _by_age(folder: Path) -> list[tuple[float, Path]]:
    """The files of a folder with their modification times, the oldest first."""
    return sorted(
        (entry.stat(follow_symlinks=False).st_mtime, Path(entry.path))
        for entry in os.scandir(folder)
        if entry.is_file(follow_symlinks=False)
    )


def _not_deleted(what: str, error: OSError, folder: Path) -> StorageFailed:
    """The error, in Flux's words and with a remedy."""
    place = error.filename or folder
    return StorageFailed(
        f"garbage collection {what} failed: {error.strerror}: '{place}'; "
        f"let the operator write to '{folder}'; Headgate retries"
    )


def advertised_address(address: str, advertised: str | None = None) -> str:
    """Return the host and port at which clients reach a file server that listens on ``address``.

    As in Flux (``fluxcd/pkg``, ``artifact/config/options.go``): the given host, else the listening host, where "" means
    localhost and ``0.0.0.0`` means this pod's host name.
    """
    if advertised:
        return advertised
    host, _, port = address.rpartition(":")
    if host in ("0.0.0.0", "[::]"):  # noqa: S104
        host = os.environ.get("HOSTNAME") or socket.gethostname()
    return f"{host or 'localhost'}:{port}"
