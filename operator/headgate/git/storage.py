"""Artifacts on disk: published atomically, verified after a restart, collected when they are old.

Files lie where Flux puts them, ``<root>/gitrepository/<namespace>/<name>/<commit>.tar.gz``, and the path
below the root is the path of the artifact's URL. The newest two, and what is younger than a minute, are
kept by default (``--artifact-retention-records``, ``--artifact-retention-ttl``), so that a client that has
just read the status can still download. Each source has a folder of its own; one reconcile works on it at a
time.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from headgate.git.artifact import ArchiveSource, pack
from headgate.git.errors import StorageError

__all__ = ["Artifact", "ArtifactStorage", "advertised_address"]

KIND = "gitrepository"
SUFFIX = ".tar.gz"
DEPRECATED_LINK = "latest.tar.gz"
DEFAULT_TTL = 60.0
DEFAULT_RECORDS = 2

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_FILE = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_DIGEST = re.compile(r"(sha256|sha384|sha512):([0-9a-f]+)")


@dataclass(frozen=True, slots=True)
class Artifact:
    """What ``status.artifact`` reports. ``path`` is below the storage's root; the time is RFC 3339 in UTC."""

    path: str
    url: str
    revision: str
    digest: str
    size: int
    last_update_time: str

    def to_status(self) -> dict[str, str | int]:
        """Return it under the names of the API."""
        return {
            "digest": self.digest,
            "lastUpdateTime": self.last_update_time,
            "path": self.path,
            "revision": self.revision,
            "size": self.size,
            "url": self.url,
        }


class ArtifactStorage:
    """The artifacts below one folder. ``hostname`` is where the file server is reached, ``host:port`` or a
    URL."""

    def __init__(
        self,
        root: Path,
        hostname: str,
        *,
        retention_ttl: float = DEFAULT_TTL,
        retention_records: int = DEFAULT_RECORDS,
    ) -> None:
        """``retention_ttl`` is in seconds."""
        self.root = root
        self._hostname = hostname
        self._ttl = retention_ttl
        self._records = retention_records

    def publish(
        self, source: ArchiveSource, namespace: str, name: str, commit: str, revision: str
    ) -> Artifact:
        """Pack ``source`` and put it in place of any artifact of the same commit; raises
        :class:`StorageError`."""
        if not _FILE.fullmatch(commit):
            raise StorageError("the artifact's name is not a commit id")
        path = self._folder(namespace, name) / f"{commit}{SUFFIX}"
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
            raise StorageError(f"unable to archive artifact to storage: {error.strerror}") from None
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Artifact(str(path), self.url(str(path)), revision, packed.digest, packed.size, now)

    def url(self, path: str) -> str:
        """Return the address at which the file server serves a path below the root."""
        base = (
            self._hostname
            if self._hostname.startswith(("http://", "https://"))
            else f"http://{self._hostname}"
        )
        return f"{base}/{path.lstrip('/')}"

    def local_path(self, path: str) -> Path:
        """Return the file of an artifact's path; raises :class:`StorageError` when it is not one of ours.

        The path comes from an object's status, which others may write.
        """
        parts = PurePosixPath(path).parts
        valid = len(parts) == 4 and parts[0] == KIND and parts[3].endswith(SUFFIX)
        if not valid or not _FILE.fullmatch(parts[3].removesuffix(SUFFIX)):
            raise StorageError("the artifact's path is not one of this storage")
        return self.root / self._folder(parts[1], parts[2]) / parts[3]

    def exists(self, path: str) -> bool:
        """Tell whether the artifact is there, as a regular file."""
        with contextlib.suppress(StorageError):
            file = self.local_path(path)
            return file.is_file() and not file.is_symlink()
        return False

    def verify(self, path: str, digest: str) -> bool:
        """Tell whether the artifact is there and has this digest (``sha256:<hex>``)."""
        match = _DIGEST.fullmatch(digest)
        if match is None or not self.exists(path):
            return False
        try:
            with self.local_path(path).open("rb") as file:
                found = hashlib.file_digest(file, match[1]).hexdigest()
        except OSError:
            return False
        return hmac.compare_digest(found, match[2])

    def remove(self, path: str) -> None:
        """Delete one artifact, if it is there."""
        self.local_path(path).unlink(missing_ok=True)

    def remove_all(self, namespace: str, name: str) -> bool:
        """Delete everything of one source; tell whether there was anything."""
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
        """Delete what is past retention beside the current artifact; return the names of the deleted files.

        A file goes when it is older than the time to live; then the oldest go until the records to keep are
        left. Temporary files that a killed process left are files like others. Raises :class:`StorageError` when some
        cannot be deleted; the others are.
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

    def _folder(self, namespace: str, name: str) -> PurePosixPath:
        for part in (namespace, name):
            if not _NAME.fullmatch(part) or ".." in part:
                raise StorageError(f"'{part[:100]}' is not a valid object name")
        return PurePosixPath(KIND, namespace, name)


@contextlib.contextmanager
def _newest(folder: Path) -> Iterator[IO[bytes] | None]:
    """The artifact of a folder that was written last, open for reading; None if there is none."""
    files = [file for _, file in _by_age(folder) if file.name.endswith(SUFFIX) and file.name[0] != "."]
    if not files:
        yield None
        return
    with files[-1].open("rb") as file:
        yield file


def _by_age(folder: Path) -> list[tuple[float, Path]]:
    """The files of a folder and when they were written, the oldest first."""
    return sorted(
        (entry.stat(follow_symlinks=False).st_mtime, Path(entry.path))
        for entry in os.scandir(folder)
        if entry.is_file(follow_symlinks=False)
    )


def _not_deleted(what: str, error: OSError, folder: Path) -> StorageError:
    """The error, in Flux's words and with what helps."""
    place = error.filename or folder
    return StorageError(
        f"garbage collection {what} failed: {error.strerror}: '{place}'; "
        f"the operator must be able to write to '{folder}', and tries again"
    )


def advertised_address(address: str, advertised: str | None = None) -> str:
    """Return the host and port under which clients reach a file server that listens on ``address``.

    As Flux (``fluxcd/pkg``, ``artifact/config/options.go``): what is given, or the listening host, where ""
    is localhost and ``0.0.0.0`` is this pod's host name.
    """
    if advertised:
        return advertised
    host, _, port = address.rpartition(":")
    if host in ("0.0.0.0", "[::]"):  # noqa: S104
        host = os.environ.get("HOSTNAME") or socket.gethostname()
    return f"{host or 'localhost'}:{port}"
