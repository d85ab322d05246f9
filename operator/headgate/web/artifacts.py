"""Serves the artifact files: what ``status.artifact.url`` points at. Read only.

Only paths that have the form of an artifact exist; there is no listing, and who is not told a path cannot guess it
(:class:`headgate.git.artifact.storage.PathKey`). GET and HEAD, with ETag,
Last-Modified, conditional and range requests. A symbolic link is not followed.
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
    """A file that is sent once, however often it is asked to prepare."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None if self.prepared else await super().prepare(request)


def artifact_app(root: Path, *, unguessable: bool = False) -> web.Application:
    """Return the application that serves the artifacts below ``root``; ``unguessable``: no others."""

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
        # Said outright, so that no client takes the compression for one of the transfer and undoes it.
        return _File(path, headers={"Content-Type": "application/gzip"})

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    return app
