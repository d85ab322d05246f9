"""SOPS decryption of Kubernetes objects, and of YAML, JSON, dotenv, INI and binary files.

    sources = key_sources(secret_data)                  # age, OpenPGP, Vault, AWS, Azure, GCP
    decryptor = Decryptor(sources)
    tree = DecryptingTree(tree, decryptor, encrypted_sources(tree, path))
    objects = [decryptor.decrypt_object(obj) for obj in build(tree, path)]

decryptor, sources           the entry points: for objects; for files that a build reads
formats                      the store that reads and writes a text
yaml_store, json_store, dotenv_store, ini_store   one format each
yaml_comments, yaml_scalar   helpers of the YAML store
metadata                     the ``sops`` section: the keys that open it, and which values are encrypted
walk, values                 decrypts value by value, and computes the MAC
keys, shamir                 recovers the data key from one source, or from shares of several
credentials                  from a Secret or a service account to sources of data keys
age, age_hybrid, openpgp, openpgp_wrap   sources that need only a key
vault, aws, azure, gcp       sources that use a key service
cloud, sessions              what key services have in common
errors                       the exceptions

``cryptography``, ``pyrage`` and ``pysequoia`` implement ciphers and key formats; the vendors' client libraries, which
are imported when first needed, connect to key services.
"""

from headgate.postbuild.sops.credentials import key_sources
from headgate.postbuild.sops.decryptor import (
    Decryptor,
    is_encrypted,
    is_secret,
    require_plain,
)
from headgate.postbuild.sops.errors import (
    DecryptionError,
    KeyCredentialsInvalid,
    NoDataKey,
    NotConfigured,
)
from headgate.postbuild.sops.formats import Format
from headgate.postbuild.sops.keys import DataKeySource, KeyRefused, ServiceSilent
from headgate.postbuild.sops.metadata import MasterKey
from headgate.postbuild.sops.sources import DecryptingTree, encrypted_sources

__all__ = [
    "DataKeySource",
    "DecryptingTree",
    "DecryptionError",
    "Decryptor",
    "Format",
    "KeyCredentialsInvalid",
    "KeyRefused",
    "MasterKey",
    "NoDataKey",
    "NotConfigured",
    "ServiceSilent",
    "encrypted_sources",
    "is_encrypted",
    "is_secret",
    "key_sources",
    "require_plain",
]
