"""Where the five binaries of the local control plane come from.

They are built once per user, from the modules pinned in ``go.mod`` and ``go.sum`` next to this file, into
``$XDG_CACHE_HOME/headgate/controlplane/HASH/``; the hash covers everything that decides their contents. If
``KUBEBUILDER_ASSETS`` names a folder, as for envtest, the binaries in that folder are used instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from controlplane import gobuild
from controlplane.components import APISERVER, COMPONENTS, CONTROLLERS, ETCD, KWOK, SCHEDULER
from controlplane.errors import BuildFailed
from controlplane.progress import Progress, elapsed

MODULES = Path(__file__).parent

PACKAGES = {
    ETCD: "go.etcd.io/etcd/server/v3",
    APISERVER: "k8s.io/kubernetes/cmd/kube-apiserver",
    CONTROLLERS: "k8s.io/kubernetes/cmd/kube-controller-manager",
    SCHEDULER: "k8s.io/kubernetes/cmd/kube-scheduler",
    KWOK: "sigs.k8s.io/kwok/cmd/kwok",
}


def cache() -> Path:
    """The folder of everything that is kept between runs for this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "headgate"


def kubernetes_version(modules: Path = MODULES) -> str:
    """The version of Kubernetes that go.mod pins, ``v1.37.2``."""
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", (modules / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise BuildFailed(f"{modules / 'go.mod'}: requires no k8s.io/kubernetes")
    return found[1]


def linker_flags(version: str) -> str:
    """Omits symbols and sets the version, which a server built outside its own repository does not know."""
    major, minor = version.removeprefix("v").split(".")[:2]
    package = "k8s.io/component-base/version"
    return (
        f"-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    )


def cache_folder(modules: Path = MODULES) -> Path:
    """Where the binaries of these modules are kept, there or not."""
    digest = hashlib.sha256()
    for part in ((modules / "go.mod").read_bytes(), (modules / "go.sum").read_bytes()):
        digest.update(hashlib.sha256(part).digest())
    digest.update(f"{linker_flags(kubernetes_version(modules))} {sys.platform} {platform.machine()}".encode())
    return cache() / "controlplane" / digest.hexdigest()[:16]


def ensure(progress: Progress, modules: Path = MODULES) -> Mapping[str, Path]:
    """The path of each component's binary; builds those that are nowhere yet.

    Two callers at once build once: the second waits for the first. Raises :class:`BuildFailed`.
    """
    folder = cache_folder(modules)
    found = _given() | _built(folder)
    if len(found) < len(COMPONENTS):
        with locked(folder.with_suffix(".lock"), progress):
            found = _given() | _built(folder)
            missing = [component for component in COMPONENTS if component not in found]
            if missing:
                _build(missing, folder, modules, progress)
                found |= _built(folder)
    return {component: found[component] for component in COMPONENTS}


def _given() -> dict[str, Path]:
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    return _executables(Path(folder)) if folder else {}


def _built(folder: Path) -> dict[str, Path]:
    given = _given()
    return {name: path for name, path in _executables(folder).items() if name not in given}


def _executables(folder: Path) -> dict[str, Path]:
    paths = {component: folder / component for component in COMPONENTS}
    return {component: path for component, path in paths.items() if os.access(path, os.X_OK)}


def _build(missing: list[str], folder: Path, modules: Path, progress: Progress) -> None:
    version = kubernetes_version(modules)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "build.log"
    began = time.monotonic()
    progress.say(
        f"Building a control plane of Kubernetes {version} from Go modules, once: about ten minutes on two cores.\n"
        f"  into {folder}\n  log  {log}"
    )
    go = gobuild.toolchain(modules / "go.mod", cache(), log, progress)
    for number, component in enumerate(missing, 1):
        label = f"[{number}/{len(missing)}] {component}"
        gobuild.build(
            go, modules, PACKAGES[component], folder / component, linker_flags(version), log, label, progress
        )
    progress.say(f"Built in {elapsed(began)}.")


@contextmanager
def locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of a build; says so while another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                log = path.with_suffix("") / "build.log"
                progress.update(f"Another process builds it ({log}), waiting {elapsed(began)}")
                time.sleep(1)
        yield
