"""The files that every page loads: style sheet, modules, icon. Their names have their digest, so they never change."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

__all__ = ["IDIOMORPH", "Asset", "address_of", "assets", "build"]

IDIOMORPH = "sha256:e1e2c7dbd606233d302bac48074fd1307c15609b77ea485c18f1b13d6be67c14"
"""The file ``dist/idiomorph.esm.js`` of idiomorph 0.8.0 from npm, unchanged; 0BSD, see idiomorph.LICENSE."""
_TYPES = {
    "page.css": "text/css; charset=utf-8",
    "idiomorph.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""By name, those that others import first."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    content: bytes = field(repr=False)
    content_type: str
    compressed: bytes = field(repr=False)
    """The same in the gzip format."""


@cache
def assets() -> Mapping[str, Asset]:
    """All files, by the name with the digest, such as ``page-0a1b2c3d4e5f.css``."""
    return {
        name: Asset(content, _TYPES[plain], gzip.compress(content, mtime=0))
        for plain, (name, content) in _files().items()
    }


def address_of(plain: str) -> str:
    """Return the path of a file: ``/assets/page-0a1b2c3d4e5f.css`` for ``page.css``."""
    return f"/assets/{_files()[plain][0]}"


@cache
def build() -> str:
    """A text that changes when a file does."""
    names = "\n".join(name for name, _ in _files().values())
    return hashlib.sha256(names.encode()).hexdigest()[:16]


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    folder = files("headgate.page.html").joinpath("static")
    found: dict[str, tuple[str, bytes]] = {}
    for plain in _TYPES:
        content = folder.joinpath(plain).read_bytes()
        for other, (name, _) in found.items():
            content = content.replace(f'"./{other}"'.encode(), f'"./{name}"'.encode())
        stem, _, ending = plain.partition(".")
        found[plain] = (f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}.{ending}", content)
    return found
