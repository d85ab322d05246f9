"""Signatures of commits and tags: split from the object, and verified with OpenPGP or SSH keys.

A signed commit has its signature in a header, a signed tag at the end of its message; the signature covers the object
without it (https://git-scm.com/docs/gitformat-signature). Sequoia verifies OpenPGP in this process; ``ssh-keygen -Y
verify``, which supports every kind of key, verifies SSH.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pysequoia

from headgate.git.command.secretfiles import SecretFiles
from headgate.panics import contained

__all__ = [
    "SignatureInvalid",
    "Signed",
    "split_commit",
    "split_tag",
    "ssh_keygen",
    "tag_header",
    "verified_by",
    "verify_pgp",
    "verify_ssh",
]

Kind = Literal["openpgp", "ssh", "x509", "empty", "unknown"]

NAMESPACE = "git"
PRINCIPAL = "git"
SSH_TIMEOUT = 30.0

_BEGIN: dict[bytes, Kind] = {
    b"-----BEGIN PGP SIGNATURE-----": "openpgp",
    b"-----BEGIN PGP MESSAGE-----": "openpgp",
    b"-----BEGIN SSH SIGNATURE-----": "ssh",
    b"-----BEGIN SIGNED MESSAGE-----": "x509",
}
_HEADERS = (b"gpgsig", b"gpgsig-sha256")
_KEY_TYPE = r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+"
_PUBLIC_KEY = re.compile(rf"(?:^|\s)({_KEY_TYPE})\s+([A-Za-z0-9+/]+={{0,2}})(?:\s|$)")
_GOOD = re.compile(r"with \S+ key (SHA256:\S+)")


class SignatureInvalid(Exception):
    """The signature is missing, or none of the given keys made it for this content."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The signed content, and the signature (empty: none)."""

    payload: bytes
    signature: bytes

    @property
    def kind(self) -> Kind:
        """The kind of the signature."""
        if not self.signature:
            return "empty"
        return next((kind for begin, kind in _BEGIN.items() if self.signature.startswith(begin)), "unknown")


def split_commit(content: bytes, *, sha256: bool = False) -> Signed:
    """Split a commit; with SHA-256 ids the signature has another header."""
    headers, separator, message = content.partition(b"\n\n")
    wanted = _HEADERS[1] if sha256 else _HEADERS[0]
    kept: list[bytes] = []
    signature: list[bytes] = []
    field = b""
    for line in headers.split(b"\n"):
        if not line.startswith(b" "):
            field, _, value = line.partition(b" ")
        else:
            value = line[1:]
        if field not in _HEADERS:
            kept.append(line)
        elif field == wanted:
            signature.append(value)
    return Signed(b"\n".join(kept) + separator + message, b"\n".join(signature).strip())


def split_tag(content: bytes) -> Signed:
    """Split an annotated tag."""
    start = max((at for begin in _BEGIN for at in _line_starts(content, begin)), default=-1)
    if start < 0:
        return Signed(content, b"")
    return Signed(content[:start], content[start:].strip())


def _line_starts(content: bytes, text: bytes) -> Iterator[int]:
    if content.startswith(text):
        yield 0
    at = content.find(b"\n" + text)
    while at >= 0:
        yield at + 1
        at = content.find(b"\n" + text, at + 1)


def tag_header(content: bytes, field: bytes) -> str:
    """Return a header of an annotated tag, such as ``object`` or ``tag``; "" when it has none."""
    for line in content.partition(b"\n\n")[0].split(b"\n"):
        name, _, value = line.partition(b" ")
        if name == field:
            return value.decode("utf-8", "replace")
    return ""


def verify_pgp(signed: Signed, key_rings: Sequence[bytes]) -> str:
    """Return the id (16 hexadecimal digits) of the primary key that made the signature.

    ``key_rings``: public keys, armored or not. Raises :class:`SignatureInvalid`.
    """
    certificates: list[pysequoia.Cert] = []
    unreadable = 0
    for ring in key_rings:
        try:
            with contained():
                certificates += pysequoia.Cert.split_bytes(ring)
        except Exception:
            unreadable += 1
    if not certificates:
        raise SignatureInvalid(
            "unable to read armored key ring" if unreadable else "no PGP public keys are given"
        )
    try:
        with contained():
            checked = pysequoia.verify(
                bytes=signed.payload,
                store=lambda _: certificates,
                signature=pysequoia.Sig.from_bytes(signed.signature),
            )
            valid = checked.valid_sigs
    except Exception:
        # The library's errors have no separate class, and their messages are traces.
        valid = []
    if not valid:
        raise SignatureInvalid("unable to verify payload with any of the given key rings: no matching key")
    return str(valid[0].certificate)[-16:].upper()


def verify_ssh(signed: Signed, authorized_keys: Sequence[bytes]) -> str:
    """Return the fingerprint (``SHA256:...``) of the key that made the signature.

    ``authorized_keys``: public keys in the format of sshd's file. Raises :class:`SignatureInvalid`.
    """
    keys = [key for content in authorized_keys for key in _public_keys(content)]
    if not keys:
        raise SignatureInvalid("unable to parse authorized keys: no SSH public key in it")
    allowed = "".join(f'{PRINCIPAL} namespaces="{NAMESPACE}" {key}\n' for key in dict.fromkeys(keys))
    with SecretFiles() as files:
        signature = files.add(signed.signature + b"\n")
        fingerprint = verified_by(signature, signed, files.add(allowed.encode()), PRINCIPAL)
    if not fingerprint:
        raise SignatureInvalid(
            "unable to verify payload with any of the given authorized keys: no matching key"
        )
    return fingerprint


def verified_by(signature: str, signed: Signed, allowed_signers: str, principal: str) -> str:
    """Return the fingerprint of the key of ``principal`` that made the signature; "" if none of theirs did.

    ``signature`` and ``allowed_signers`` are files. Raises :class:`SignatureInvalid` if it cannot be checked.
    """
    command = ["-Y", "verify", "-n", NAMESPACE, "-I", principal, "-f", allowed_signers, "-s", signature]
    good = _GOOD.search(ssh_keygen(command, signed.payload))
    return "" if good is None else good[1]


def ssh_keygen(arguments: Sequence[str], content: bytes) -> str:
    """Return what ``ssh-keygen`` prints; "" if it fails. Raises :class:`SignatureInvalid` if it cannot run."""
    try:
        finished = subprocess.run(
            ["ssh-keygen", *arguments], input=content, capture_output=True, timeout=SSH_TIMEOUT, check=False
        )
    except FileNotFoundError:
        raise SignatureInvalid("SSH signatures cannot be checked: ssh-keygen is not installed") from None
    except subprocess.TimeoutExpired:
        raise SignatureInvalid("SSH signatures cannot be checked: ssh-keygen does not answer") from None
    return "" if finished.returncode else finished.stdout.decode(errors="replace")


def _public_keys(content: bytes) -> Iterator[str]:
    for line in content.decode("utf-8", "replace").splitlines():
        match = _PUBLIC_KEY.search(line)
        if match is not None and not line.lstrip().startswith("#"):
            yield f"{match[1]} {match[2]}"
