"""A cluster of kind, where a container engine answers; ``hack/kind-config.yaml`` describes it.

kind itself is taken from PATH, or built once into the cache from its Go module.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from controlplane import gobuild
from controlplane.binaries import MODULES, cache
from controlplane.errors import StartFailed
from controlplane.progress import Progress, elapsed
from controlplane.rest import Rest
from controlplane.state import READY, Folder, State

VERSION = "v0.31.0"
CONFIG = Path(__file__).resolve().parents[1] / "kind-config.yaml"

_ENGINE_TIMEOUT = 10.0


def engine() -> str:
    """The container engine that answers: docker, podman, or "" for none."""
    for name in ("docker", "podman"):
        if shutil.which(name) is None:
            continue
        try:
            asked = subprocess.run(
                [name, "info", "--format", "{{json .}}"],
                capture_output=True,
                timeout=_ENGINE_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            continue
        if asked.returncode == 0:
            return name
    return ""


def start(folder: Folder, progress: Progress, timeout: float) -> None:
    """Create the cluster and wait until its node is Ready. Raises :class:`StartFailed`."""
    name = engine()
    if not name:
        raise StartFailed("kind needs docker or podman, but neither answers")
    folder.create()
    folder.write(State("kind"))
    began = time.monotonic()
    arguments = ["create", "cluster", f"--name={folder.name}", f"--config={CONFIG}"]
    arguments += [f"--kubeconfig={folder.kubeconfig}", f"--wait={timeout:.0f}s"]
    progress.say(f"Creating a kind cluster with {name}")
    run(folder, progress, *arguments)
    version = Rest.connect(folder.kubeconfig).request("GET", "/version")["gitVersion"]
    folder.update(phase=READY, version=version)
    progress.say(f"Kubernetes {version} is up on kind ({elapsed(began)})")


def stop(folder: Folder, progress: Progress) -> None:
    """Delete the cluster, if it was ever begun."""
    if folder.state() is None:
        return
    run(folder, progress, "delete", "cluster", f"--name={folder.name}", f"--kubeconfig={folder.kubeconfig}")
    folder.remove()


def load(name: str, image: str, progress: Progress) -> None:
    """Copy an image of the local engine to the cluster's nodes."""
    run(Folder(name), progress, "load", "docker-image", image, f"--name={name}")


def run(folder: Folder, progress: Progress, *arguments: str) -> None:
    """Run kind; raises :class:`StartFailed` with what it said."""
    environment = {"KIND_EXPERIMENTAL_PROVIDER": engine() or "docker"}
    done = subprocess.run(
        [str(_command(progress)), *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StartFailed(f"kind {arguments[0]} {folder.name}: {done.stderr.strip()}")


def _command(progress: Progress) -> Path:
    if found := shutil.which("kind"):
        return Path(found)
    folder = cache() / f"kind-{VERSION}"
    target = folder / "kind"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "build.log"
        go = gobuild.toolchain(MODULES / "go.mod", cache(), log, progress)
        gobuild.install(go, f"sigs.k8s.io/kind@{VERSION}", folder, log, "building kind", progress)
    return target
