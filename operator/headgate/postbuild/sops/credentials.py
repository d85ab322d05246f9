"""From the decryption Secret, and what else ``spec.decryption`` gives, to sources of data keys."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import yaml

from headgate.postbuild.sops.age import AgeIdentities
from headgate.postbuild.sops.aws import AwsKms
from headgate.postbuild.sops.azure import AzureKeyVault
from headgate.postbuild.sops.errors import BadCredentials
from headgate.postbuild.sops.gcp import GcpKms
from headgate.postbuild.sops.identity import WorkloadIdentity
from headgate.postbuild.sops.keys import DataKeySource
from headgate.postbuild.sops.openpgp import OpenPgpKeys
from headgate.postbuild.sops.vault import VaultTransit

__all__ = ["key_sources"]

T = TypeVar("T")


def key_sources(
    secret: Mapping[str, bytes] | None,
    *,
    age_fallback: Mapping[str, bytes] | None = None,
    identity: WorkloadIdentity | None = None,
    ambient: bool = False,
    vault_login_paths: Mapping[str, str] | None = None,
) -> list[DataKeySource]:
    """Return the sources that ``spec.decryption`` gives, in Flux's precedence.

    ``secret`` is the decoded data of ``secretRef``, None without one; only then ``age_fallback``, the data of
    ``--sops-age-secret``, gives its ``*.agekey`` entries. What the Secret has no credentials for is asked in
    the name of ``identity``, or, if ``ambient``, by the operator's own identity at its cloud. Entries with
    other names are ignored. Raises :class:`BadCredentials` with the entry's name.
    """
    entries = {} if secret is None else secret
    ages = AgeIdentities()
    pgp = OpenPgpKeys()
    for name in sorted(age_fallback or {}) if secret is None else ():
        if name.endswith(".agekey"):
            _imported(name, ages.add, _text((age_fallback or {})[name]))
    for name in sorted(entries):
        if name.endswith(".agekey"):
            _imported(name, ages.add, _text(entries[name]))
        elif name.endswith(".asc"):
            _imported(name, pgp.add, entries[name])
    token = entries.get("sops.vault-token")
    vault = VaultTransit(
        token=None if token is None else _text(token).strip(),
        identity=identity,
        login_paths=vault_login_paths,
        ambient=ambient,
    )
    shared: dict[str, Any] = {"identity": identity, "ambient": ambient}
    aws = _with_credentials("sops.aws-kms", entries, lambda c: AwsKms(credentials=c, **shared))
    azure = _with_credentials("sops.azure-kv", entries, lambda c: AzureKeyVault(credentials=c, **shared))
    name = "sops.gcp-kms"
    gcp = _imported(name, lambda data: GcpKms(credentials=data, **shared), entries.get(name))
    return [ages, pgp, vault, aws, azure, gcp]


def _imported(name: str, take: Callable[[Any], T], value: Any) -> T:
    try:
        return take(value)
    except BadCredentials as error:
        raise BadCredentials(f"entry {name!r} of the decryption Secret {error.message}") from None


def _with_credentials(
    name: str, entries: Mapping[str, bytes], make: Callable[[Mapping[str, Any] | None], T]
) -> T:
    def parsed(data: bytes | None) -> T:
        if data is None:
            return make(None)
        try:
            value = yaml.load(_text(data), yaml.CSafeLoader)
        except yaml.YAMLError:
            value = None
        if not isinstance(value, dict):
            raise BadCredentials("is no YAML mapping")
        return make({str(key): item for key, item in value.items()})

    return _imported(name, parsed, entries.get(name))


def _text(data: bytes) -> str:
    """Decode; some tools write credentials in UTF-16. What is no text becomes text that is no credential."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")
