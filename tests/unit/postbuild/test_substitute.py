"""Variables into whole objects, with the printer and the reader the operator uses."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from headgate.postbuild import (
    SubstitutionError,
    VariableReference,
    Variables,
    collect_variables,
    substitute,
    variable_references,
)
from headgate.postbuild.errors import (
    BrokenBySubstitution,
    ExpressionMalformed,
    VariableNameInvalid,
    VariableNotSet,
    VariablesMissing,
)

SECRET = "hunter2"


def run(obj: dict[str, Any], values: dict[str, str], **options: Any) -> dict[str, Any]:
    return substitute(obj, Variables(values), **options)


def config_map(data: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", **metadata},
        "data": data,
    }


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        ("${v}", "3", 3),
        ("${v}", "3.50", 3.5),
        ("${v}", "true", True),
        ("${v}", "yes", True),
        ("${v}", "no", False),
        ("${v}", "", None),
        ("${v}", "null", None),
        ("${v}", "[a, b]", ["a", "b"]),
        ("${v}", "{a: 1}", {"a": 1}),
        ("${v}", '"3"', "3"),
        ("${v}", "0x10", 16),
        ("${v}", "1e3", 1000),
        ('"${v}"', "3", '"3"'),
        ("n${v}", "3", "n3"),
        ("3${v}", "3", 33),
        ("${v} # ${v}", "3", "3 # 3"),
        ("- ${v}", "3", "- 3"),
        ("a: ${v}", "b: c", "a: b: c"),
        ("one ${v}\ntwo ${v}\n", "3", "one 3\ntwo 3\n"),
        ("one\n  two ${v}", "x: y", "one\n  two x: y"),
        ("$${v}", "3", "${v}"),
        ("$v $$ $", "3", "$v $ $"),
        ("${v:=long default " + "that is folded when printed " * 8 + "}", "", None),
    ],
)
def test_values_are_read_again(source: str, value: str, expected: Any) -> None:
    if expected is None and source.startswith("${v:="):
        expected = source[5:-1].rstrip()
    assert run(config_map({"key": source}), {"v": value})["data"] == {"key": expected}


def test_keys_and_lists_are_substituted() -> None:
    obj = config_map({"${v}-key": ["${v}", {"${v}": 1}]}, labels={"${v}": "${v}"})
    result = run(obj, {"v": "x"})
    assert result["data"] == {"x-key": ["x", {"x": 1}]}
    assert result["metadata"]["labels"] == {"x": "x"}


def test_what_is_not_text_stays() -> None:
    data = {
        "a": 1,
        "b": True,
        "c": None,
        "d": 1.5,
        "e": [],
        "f": {},
        "g": "1",
        "h": "yes",
        "i": "${v}",
        "j": 1 << 62,
    }
    assert run(config_map(data), {"v": "x"})["data"] == {**data, "i": "x"}


def test_the_given_object_is_not_changed() -> None:
    obj = config_map({"a": "${v}"})
    run(obj, {"v": "x"})
    assert obj == config_map({"a": "${v}"})


def test_an_object_without_a_dollar_is_returned_as_it_is() -> None:
    obj = config_map({"a": "1"})
    assert run(obj, {"v": "x"}) is obj


@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_disabled(where: str) -> None:
    obj = config_map({"a": "${v}"}, **{where: {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}})
    assert run(obj, {"v": "x"}) is obj
    other = config_map({"a": "${v}"}, **{where: {"kustomize.toolkit.fluxcd.io/substitute": "Disabled"}})
    assert run(other, {"v": "x"})["data"] == {"a": "x"}


def test_without_variables_nothing_is_substituted_unless_always() -> None:
    obj = config_map({"a": "${v:=x} $${kept}"})
    assert substitute(obj, Variables()) is obj
    result = substitute(obj, Variables(always=True))
    assert result["data"] == {"a": "x ${kept}"}


def test_strict_and_lenient() -> None:
    obj = config_map({"a": "x${v}", "b": "${w}"})
    assert run(obj, {"other": "x"}, strict=False)["data"] == {"a": "x", "b": None}
    with pytest.raises(VariableNotSet) as caught:
        run(obj, {"w": ""})
    error = caught.value
    assert (error.object, error.field, error.variable) == ("ConfigMap/settings", "data.a", "v")
    assert str(error) == (
        "ConfigMap/settings, field data.a: variable 'v' has no value, neither in substitute nor in "
        "substituteFrom, and no default"
    )


@pytest.mark.parametrize(
    ("data", "kind", "field"),
    [
        ({"a": "x", "b": ["y", "${v"]}, ExpressionMalformed, "data.b[1]"),
        ({"a.b": "${missing}"}, VariableNotSet, "data['a.b']"),
        ({"a": {"${missing}": 1}}, VariableNotSet, "data.a.${missing}"),
        ({"a": "${v}"}, BrokenBySubstitution, "data.a"),
        ({"a": "${cut:0:1}"}, BrokenBySubstitution, "data.a"),
        ({"a": "${control}"}, BrokenBySubstitution, "data.a"),
    ],
)
def test_errors_locate_and_keep_secrets(data: Any, kind: type[SubstitutionError], field: str) -> None:
    values = {"v": f"{SECRET}: {{", "cut": "é" + SECRET, "control": SECRET + "\x01"}
    with pytest.raises(kind) as caught:
        run(config_map(data, namespace="shop"), values)
    error = caught.value
    assert error.object == "ConfigMap/shop/settings"
    assert error.field == field
    chain: BaseException | None = error
    while chain is not None:
        assert SECRET not in str(chain)
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)


def test_a_decrypted_object_keeps_its_text_out_of_errors() -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "stringData": {"pw": "a${hunter2}b"},
    }
    with pytest.raises(VariableNotSet) as caught:
        run(obj, {"v": "x"}, sensitive=True)
    assert "hunter2" not in str(caught.value)
    assert caught.value.variable is None
    assert str(caught.value).startswith("Secret/s, field stringData: ")


def test_what_is_not_a_mapping_afterwards() -> None:
    with pytest.raises(BrokenBySubstitution, match="not a mapping"):
        run({"${v}": "x"}, {"v": "- name"})


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a.b", "é", "a b", "a\n"])
def test_names_are_checked(name: str) -> None:
    with pytest.raises(VariableNameInvalid, match=r"must match '\^\[_\[:alpha:\]\]"):
        run(config_map({"a": "plain"}), {"ok": "x", name: "y"})


@pytest.mark.parametrize("name", ["_", "a", "A1_b", "__9"])
def test_names_that_are_fine(name: str) -> None:
    assert run(config_map({"a": "${" + name + "}"}), {name: "val"})["data"] == {"a": "val"}


def secret(**data: str) -> dict[str, Any]:
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


POST_BUILD: dict[str, Any] = {
    "substitute": {"a": "inline"},
    "substituteFrom": [
        {"kind": "ConfigMap", "name": "one"},
        {"kind": "Secret", "name": "two"},
        {"kind": "Secret", "name": "ghost", "optional": True},
    ],
}
ONE, TWO, GHOST = (
    VariableReference("ConfigMap", "one"),
    VariableReference("Secret", "two"),
    VariableReference("Secret", "ghost", optional=True),
)


def test_references() -> None:
    assert variable_references(POST_BUILD) == (ONE, TWO, GHOST)
    assert variable_references({}) == ()


def test_precedence() -> None:
    found = {ONE: {"data": {"a": "1", "b": "1", "c": "1\n2\n"}}, TWO: secret(a="2", b="2", d="x\ny")}
    variables = collect_variables(POST_BUILD, found)
    assert variables.values == {"a": "inline", "b": "2", "c": "12", "d": "xy"}
    assert not variables.always


def test_binary_data_of_config_maps_is_not_used() -> None:
    found = {ONE: {"binaryData": {"b": "eA=="}}, TWO: {}}
    assert collect_variables(POST_BUILD, found).values == {"a": "inline"}


def test_newlines_of_inline_values() -> None:
    assert collect_variables({"substitute": {"a": "x\ny\n"}}, {}).values == {"a": "xy"}


def test_missing_source() -> None:
    with pytest.raises(
        VariablesMissing, match="substitute from 'Secret/two' error: the Secret does not exist"
    ):
        collect_variables(POST_BUILD, {ONE: {}})


def test_secret_that_is_not_base64() -> None:
    with pytest.raises(VariablesMissing, match="the value of 'k' is not base64") as caught:
        collect_variables(POST_BUILD, {ONE: {}, TWO: {"data": {"k": SECRET + "!"}}})
    assert SECRET not in str(caught.value)


def test_strategy() -> None:
    assert collect_variables({"substituteStrategy": "Always"}, {}).wanted
    assert not collect_variables({"substituteStrategy": "WithVariables"}, {}).wanted
    assert not collect_variables({"substitute": {}}, {}).wanted


def test_values_do_not_show_in_a_repr() -> None:
    assert SECRET not in repr(Variables({"a": SECRET}))
