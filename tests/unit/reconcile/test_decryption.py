"""What is encrypted in a repository, built with keys and without. The files are SOPS' own."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
import yaml

from controlplane.ports import free_ports
from headgate.documents.errors import BuildError
from headgate.documents.tree import MemoryTree
from headgate.postbuild import Variables
from headgate.postbuild.sops import KeyRefused
from headgate.reconcile.kustomization.build.builds import (
    BuildResult,
    BuildRules,
    build_objects,
)
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs
from headgate.reconcile.kustomization.build.datakeys import DataKeys
from headgate.reconcile.kustomization.build.decryption import Keys
from headgate.reconcile.kustomization.build.errors import DecryptionFailed, PostBuildFailed, StillEncrypted
from headgate.reconcile.kustomization.build.outages import Outages
from tests.support.sops import KEYS, age_key, encrypted_files, sealed, sealed_file, sealed_secret

Obj = dict[str, Any]
SPEC: Obj = {"path": "./apps", "targetNamespace": "shop", "decryption": {"provider": "sops"}}
TWO = (("first-of-two", "first"), ("second-of-two", "second"), ("in-json", "in-json"))
NAMES = ("alpha.agekey", "hybrid.agekey", "curve.asc", "rsa.asc")


def inputs(keys: dict[str, str], variables: Variables | None = None, version: str = "1") -> ClusterInputs:
    secret = {name: text.encode() for name, text in keys.items()}
    return ClusterInputs(version, variables, Keys(version, "shop/keys", secret))


def build(files: dict[str, str], keys: dict[str, str], variables: Variables | None = None) -> BuildResult:
    return build_objects(MemoryTree(files), SPEC, inputs(keys, variables))


def texts(obj: Obj) -> dict[str, str]:
    """The data of a Secret or ConfigMap as texts."""
    plain = dict(obj.get("stringData") or {})
    for name, value in (obj.get("data") or {}).items():
        plain[name] = base64.b64decode(value).decode() if obj["kind"] == "Secret" else value
    return plain


@pytest.fixture(scope="module")
def built() -> dict[str, Obj]:
    objects = build(encrypted_files(), {name: KEYS[name] for name in NAMES}).objects
    return {obj["metadata"]["name"]: obj for obj in objects}


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        *((f"by-{kind}", {"password": f"plain-of-by-{kind}"}) for kind in ("age", "hybrid", "curve", "rsa", "groups")),
        *((name, {"password": f"plain-of-{plain}"}) for name, plain in TWO),
        ("settings", {"token": "plain-of-settings", "plain_unencrypted": "seen"}),
        ("with-entries", {"config.yaml": "inner: plain-of-entry\n", "token": "plain-of-binary-entry\n", "plain": "hello"}),  # noqa: E501
        ("from-env", {"USER": "plain-of-env-user", "PASSWORD": "plain-of-env-password"}),
        ("from-component", {"PART": "plain-of-component"}),
        ("pull", {".dockerconfigjson": None}),
        ("same-file", {"token": "plain-of-binary\n"}),
        ("patched", {"kept": "here", "added": "plain-of-patch"}),
    ],
)  # fmt: skip
def test_what_sops_encrypted_is_built_plain(
    built: dict[str, Obj], name: str, plain: dict[str, str | None]
) -> None:
    found = texts(built[name])
    assert {key: found[key] for key, value in plain.items() if value is not None} == {
        key: value for key, value in plain.items() if value is not None
    }
    assert set(found) == set(plain)
    assert "sops" not in built[name]


def test_each_format_is_written_as_sops_would(built: dict[str, Obj]) -> None:
    found = texts(built["from-files"])
    assert json.loads(found["config.json"]) == {"token": "plain-of-json", "size": 3}
    assert found["settings.ini"].replace(" ", "") == "[db]\npassword=plain-of-ini\n"
    assert found["config.yaml"] == "# why\ntoken: plain-of-yaml\n"
    assert found["token"] == "plain-of-binary\n"
    assert '"auth": "plain-of-dockerconfig"' in texts(built["pull"])[".dockerconfigjson"]


def test_the_hash_in_a_name_follows_the_plain_text() -> None:
    """As with Flux: encrypting the same again, for other people, restarts nothing."""
    names = set()
    for _ in range(2):
        private, wrap = age_key()
        kustomization = yaml.safe_dump({"secretGenerator": [{"name": "a", "files": ["token"]}]})
        files = {"apps/kustomization.yaml": kustomization, "apps/token": sealed_file("same", wrap)}
        names |= {obj["metadata"]["name"] for obj in build(files, {"a.agekey": private}).objects}
    assert len(names) == 1


@pytest.mark.parametrize(
    ("without", "file", "lacks"),
    [
        ("hybrid.agekey", "apps/hybrid.yaml", "age recipient age1pq1"),
        ("curve.asc", "apps/generated/config.ini", "PGP key C4D0F672A243A054C049966921543F7C984B96C9"),
        ("rsa.asc", "apps/groups.yaml", "1 of 3 key groups could be opened, and 2 are needed"),
    ],
)
def test_a_missing_key_is_named_with_the_file(without: str, file: str, lacks: str) -> None:
    keys = {name: KEYS[name] for name in NAMES if name != without}
    files = encrypted_files()
    if without == "rsa.asc":
        files["apps/rsa.yaml"] = files["apps/age.yaml"].replace("by-age", "by-rsa")
    with pytest.raises(DecryptionFailed) as raised:
        build(files, keys)
    assert str(raised.value).startswith(file)
    assert lacks in str(raised.value)


def test_the_file_of_an_encrypted_entry_is_named() -> None:
    with pytest.raises(
        DecryptionFailed, match=r"^apps/entries\.yaml, Secret/shop/with-entries, field data\["
    ):
        build({"apps/entries.yaml": encrypted_files()["apps/entries.yaml"]}, {})


def test_line_breaks_in_the_base64_of_an_entry_do_not_matter() -> None:
    private, wrap = age_key()
    text = base64.encodebytes(sealed_file("plain", wrap).encode()).decode()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"token": text}}
    (built,) = build({"apps/a.yaml": yaml.safe_dump(secret)}, {"a.agekey": private}).objects
    assert texts(built) == {"token": "plain"}


def test_a_key_that_is_none_is_refused_by_its_entry() -> None:
    with pytest.raises(DecryptionFailed, match=r"^Secret/shop/keys: entry 'a\.agekey'.*line 1"):
        build(encrypted_files(), {"a.agekey": "AGE-SECRET-KEY-1NONE"})


def test_a_changed_value_is_found_wherever_it_is() -> None:
    private, wrap = age_key()
    secret = sealed_secret("a", wrap, one="first value", two="second value")
    secret["stringData"]["one"], secret["stringData"]["two"] = (
        secret["stringData"]["two"],
        secret["stringData"]["one"],
    )
    with pytest.raises(
        DecryptionFailed, match=r"apps/a\.yaml, Secret/shop/a, field stringData\.one: was changed or moved"
    ):
        build({"apps/a.yaml": yaml.safe_dump(secret)}, {"a.agekey": private})


def test_a_file_whose_mac_does_not_match_is_refused() -> None:
    files = encrypted_files()
    lines = files["apps/generated/app.env"].splitlines()
    files["apps/generated/app.env"] = "\n".join(line for line in lines if not line.startswith("USER=")) + "\n"
    with pytest.raises(DecryptionFailed, match=r"^apps/generated/app\.env: the MAC does not match"):
        build(files, {name: KEYS[name] for name in NAMES})


def test_an_encrypted_secret_needs_decryption() -> None:
    files = {"apps/age.yaml": encrypted_files()["apps/age.yaml"]}
    with pytest.raises(
        StillEncrypted, match=r"Secret/shop/by-age is SOPS encrypted, configuring decryption is required"
    ):
        build_objects(MemoryTree(files), {**SPEC, "decryption": None})


@pytest.mark.parametrize("wanted", [True, False])
def test_what_others_decrypt_is_left_to_them(wanted: bool) -> None:
    _, wrap = age_key()
    secret = sealed_secret("a", wrap, password="for somebody else")
    secret["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/decrypt": "Disabled"}
    tree = MemoryTree({"apps/a.yaml": yaml.safe_dump(secret)})
    built = build_objects(tree, SPEC, inputs({}) if wanted else ClusterInputs())
    assert built.objects[0]["stringData"] == secret["stringData"]
    assert "sops" not in built.objects[0]


def test_an_encrypted_object_of_another_kind_is_decrypted_too() -> None:
    private, wrap = age_key()
    obj = {
        "apiVersion": "example.org/v1",
        "kind": "Thing",
        "metadata": {"name": "a"},
        "spec": {"token": "hidden one"},
    }
    files = {"apps/a.yaml": yaml.safe_dump(sealed(obj, wrap, ("spec",)))}
    assert build(files, {"a.agekey": private}).objects[0]["spec"] == {"token": "hidden one"}


def test_a_file_is_decrypted_under_each_of_its_names() -> None:
    """A generator reads a file that another reads too: SOPS' text is in neither."""
    files = encrypted_files()
    assert "ENC[" not in str(build(files, {name: KEYS[name] for name in NAMES}).objects)


SECRET_TEXT = "pa${NOBODY}ss-word"


def failing(files: dict[str, str], private: str, variables: Variables | None = None) -> str:
    with pytest.raises(BuildError) as raised:
        build(files, {"a.agekey": private}, variables)
    return str(raised.value)


def test_a_substitution_that_fails_in_plain_text_does_not_tell_it() -> None:
    private, wrap = age_key()
    files = {"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password=SECRET_TEXT))}
    message = failing(files, private, Variables({"x": "1"}))
    assert message.startswith("apps/a.yaml:1, Secret/shop/a, field stringData")
    assert "NOBODY" not in message
    assert "word" not in message


def test_nor_where_the_plain_text_came_by_a_patch() -> None:
    private, wrap = age_key()
    patch = sealed(
        {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c"}, "data": {"a": SECRET_TEXT}}, wrap
    )
    kustomization = {"resources": ["c.yaml"], "patches": [{"path": "p.yaml"}]}
    files = {
        "apps/kustomization.yaml": yaml.safe_dump(kustomization),
        "apps/c.yaml": yaml.safe_dump({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c"}}),
        "apps/p.yaml": yaml.safe_dump(patch),
    }
    message = failing(files, private, Variables({"x": "1"}))
    assert "NOBODY" not in message
    plain = {**files, "apps/p.yaml": yaml.safe_dump({**patch, "sops": None, "data": {"a": SECRET_TEXT}})}
    with pytest.raises(PostBuildFailed, match="NOBODY"):
        build(plain, {}, Variables({"x": "1"}))


def test_a_patch_that_is_none_once_decrypted_is_not_quoted() -> None:
    private, wrap = age_key()
    kustomization = {"resources": ["c.yaml"], "patches": [{"path": "patch", "target": {"kind": "ConfigMap"}}]}
    files = {
        "apps/kustomization.yaml": yaml.safe_dump(kustomization),
        "apps/c.yaml": yaml.safe_dump({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c"}}),
    }
    for plain in (
        "- op: confidential\n  path: /a\n",
        "- {op: remove, path: /confidential}\n",
        "a: [confidential\n",
    ):
        message = failing({**files, "apps/patch": sealed_file(plain, wrap)}, private)
        assert "confidential" not in message, plain


def test_the_masks_of_a_build_hold_what_was_decrypted_and_no_names() -> None:
    private, wrap = age_key()
    secret = sealed_secret("a", wrap, password="hidden-value", namespace="shop", name="visible-name")
    secret["metadata"]["name"] = "visible-name"
    masks = build({"apps/a.yaml": yaml.safe_dump(secret)}, {"a.agekey": private}).masks
    assert masks("Secret/shop/visible-name: hidden-value") == "Secret/shop/visible-name: ***"


def test_data_keys_are_kept_for_the_credentials_that_opened_them() -> None:
    private, wrap = age_key()
    tree = MemoryTree({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="x"))})
    rules = BuildRules(data_keys=DataKeys())
    build_objects(tree, SPEC, inputs({"a.agekey": private}), rules)
    assert len(rules.data_keys) == 1
    # Had it been opened again, these keys, of which none fits, would not have done.
    build_objects(tree, SPEC, inputs({}), rules)
    with pytest.raises(DecryptionFailed, match="no age identity given"):
        build_objects(tree, SPEC, inputs({}, version="2"), rules)


def test_kept_data_keys_are_bounded_in_number_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = DataKeys(most=2, lifetime=10)
    for name in ("a", "b", "c"):
        keys.of("x").put((name,), name.encode())
    assert [keys.of("x").get((name,)) for name in ("a", "b", "c")] == [None, b"b", b"c"]
    assert keys.of("y").get(("b",)) is None
    later = time.monotonic() + 11
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert keys.of("x").get(("b",)) is None


def test_a_service_that_is_silent_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"vault_address": f"http://127.0.0.1:{free_ports(1)[0]}", "engine_path": "sops", "key_name": "a"}
    secret = sealed_secret("a", lambda _: {"hc_vault": [{**entry, "enc": "vault:v1:AAAA"}]}, password="x")
    tree = MemoryTree({"apps/a.yaml": yaml.safe_dump(secret)})
    rules, token = BuildRules(), inputs({"sops.vault-token": "t"})

    def said() -> str:
        with pytest.raises(DecryptionFailed) as raised:
            build_objects(tree, SPEC, token, rules)
        return str(raised.value)

    assert ": connection refused" in said()
    assert "the service did not answer a moment ago" in said()
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert ": connection refused" in said()


def test_a_service_that_is_silent_to_one_is_asked_for_others() -> None:
    entry = {"vault_address": f"http://127.0.0.1:{free_ports(1)[0]}", "engine_path": "sops", "key_name": "a"}
    secret = sealed_secret("a", lambda _: {"hc_vault": [{**entry, "enc": "vault:v1:AAAA"}]}, password="x")
    tree, rules = MemoryTree({"apps/a.yaml": yaml.safe_dump(secret)}), BuildRules()
    for version in ("team-a", "team-b"):
        with pytest.raises(DecryptionFailed, match=": connection refused"):
            build_objects(tree, SPEC, inputs({"sops.vault-token": "t"}, version=version), rules)


def test_services_that_were_silent_are_bounded_in_number() -> None:
    outages = Outages(most=2)
    for name in ("a", "b", "c"):
        outages.note("x", name)
    assert len(outages) == 2
    outages.check("x", "a")
    with pytest.raises(KeyRefused, match="a moment ago"):
        outages.check("x", "c")
