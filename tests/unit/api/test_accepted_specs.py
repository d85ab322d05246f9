"""Whatever spec the CRD accepts: it is read or refused as invalid, and never keeps the object from being deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from headgate.api import GitRepository, InvalidSpec, Kustomization
from headgate.api.receiver import Receiver

Obj = dict[str, Any]
CRDS = Path(__file__).parents[3] / "crds"
TIMES = (
    *("99999999h", "0s", "1" * 5_000 + "h", "1s" * 5_000, "0.5ms"),
    *("9223372036854775807ms", "9223372036854ms", "2562047h", "2562048h"),
)


def spec_schema(name: str) -> Obj:
    manifest = yaml.safe_load((CRDS / name).read_text())
    (version,) = manifest["spec"]["versions"]
    schema: Obj = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def fitting(schema: Obj) -> st.SearchStrategy[Any]:
    """Values that a schema accepts."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        required = set(schema.get("required", ()))
        fields = {name: fitting(inner) for name, inner in schema["properties"].items()}
        return st.fixed_dictionaries(
            {name: field for name, field in fields.items() if name in required},
            optional={name: field for name, field in fields.items() if name not in required},
        )
    if kind == "object":
        inner = schema.get("additionalProperties")
        return st.dictionaries(st.text(max_size=5), fitting(inner) if inner else st.text(), max_size=2)
    if kind == "array":
        return st.lists(fitting(schema["items"]), min_size=schema.get("minItems", 0), max_size=2)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "number"):
        return st.integers(0, 1_000)
    pattern = schema.get("pattern")
    if pattern and "ms|s|m|h" in pattern:
        return st.sampled_from(TIMES) | st.from_regex(pattern, fullmatch=True)
    if pattern:
        return st.from_regex(pattern, fullmatch=True)
    return st.text(min_size=schema.get("minLength", 0), max_size=10)


def fault(read: Callable[[], object]) -> InvalidSpec | None:
    """What is wrong with a spec, None when nothing is."""
    try:
        read()
    except InvalidSpec as error:
        return error
    return None


def custom_resource(spec: Obj) -> Obj:
    return {"metadata": {"name": "x", "namespace": "ns", "generation": 1}, "spec": spec}


@given(spec=fitting(spec_schema("kustomize.toolkit.fluxcd.io_kustomizations.yaml")))
def test_a_kustomization_can_be_deleted(spec: Obj) -> None:
    access = spec.get("kubeConfig")
    # A rule of the CRD's.
    assume(access is None or (("configMapRef" in access) != ("secretRef" in access)))
    obj = custom_resource(spec)
    refused = fault(lambda: Kustomization.from_object(obj))
    error = fault(lambda: Kustomization.for_deletion(obj))
    if error is not None:
        # An empty name is the only value that the CRD accepts and that does not identify a cluster.
        assert error.field.startswith("spec.kubeConfig.")
        assert error.problem == "is required"
        assert Kustomization.for_deletion(custom_resource({**spec, "suspend": True})).spec.suspend
        return
    ks = Kustomization.for_deletion(obj)
    assert ks.spec.prune is spec["prune"]
    assert ks.timeout > 0 or ks.spec.timeout == 0
    if refused is None:
        read = Kustomization.from_object(obj)
        for name in ("suspend", "prune", "service_account_name", "deletion_policy", "timeout"):
            assert getattr(ks.spec, name) == getattr(read.spec, name)
        assert ks.deletes == read.deletes
        assert not ks.deletes or ks.spec.kube_config == read.spec.kube_config


@given(spec=fitting(spec_schema("source.toolkit.fluxcd.io_gitrepositories.yaml")))
def test_a_git_repository_is_read_or_refused(spec: Obj) -> None:
    error = fault(lambda: GitRepository.from_object(custom_resource(spec)))
    assert error is None or (error.field.startswith("spec") and len(str(error)) < 1_000)


@pytest.mark.parametrize("text", TIMES)
@pytest.mark.parametrize("field", ["interval", "retryInterval", "timeout"])
def test_a_time_that_cannot_be_used_is_named(field: str, text: str) -> None:
    spec: Obj = {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}}
    obj = custom_resource({**spec, field: text})
    error = fault(lambda: Kustomization.from_object(obj))
    assert (error is None) is (text in ("0s", "0.5ms", "2562047h", "9223372036854ms"))
    assert error is None or (error.field == f"spec.{field}" and len(str(error)) < 200)
    assert Kustomization.for_deletion(obj).spec.prune


@pytest.mark.parametrize("count", [3, 4])
def test_lists_are_as_long_as_they_may_be(count: int) -> None:
    entries = [{"name": "x"}] * count
    spec: Obj = {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}}
    kustomization = custom_resource({**spec, "dependsOn": entries})
    repository = custom_resource({"interval": "1m", "url": "https://x", "sparseCheckout": ["x"] * count})
    below = custom_resource({**spec, "ignore": [{"paths": ["/spec"] * count}]})
    receiver = custom_resource(
        {
            "type": "generic",
            "secretRef": {"name": "x"},
            "resources": [{"kind": "Bucket", "name": "x"}] * count,
        }
    )
    reads = [
        ("spec.dependsOn", lambda: Kustomization.from_object(kustomization, 3)),
        ("spec.ignore[0].paths", lambda: Kustomization.from_object(below, 3)),
        ("spec.sparseCheckout", lambda: GitRepository.from_object(repository, 3)),
        ("spec.resources", lambda: Receiver.from_object(receiver, 3)),
    ]
    for field, read in reads:
        if count == 3:
            assert read() is not None
            continue
        with pytest.raises(InvalidSpec) as raised:
            read()
        assert str(raised.value) == f"{field}: has 4 entries, more than 3 (--max-list-entries)"
    assert Kustomization.for_deletion(kustomization).spec.prune


def test_the_paths_of_all_ignore_rules_count_together() -> None:
    spec: Obj = {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}}
    rules = custom_resource({**spec, "ignore": [{"paths": ["/spec/a", "/spec/b"]}] * 3})
    assert Kustomization.from_object(rules, 6) is not None
    with pytest.raises(InvalidSpec, match=r"^spec.ignore: has 6 paths in all, more than 5 "):
        Kustomization.from_object(rules, 5)
