"""Who signed: the people that an ``allowed_signers`` file of OpenSSH names.

``ssh-keygen`` applies the rules of the file: patterns, namespaces, validity and certificate authorities
(https://man.openbsd.org/ssh-keygen#ALLOWED_SIGNERS). The file may name OpenPGP keys as well: a line
``ada@example.com openpgp <fingerprint>`` says whose a key is, and its armored block is anywhere in the file. What a key
says of itself does not count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pysequoia

from headgate.git.command.secretfiles import SecretFiles
from headgate.git.verify.signature import SignatureInvalid, Signed, ssh_keygen, verified_by, verify_pgp
from headgate.panics import contained

__all__ = ["Signer", "signed_by", "signer_of"]

MAX_SIGNERS = 1024 * 1024
"""Bytes of an ``allowed_signers`` file."""
MAX_PRINCIPALS = 20
"""Names of one key that are tried."""

MAX_KEYS = 100
"""OpenPGP keys of one file."""

_BLOCK = re.compile(
    rb"^-----BEGIN PGP PUBLIC KEY BLOCK-----\r?$.*?^-----END PGP PUBLIC KEY BLOCK-----\r?$",
    re.MULTILINE | re.DOTALL,
)
_LINE = re.compile(
    rb"^[ \t]*(\S+)[ \t]+openpgp[ \t]+([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})[ \t]*\r?$", re.MULTILINE
)
_WILD = re.compile(r"[*?!]")


@dataclass(frozen=True, slots=True)
class Signer:
    """A person and the key that made a signature."""

    principal: str
    fingerprint: str
    """``SHA256:…`` of an SSH key; the hexadecimal digits of an OpenPGP key."""
    principals: tuple[str, ...]
    """All names and patterns that the file has for this key."""


def signer_of(signed: Signed, allowed_signers: bytes, identity: str = "") -> Signer:
    """Return who made a signature, by an ``allowed_signers`` file.

    ``identity`` is who the signer claims to be, an e-mail address: it decides if the file has a pattern for the key.
    Raises :class:`SignatureInvalid`.
    """
    _check(signed, allowed_signers)
    if signed.kind == "openpgp":
        return _openpgp_signer(signed, allowed_signers)
    allowed_signers = _of_ssh(allowed_signers)
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
    """Return the fingerprint of the key of ``principal`` that made a signature.

    The options of the ``allowed_signers`` file count. Raises :class:`SignatureInvalid`.
    """
    _check(signed, allowed_signers)
    if signed.kind == "openpgp":
        signer = _openpgp_signer(signed, allowed_signers)
        if principal not in signer.principals:
            raise SignatureInvalid(f"no key of '{principal}' has signed it")
        return signer.fingerprint
    allowed_signers = _of_ssh(allowed_signers)
    with SecretFiles() as files:
        signature, allowed = files.add(signed.signature + b"\n"), files.add(allowed_signers)
        fingerprint = verified_by(signature, signed, allowed, principal)
    if not fingerprint:
        raise SignatureInvalid(f"no key of '{principal}' has signed it")
    return fingerprint


def _check(signed: Signed, allowed_signers: bytes) -> None:
    if signed.kind == "empty":
        raise SignatureInvalid("it is not signed")
    if signed.kind not in ("ssh", "openpgp"):
        raise SignatureInvalid("it has neither an SSH nor an OpenPGP signature")
    if len(allowed_signers) > MAX_SIGNERS:
        raise SignatureInvalid(f"the allowed_signers file has more than {MAX_SIGNERS} bytes")


def _of_ssh(allowed_signers: bytes) -> bytes:
    """The part of the file that OpenSSH knows."""
    return _LINE.sub(b"", _BLOCK.sub(b"", allowed_signers))


def _openpgp_signer(signed: Signed, allowed_signers: bytes) -> Signer:
    blocks = _BLOCK.findall(allowed_signers)
    people: dict[str, list[str]] = {}
    for names, fingerprint in _LINE.findall(_BLOCK.sub(b"", allowed_signers)):
        exact = [
            name for name in names.decode("utf-8", "replace").split(",") if name and not _WILD.search(name)
        ]
        people.setdefault(fingerprint.decode().lower(), []).extend(exact)
    if len(blocks) > MAX_KEYS:
        raise SignatureInvalid(f"the allowed_signers file has more than {MAX_KEYS} OpenPGP keys")
    for block in blocks:
        for key in _keys(block)[:MAX_KEYS]:
            names = people.get(key.fingerprint.lower(), [])
            if names and _is_by(signed, key):
                return Signer(names[0], key.fingerprint.lower(), tuple(names))
    raise SignatureInvalid("no OpenPGP key that the allowed_signers file names has signed it")


def _keys(block: bytes) -> list[pysequoia.Cert]:
    try:
        with contained():
            return pysequoia.Cert.split_bytes(block)
    except Exception:
        # One unreadable key takes no signature from the others; the library's errors have no separate class.
        return []


def _is_by(signed: Signed, key: pysequoia.Cert) -> bool:
    try:
        verify_pgp(signed, [str(key).encode()])
    except SignatureInvalid:
        return False
    return True
