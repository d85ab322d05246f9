"""A real OpenSSH server on loopback that serves the Git repositories below a folder, and nothing else.

It runs as the current user with configuration, host key and authorized keys of its own. When it is started by
root, sshd insists on the folder ``/run/sshd``, which is then made if it is not there.

    with SshServer(folder) as server:
        key = generate_key()
        server.authorize(key)
        server.url("repo.git")                  # ssh://root@127.0.0.1:40123/repo.git
        server.secret(key)                      # {"identity": ..., "known_hosts": ...}
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

PRIVILEGE_SEPARATION = Path("/run/sshd")
STARTING = 10.0
"""Seconds that the server may take until it listens."""

_COMMAND = """#!/bin/sh
set -f
case "$SSH_ORIGINAL_COMMAND" in
"git-upload-pack '/"*"'" | "git upload-pack '/"*"'") ;;
*) echo "only git-upload-pack is allowed" >&2; exit 1 ;;
esac
path="${{SSH_ORIGINAL_COMMAND#*\\'}}"
path="${{path%\\'}}"
case "$path" in *..* | *\\'*) echo "bad path" >&2; exit 1 ;; esac
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
exec {git} upload-pack "{root}$path"
"""


class SshUnavailable(RuntimeError):
    """There is no OpenSSH server on this machine, or it cannot be run here."""


def find_sshd() -> str:
    """Return the path of sshd; raises SshUnavailable with what to do."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    found = shutil.which("sshd", path=places)
    if found is None or shutil.which("ssh-keygen") is None:
        raise SshUnavailable("no OpenSSH server found: install the package openssh-server")
    return found


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key in OpenSSH's format and its public line."""

    private: bytes
    public: str


def generate_key(passphrase: str = "", *, kind: str = "ed25519") -> KeyPair:
    """Make a key pair."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "key")
        command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return KeyPair(path.read_bytes(), path.with_suffix(".pub").read_text().strip())


class SshServer:
    """Serves the repositories below ``root`` to the holders of authorized keys."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.user = getpass.getuser()
        self._sshd = find_sshd()
        self._folder = tempfile.TemporaryDirectory(prefix="headgate-sshd-")
        self._keys = Path(self._folder.name, "authorized_keys")
        self._log = Path(self._folder.name, "log")
        self._host_key = generate_key()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def known_hosts(self) -> str:
        """The line of a known_hosts file that names this server's key."""
        algorithm, key, *_ = self._host_key.public.split()
        return f"[127.0.0.1]:{self.port} {algorithm} {key}\n"

    @property
    def log(self) -> str:
        """What sshd has logged."""
        return self._log.read_text(errors="replace")

    def url(self, name: str = "repo.git", user: str | None = None) -> str:
        """The URL of a repository."""
        return f"ssh://{self.user if user is None else user}@127.0.0.1:{self.port}/{name}"

    def authorize(self, *keys: KeyPair) -> None:
        """Let the holders of these keys in, and nobody else."""
        self._keys.write_text("".join(f"{key.public}\n" for key in keys))

    def secret(self, key: KeyPair) -> dict[str, bytes]:
        """The data of a Secret that gives access."""
        return {"identity": key.private, "known_hosts": self.known_hosts.encode()}

    def start(self) -> Self:
        """Serve until ``close``; raises SshUnavailable when sshd does not come up."""
        if os.geteuid() == 0:
            with contextlib.suppress(OSError):
                PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        for _ in range(3):
            # Another process may take the free port before sshd does.
            self.port = _free_port()
            with self._log.open("wb") as log:
                command = [self._sshd, "-D", "-e", "-f", str(self._configuration())]
                self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            if self._is_up():
                return self
            self._end()
        raise SshUnavailable(f"the OpenSSH server does not start: {self.log.strip()[-300:]}")

    def close(self) -> None:
        """Stop serving and delete what was made for it."""
        self._end()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _configuration(self) -> Path:
        folder = Path(self._folder.name)
        command = folder / "command"
        command.write_text(_COMMAND.format(git=shutil.which("git"), root=self.root.resolve()))
        command.chmod(0o755)
        host_key = folder / "host_key"
        host_key.touch(mode=0o600)
        host_key.write_bytes(self._host_key.private)
        if not self._keys.exists():
            self._keys.touch(mode=0o600)
        lines = (
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {host_key}",
            f"AuthorizedKeysFile {self._keys}",
            f"ForceCommand {command}",
            "AcceptEnv GIT_PROTOCOL",
            "AllowAgentForwarding no",
            "AllowTcpForwarding no",
            "KbdInteractiveAuthentication no",
            "LogLevel VERBOSE",
            "MaxStartups 200",
            "PasswordAuthentication no",
            "PermitRootLogin prohibit-password",
            "PermitTTY no",
            "PidFile none",
            "PrintMotd no",
            "StrictModes no",
            "UsePAM no",
            "X11Forwarding no",
        )
        path = folder / "sshd_config"
        path.write_text("\n".join(lines) + "\n")
        return path

    def _is_up(self) -> bool:
        end = time.monotonic() + STARTING
        while time.monotonic() < end and self._process is not None and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            time.sleep(0.02)
        return False

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
