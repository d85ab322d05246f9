"""What the key services of clouds have in common: the choice of credentials, and timeouts.

Credentials are an entry of the decryption Secret, else those of a service account of the cluster, else the operator's
own (``ambient``).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from headgate.identity import WorkloadIdentity
from headgate.postbuild.sops.keys import KeyRefused
from headgate.postbuild.sops.metadata import MasterKey

__all__ = ["ANSWER_TIMEOUT", "CONNECT_TIMEOUT", "NO_CONNECTION", "OF_CLIENT", "RETRIES", "CloudKeys"]

CONNECT_TIMEOUT: Final = 5.0
"""Seconds. A build occupies a thread while it waits for a key service: without an answer, a retry follows later."""
ANSWER_TIMEOUT: Final = 10.0
"""Seconds."""
RETRIES: Final = 1
NO_CONNECTION: Final = "no connection"
OF_CLIENT: Final = "its client does not accept the credentials or the request"
"""The message for errors without useful text."""


class CloudKeys:
    """A client of a cloud's key service; each cloud implements :meth:`decrypt`."""

    KIND: ClassVar[str]
    """One of :data:`headgate.postbuild.sops.metadata.KINDS`."""

    def __init__(
        self,
        credentials: Mapping[str, Any] | None = None,
        *,
        identity: WorkloadIdentity | None = None,
        ambient: bool = False,
    ) -> None:
        """Raises :class:`KeyCredentialsInvalid` when ``credentials``, the entry's content, are unusable."""
        if credentials is not None:
            self.check(credentials)
        self._credentials, self._identity, self._ambient = credentials, identity, ambient

    def check(self, credentials: Mapping[str, Any]) -> None:
        """Raise :class:`KeyCredentialsInvalid` when a required field is missing."""
        raise NotImplementedError

    def serves(self, key: MasterKey) -> bool:
        given = self._credentials is not None or self._identity is not None
        return key.kind == self.KIND and (given or self._ambient)

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the data key; raises :class:`KeyRefused` and :class:`ExtraMissing`."""
        raise NotImplementedError


def wrapped_key(key: MasterKey, *, urlsafe: bool = False) -> bytes:
    """Return the encrypted data key of a master key; raises :class:`KeyRefused`."""
    text = key.enc
    if urlsafe:
        text = text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise KeyRefused("its data key is not base64") from None
