"""Who signed: the people that an ``allowed_signers`` file of OpenSSH names.

``ssh-keygen`` applies the rules of the file: patterns, namespaces, validity and certificate authorities
(https://man.openbsd.org/ssh-keygen#ALLOWED_SIGNERS).
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from headgate.git.command.secretfiles import SecretFiles
from headgate.git.verify.signature import NAMESPACE, SSH_TIMEOUT, SignatureInvalid, Signed

__all__ = ["Signer", "signer_of"]

MAX_SIGNERS = 1024 * 1024
"""Bytes of an ``allowed_signers`` file."""
MAX_PRINCIPALS = 20
"""Names of one key that are tried."""

_GOOD = re.compile(r"with \S+ key (SHA256:\S+)")
_WILD = re.compile(r"[*?!]")


@dataclass(frozen=True, slots=True)
class Signer:
    """A person and the key that made a signature."""

    principal: str
    fingerprint: str
    """``SHA256:…`` of the key."""
    principals: tuple[str, ...]
    """All names and patterns that the file has for this key."""


def signer_of(signed: Signed, allowed_signers: bytes, identity: str = "") -> Signer:
    """Return who made an SSH signature, by an ``allowed_signers`` file.

    ``identity`` is who the signer claims to be, an e-mail address: it decides if the file has a pattern for the key.
    Raises :class:`SignatureInvalid`.
    """
    if signed.kind == "empty":
        raise SignatureInvalid("it is not signed")
    if signed.kind != "ssh":
        raise SignatureInvalid("it has no SSH signature, which an allowed_signers file needs")
    if len(allowed_signers) > MAX_SIGNERS:
        raise SignatureInvalid(f"the allowed_signers file has more than {MAX_SIGNERS} bytes")
    with SecretFiles() as files:
        places = ["-f", files.add(allowed_signers), "-s", files.add(signed.signature + b"\n")]
        # The option must not search for principals of another namespace; verify checks it.
        found = _run(["-Y", "find-principals", *places], b"")
        names = [name for line in found.splitlines() for name in line.split(",") if name][:MAX_PRINCIPALS]
        if not names:
            raise SignatureInvalid("the allowed_signers file does not have the key")
        exact = [name for name in names if not _WILD.search(name)]
        for name in dict.fromkeys([*exact, *([identity] if identity else [])]):
            good = _GOOD.search(_run(["-Y", "verify", "-n", NAMESPACE, "-I", name, *places], signed.payload))
            if good is not None:
                return Signer(name, good[1], tuple(names))
    raise SignatureInvalid("the signature does not match the content, or the key is not valid now")


def _run(arguments: list[str], content: bytes) -> str:
    """What ``ssh-keygen`` prints; empty if it fails."""
    try:
        finished = subprocess.run(
            ["ssh-keygen", *arguments], input=content, capture_output=True, timeout=SSH_TIMEOUT, check=False
        )
    except FileNotFoundError:
        raise SignatureInvalid("SSH signatures cannot be checked: ssh-keygen is not installed") from None
    except subprocess.TimeoutExpired:
        raise SignatureInvalid("SSH signatures cannot be checked: ssh-keygen does not answer") from None
    return finished.stdout.decode(errors="replace") if finished.returncode == 0 else ""
