"""Encrypted files are untrusted: whatever is in them, they are refused by name, and before the end of time."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headgate.postbuild.sops import DecryptionError, Decryptor, KeyCredentialsInvalid, key_sources
from headgate.postbuild.sops.keys import KeyRefused
from headgate.postbuild.sops.metadata import MasterKey
from headgate.postbuild.sops.openpgp import OpenPgpKeys
from tests.support.sops import KEYS, UNIT_DATA, age_key, sealed, sealed_text

ENCRYPTED_FILES = UNIT_DATA / "encrypted"
KEYS_OF_REAL = {name: text.encode() for name, text in KEYS.items() if name.endswith((".agekey", "curve.asc"))}

PRIVATE, WRAP = age_key()
SEALED = sealed({"data": "x"}, WRAP, ("data",))
COMMENT = "#ENC[AES256_GCM,data:aaaa,iv:aaaa,tag:aaaa,type:comment]\n"


def with_section(**fields: Any) -> str:
    return json.dumps({**SEALED, "sops": {**SEALED["sops"], **fields}})


def in_yaml(text: str) -> str:
    return text + yaml.safe_dump(SEALED)


BAD: dict[str, tuple[str, Callable[[], str]]] = {
    "a value of endless parts": (
        "a.json",
        lambda: json.dumps({**SEALED, "data": "ENC[AES256_GCM,data:" + ",iv:a,tag:b" * 100_000}),
    ),
    "deep JSON": ("a.json", lambda: '{"mac": "ENC[", "sops":' + "[" * 50_000 + "]" * 50_000 + "}"),
    "deep values": ("a.json", lambda: json.dumps({**SEALED, "x": json.loads("[" * 900 + "]" * 900)})),
    "deep YAML": ("a.yaml", lambda: in_yaml("a: " + "{a: " * 500 + "}" * 500 + "\n")),
    "aliases": ("a.yaml", lambda: in_yaml("a: &a [x]\nb: [*a, *a]\n")),
    "comments in unexpected places": (
        "a.yaml",
        lambda: in_yaml("".join(f"k{i}:\n  a: b\n  {COMMENT}" for i in range(2_000))),
    ),
    "a long INI": ("a.ini", lambda: "".join(f"k{i} = v\n" for i in range(50_000)) + "[sops]\nmac=ENC[\n"),
    "many keys": ("a.json", lambda: with_section(age=SEALED["sops"]["age"] * 201)),
    "deep metadata": ("a.env", lambda: "sops_mac=ENC[\nsops_age__list_0" + "__map_a" * 2_000 + "=x\n"),
    "half a character": ("a.json", lambda: json.dumps({**SEALED, "data": "ENC[\ud800"})),
    "groups that are none": (
        "a.json",
        lambda: with_section(age=None, key_groups=[None, 1, {"age": [1, {}]}]),
    ),
    "keys that are none": ("a.json", lambda: with_section(age=[{"enc": {"a": 1}, "recipient": ["x"]}])),
    "a rule that is none": ("a.json", lambda: with_section(encrypted_regex="((" * 500)),
    "a time that is none": ("a.json", lambda: with_section(lastmodified="9999-99-99")),
    "no MAC": ("a.json", lambda: with_section(mac="") + '"mac": "ENC['),
    "zeros": ("a.yaml", lambda: "\0" * 100 + "mac: ENC["),
    "another type": ("a.json", lambda: json.dumps({**SEALED, "data": 5})),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused_with_its_name(name: str) -> None:
    path, make = BAD[name]
    decryptor = Decryptor(key_sources({"a.agekey": PRIVATE.encode()}))
    with pytest.raises(DecryptionError, match=rf"^{path}: "):
        decryptor.decrypt_file(make().encode("utf-8", "surrogatepass"), path)


def test_each_of_many_comments_is_found_at_its_place() -> None:
    """All pairs of comments and places would be millions; those that are likely are a few each."""
    key = os.urandom(32)
    text = ""
    for at in range(2_000):
        comment = sealed_text(f" comment {at}", key, f"k{at}:", kind="comment")
        text += f"k{at}:\n    a: 1\n    #{comment}\n    b: 2\n"
    moment = "2026-01-01T00:00:00Z"
    section = {**WRAP(key), "lastmodified": moment, "encrypted_regex": "^none$", "mac": "ENC[x]"}
    decryptor = Decryptor(key_sources({"a.agekey": PRIVATE.encode()}), verify_mac=False)
    plain = decryptor.decrypt_file((text + yaml.safe_dump({"sops": section})).encode(), "a.yaml").decode()
    assert [line.strip() for line in plain.splitlines() if "#" in line] == [
        f"# comment {at}" for at in range(2_000)
    ]


REAL = [file for file in sorted(ENCRYPTED_FILES.iterdir()) if file.stat().st_size < 20_000]


@given(st.data())
def test_a_damaged_file_is_refused_and_nothing_else_happens(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(REAL))
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
    decryptor = Decryptor(key_sources(KEYS_OF_REAL))
    with contextlib.suppress(DecryptionError):
        decryptor.decrypt_file(bytes(content), file.name)


ENTRIES = {
    **{name: text.encode() for name, text in KEYS.items()},
    "sops.vault-token": b"token",
    "sops.aws-kms": b"aws_access_key_id: a\naws_secret_access_key: b\n",
    "sops.azure-kv": b'{"tenantId": "t", "clientId": "c", "clientSecret": "s"}',
    "sops.gcp-kms": b'{"type": "service_account"}',
}


@given(st.data())
def test_a_damaged_entry_is_used_or_refused_and_nothing_else_happens(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(ENTRIES)))
    content = bytearray(ENTRIES[name])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
    with contextlib.suppress(KeyCredentialsInvalid):
        key_sources({name: bytes(content)})


@pytest.mark.parametrize("name", ["sops.aws-kms", "sops.azure-kv", "sops.gcp-kms"])
def test_a_short_entry_does_not_stand_for_a_long_one(name: str) -> None:
    fields, uses = ", ".join(f"k{i}: 1" for i in range(2000)), ", ".join(["*a"] * 2000)
    with pytest.raises(
        KeyCredentialsInvalid, match=rf"entry '{name}' of the decryption Secret uses YAML aliases"
    ):
        key_sources({name: f"a: &a {{{fields}}}\nb: {{<<: [{uses}]}}\n".encode()})


PANICS = """-----BEGIN PGP MESSAGE-----

hF4DcQuxui0aWzUSAQdAmMGlGP4jS4dW1nbslYbdk87KotVHHgzX9RIdmEo6/Sow
8KV4MnxrfR0Z+J37XOsrUnZhyU9jXgSy84tjzJIS0vwF/BZcA37WT9r++VpkbPuQ
0l0BLfsK5DIzWEj/Jl9AAP6+76al+Xta-4bRO^}X
PN65+8gIw2wdmNTcjMCdqFvnRHRPEpevykjLLsJD7488HIuJ9qLyFJDeYQSZ+zI=
=Kupn
-----END PGP MESSAGE-----
"""
"""On this, the library of today panics."""


def test_a_panic_of_a_library_is_a_refusal_and_the_next_message_opens() -> None:
    keys = OpenPgpKeys()
    (name,) = (each for each in KEYS_OF_REAL if each.endswith(".asc"))
    keys.add(KEYS_OF_REAL[name])
    text = (ENCRYPTED_FILES / "curve.pgp.yaml").read_text()
    found = re.findall(r"-----BEGIN PGP MESSAGE-----.*?-----END PGP MESSAGE-----", text, re.DOTALL)
    messages = [
        MasterKey("pgp", "\n".join(line.strip() for line in message.splitlines()), {}) for message in found
    ]
    before = [keys.decrypt(each) for each in messages]
    assert before
    with pytest.raises(KeyRefused):
        keys.decrypt(MasterKey("pgp", PANICS, {}))
    assert [keys.decrypt(each) for each in messages] == before
