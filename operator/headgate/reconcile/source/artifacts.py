"""Downloads the artifacts of sources that other controllers reconcile.

It follows Flux's fetcher (``fluxcd/pkg``, ``http/fetch/archive_fetcher.go``): it retries after server errors and broken
connections, distinguishes a missing artifact, and accepts only a file with the digest in the status. The download goes
chunk by chunk to an unnamed file below the storage path.

The URL is untrusted: whoever may write the status of a source, or an ExternalArtifact, chooses where the operator
connects to. Neither the URL nor a redirect may lead to an address that :mod:`headgate.peers` rejects.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from http.client import responses
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import aiohttp
from yarl import URL

from headgate.api.source import Artifact
from headgate.backoff import Doubling
from headgate.causes import network_cause
from headgate.fairness.places import FairPlaces
from headgate.fairness.pools import STORAGE
from headgate.git.tree.tartree import ArchiveInvalid, ArchiveLimits, TarTree
from headgate.kube.resolver import PooledResolver
from headgate.peers import REFUSED, ForbiddenAddress, PeerRules
from headgate.reconcile.core.store import SourceKey

LOCALHOST = "SOURCE_CONTROLLER_LOCALHOST"
"""Environment variable: ``host:port`` that replaces that of artifact URLs, to run the operator outside a cluster."""
PAUSES = Doubling(5.0, 30.0)
"""The delays before retries."""
MAX_DOWNLOAD = 1 << 30
"""The limit for bytes of one archive."""
CHUNK = 1 << 18
MAX_REDIRECTS = 10
HEADERS = {"Accept-Encoding": "identity"}
MAX_SECONDS = 600.0
"""The default timeout of one download, in seconds."""
PLACES = 32
"""The default limit for simultaneous downloads; a namespace may use a quarter of them."""

_log = logging.getLogger("headgate.artifacts")


class ArtifactError(Exception):
    """The artifact cannot be used; the message says why, without any credentials of its URL."""


class ArtifactMissing(ArtifactError):
    """The file at the artifact's URL does not (or no longer) exist: its source is about to publish another."""


class _Retry(Exception):
    """The attempt failed, and a retry may succeed."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class ArtifactFetcher:
    """Downloads artifacts and opens them as trees. Use it as an asynchronous context manager, or ``close`` it."""

    def __init__(
        self,
        storage: Path,
        *,
        retries: int = 9,
        pauses: Doubling = PAUSES,
        max_download: int = MAX_DOWNLOAD,
        max_seconds: float = MAX_SECONDS,
        places: int = PLACES,
        limits: ArchiveLimits | None = None,
        peers: PeerRules | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """``storage``: the folder for downloads, created if it does not exist.

        ``max_seconds`` is the timeout of one download, ``places`` the number of slots; a namespace may use a quarter.
        """
        self._storage = storage
        self._retries, self._pauses = retries, pauses
        self._max_download, self._limits = max_download, limits
        self._timeout = aiohttp.ClientTimeout(total=max_seconds, sock_connect=30, sock_read=60)
        self._places = FairPlaces(places, max(1, places // 4))
        self._host = environ.get(LOCALHOST, "")
        # The operator's own setting may name this host; it replaces the host that others chose.
        self._peers = PeerRules(anywhere=True) if self._host else peers or PeerRules()
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, key: SourceKey, artifact: Artifact) -> TarTree:
        """The files of a source's artifact; the caller closes the tree.

        Raises :class:`ArtifactMissing`, :class:`ArtifactError`.
        """
        url, digest = self._address(artifact.url), _hasher(artifact.digest)
        await STORAGE.run(key.namespace, self._storage.mkdir, mode=0o700, parents=True, exist_ok=True)
        for attempt in range(self._retries + 1):
            try:
                # The slot is free during the delay before a retry.
                async with self._places.taken(key.namespace):
                    return await self._attempt(key.namespace, url, artifact.digest, digest())
            except _Retry as error:
                if attempt == self._retries:
                    times = f" after {attempt} retries" if attempt else ""
                    raise ArtifactError(f"failed to download archive{times}: {error}") from error
                wait = error.wait
                pause = self._pauses.after(attempt + 1) if wait is None else self._pauses.limited(wait)
                _log.warning("%s: artifact not fetched, next attempt in %.0fs: %s", key, pause, error)
                await asyncio.sleep(pause)
            except OSError as error:
                raise ArtifactError(f"unable to store the artifact: {error.strerror or error}") from error
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _attempt(self, namespace: str, url: URL, expected: str, digest: Any) -> TarTree:
        with tempfile.TemporaryFile(dir=self._storage) as file:
            await self._download(namespace, url, file, digest)
            if digest.hexdigest() != expected.rpartition(":")[2].lower():
                raise ArtifactError(
                    f"failed to verify archive: computed digest doesn't match provided '{expected}'"
                )
            return await STORAGE.run(namespace, self._open, file)

    async def _download(self, namespace: str, url: URL, file: IO[bytes], digest: Any) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=PooledResolver(), socket_factory=self._peers.socket_factory(tls=False)
                ),
                timeout=self._timeout,
                trust_env=True,
                auto_decompress=False,
            )
        try:
            async with self._session.get(url, headers=HEADERS, max_redirects=MAX_REDIRECTS) as response:
                _judge(response, url)
                size = 0
                async for chunk in response.content.iter_chunked(CHUNK):
                    size += len(chunk)
                    if size > self._max_download:
                        raise ArtifactError(
                            f"artifact is greater than the max download size of {self._max_download} bytes"
                        )
                    digest.update(chunk)
                    await STORAGE.run(namespace, file.write, chunk)
        except (aiohttp.TooManyRedirects, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise ArtifactError(f"failed to download archive from {_shown(url)}: {_named(error)}") from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ForbiddenAddress):
                raise ArtifactError(f"failed to download archive from {_shown(url)}: {REFUSED}") from None
            raise _Retry(f"{_shown(url)}: {_named(error)}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _Retry(f"{_shown(url)}: {_named(error)}") from None

    def _open(self, file: IO[bytes]) -> TarTree:
        file.flush()
        file.seek(0)
        try:
            return TarTree(file, self._storage, limits=self._limits)
        except ArchiveInvalid as error:
            raise ArtifactError(f"failed to extract archive: {error}") from error

    def _address(self, text: str) -> URL:
        try:
            url = URL(text)
            if self._host:
                host = URL(f"//{self._host}")
                url = url.with_host(host.host or "").with_port(host.explicit_port)
        except ValueError as error:
            raise ArtifactError(f"the artifact's URL cannot be used: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ArtifactError("the artifact's URL is not an HTTP address")
        return url


def _judge(response: aiohttp.ClientResponse, url: URL) -> None:
    """Raise unless the response is the archive."""
    status = response.status
    if status == 200:
        return
    # Not the server's own reason phrase: whoever wrote the URL may have no right to read it.
    said = f"{status} {responses.get(status, '')}".rstrip()
    message = f"failed to download archive from {_shown(url)} (status: {said})"
    if status == 404:
        raise ArtifactMissing("file not found")
    if status == 429 or (status >= 500 and status != 501):
        after = response.headers.get("Retry-After", "")
        raise _Retry(message, float(after) if after.isascii() and after.isdigit() else None)
    raise ArtifactError(message)


def _hasher(digest: str) -> Callable[[], Any]:
    """The algorithm of a digest (``sha256:<hex>``; sha256 by default). Raises :class:`ArtifactError`."""
    if not digest:
        raise ArtifactError("failed to verify archive: empty digest")
    name, colon, _ = digest.rpartition(":")
    name = name if colon else "sha256"
    if name in ("sha256", "sha384", "sha512"):
        return getattr(hashlib, name)  # type: ignore[no-any-return]
    if name == "blake3":
        from blake3 import blake3  # here, because few sources use it

        return blake3
    raise ArtifactError(f"failed to verify archive: unsupported digest algorithm '{name[:20]}'")


def _shown(url: URL) -> str:
    """A URL without its parts that may be secret."""
    return str(url.with_user(None).with_query(None).with_fragment(None))


def _named(error: BaseException) -> str:
    """What went wrong with a connection, without the messages of errors that hold the whole URL."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.TooManyRedirects):
        return f"more than {MAX_REDIRECTS} redirects"
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return "it redirects to an address that is not HTTP"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the transfer was cut off"
    return network_cause(error, "the connection failed")
