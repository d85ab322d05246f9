"""Renders what users install, so that nobody needs a checkout for it: one file for each folder of deploy/."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from release.errors import ReleaseError

INSTALLS = {
    "install.yaml": "deploy",
    "install-tenancy.yaml": "deploy/tenancy",
    "install-tenancy-named.yaml": "deploy/tenancy-named",
    "crds.yaml": "crds",
}
"""The files that are written, and the folder each one is built from."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def overlay(base: str, image: str, version: str, digest: str) -> dict[str, Any]:
    """Return a kustomization of a base with this image: by its digest where there is one, else by the version's tag."""
    replaced = {"name": "headgate", "newName": image, "newTag": version}
    if digest:
        replaced["digest"] = digest
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [base],
        "images": [replaced],
    }


def render(root: Path, target: Path, image: str, version: str, digest: str = "") -> list[Path]:
    """Write every file of :data:`INSTALLS` into a folder, built by ``headgate build``; return their paths.

    Raises :class:`ReleaseError` for a digest that is not one, and for what does not build.
    """
    if digest and _DIGEST.fullmatch(digest) is None:
        raise ReleaseError(f"{digest}: a digest is sha256: and 64 hexadecimal digits")
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, folder in INSTALLS.items():
        with tempfile.TemporaryDirectory(prefix="headgate-release-") as scratch:
            here = Path(scratch).resolve()
            base = os.path.relpath((root / folder).resolve(), here)
            (here / "kustomization.yaml").write_text(yaml.safe_dump(overlay(base, image, version, digest)))
            command = [sys.executable, "-m", "headgate.cli", "build", "--no-remote-bases", str(here)]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise ReleaseError(f"{folder}: {built.stderr.strip()}")
        (target / name).write_text(built.stdout, encoding="utf-8")
        written.append(target / name)
    return written
