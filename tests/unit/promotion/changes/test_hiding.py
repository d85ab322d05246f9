"""No value of a Secret, encrypted or not, leaves a comparison."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from headgate.postbuild import Masks
from headgate.promotion.changes.hiding import Curtain
from headgate.promotion.changes.model import EnvironmentChange, Hidden
from headgate.promotion.fleet.rendering import UNKNOWN_CLOSE, UNKNOWN_OPEN
from tests.support.renderings import (
    Obj,
    change,
    deployment,
    kustomization,
    obj,
    of_objects,
    rendered,
    rendering,
    the_change,
    with_value,
)

OLD, NEW = "correct-horse-battery", "staple-of-the-stable"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(value: str = OLD, field: str = "stringData", key: str = "password", **more: Any) -> Obj:
    return obj(
        "v1", "Secret", "s", **{field: {key: value if field == "stringData" else encoded(value)}}, **more
    )


def assert_hidden(found: EnvironmentChange, *values: str) -> None:
    text = repr(found)
    for value in values:
        for form in (value, encoded(value), encoded(value).rstrip("="), value[:-1]):
            assert form not in text


@pytest.mark.parametrize("field", ["data", "stringData"])
def test_the_keys_of_a_secret_that_change_are_named_without_values(field: str) -> None:
    found = of_objects([secret(OLD, field)], [secret(NEW, field)])
    (each,) = found.changes
    assert [(f.path, f.before, f.after) for f in each.fields] == [
        ("data.password", Hidden.SECRET, Hidden.SECRET)
    ]
    assert_hidden(found, OLD, NEW)


def test_plain_and_encoded_notations_of_a_secret_are_equal() -> None:
    assert of_objects([secret(OLD, "data")], [secret(OLD, "stringData")]).is_empty


def test_keys_that_come_and_go_are_distinguished() -> None:
    found = the_change(secret(key="a"), secret(key="b"))
    assert {(f.path, f.before, f.after) for f in found.fields} == {
        ("data.a", Hidden.SECRET, None),
        ("data.b", None, Hidden.SECRET),
    }


@pytest.mark.parametrize(
    "change_of",
    [
        lambda s, v: with_value(s, "dataa", {"password": v}),
        lambda s, v: with_value(s, "stringData.password", {"nested": [v]}),
        lambda s, v: with_value(s, "stringData", [v]),
        lambda s, v: with_value(s, "data", v),
        lambda s, v: with_value(
            s, "metadata.annotations", {"kubectl.kubernetes.io/last-applied-configuration": v}
        ),
    ],
)
def test_whatever_a_secret_holds_elsewhere_is_hidden(change_of: Any) -> None:
    found = of_objects([secret()], [change_of(secret(), NEW)])
    assert not found.is_empty
    assert_hidden(found, OLD, NEW)


def test_the_type_and_labels_of_a_secret_are_shown() -> None:
    found = the_change(
        secret(type="Opaque"), secret(type="kubernetes.io/basic-auth", metadata={"labels": {"a": "b"}})
    )
    assert {(f.path, f.after) for f in found.fields} == {
        ("type", "kubernetes.io/basic-auth"),
        ("metadata.labels.a", "b"),
    }


@pytest.mark.parametrize(
    "place", ["value", "inside", "base64", "key", "list", "number", "text", "image", "label"]
)
def test_a_value_of_a_secret_that_was_copied_elsewhere_is_hidden(place: str) -> None:
    def holder(value: str) -> Obj:
        held: dict[str, Any] = {
            "value": {"data": {"a": value}},
            "inside": {"data": {"url": f"postgres://user:{value}@host/db"}},
            "base64": {"data": {"a": encoded(value)}},
            "key": {"data": {value: "x"}},
            "list": {"spec": {"args": ["--token", value]}},
            "number": {"spec": {"pin": int.from_bytes(value.encode()[:6], "big")}},
            "text": {"data": {"f": f"line\n{value}\nmore"}},
            "image": {"spec": {"containers": [{"name": "a", "image": f"r/{value}"}]}},
            "label": {"metadata": {"labels": {"a": value}}},
        }
        return obj("example.com/v1", "Thing", "t", **held[place])

    def version(value: str) -> list[Obj]:
        held = str(int.from_bytes(value.encode()[:6], "big")) if place == "number" else value
        return [secret(held), holder(value)]

    found = of_objects(version(OLD), version(NEW))
    assert len(found.changes) == 2
    values = [str(int.from_bytes(v.encode()[:6], "big")) if place == "number" else v for v in (OLD, NEW)]
    assert_hidden(found, *values)


def test_a_secret_of_another_kustomization_or_of_one_side_is_hidden_too() -> None:
    old, new = (kustomization(obj("v1", "ConfigMap", data={"a": value}), name="two") for value in (OLD, NEW))
    found = change(
        rendering(kustomization(secret(OLD), name="one"), old), rendering(kustomization(name="one"), new)
    )
    assert_hidden(found, OLD)
    assert NEW in repr(found)


def test_the_masks_of_a_build_hide_what_it_decrypted_or_substituted() -> None:
    def version(value: str) -> Any:
        return kustomization(deployment(args=[f"--token={value}"]), masks=Masks([value]))

    found = change(rendering(version(OLD)), rendering(version(NEW)))
    assert not found.is_empty
    assert_hidden(found, OLD, NEW)


LONGER = [
    "db://user:{}@host/x",
    "pin={};next",
    "the pin is {}, keep it",
    '{{"pin": "{}"}}',
    "a-{}-b",
    "line one\n{}\nline three",
    "{}.example.com",
]


@pytest.mark.parametrize("place", ["data", "annotation", "argument", "environment variable"])
@pytest.mark.parametrize("text", LONGER)
@pytest.mark.parametrize("short", ["abc", "p1n", "7391", "a!b:c", "12345"])
def test_a_short_value_is_hidden_as_a_word_of_a_longer_text(short: str, text: str, place: str) -> None:
    def of(value: str) -> Obj:
        if place == "data":
            return obj("v1", "ConfigMap", data={"a": value})
        if place == "annotation":
            return obj("v1", "ConfigMap", metadata={"name": "c", "annotations": {"a": value}})
        if place == "argument":
            return deployment(args=[value])
        return deployment(env=[{"name": "A", "value": value}])

    found = of_objects([secret(short), of(text.format(short))], [secret(short), of("other")])
    assert short not in repr(found.changes), found.changes
    back = of_objects([secret(short), of("other")], [secret(short), of(text.format(short))])
    assert short not in repr(back.changes)
    assert encoded(short) not in repr(
        of_objects([secret(short)], [secret(short), of(encoded(short))]).changes
    )


@pytest.mark.parametrize("value", ["app", "web", "true", "http", "image", "name", "apps", "data"])
def test_a_word_of_names_and_fields_blanks_nothing(value: str) -> None:
    """A Secret with such a value would otherwise hide what everybody looks for."""
    before = [secret(value), deployment("my-app", image="registry/web-app:1"), obj("v1", "Service", "web")]
    after = [secret(value), deployment("my-app", image="registry/web-app:2"), obj("v1", "Service", "web")]
    (each,) = of_objects(before, after).changes
    assert [(i.before, i.after) for i in each.images] == [("registry/web-app:1", "registry/web-app:2")]
    assert [f.path for f in each.fields] == ["spec.template.spec.containers[name=my-app].image"]


@pytest.mark.parametrize("inside", ["x7391", "73915", "a7391b", "_7391_"])
def test_a_short_value_within_a_word_is_not_recognized(inside: str) -> None:
    config = [obj("v1", "ConfigMap", data={"a": value}) for value in (inside, "other")]
    (each,) = of_objects([secret("7391"), config[0]], [secret("7391"), config[1]]).changes
    assert [f.before for f in each.fields] == [inside]


@pytest.mark.parametrize("short", ["abc", "pin1", "12345"])
def test_a_short_value_is_hidden_where_it_is_the_whole_text(short: str) -> None:
    found = of_objects(
        [secret(short), obj("v1", "ConfigMap", data={"a": short})],
        [secret(short), obj("v1", "ConfigMap", data={"a": "other"})],
    )
    assert [f.before for f in found.changes[0].fields] == ["***"]


def test_a_name_is_no_secret() -> None:
    found = the_change(deployment("web-server"), deployment("web-server", image="web-server:2"))
    assert found.ref.name == "web-server"
    held = secret("web-server")
    both = of_objects(
        [held, deployment("web-server")], [held, deployment("web-server", image="web-server:2")]
    )
    assert both.changes[0].images[0].after == "web-server:2"


CIPHER = "ENC[AES256_GCM,data:{},iv:aaaa,tag:bbbb,type:str]"


def encrypted(data: str, kind: str = "Secret") -> Obj:
    sops = {"mac": CIPHER.format(data), "lastmodified": data}
    return obj(
        "v1", kind, "s", data={"password": CIPHER.format(data), "same": CIPHER.format("same")}, sops=sops
    )


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
def test_of_encrypted_objects_only_the_change_of_the_ciphertext_is_known(kind: str) -> None:
    found = the_change(
        rendered(encrypted("one", kind), encrypted=True), rendered(encrypted("two", kind), encrypted=True)
    )
    assert [(f.path, f.before, f.after) for f in found.fields] == [
        ("data.password", Hidden.CIPHERTEXT, Hidden.CIPHERTEXT),
        ("sops", Hidden.CIPHERTEXT, Hidden.CIPHERTEXT),
    ]
    assert "AES256" not in repr(found)


def test_ciphertext_that_becomes_plain_text_is_hidden() -> None:
    found = of_objects([rendered(encrypted("one"), encrypted=True)], [secret(NEW)])
    assert_hidden(found, NEW)
    assert "AES256" not in repr(found)


def test_a_sealed_secret_shows_its_keys() -> None:
    def sealed(value: str) -> Obj:
        return obj("bitnami.com/v1alpha1", "SealedSecret", spec={"encryptedData": {"password": value}})

    found = the_change(sealed("AgBx"), sealed("AgBy"))
    assert [(f.path, f.after) for f in found.fields] == [("spec.encryptedData.password", Hidden.CIPHERTEXT)]


@pytest.mark.parametrize(
    ("value", "message", "shown"),
    [
        (OLD, f'spec.type: Unsupported value: "{OLD}"', 'spec.type: Unsupported value: "***"'),
        ("x7z9", 'spec.type: Unsupported value: "x7z9"', 'spec.type: Unsupported value: "***"'),
        ("4711", "spec.port: Invalid value: 4711: too large", "spec.port: Invalid value: ***: too large"),
        ("port", "spec.port-name: no port", "spec.port-name: no ***"),
        ("two\nlines of a secret", 'Invalid value: "two\\nlines of a secret"', 'Invalid value: "***"'),
    ],
)
def test_a_message_that_quotes_a_value_of_a_secret_does_not_show_it(
    value: str, message: str, shown: str
) -> None:
    curtain = Curtain([rendering(kustomization(secret(value)))])
    assert curtain.message(message) == shown


def test_a_message_names_unknown_variables() -> None:
    name = f"a{UNKNOWN_OPEN}missing{UNKNOWN_CLOSE}"
    assert Curtain([]).message(f"ConfigMap/{name}: x") == "ConfigMap/a${missing}: x"
