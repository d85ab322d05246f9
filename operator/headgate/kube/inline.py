"""The certificates and keys inside a kubeconfig, as files that are not on a disk.

Python's TLS reads a client certificate and its key by path only, and the ``kubernetes`` package writes inline data of a
kubeconfig to files that stay until the program ends. A kubeconfig from a Secret must not leave such files: here each
certificate and key is an anonymous memory file while the block runs (Linux; elsewhere a file of mode 0600 in a private
folder, which the end of the block deletes).
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

_PIECES = {
    "clusters": ("cluster", ("certificate-authority",)),
    "users": ("user", ("client-certificate", "client-key")),
}


@contextmanager
def files_for(kubeconfig: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The same kubeconfig with paths instead of data. Raises :class:`ValueError` for data that is not base64."""
    with ExitStack() as stack:
        out = dict(kubeconfig)
        for section, (inner, names) in _PIECES.items():
            entries = out.get(section)
            if isinstance(entries, list):
                out[section] = [_replaced(entry, inner, names, stack) for entry in entries]
        yield out


def _replaced(entry: Any, inner: str, names: tuple[str, ...], stack: ExitStack) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get(inner), dict):
        return entry
    fields = dict(entry[inner])
    for name in names:
        data = fields.pop(f"{name}-data", None)
        if data:
            try:
                content = base64.b64decode(data, validate=True)
            except (binascii.Error, ValueError, TypeError):
                # The decoder's message may quote the data.
                raise ValueError(f"{name}-data is not base64") from None
            fields[name] = _file(content, stack)
    return {**entry, inner: fields}


def _file(content: bytes, stack: ExitStack) -> str:
    if not hasattr(os, "memfd_create"):
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-"))) / "piece"
        path.touch(mode=0o600)
        path.write_bytes(content)
        return str(path)
    descriptor = os.memfd_create("kubeconfig", os.MFD_CLOEXEC)
    stack.callback(os.close, descriptor)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    return f"/proc/{os.getpid()}/fd/{descriptor}"
