"""The exceptions of decryption.

::

    PostBuildError
    └── DecryptionError
        ├── NotSops                the text has no valid SOPS metadata
        ├── NoDataKey              none of the given keys opens the data key
        ├── Corrupt                a value does not decrypt, or the MAC does not match
        ├── KeyCredentialsInvalid  an entry of the decryption Secret cannot be used
        ├── ExtraMissing           a key service's client library is not installed
        └── NotConfigured          an encrypted Secret without ``spec.decryption``

None of them contains plain text, a data key, a credential or an answer of a key service. For the same reason they have
no chained causes.
"""

from __future__ import annotations

from headgate.postbuild.errors import PostBuildError

__all__ = [
    "Corrupt",
    "DecryptionError",
    "ExtraMissing",
    "KeyCredentialsInvalid",
    "NoDataKey",
    "NotConfigured",
    "NotSops",
]


class DecryptionError(PostBuildError):
    """A text or an object could not be decrypted; ``file`` is its path in the tree, None when unknown."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.file: str | None = None

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.file is None else f"{self.file}: {text}"


class NotSops(DecryptionError):
    """The text has no SOPS metadata, or its metadata or syntax is invalid."""


class NoDataKey(DecryptionError):
    """None of the given keys opens the data key, or too few groups of keys do."""


class Corrupt(DecryptionError):
    """A value was changed, moved or truncated after its encryption, or the MAC does not match."""


class KeyCredentialsInvalid(DecryptionError):
    """An entry of the decryption Secret cannot be used."""


class ExtraMissing(DecryptionError):
    """The client library of a key service is not installed."""

    def __init__(self, service: str, extra: str) -> None:
        super().__init__(f"{service} needs more packages: install headgate[{extra}]")


class NotConfigured(DecryptionError):
    """An object is encrypted, but the Kustomization has no ``spec.decryption``."""
