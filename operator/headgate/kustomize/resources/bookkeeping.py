"""The annotations in which kustomize keeps the history of an object during a build, and those of ``buildMetadata``."""

from __future__ import annotations

from collections.abc import Iterable

_DOMAIN = "internal.config.kubernetes.io/"
PREVIOUS_KINDS = _DOMAIN + "previousKinds"
PREVIOUS_NAMES = _DOMAIN + "previousNames"
PREVIOUS_NAMESPACES = _DOMAIN + "previousNamespaces"
PREFIXES = _DOMAIN + "prefixes"
SUFFIXES = _DOMAIN + "suffixes"
GENERATOR_BEHAVIOR = _DOMAIN + "generatorBehavior"
NEEDS_HASH = _DOMAIN + "needsHashSuffix"
ALLOW_NAME_CHANGE = _DOMAIN + "allowNameChange"
ALLOW_KIND_CHANGE = _DOMAIN + "allowKindChange"
HELM_GENERATED = _DOMAIN + "helm-generated"
ORIGIN = "config.kubernetes.io/origin"
TRANSFORMATIONS = "alpha.config.kubernetes.io/transformations"

# Bookkeeping annotations of kustomize or of its function framework, which never reach the output.
BUILD_ANNOTATIONS = frozenset(
    {
        PREVIOUS_KINDS,
        PREVIOUS_NAMES,
        PREVIOUS_NAMESPACES,
        PREFIXES,
        SUFFIXES,
        GENERATOR_BEHAVIOR,
        NEEDS_HASH,
        ALLOW_NAME_CHANGE,
        ALLOW_KIND_CHANGE,
        HELM_GENERATED,
        _DOMAIN + "refBy",
        _DOMAIN + "path",
        _DOMAIN + "index",
        _DOMAIN + "seqindent",
        _DOMAIN + "id",
        _DOMAIN + "annotations-migration-resource-id",
        "config.kubernetes.io/path",
        "config.kubernetes.io/index",
        "config.k8s.io/id",
    }
)

NOTED_ANNOTATIONS = BUILD_ANNOTATIONS | {ORIGIN, TRANSFORMATIONS}
"""These and the annotations about origins: none of them belongs to the object itself."""

ANNOTATIONS = ("metadata", "annotations")
"""The path of annotations in an object."""


def has_bookkeeping(annotations: Iterable[str]) -> bool:
    """Return whether any of these annotation names belongs to kustomize's bookkeeping."""
    return any(name in BUILD_ANNOTATIONS for name in annotations)
