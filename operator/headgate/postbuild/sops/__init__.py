"""Decryption of what SOPS encrypted: Kubernetes objects, and YAML, JSON, dotenv, INI and binary files.

    sources = key_sources(secret_data)                  # age, OpenPGP, Vault, AWS, Azure, GCP
    decryptor = Decryptor(sources)
    tree = DecryptingTree(tree, decryptor, encrypted_sources(tree, path))
    objects = [decryptor.decrypt_object(obj) for obj in build(tree, path)]

The way of a text: a store reads it (``*_store``), :mod:`.metadata` says which keys open it and which values are
encrypted, :mod:`.keys` recovers the data key by one of the sources, :mod:`.walk` decrypts value by value and
computes the MAC, and a store writes it. Ciphers and key formats are those of ``cryptography``, ``pyrage`` and
``pysequoia``; key services are reached by their makers' clients, imported when first needed.
"""

from headgate.postbuild.sops.credentials import key_sources
from headgate.postbuild.sops.decryptor import (
    Decryptor,
    OpenedKeys,
    is_decryption_disabled,
    is_encrypted,
    is_secret,
    require_plain,
)
from headgate.postbuild.sops.errors import (
    BadCredentials,
    Corrupt,
    DecryptionError,
    ExtraMissing,
    NoDataKey,
    NotConfigured,
    NotSops,
)
from headgate.postbuild.sops.formats import Format
from headgate.postbuild.sops.identity import WorkloadIdentity
from headgate.postbuild.sops.keys import DataKeySource, KeyRefused, ServiceSilent
from headgate.postbuild.sops.metadata import MasterKey
from headgate.postbuild.sops.sources import DecryptingTree, Source, encrypted_sources

__all__ = [
    "BadCredentials",
    "Corrupt",
    "DataKeySource",
    "DecryptingTree",
    "DecryptionError",
    "Decryptor",
    "ExtraMissing",
    "Format",
    "KeyRefused",
    "MasterKey",
    "NoDataKey",
    "NotConfigured",
    "NotSops",
    "OpenedKeys",
    "ServiceSilent",
    "Source",
    "WorkloadIdentity",
    "encrypted_sources",
    "is_decryption_disabled",
    "is_encrypted",
    "is_secret",
    "key_sources",
    "require_plain",
]
