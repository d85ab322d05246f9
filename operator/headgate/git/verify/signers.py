"""Who signed: the people that an ``allowed_signers`` file of OpenSSH names.

``ssh-keygen`` applies the rules of the file: patterns, namespaces, validity and certificate authorities
(https://man.openbsd.org/ssh-keygen#ALLOWED_SIGNERS).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from headgate.git.command.secretfiles import SecretFiles
from headgate.git.verify.signature import SignatureInvalid, Signed, ssh_keygen, verified_by

__all__ = ["Signer", "signed_by", "signer_of"]

MAX_SIGNERS = 1024 * 1024
"""Bytes of an ``allowed_signers`` file."""
MAX_PRINCIPALS = 20
"""Names of one key that are tried."""

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
    _check(signed, allowed_signers)
    with SecretFiles() as files:
        signature, allowed = files.add(signed.signature + b"\n"), files.add(allowed_signers)
        # The option must not search for principals of another namespace; verify checks it.
        found = ssh_keygen(["-Y", "find-principals", "-f", allowed, "-s", signature], b"")
        names = [name for line in found.splitlines() for name in line.split(",") if name][:MAX_PRINCIPALS]
        if not names:
            raise SignatureInvalid("the allowed_signers file does not have the key")
        exact = [name for name in names if not _WILD.search(name)]
        for name in dict.fromkeys([*exact, *([identity] if identity else [])]):
            fingerprint = verified_by(signature, signed, allowed, name)
            if fingerprint:
                return Signer(name, fingerprint, tuple(names))
    raise SignatureInvalid("the signature does not match the content, or the key is not valid now")


def signed_by(signed: Signed, allowed_signers: bytes, principal: str) -> str:
    """Return the fingerprint (``SHA256:…``) of the key of ``principal`` that made an SSH signature.

    The options of the ``allowed_signers`` file count. Raises :class:`SignatureInvalid`.
    """
    _check(signed, allowed_signers)
    with SecretFiles() as files:
        signature, allowed = files.add(signed.signature + b"\n"), files.add(allowed_signers)
        fingerprint = verified_by(signature, signed, allowed, principal)
    if not fingerprint:
        raise SignatureInvalid(f"no key of '{principal}' has signed it")
    return fingerprint


def _check(signed: Signed, allowed_signers: bytes) -> None:
    if signed.kind == "empty":
        raise SignatureInvalid("it is not signed")
    if signed.kind != "ssh":
        raise SignatureInvalid("it has no SSH signature, which an allowed_signers file needs")
    if len(allowed_signers) > MAX_SIGNERS:
        raise SignatureInvalid(f"the allowed_signers file has more than {MAX_SIGNERS} bytes")
