"""The formats of encrypted texts: how to detect, read and write them.

``Store`` has the operations of a format on a whole text; YAML has more, see :mod:`.yaml_store`.
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
    """Any bytes, as one string in a JSON envelope."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A parsed encrypted text: its content and its metadata."""

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
    """Return the format for the extension of a file name or key; binary for any other.

    >>> format_of_path("secrets/app.env")
    <Format.DOTENV: 'dotenv'>
    """
    for suffix, found in _SUFFIXES.items():
        if path.endswith(suffix):
            return found
    return Format.BINARY


def is_marked(data: bytes, as_format: Format) -> bool:
    """Return whether a file of this format looks encrypted, by Flux's test, without parsing."""
    return _MARKERS[Format.JSON if as_format is Format.BINARY else as_format] in data


def marked_format(data: bytes) -> Format | None:
    """Return the format of encrypted bytes; None if they do not look encrypted.

    A binary file has a JSON envelope, so the result is JSON.
    """
    return next((found for found, marker in _MARKERS.items() if marker in data), None)
