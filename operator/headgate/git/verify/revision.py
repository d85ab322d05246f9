"""``spec.verify``: whether a revision has a trusted signature.

Modes, messages and reasons are Flux's (source-controller, ``gitrepository_controller.go``, ``verifySignature``). One
rule is added: a signed tag counts only under its own name and for its own commit, so that nobody can pass off an old
signed tag as a new one.
"""

from __future__ import annotations

from collections.abc import Mapping

from headgate.api import reasons
from headgate.borders import Retry
from headgate.git.errors import VerificationFailed
from headgate.git.refs.reference import TAGS, Resolved
from headgate.git.verify.signature import (
    SignatureInvalid,
    Signed,
    split_commit,
    split_tag,
    tag_header,
    verify_pgp,
    verify_ssh,
)

__all__ = ["verify"]

PGP_SUFFIX, SSH_SUFFIX = ".asc", ".sshpub"


def verify(mode: str, resolved: Resolved, commit: bytes, tag: bytes, keys: Mapping[str, bytes]) -> str:
    """Check what ``mode`` (``HEAD``, ``Tag`` or ``TagAndHEAD``) requires and return the message for the condition.

    ``commit`` and ``tag`` are the objects as Git stores them (``tag`` is empty without an annotated one), ``keys`` is
    the Secret's data: OpenPGP keys, and SSH keys where the name ends in ``.sshpub``. Raises
    :class:`VerificationFailed`.
    """
    rings = [value for name, value in sorted(keys.items()) if not name.endswith(SSH_SUFFIX)]
    authorized = [value for name, value in sorted(keys.items()) if name.endswith(SSH_SUFFIX)]
    lines = []
    if mode in ("Tag", "TagAndHEAD"):
        lines.append(_verify_tag(resolved, tag, rings, authorized))
    if mode in ("HEAD", "TagAndHEAD"):
        signed = split_commit(commit, sha256=len(resolved.commit) == 64)
        try:
            key = _check(signed, rings, authorized)
        except SignatureInvalid as error:
            message = f"signature verification of commit '{resolved.commit}' failed: {error}"
            raise VerificationFailed(message, reason=reasons.INVALID_COMMIT_SIGNATURE) from None
        lines.append(f"commit '{resolved.commit}' with key '{key}'")
    return "verified signature of" + "".join(f"\n\t- {line}" for line in lines)


def _verify_tag(resolved: Resolved, tag: bytes, rings: list[bytes], authorized: list[bytes]) -> str:
    if not resolved.ref.startswith(TAGS):
        raise VerificationFailed(
            "cannot verify tag object's signature if a tag reference is not specified",
            reason=reasons.INVALID_VERIFICATION_MODE,
            retry=Retry.ON_CHANGE,
        )
    name = resolved.ref.removeprefix(TAGS)
    shown = f"{name}@{resolved.tag_object}" if resolved.tag_object else name
    signed = split_tag(tag)
    if signed.kind == "empty":
        raise VerificationFailed(
            f"cannot verify signature of tag '{shown}' since it is not signed",
            reason=reasons.INVALID_GIT_OBJECT,
        )
    try:
        key = _check(signed, rings, authorized)
        if tag_header(tag, b"tag") != name:
            raise SignatureInvalid(f"the signature is for the tag '{tag_header(tag, b'tag')}'")
        if tag_header(tag, b"object") != resolved.commit:
            raise SignatureInvalid("the signed tag does not name this commit")
    except SignatureInvalid as error:
        raise VerificationFailed(
            f"signature verification of tag '{shown}' failed: {error}", reason=reasons.INVALID_TAG_SIGNATURE
        ) from None
    return f"tag '{shown}' with key '{key}'"


def _check(signed: Signed, rings: list[bytes], authorized: list[bytes]) -> str:
    if signed.kind == "openpgp":
        if not rings:
            raise SignatureInvalid(
                f"PGP signature detected but no PGP public keys found in secret (keys with {PGP_SUFFIX} suffix)"
            )
        return verify_pgp(signed, rings)
    if signed.kind == "ssh":
        if not authorized:
            raise SignatureInvalid(
                f"SSH signature detected but no SSH public keys found in secret (keys with {SSH_SUFFIX} suffix)"
            )
        return verify_ssh(signed, authorized)
    if signed.kind == "empty":
        raise SignatureInvalid("it is not signed")
    raise SignatureInvalid(f"unsupported signature type: {signed.kind}")
