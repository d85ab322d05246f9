"""People with SSH keys who sign commits and tags: the identity and key of each, and the ``allowed_signers`` file.

ada, bob = Person.make(folder, "ada"), Person.make(folder, "bob")
fleet.commit({".headgate/signers": allowed_signers(ada, bob)})
with ada.at_work(monkeypatch): ...     # Git commands of this process are hers
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Person:
    """Somebody with an SSH key."""

    name: str
    email: str
    key: Path
    """The private key; the public one has the suffix ``.pub``."""

    @classmethod
    def make(cls, folder: Path, name: str) -> Person:
        """Make a key for them."""
        key = folder / f"{name}-key"
        key.parent.mkdir(parents=True, exist_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return cls(name.capitalize(), f"{name}@example.com", key)

    @property
    def public(self) -> str:
        """The public key, as in ``authorized_keys``."""
        return self.key.with_suffix(".pub").read_text().strip()

    def config(self, *, sign: bool = True) -> str:
        """A configuration file for Git."""
        signing = f"[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = {self.key}\n" if sign else ""
        return f"[user]\n\tname = {self.name}\n\temail = {self.email}\n{signing}"

    def at_work(self, monkeypatch: pytest.MonkeyPatch, *, sign: bool = True) -> None:
        """From now on, Git commands as the user are this person's."""
        for name, value in self.environment(sign=sign).items():
            monkeypatch.setenv(name, value)

    def environment(self, *, sign: bool = True) -> dict[str, str]:
        """Environment variables of commands that this person runs."""
        file = self.key.with_suffix(".signs" if sign else ".gitconfig")
        file.write_text(self.config(sign=sign))
        return {
            "GIT_CONFIG_GLOBAL": str(file),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": self.name,
            "GIT_AUTHOR_EMAIL": self.email,
            "GIT_COMMITTER_NAME": self.name,
            "GIT_COMMITTER_EMAIL": self.email,
        }


def allowed_signers(*people: Person) -> str:
    """An ``allowed_signers`` file of OpenSSH."""
    return "".join(f'{each.email} namespaces="git" {each.public}\n' for each in people)
