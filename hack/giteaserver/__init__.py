"""Gitea itself, for a test of the client against a real server.

    with giteaserver.start(folder) as gitea:
        gitea.url, gitea.token("robot", "write:issue")

The binary is built once per user from the Go module that ``go.mod`` next to this file pins, into the same cache as the
control plane. Gitea uses SQLite through C, so the build needs a C compiler besides Go. Templates and translations are
read from the module's source; there are no web pages, because those need a build of JavaScript.

The newest version whose modules the public checksum database knows is pinned: 1.26.0. From 1.27 on, Gitea requires
modules of ``gitea.dev``, which the module proxy does not serve.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from controlplane import binaries, gobuild
from controlplane.errors import BuildFailed
from controlplane.ports import LOOPBACK, free_ports
from controlplane.progress import Progress
from controlplane.tether import tied

__all__ = ["Gitea", "binary", "start"]

MODULES = Path(__file__).parent
PACKAGE = "code.gitea.io/gitea"
TAGS = "sqlite,sqlite_unlock_notify"
PASSWORD = "password-of-a-test"
_PATIENCE = 120.0

_SETTINGS = """
RUN_USER = {user}
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
APP_NAME = test
[server]
HTTP_ADDR = {host}
HTTP_PORT = {port}
ROOT_URL = {url}/
STATIC_ROOT_PATH = {source}
APP_DATA_PATH = {folder}/data
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[repository]
ROOT = {folder}/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY = key-of-a-test
INTERNAL_TOKEN = {internal}
[service]
DISABLE_REGISTRATION = true
[log]
MODE = console
LEVEL = error
ROOT_PATH = {folder}/log
[indexer]
ISSUE_INDEXER_TYPE = db
[actions]
ENABLED = false
[webhook]
ALLOWED_HOST_LIST = loopback
DELIVER_TIMEOUT = 30
[cron.update_checker]
ENABLED = false
[picture]
DISABLE_GRAVATAR = true
"""


@dataclass(frozen=True)
class Gitea:
    """A running server."""

    url: str
    _binary: Path
    _settings: Path

    def add_user(self, name: str) -> None:
        """Create an account with :data:`PASSWORD`."""
        self._admin("create", "--username", name, "--password", PASSWORD, "--email", f"{name}@localhost.test",
                    "--must-change-password=false")  # fmt: skip

    def token(self, user: str, *scopes: str) -> str:
        """Return a new access token of an account."""
        name = f"t{time.monotonic_ns()}"
        output = self._admin("generate-access-token", "--username", user, "--token-name", name, "--raw",
                             "--scopes", ",".join(scopes))  # fmt: skip
        return output.split()[-1]

    def _admin(self, *arguments: str) -> str:
        command = [str(self._binary), "--config", str(self._settings), "admin", "user", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def binary(progress: Progress) -> tuple[Path, Path]:
    """Return Gitea and the folder of its source; builds it if it is not in the cache. Raises :class:`BuildFailed`."""
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        raise BuildFailed("Gitea uses SQLite through C: put a C compiler (cc) on PATH")
    ldflags = f"-s -w -X main.Version={_version()}"
    how = f"{TAGS} {ldflags} {sys.platform} {platform.machine()}"
    decisive = (MODULES / "go.sum").read_bytes() + how.encode()
    folder = binaries.cache() / "gitea" / hashlib.sha256(decisive).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    log, target = folder / "build.log", folder / "gitea"
    go = gobuild.toolchain(MODULES / "go.mod", binaries.cache(), log, progress)
    if not os.access(target, os.X_OK):
        progress.say("Building Gitea from its Go module, once: about ten minutes on two cores.")
        gobuild.build(go, MODULES, PACKAGE, target, ldflags, log, "gitea", progress, tags=TAGS, cgo=True)
    listed = subprocess.run(
        [str(go), "list", "-m", "-f", "{{.Dir}}", PACKAGE],
        cwd=MODULES,
        env=os.environ | {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=True,
        timeout=_PATIENCE,
    )
    return target, Path(listed.stdout.strip())


def _version() -> str:
    """The version that go.mod pins: clients of the API, such as Flux's, ask for it and read it as a number."""
    found = re.search(rf"^\s*{re.escape(PACKAGE)} v(\S+)", (MODULES / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise BuildFailed(f"{MODULES / 'go.mod'}: requires no {PACKAGE}")
    return found[1]


@contextmanager
def start(folder: Path, progress: Progress) -> Iterator[Gitea]:
    """Run a server with its data below ``folder`` for as long as the context lasts."""
    program, source = binary(progress)
    (port,) = free_ports(1)
    url = f"http://{LOOPBACK}:{port}"
    settings = folder / "app.ini"
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    internal = subprocess.run(
        [str(program), "generate", "secret", "INTERNAL_TOKEN"], capture_output=True, text=True, check=True
    ).stdout.strip()
    settings.write_text(
        _SETTINGS.format(
            user=user, host=LOOPBACK, port=port, url=url, source=source, folder=folder, internal=internal
        )
    )
    gitea = Gitea(url, program, settings)
    command = [str(program), "--config", str(settings)]
    done = subprocess.run(
        [*command, "migrate"], capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with (folder / "gitea.log").open("wb") as log:
        process = subprocess.Popen(
            tied([*command, "web"]), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait(url, process, folder / "gitea.log")
            yield gitea
        finally:
            process.terminate()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if urllib3.request("GET", f"{url}/api/healthz", retries=False, timeout=5).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text())
