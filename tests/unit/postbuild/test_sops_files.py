"""Files that sops itself encrypted, read back byte for byte. The keys next to them exist only for these tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.postbuild.sops import DecryptionError, Decryptor, KeyCredentialsInvalid, key_sources

DATA = Path(__file__).parent / "data" / "sops"
KEYS = {file.name: file.read_bytes() for file in sorted((DATA / "keys").iterdir())}
ENCRYPTED = sorted((DATA / "encrypted").iterdir())


LOCKED = "locked.asc"
"""It has a passphrase, which nobody can enter."""


@pytest.mark.parametrize("file", ENCRYPTED, ids=lambda file: file.name)
def test_a_file_of_sops_is_decrypted_byte_for_byte(file: Path) -> None:
    keys = {n: k for n, k in KEYS.items() if n.endswith((".agekey", ".asc")) and n != LOCKED}
    decryptor = Decryptor(key_sources(keys))
    assert decryptor.decrypt_file(file.read_bytes(), file.name) == (DATA / "plain" / file.name).read_bytes()


@pytest.mark.parametrize("file", ENCRYPTED, ids=lambda file: file.name)
def test_without_its_key_a_file_stays_closed_and_nothing_of_it_is_shown(file: Path) -> None:
    decryptor = Decryptor(key_sources({}))
    with pytest.raises(DecryptionError) as raised:
        decryptor.decrypt_file(file.read_bytes(), file.name)
    assert "AGE-SECRET-KEY" not in str(raised.value)


def test_a_key_with_a_passphrase_is_refused_by_name() -> None:
    with pytest.raises(KeyCredentialsInvalid, match=r"locked\.asc.*passphrase"):
        key_sources({LOCKED: KEYS[LOCKED]})
