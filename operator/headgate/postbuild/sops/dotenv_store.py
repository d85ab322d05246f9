"""Texts of ``NAME=value`` lines; a newline in a value is ``\\n``."""

from __future__ import annotations

import math
from typing import Any

from headgate.documents.yaml.numbers import go_fixed, go_general
from headgate.postbuild.sops.errors import NotSops
from headgate.postbuild.sops.formats import Loaded
from headgate.postbuild.sops.metadata import unflatten
from headgate.postbuild.sops.values import SopsComment
from headgate.postbuild.sops.walk import Branch

__all__ = ["emit", "load", "scalar_text"]

_PREFIX = "sops_"


def load(data: bytes) -> Loaded:
    """Parse an encrypted text; raises :class:`NotSops` with the invalid line."""
    branch = Branch()
    flat: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        if not line:
            continue
        if line[0] == "#":
            branch.append((SopsComment(line[1:]), None))
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise NotSops(f"line {number} does not have the form NAME=value")
        value = value.replace("\\n", "\n")
        if name.startswith(_PREFIX):
            flat[name[len(_PREFIX) :]] = value
        else:
            branch.append((name, value))
    if not flat:
        raise NotSops("has no sops metadata")
    return Loaded(branch, unflatten(flat))


def emit(branch: Branch) -> bytes:
    """Write a plain text; raises :class:`NotSops` for values that are mappings or lists."""
    lines = []
    for name, value in branch:
        if isinstance(name, SopsComment):
            lines.append(f"#{name}\n")
        elif isinstance(value, list):
            raise NotSops(f"the value of {name!r} is nested, which dotenv cannot hold")
        else:
            text = value.replace("\n", "\\n") if isinstance(value, str) else scalar_text(value)
            lines.append(f"{name}={text}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def scalar_text(value: Any) -> str:
    """Return a scalar as text, for formats that have only text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return go_fixed(value)
        text = go_general(value).upper()
        return text if "." in text or "E" in text else go_fixed(value) + ".0"
    return str(value)
