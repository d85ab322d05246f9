"""Builds the programs of Flux from their Go modules.

A controller is built as its authors build it: with the ``go.mod`` and ``go.sum`` of its own module, so with the
versions and replacements that they chose, except for those that cannot be downloaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlplane import binaries, gobuild
from controlplane.errors import BuildFailed
from controlplane.progress import Progress

PINS = Path(__file__).parent / "pins.toml"
_TIMEOUT = 1800.0
_ENVIRONMENT = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOWORK": "off"}


@dataclass(frozen=True, slots=True)
class Replacement:
    """A module that is built in place of what a go.mod names."""

    module: str
    version: str
    sum: str
    mod: str
    """The checksum of its go.mod."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A program: its module, and where in the module it is."""

    name: str
    module: str
    version: str
    sum: str
    """The checksum of the module, as in go.sum."""
    replace: tuple[Replacement, ...] = ()
    package: str = "."
    ldflags: str = ""
    placeholder: str = ""
    """A file that the build embeds and the module's archive lacks; it is created with a comment in it."""


@dataclass(frozen=True, slots=True)
class Built:
    """A program in the cache."""

    name: str
    version: str
    program: Path
    definitions: tuple[Path, ...]
    """The manifests of its custom resource definitions."""


def pins(file: Path = PINS) -> Mapping[str, Pin]:
    """The programs by their names."""
    return {name: _pin(name, fields) for name, fields in tomllib.loads(file.read_text()).items()}


def ensure(name: str, progress: Progress) -> Built:
    """The program; builds it if it is not in the cache.

    Raises :class:`BuildFailed` if it cannot be built here, for example because a module cannot be downloaded.
    """
    pin = pins()[name]
    decisive = f"{pin} {sys.platform} {platform.machine()}".encode()
    folder = binaries.cache() / "flux" / f"{name}-{hashlib.sha256(decisive).hexdigest()[:16]}"
    program, source = folder / name, folder / "source"
    if not os.access(program, os.X_OK):
        folder.mkdir(parents=True, exist_ok=True)
        with binaries.locked(folder.with_suffix(".lock"), progress):
            if not os.access(program, os.X_OK):
                _build(pin, program, source, progress)
    definitions = tuple(sorted((source / "config" / "crd" / "bases").glob("*.yaml")))
    return Built(name, pin.version, program, definitions)


def _pin(name: str, fields: dict[str, Any]) -> Pin:
    replace = tuple(Replacement(**each) for each in fields.pop("replace", ()))
    return Pin(name, replace=replace, **fields)


def _build(pin: Pin, program: Path, source: Path, progress: Progress) -> None:
    log = program.with_name("build.log")
    progress.say(f"Building {pin.name} {pin.version} from its Go module, once: minutes on two cores.")
    go = gobuild.toolchain(binaries.MODULES / "go.mod", binaries.cache(), log, progress)
    _copy(_download(go, pin), source)
    for each in pin.replace:
        _replace(go, each, source)
    if pin.placeholder:
        placeholder = source / pin.placeholder
        placeholder.parent.mkdir()
        placeholder.write_text("# Only the release has these manifests.\n")
    gobuild.build(go, source, pin.package, program, f"-s -w {pin.ldflags}".rstrip(), log, pin.name, progress)


def _download(go: Path, pin: Pin) -> Path:
    """The folder of the module in Go's cache. Raises :class:`BuildFailed` if it is not what is pinned."""
    answer = _run([str(go), "mod", "download", "-json", f"{pin.module}@{pin.version}"], PINS.parent)
    module = json.loads(answer or "{}")
    if "Error" in module or "Dir" not in module:
        raise BuildFailed(f"{pin.module} {pin.version} cannot be downloaded: {module.get('Error', answer)}")
    if module["Sum"] != pin.sum:
        raise BuildFailed(f"{pin.module} {pin.version} has the checksum {module['Sum']}, not that of {PINS}")
    return Path(module["Dir"])


def _copy(folder: Path, target: Path) -> None:
    """Copy a folder of Go's cache, where files and folders are read-only, so that one may write into the copy."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, copy_function=shutil.copyfile)
    for each in (target, *target.rglob("*/")):
        if each.is_dir():
            each.chmod(0o755)


def _replace(go: Path, by: Replacement, source: Path) -> None:
    _run([str(go), "mod", "edit", f"-replace={by.module}={by.module}@{by.version}"], source)
    with (source / "go.sum").open("a") as sums:
        sums.write(f"{by.module} {by.version} {by.sum}\n{by.module} {by.version}/go.mod {by.mod}\n")


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | _ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT,
    )
    if done.returncode and not done.stdout:
        raise BuildFailed(f"{' '.join(command[1:])}: {done.stderr.strip()}")
    return done.stdout
