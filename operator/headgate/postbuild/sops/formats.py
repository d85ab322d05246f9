"""The formats of encrypted texts: how they are told apart, read and written.

``Store`` is what a format can do with a text as a whole; YAML has more, see :mod:`.yaml_store`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from headgate.postbuild.sops.walk import Branch

__all__ = ["Format", "Loaded", "format_of_path", "marked_format"]


class Format(enum.Enum):
    """A format of files that SOPS encrypts."""

    YAML = "YAML"
    JSON = "JSON"
    DOTENV = "dotenv"
    INI = "INI"
    BINARY = "binary"
    """Anything at all, as one string in a JSON envelope."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An encrypted text, read: what it says beside the metadata, and the metadata."""

    branch: Branch
    section: Any
    """The ``sops`` section, nested."""


_SUFFIXES = {
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
    ".json": Format.JSON,
    ".dockerconfigjson": Format.JSON,
    ".env": Format.DOTENV,
    ".ini": Format.INI,
}

_MARKERS = {
    Format.JSON: b'"mac": "ENC[',
    Format.YAML: b"mac: ENC[",
    Format.DOTENV: b"sops_mac=ENC[",
    Format.INI: b"[sops]",
}


def format_of_path(path: str) -> Format:
    """Return the format that the end of a file's or a key's name stands for; binary for any other.

    >>> format_of_path("secrets/app.env")
    <Format.DOTENV: 'dotenv'>
    """
    for suffix, found in _SUFFIXES.items():
        if path.endswith(suffix):
            return found
    return Format.BINARY


def is_marked(data: bytes, as_format: Format) -> bool:
    """Return whether a file of this format looks encrypted, as Flux tells it, before any parsing."""
    return _MARKERS[Format.JSON if as_format is Format.BINARY else as_format] in data


def marked_format(data: bytes) -> Format | None:
    """Return the format the bytes are encrypted in; None if they do not look encrypted.

    A binary file's envelope is JSON, so it is found as JSON.
    """
    return next((found for found, marker in _MARKERS.items() if marker in data), None)
