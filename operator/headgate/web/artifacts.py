"""Serves the artifact files at ``status.artifact.url``. Read-only.

Only paths in the form of an artifact path exist. Directories have no listing, and paths are unguessable
(:class:`headgate.git.artifact.storage.PathKey`). Supports GET and HEAD, ETag, Last-Modified, conditional and range
requests. Does not follow symbolic links.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from headgate.web.connections import SIZE

__all__ = ["artifact_app"]

_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_PATH = re.compile(
    rf"/(gitrepository/{_NAME}/{_NAME}/[0-9a-f]{{40}}(?:[0-9a-f]{{24}})?(-[0-9a-f]{{32}})?\.tar\.gz)"
)


class _File(web.FileResponse):
    """A file response that sends its content once, however often ``prepare`` is called."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None if self.prepared else await super().prepare(request)


def artifact_app(root: Path, *, unguessable: bool = False) -> web.Application:
    """Return the application that serves the artifacts below ``root``; ``unguessable``: only those with unguessable
    names.
    """

    async def serve(request: web.Request) -> web.StreamResponse:
        match = _PATH.fullmatch(request.path)
        if match is None or ".." in match[1] or (unguessable and not match[2]):
            raise web.HTTPNotFound
        path = root / match[1]
        try:
            found = path.lstat()
        except OSError:
            raise web.HTTPNotFound from None
        if not stat.S_ISREG(found.st_mode):
            raise web.HTTPNotFound
        request[SIZE] = found.st_size
        # Explicit, so that no client mistakes the compression for a transfer encoding and decompresses the file.
        return _File(path, headers={"Content-Type": "application/gzip"})

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    return app
