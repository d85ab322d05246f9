"""Signs commits and tags with OpenPGP keys: with GnuPG if it is installed, and with Sequoia, which Headgate uses.

Both have the keys of ``ada`` (Ed25519) and ``bob`` (RSA); the configuration of Git says which program signs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pysequoia import CipherSuite, Tsk

from tests.support.gitserver_repository import Repository

_PROGRAM = """#!{python}
import sys
from pysequoia import SignatureMode, Tsk, sign
signer = Tsk.from_file(f"{folder}/{{sys.argv[-1]}}").signer()
sys.stdout.buffer.write(sign(signer, sys.stdin.buffer.read(), mode=SignatureMode.DETACHED))
print("\\n[GNUPG:] SIG_CREATED D", file=sys.stderr)
"""


class Signer(Protocol):
    """Has the keys of some people."""

    def public(self, name: str) -> bytes:
        """Somebody's public key, armored."""

    def key_id(self, name: str) -> str:
        """Its id, 16 hexadecimal digits."""

    def signs(self, repository: Repository, name: str = "ada") -> None:
        """Configure Git to sign with somebody's key."""


class Sequoia:
    """Signs with a separate program, which Git calls like GnuPG."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = folder / "program"
        self._program.write_text(_PROGRAM.format(python=sys.executable, folder=folder))
        self._program.chmod(0o755)
        self._keys = {
            name: Tsk.generate(f"{name}@example.com", cipher_suite=suite)
            for name, suite in (("ada", CipherSuite.Cv25519), ("bob", CipherSuite.RSA2k))
        }
        for name, key in self._keys.items():
            (folder / name).write_text(str(key))

    def public(self, name: str) -> bytes:
        return str(self._keys[name].extract_certificate()).encode()

    def key_id(self, name: str) -> str:
        return str(self._keys[name].extract_certificate().fingerprint)[-16:].upper()

    def signs(self, repository: Repository, name: str = "ada") -> None:
        repository.git("config", "gpg.program", str(self._program))
        repository.git("config", "user.signingKey", name)


class GnuPG:
    """Signs as most people do."""

    def __init__(self, home: Path) -> None:
        self._environment = {"GNUPGHOME": str(home), "PATH": os.environ["PATH"]}
        for name, kind in (("ada", "ed25519"), ("bob", "rsa2048")):
            user = f"{name}@example.com"
            self._gpg("--quiet", "--passphrase", "", "--quick-gen-key", user, kind, "sign", "1d")

    def public(self, name: str) -> bytes:
        return self._gpg("--armor", "--export", f"{name}@example.com")

    def key_id(self, name: str) -> str:
        listing = self._gpg("--list-keys", "--with-colons", f"{name}@example.com").decode()
        return next(line.split(":")[4] for line in listing.splitlines() if line.startswith("pub"))

    def signs(self, repository: Repository, name: str = "ada") -> None:
        repository.environment = {"GNUPGHOME": self._environment["GNUPGHOME"]}
        repository.git("config", "user.signingKey", f"{name}@example.com")

    def close(self) -> None:
        """End the agent."""
        subprocess.run(["gpgconf", "--kill", "all"], env=self._environment, check=False)

    def _gpg(self, *arguments: str) -> bytes:
        command = ["gpg", "--batch", *arguments]
        return subprocess.run(command, env=self._environment, check=True, capture_output=True).stdout


SIGNERS = ("sequoia", "gnupg") if shutil.which("gpg") else ("sequoia",)


@contextmanager
def signer(kind: str, folder: Path) -> Iterator[Signer]:
    """One of :data:`SIGNERS`, with what it keeps below a folder."""
    if kind == "sequoia":
        yield Sequoia(folder)
        return
    # The agent listens at a path below the home, which must be short.
    home = Path("/tmp", f"hg-{os.getpid()}")
    home.mkdir(mode=0o700)
    gnupg = GnuPG(home)
    yield gnupg
    gnupg.close()
    shutil.rmtree(home)
