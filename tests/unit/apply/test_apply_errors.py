"""Messages name object and field, read as Flux's, and never hold a secret."""

import base64
from typing import Any

import pytest

from headgate.apply.errors import describe, is_immutable, may_be_immutable
from headgate.apply.objects.validation import check
from headgate.kube import (
    Conflict,
    Forbidden,
    Invalid,
    NoMatch,
    NotFound,
    ObjectRef,
    ServerError,
    StatusCause,
    ref_of,
)

WEB = ObjectRef("apps/v1", "Deployment", "web", "ns")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            Invalid("it is invalid: spec.x", status=422, reason="Invalid"),
            "Deployment/ns/web dry-run failed (Invalid): it is invalid: spec.x",
        ),
        (
            ServerError("typed patch: .spec.x", status=500),
            "Deployment/ns/web dry-run failed: typed patch: .spec.x",
        ),
        (NoMatch("a/v1", "B"), 'Deployment/ns/web dry-run failed: no matches for kind "B" in version "a/v1"'),
        (
            NotFound('namespaces "ns" not found', status=404, reason="NotFound"),
            'Deployment/ns/web not found: namespaces "ns" not found',
        ),
        (
            Conflict("conflict", reason="Conflict", causes=(StatusCause("FieldManagerConflict", "", ""),)),
            "Deployment/ns/web dry-run failed (FieldManagerConflict): conflict",
        ),
    ],
)
def test_wording(error: Exception, message: str) -> None:
    assert str(describe(error, WEB, "dry-run")) == message


def invalid(*messages: str) -> Invalid:
    causes = tuple(StatusCause("FieldValueInvalid", m, "spec.x") for m in messages)
    return Invalid("invalid", status=422, reason="Invalid", causes=causes)


@pytest.mark.parametrize(
    ("error", "surely", "perhaps"),
    [
        (invalid('Invalid value: "x": field is immutable'), True, True),
        (invalid("field is immutable", "Required value"), False, True),
        (invalid("Required value"), False, True),
        (invalid("updates to statefulset spec for fields other than 'replicas' are forbidden"), True, True),
        (invalid("may not change once set"), True, True),
        (invalid("spec is immutable after creation except resources.requests"), True, True),
        (Forbidden("admission webhook denied: the class is immutable", status=403), True, True),
        (Forbidden("not allowed", status=403), False, False),
        (Conflict("somebody else", status=409), False, True),
        (ServerError("typed patch", status=500), False, False),
    ],
)
def test_immutable(error: Exception, surely: bool, perhaps: bool) -> None:
    assert (is_immutable(error), may_be_immutable(error)) == (surely, perhaps)


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "ns"}, **fields}


def test_secret_values_are_masked() -> None:
    encoded = base64.b64encode(b"hunter2").decode()
    obj = secret(data={"password": encoded, "other": "c2hvcnQ="})
    error = ServerError(f'cannot read {{"password":"{encoded}"}}, that is hunter2 and not short', status=500)
    text = str(describe(error, ref_of(obj), "apply", obj))
    assert "hunter2" not in text
    assert encoded not in text
    assert text == 'Secret/ns/s apply failed: cannot read {"password":"***"}, that is *** and not ***'


def test_other_kinds_are_quoted_in_full() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": {"a": "value"}}
    assert "value" in str(describe(ServerError("bad value"), ref_of(obj), "apply", obj))


@pytest.mark.parametrize(
    ("obj", "problems"),
    [
        (secret(data={"a": "YQ=="}, stringData={"b": ""}), []),
        (secret(data={"a": "YWFhYWFh\nYWFh\n"}), []),
        (
            secret(stringData={"pin": 1234}),
            ["Secret/ns/s is invalid: stringData.pin must be a string, not a number (quote it in YAML)"],
        ),
        (
            secret(data={"a": "hunter2!"}),
            ["Secret/ns/s is invalid: data.a is not base64 (plain text belongs in stringData)"],
        ),
        (secret(data=["x"]), ["Secret/ns/s is invalid: data must be a map of strings, not a list"]),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "labels": "a"}},
            ["ConfigMap/x is invalid: metadata.labels must be a map of strings, not a string"],
        ),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}, ["ConfigMap/? has no metadata.name"]),
        (
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "x-"}},
            ["Job/? has metadata.generateName and no name: give it metadata.name"],
        ),
        ({"kind": "X", "metadata": {"name": "x"}}, ["X/x is not a Kubernetes object: apiVersion is missing"]),
        ({"apiVersion": "v1", "metadata": {}}, ["object/? is not a Kubernetes object: kind is missing"]),
    ],
)
def test_what_can_be_seen_without_a_cluster(obj: dict[str, Any], problems: list[str]) -> None:
    assert check(obj, ref_of(obj)) == problems
