"""An SSH server on loopback that serves the Git repositories below a folder, and nothing else.

It is AsyncSSH's, in a thread of the test's process, so that no SSH server has to be installed; the client that connects
to it is the real ``ssh``. Like OpenSSH's it knows public keys only.

    with SshServer(folder) as server:
        key = generate_key()
        server.authorize(key)
        server.url("repo.git")                  # ssh://root@127.0.0.1:40123/repo.git
        server.secret(key)                      # {"identity": ..., "known_hosts": ...}
"""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncssh

STARTING = 60.0
"""Seconds that the server may take until it listens, and to end."""

_COMMAND = re.compile(r"git[- ](upload-pack|receive-pack) '/([^']+)'")


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
        self.root = root.resolve()
        self.user = getpass.getuser()
        self.port = 0
        self.writable = False
        """Whether it also accepts pushes."""
        self._host_key = generate_key()
        self._authorized: frozenset[bytes] = frozenset()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sshd", daemon=True)
        self._acceptor: asyncssh.SSHAcceptor | None = None

    @property
    def known_hosts(self) -> str:
        """The line of a known_hosts file that names this server's key."""
        algorithm, key, *_ = self._host_key.public.split()
        return f"[127.0.0.1]:{self.port} {algorithm} {key}\n"

    def url(self, name: str = "repo.git", user: str | None = None) -> str:
        """The URL of a repository."""
        return f"ssh://{self.user if user is None else user}@127.0.0.1:{self.port}/{name}"

    def authorize(self, *keys: KeyPair) -> None:
        """Let the holders of these keys in, and nobody else."""
        self._authorized = frozenset(asyncssh.import_public_key(key.public).public_data for key in keys)

    def secret(self, key: KeyPair) -> dict[str, bytes]:
        """The data of a Secret that gives access."""
        return {"identity": key.private, "known_hosts": self.known_hosts.encode()}

    def admits(self, user: str, key: asyncssh.SSHKey) -> bool:
        """Whether somebody may come in."""
        return user == self.user and key.public_data in self._authorized

    def start(self) -> Self:
        """Serve until ``close``."""
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        self._acceptor = listening.result(STARTING)
        self.port = self._acceptor.get_port()
        return self

    def close(self) -> None:
        """Stop serving."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(STARTING)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTING)
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: _Door(self),
            "127.0.0.1",
            0,
            server_host_keys=[asyncssh.import_private_key(self._host_key.private)],
            process_factory=self._serve,
            encoding=None,
            allow_pty=False,
            agent_forwarding=False,
            backlog=200,
        )

    async def _end(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        match = _COMMAND.fullmatch(process.command or "")
        folder = (self.root / match[2]).resolve() if match else None
        service = match[1] if match else ""
        if (
            folder is None
            or (service != "upload-pack" and not self.writable)
            or not folder.is_relative_to(self.root)
        ):
            process.stderr.write(
                b"only git-upload-pack of what is served is allowed, unless it is writable\n"
            )
            process.exit(1)
            return
        if not (folder / "HEAD").is_file():
            # In Git's words, which would be lost at times: it ends before they are passed on.
            process.stderr.write(f"fatal: '{folder}' does not appear to be a git repository\n".encode())
            process.exit(128)
            return
        wanted = {"GIT_PROTOCOL": process.env.get("GIT_PROTOCOL", "")}
        git = await asyncio.create_subprocess_exec(
            *("git", "-c", "safe.directory=*", service, str(folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **wanted},
        )
        try:
            await process.redirect(stdin=git.stdin, stdout=git.stdout, stderr=git.stderr)
            process.exit(await git.wait())
            await process.wait_closed()
        finally:
            if git.returncode is None:
                git.kill()
                await git.wait()


class _Door(asyncssh.SSHServer):
    """Who may come in."""

    def __init__(self, server: SshServer) -> None:
        self._server = server

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._server.admits(username, key)
