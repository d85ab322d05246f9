"""From the master keys in the metadata to the data key, with the available sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from headgate.identity import IdentityRefused
from headgate.postbuild.sops.errors import DecryptionError, ExtraMissing, NoDataKey
from headgate.postbuild.sops.metadata import MasterKey, Metadata
from headgate.postbuild.sops.shamir import combine

__all__ = ["DataKeySource", "KeyRefused", "ServiceSilent", "recover_data_key"]

_FIRST = ("age", "pgp")
"""Kinds without network access, which are tried before the others."""


class KeyRefused(Exception):
    """A source cannot decrypt with a key; the message says why, without secrets."""


class ServiceSilent(KeyRefused):
    """A key service is unreachable, or did not answer in time."""


class DataKeySource(Protocol):
    """Decrypts data keys: private keys, or a client of a key service."""

    def serves(self, key: MasterKey) -> bool:
        """Return whether the source serves the kind of the key."""
        ...

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the decrypted ``key.enc``.

        May block on the network. Raises :class:`KeyRefused` (:class:`ServiceSilent` for network failures),
        :class:`~headgate.identity.IdentityRefused` or :class:`ExtraMissing`.
        """
        ...


def recover_data_key(metadata: Metadata, sources: Sequence[DataKeySource]) -> bytes:
    """Return the data key (32 bytes); raises :class:`NoDataKey` with a reason for each tried key."""
    reasons: list[str] = []
    parts = [part for group in metadata.groups if (part := _open(group, sources, reasons)) is not None]
    wanted = 1
    if len(metadata.groups) > 1:
        wanted = max(metadata.threshold or len(metadata.groups), 2)
    if len(parts) < wanted:
        what = "the data key cannot be opened"
        if len(metadata.groups) > 1:
            what += f": {len(parts)} of {len(metadata.groups)} key groups could be opened, and {wanted} are needed"
        raise NoDataKey(": ".join([what, "; ".join(reasons)]) if reasons else what)
    try:
        key = parts[0] if len(metadata.groups) == 1 else combine(parts)
    except ValueError as error:
        raise NoDataKey(f"the parts of the data key do not fit together: {error}") from None
    if len(key) not in (16, 24, 32):
        raise NoDataKey("the encrypted value is not a data key")
    return key


def _open(group: Sequence[MasterKey], sources: Sequence[DataKeySource], reasons: list[str]) -> bytes | None:
    for key in sorted(group, key=lambda key: _FIRST.index(key.kind) if key.kind in _FIRST else len(_FIRST)):
        serving = [source for source in sources if source.serves(key)]
        if not serving:
            reasons.append(f"{key.name}: no {_lacking(key.kind)}")
        for source in serving:
            try:
                return source.decrypt(key)
            except (KeyRefused, IdentityRefused) as error:
                reasons.append(f"{key.name}: {error}")
            except ExtraMissing as error:
                reasons.append(f"{key.name}: {error.message}")
            except DecryptionError:
                raise
    return None


def _lacking(kind: str) -> str:
    if kind == "age":
        return "age identity given (an entry *.agekey of the decryption Secret)"
    if kind == "pgp":
        return "private key given (an entry *.asc of the decryption Secret)"
    return "credentials given" if kind != "hckms" else "support for this service"
