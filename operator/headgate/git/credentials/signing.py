"""The key that signs what the operator publishes: the SSH key of a Secret, in the form that ssh-keygen reads."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from headgate.git.errors import CredentialsInvalid

__all__ = ["SigningKey"]

IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key without a passphrase, and its public half."""

    private: bytes = field(repr=False, compare=False)
    """In OpenSSH's format, which has random bytes in it: ssh-keygen does not find the public half in others."""
    public: bytes
    """As a line of sshd's file of authorized keys, without a comment."""
    _sealing: bytes = field(repr=False, compare=False)
    """A secret that follows from the private key and nothing else."""

    def sealed(self, digest: str) -> str:
        """Return a digest for the public: equal for equal digests, and of no use without the key.

        Whoever knows a content except for a short secret value could otherwise try values until the digest fits.
        """
        return "hmac-sha256:" + hmac.new(self._sealing, digest.encode(), hashlib.sha256).hexdigest()

    @classmethod
    def parse(cls, content: bytes, passphrase: str = "") -> SigningKey:
        """From the Secret's ``identity``, in any format that Flux accepts; raises :class:`CredentialsInvalid`."""
        if not content.strip():
            raise CredentialsInvalid(f"the Secret has no '{IDENTITY}': reports are signed with this SSH key")
        load = (
            serialization.load_ssh_private_key
            if b"BEGIN OPENSSH PRIVATE KEY" in content
            else serialization.load_pem_private_key
        )
        try:
            key = load(content.replace(b"\r\n", b"\n").strip() + b"\n", passphrase.encode() or None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The messages of the library may describe the key.
            raise CredentialsInvalid(
                f"the Secret's '{IDENTITY}' is not a private SSH key that can be read without a passphrase"
                if not passphrase
                else f"the Secret's '{IDENTITY}' cannot be read with its 'password'"
            ) from None
        if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise CredentialsInvalid(f"the Secret's '{IDENTITY}' is neither an Ed25519, ECDSA nor RSA key")
        return cls(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            ),
            key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
            hashlib.sha256(b"headgate: digests in reports\0" + _encoded(key)).digest(),
        )


def _encoded(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """The private key in a form without random bytes."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
