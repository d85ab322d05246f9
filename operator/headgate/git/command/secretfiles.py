"""Secrets that a child process needs as files, without writing them to a disk.

ssh takes its key, and curl its client certificate, by path only. On Linux each secret is an anonymous memory file whose
path (``/proc/<this process>/fd/<n>``) is valid while the block runs, so that a crash leaves nothing behind. Elsewhere
it is a file of mode 0600 in a private folder, which the end of the block deletes.

    with SecretFiles() as files:
        run("ssh", "-i", files.add(key), ...)
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from types import TracebackType

__all__ = ["SecretFiles"]


class SecretFiles:
    """A set of secrets readable by path, by this user only, until the ``with`` block ends."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._folder: str | None = None

    def __enter__(self) -> SecretFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, content: bytes) -> str:
        """Store ``content`` and return its path."""
        if hasattr(os, "memfd_create"):
            with contextlib.suppress(OSError):
                return self._in_memory(content)
        return self._on_disk(content, 0o600)

    def add_program(self, script: str) -> str:
        """Write an executable script to disk, without secrets, and return its path."""
        return self._on_disk(script.encode(), 0o700)

    def _in_memory(self, content: bytes) -> str:
        descriptor = os.memfd_create("secret", os.MFD_CLOEXEC)
        self._stack.callback(os.close, descriptor)
        os.fchmod(descriptor, 0o600)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        return f"/proc/{os.getpid()}/fd/{descriptor}"

    def _on_disk(self, content: bytes, mode: int) -> str:
        if self._folder is None:
            self._folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-"))
        descriptor, path = tempfile.mkstemp(dir=self._folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        return path
