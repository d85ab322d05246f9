"""``kubectl kustomize``, the peer that outputs are compared with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")


class Printed(NamedTuple):
    """What kustomize made of a directory: its output, or its message when ``failed``."""

    failed: bool
    text: str


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Put a tree on disk."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)


def kustomize(directory: Path, *arguments: str) -> Printed:
    """Build a directory with kubectl; only to be called where KUBECTL is not None."""
    done = subprocess.run(
        [str(KUBECTL), "kustomize", str(directory), *arguments],
        capture_output=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        return Printed(True, done.stderr.decode(errors="replace"))
    return Printed(False, done.stdout.decode())
