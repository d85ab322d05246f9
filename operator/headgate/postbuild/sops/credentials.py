"""From the decryption Secret and the other fields of ``spec.decryption`` to sources of data keys."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from headgate.documents import plainyaml
from headgate.identity import WorkloadIdentity
from headgate.postbuild.sops.errors import KeyCredentialsInvalid
from headgate.postbuild.sops.keys import DataKeySource

if TYPE_CHECKING:
    from headgate.postbuild.sops.cloud import CloudKeys

__all__ = ["key_sources"]

T = TypeVar("T")


def key_sources(
    secret: Mapping[str, bytes] | None,
    *,
    age_fallback: Mapping[str, bytes] | None = None,
    identity: WorkloadIdentity | None = None,
    ambient: bool = False,
    vault_identity: WorkloadIdentity | None = None,
    vault_login_paths: Mapping[str, str] | None = None,
) -> list[DataKeySource]:
    """Return the sources of ``spec.decryption``, in Flux's precedence.

    ``secret`` is the decoded data of ``secretRef``, None without one; only then the ``*.agekey`` entries of
    ``age_fallback``, the data of ``--sops-age-secret``, count. For key services without credentials in the Secret,
    requests use ``identity`` or, if ``ambient``, the operator's own identity at its cloud; ``vault_identity`` logs in
    to the servers in ``vault_login_paths`` (None: no logins), see :mod:`.vault`. Entries with other names are ignored.
    Raises :class:`KeyCredentialsInvalid` with the entry's name.
    """
    # Here, because a command line seldom decrypts, and these take long to import.
    from headgate.postbuild.sops.age import AgeIdentities
    from headgate.postbuild.sops.aws import AwsKms
    from headgate.postbuild.sops.azure import AzureKeyVault
    from headgate.postbuild.sops.gcp import GcpKms
    from headgate.postbuild.sops.openpgp import OpenPgpKeys
    from headgate.postbuild.sops.vault import VaultTransit

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
        token=None if token is None else _text(token).strip() or None,
        identity=vault_identity,
        login_paths=vault_login_paths,
    )
    clouds = ((AwsKms, "sops.aws-kms"), (AzureKeyVault, "sops.azure-kv"), (GcpKms, "sops.gcp-kms"))
    return [
        ages,
        pgp,
        vault,
        *(
            _cloud(source, name, entries.get(name), identity=identity, ambient=ambient)
            for source, name in clouds
        ),
    ]


def _imported(name: str, take: Callable[[T], object], value: T) -> None:
    try:
        take(value)
    except KeyCredentialsInvalid as error:
        raise _in_entry(name, error) from None


def _cloud(source: type[CloudKeys], name: str, data: bytes | None, **options: Any) -> CloudKeys:
    try:
        return source(None if data is None else _mapping(data), **options)
    except KeyCredentialsInvalid as error:
        raise _in_entry(name, error) from None


def _in_entry(name: str, error: KeyCredentialsInvalid) -> KeyCredentialsInvalid:
    return KeyCredentialsInvalid(f"entry {name!r} of the decryption Secret {error.message}")


def _mapping(data: bytes) -> dict[str, Any]:
    """Parse JSON or YAML; JSON may have tabs as indentation, which a YAML parser refuses."""
    text = _text(data)
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = plainyaml.load(text)
        except plainyaml.NotPlain as error:
            raise KeyCredentialsInvalid(str(error)) from None
    if not isinstance(value, dict):
        raise KeyCredentialsInvalid("is not a mapping in YAML or JSON")
    return {str(key): item for key, item in value.items()}


def _text(data: bytes) -> str:
    """Decode credentials; some tools write UTF-16. Binary data becomes text that is not a valid credential."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")
