"""OpenPGP keys in an ``allowed_signers`` file: a line says whose a key is, and what the key says does not count."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pysequoia import SignatureMode, Tsk, sign

from headgate.git.verify.signature import SignatureInvalid, Signed
from headgate.git.verify.signers import signed_by, signer_of
from tests.support.signing import Person, allowed_signers


@pytest.fixture(scope="module")
def keys() -> dict[str, Tsk]:
    return {name: Tsk.generate(f"{name}@example.com") for name in ("ada", "bob", "eve")}


def signed(key: Tsk, payload: bytes = b"approve\n") -> Signed:
    return Signed(payload, bytes(sign(key.signer(), payload, mode=SignatureMode.DETACHED)))


def listed(name: str, key: Tsk) -> bytes:
    certificate = key.extract_certificate()
    return f"{name} openpgp {certificate.fingerprint.upper()}\n{certificate}\n".encode()


def counts(given: Signed, file: bytes) -> bool:
    try:
        signer_of(given, file)
    except SignatureInvalid:
        return False
    return True


def test_a_line_says_whose_a_key_is(keys: dict[str, Tsk]) -> None:
    file = listed("ada@example.com,admin@example.com", keys["ada"]) + listed("bob@example.com", keys["bob"])
    found = signer_of(signed(keys["bob"]), file)
    assert found.principal == "bob@example.com"
    assert found.fingerprint == keys["bob"].extract_certificate().fingerprint.lower()
    assert signer_of(signed(keys["ada"]), file).principals == ("ada@example.com", "admin@example.com")
    assert signed_by(signed(keys["ada"]), file, "admin@example.com")
    with pytest.raises(SignatureInvalid, match=r"no key of 'bob@example\.com'"):
        signed_by(signed(keys["ada"]), file, "bob@example.com")


def test_what_counts_for_nobody(keys: dict[str, Tsk]) -> None:
    ada, eve = keys["ada"].extract_certificate(), keys["eve"].extract_certificate()
    files = {
        "another key": listed("ada@example.com", keys["ada"]),
        "a key without a line, whatever it says of itself": str(eve).encode(),
        "a line with the fingerprint of another key": f"eve@example.com openpgp {ada.fingerprint}\n{eve}\n".encode(),
        "a line without its key": f"eve@example.com openpgp {eve.fingerprint}\n".encode(),
        "a pattern": listed("*@example.com", keys["eve"]),
        "a line within a block": f"{str(eve).replace('Comment', f'x openpgp {eve.fingerprint}')}".encode(),
        "nothing": b"",
    }
    counted = {case for case, file in files.items() if counts(signed(keys["eve"]), file)}
    assert counted == set()
    file = listed("eve@example.com", keys["eve"])
    forged = Signed(b"another text\n", signed(keys["eve"]).signature)
    with pytest.raises(SignatureInvalid):
        signer_of(forged, file)


def test_ssh_keys_and_an_unreadable_block_do_no_harm(keys: dict[str, Tsk], tmp_path: Path) -> None:
    carol = Person.make(tmp_path, "carol")
    broken = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nnonsense\n-----END PGP PUBLIC KEY BLOCK-----\n"
    file = broken + listed("ada@example.com", keys["ada"]) + allowed_signers(carol).encode()
    assert signer_of(signed(keys["ada"]), file).principal == "ada@example.com"
    text = tmp_path / "text"
    text.write_bytes(b"approve\n")
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(carol.key), str(text)], check=True
    )
    found = signer_of(Signed(b"approve\n", text.with_suffix(".sig").read_bytes().strip()), file)
    assert found.principal == "carol@example.com"
