"""Fields of wrong types: an API server's words, in plain ones and without the value."""

from __future__ import annotations

import pytest

from headgate.apply.wording import plain

HEAD = "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): "
GOT = "got &value.valueUnstructured{Value:"
SAID = [
    (
        f'{HEAD}.spec.template.spec.containers[name="a"].env[name="X"].value: expected string, {GOT}1}}',
        'field spec.template.spec.containers[name="a"].env[name="X"].value: must be text, not a number: quote it',
    ),
    (
        f"{HEAD}.spec.selector.matchLabels.tier: expected string, {GOT}true}}",
        "field spec.selector.matchLabels.tier: must be text, not a boolean: quote it",
    ),
    (
        f"{HEAD}.spec.replicas: expected numeric (int or float), got string",
        "field spec.replicas: must be a number, not text",
    ),
    (
        f"{HEAD}.spec.replicas: expected numeric (int or float), got map[string]interface {{}}",
        "field spec.replicas: must be a number, not a map",
    ),
    (
        f"{HEAD}.spec.template: expected map, got &{{[hidden]}}",
        "field spec.template: must be a map, not a list",
    ),
    (f"{HEAD}.spec.template: expected map, got &{{hidden}}", "field spec.template: must be a map"),
    (
        f"{HEAD}errors:\n  .spec.a: expected list, got &{{map[a:hidden]}}\n"
        "  .spec.b: expected boolean, got &{true}",
        "field spec.a: must be a list, not a map\n  field spec.b: must be true or false",
    ),
    (
        f'{HEAD}.data.a: expected string, {GOT}map[string]interface {{}}{{"x":"hidden"}}}}',
        "field data.a: must be text, not a map",
    ),
    (
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
        "field metadata.labels: must be text, not a number: quote it",
    ),
    (
        'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct '
        "field DeploymentSpec.spec.replicas of type int32",
        "field spec.replicas: must be a whole number, not text",
    ),
    (
        "json: cannot unmarshal number 1.5 into Go struct field ServicePort.spec.ports.port of type int32",
        "field spec.ports.port: must be a whole number, not a fraction or one so large",
    ),
    (
        "json: cannot unmarshal array into Go struct field DeploymentSpec.spec.template of type v1.PodTemplateSpec",
        "field spec.template: must be a map, not a list",
    ),
]


@pytest.mark.parametrize(("said", "plainly"), SAID)
def test_the_words_of_go_are_put_plainly(said: str, plainly: str) -> None:
    assert plain(said) == plainly


@pytest.mark.parametrize(
    "said",
    [
        'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        f"{HEAD}.spec.replica: field not declared in schema",
        "admission webhook denied the request: expected a label",
    ],
)
def test_all_else_stays_as_it_is_said(said: str) -> None:
    assert plain(said) == said
