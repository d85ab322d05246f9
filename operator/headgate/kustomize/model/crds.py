"""``crds``: field specifications read from the OpenAPI definitions of custom resources.

Extensions of a property mark it as annotations, a label selector, an identity, or the name of another object
(``x-kubernetes-object-ref-kind`` and ``-api-version``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from headgate.documents.budget import Budget
from headgate.documents.errors import BuildError, LimitExceeded, within
from headgate.documents.yaml import Dialect, first_value
from headgate.kustomize.errors import KustomizationError
from headgate.kustomize.model.transformer_config import (
    EMPTY,
    NameReference,
    TransformerConfig,
    kept_by_content,
)
from headgate.kustomize.paths.fieldspec import FieldSpec, merge_specs
from headgate.kustomize.reading.loader import Loader
from headgate.kustomize.resources.ids import Gvk

_ANNOTATION = "x-kubernetes-annotation"
_LABEL_SELECTOR = "x-kubernetes-label-selector"
_IDENTITY = "x-kubernetes-identity"
_REF_VERSION = "x-kubernetes-object-ref-api-version"
_REF_KIND = "x-kubernetes-object-ref-kind"
_REF_NAME_KEY = "x-kubernetes-object-ref-name-key"

_MAX_DEPTH = 64
_MAX_FIELDS = 100_000


@dataclass(slots=True)
class _Found:
    annotations: list[FieldSpec] = field(default_factory=list)
    labels: list[FieldSpec] = field(default_factory=list)
    prefixes: list[FieldSpec] = field(default_factory=list)
    references: list[tuple[Gvk, FieldSpec]] = field(default_factory=list)
    fields: int = 0


def config_from_crds(loader: Loader, paths: tuple[str, ...]) -> TransformerConfig:
    """Return the configuration from OpenAPI definition files; raises TreeError or KustomizationError."""
    config = EMPTY
    for index, path in enumerate(paths):
        with within(f"crds[{index}]"):
            config = config.merged(kept_by_content(loader, path, "crds", _read))
    return config


def _read(data: bytes, path: str, budget: Budget) -> TransformerConfig:
    definitions = first_value(data, file=path, dialect=Dialect.CONFIG, budget=budget, empty={})
    if not isinstance(definitions, dict):
        raise KustomizationError("must hold OpenAPI definitions: a map by type name", file=path)
    try:
        return _config(definitions)
    except BuildError as error:
        raise error.at(file=path) from None


def _config(definitions: dict[str, Any]) -> TransformerConfig:
    found = _Found()
    for name in definitions:
        properties = _properties(definitions, name)
        if {"kind", "apiVersion", "metadata"} <= properties.keys():
            kind = Gvk(kind=name.rpartition(".")[2])
            _collect(found, kind, definitions, name, (), 0)
    config = TransformerConfig(
        name_prefix=tuple(found.prefixes),
        common_labels=tuple(found.labels),
        common_annotations=tuple(found.annotations),
    )
    references: dict[Gvk, list[FieldSpec]] = {}
    for target, spec in found.references:
        references.setdefault(target, []).append(spec)
    if not references:
        return config
    by_target = tuple(NameReference(target, merge_specs((), specs)) for target, specs in references.items())
    return config.merged(TransformerConfig(name_reference=by_target))


def _properties(definitions: dict[str, Any], name: str) -> dict[str, Any]:
    definition = _folded(definitions.get(name), "schema")
    properties = definition.get("properties") if isinstance(definition, dict) else None
    return properties if isinstance(properties, dict) else {}


def _folded(value: Any, name: str) -> Any:
    """Return a field by its name, ignoring case."""
    if not isinstance(value, dict):
        return None
    return next((item for key, item in value.items() if str(key).lower() == name), None)


def _extensions(schema: Any) -> dict[str, str]:
    if not isinstance(schema, dict):
        return {}
    return {key.lower(): item for key, item in schema.items() if isinstance(item, str)}


def _collect(
    found: _Found,
    kind: Gvk,
    definitions: dict[str, Any],
    name: str,
    path: tuple[str, ...],
    depth: int,
) -> None:
    if depth > _MAX_DEPTH:
        raise KustomizationError(f"the definition of {name!r} refers to itself")
    found.fields += len(_properties(definitions, name))
    if found.fields > _MAX_FIELDS:
        raise LimitExceeded(f"the definitions expand to more than {_MAX_FIELDS} fields")
    for key, schema, extensions in _sorted(_properties(definitions, name)):
        here = (*path, key)
        spec = FieldSpec("/".join(here), kind)
        if _ANNOTATION in extensions:
            found.annotations.append(spec)
        if _LABEL_SELECTOR in extensions:
            found.labels.append(spec)
        if _IDENTITY in extensions:
            found.prefixes.append(spec)
        if _REF_VERSION in extensions and _REF_KIND in extensions:
            target = Gvk("", extensions[_REF_VERSION], extensions[_REF_KIND])
            name_key = extensions.get(_REF_NAME_KEY, "name")
            found.references.append((target, FieldSpec("/".join((*here, name_key)), kind)))
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if isinstance(reference, str):
            _collect(found, kind, definitions, reference, here, depth + 1)


def _sorted(properties: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, str]]]:
    for key in sorted(properties):
        yield key, properties[key], _extensions(properties[key])
