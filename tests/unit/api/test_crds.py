"""The CRDs and the models say the same: every field of one is a field of the other."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.api import GitRepositorySpec, KustomizationSpec
from headgate.api.conditions import with_condition
from headgate.api.history import upsert
from headgate.api.inventory import Entry, to_status
from headgate.git.artifact.storage import StoredArtifact

CRDS = Path(__file__).parents[3] / "crds"
GIT_REPOSITORY = "source.toolkit.fluxcd.io_gitrepositories.yaml"
KUSTOMIZATION = "kustomize.toolkit.fluxcd.io_kustomizations.yaml"


def crd(name: str) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((CRDS / name).read_text())
    return manifest


def schema(name: str) -> dict[str, Any]:
    (version,) = crd(name)["spec"]["versions"]
    properties: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]
    return properties


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def core_type(hint: Any) -> Any:
    """The data class in ``X | None`` or ``tuple[X, ...]``; the hint itself otherwise."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (hint,) = (a for a in typing.get_args(hint) if a is not type(None))
    if typing.get_origin(hint) is tuple:
        hint = typing.get_args(hint)[0]
    return hint


def model_paths(model: type, at: str = "") -> Iterator[str]:
    hints = typing.get_type_hints(model)
    for field in dataclasses.fields(model):
        path = f"{at}.{camel(field.name)}"
        inner = core_type(hints[field.name])
        if isinstance(inner, type) and dataclasses.is_dataclass(inner):
            yield from model_paths(inner, path)
        else:
            yield path


def schema_paths(node: Mapping[str, Any], at: str = "") -> Iterator[str]:
    if node.get("type") == "array":
        node = node["items"]
    properties = node.get("properties")
    if not properties:
        yield at
        return
    for name, below in properties.items():
        yield from schema_paths(below, f"{at}.{name}")


def nodes(node: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield at, node
    for name, below in (node.get("properties") or {}).items():
        yield from nodes(below, f"{at}.{name}")
    if "items" in node:
        yield from nodes(node["items"], f"{at}[]")


@pytest.mark.parametrize(
    ("model", "properties"),
    [
        (GitRepositorySpec, schema(GIT_REPOSITORY)["spec"]),
        (KustomizationSpec, schema(KUSTOMIZATION)["spec"]),
    ],
)
def test_model_and_schema_have_the_same_fields(model: type, properties: dict[str, Any]) -> None:
    assert sorted(model_paths(model)) == sorted(schema_paths(properties))


@pytest.mark.parametrize("name", [GIT_REPOSITORY, KUSTOMIZATION])
def test_every_field_is_explained(name: str) -> None:
    for field in ("spec", "status"):
        for path, node in nodes(schema(name)[field], field):
            explained = node.get("description") or (path.endswith("[]") and "properties" not in node)
            assert explained, f"{path} has no description"


@pytest.mark.parametrize(
    ("name", "short", "columns"),
    [
        (GIT_REPOSITORY, "gitrepo", ["URL", "Age", "Ready", "Status"]),
        (KUSTOMIZATION, "ks", ["Age", "Ready", "Status"]),
    ],
)
def test_kubectl_shows_the_columns_of_flux(name: str, short: str, columns: list[str]) -> None:
    spec = crd(name)["spec"]
    (version,) = spec["versions"]
    assert (version["name"], version["served"], version["storage"]) == ("v1", True, True)
    assert version["subresources"] == {"status": {}}
    assert spec["names"]["shortNames"] == [short]
    assert {"all", "fluxcd"} < set(spec["names"]["categories"])
    assert [c["name"] for c in version["additionalPrinterColumns"]] == columns


def accepts(node: Mapping[str, Any], value: Any) -> bool:
    """The part of JSON schema that our status fields use."""
    if node["type"] == "object":
        known, extra = node.get("properties", {}), node.get("additionalProperties")
        return (
            isinstance(value, dict)
            and all(name in value for name in node.get("required", ()))
            and all(
                accepts(known[k], v) if k in known else extra is not None and accepts(extra, v)
                for k, v in value.items()
            )
        )
    if node["type"] == "array":
        return isinstance(value, list) and all(accepts(node["items"], v) for v in value)
    if node["type"] == "integer":
        return isinstance(value, int) and value >= node.get("minimum", value)
    return (
        isinstance(value, str)
        and ("pattern" not in node or re.search(node["pattern"], value) is not None)
        and ("enum" not in node or value in node["enum"])
        and node.get("minLength", 0) <= len(value) <= node.get("maxLength", len(value))
    )


def test_what_we_write_into_a_status_fits_the_schema() -> None:
    status: dict[str, Any] = {"observedGeneration": -1}
    status["conditions"] = with_condition([], "Ready", "Unknown", "Progressing", "x" * 40_000, 3)
    to_status(status, [Entry.of("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:a")])
    upsert(status, digest="sha256:ab", duration=1.5, outcome="Succeeded", metadata={"revision": "sha1:a"})
    assert accepts(schema(KUSTOMIZATION)["status"], status)

    artifact = StoredArtifact(
        "x", "http://headgate/x", "main@sha1:abc", "sha256:abc", 3, "2026-01-01T00:00:00Z"
    )
    assert accepts(schema(GIT_REPOSITORY)["status"], {"artifact": artifact.to_status()})
    # What an external artifact has besides: its origin revision.
    written = {*artifact.to_status(), "metadata"}
    assert set(schema(GIT_REPOSITORY)["status"]["properties"]["artifact"]["properties"]) == written
    assert not accepts(schema(GIT_REPOSITORY)["status"], {"artefact": {}})
