"""``namePrefix``, ``nameSuffix`` and the content hashes of generated objects."""

from __future__ import annotations

from typing import Any

from headgate.documents.budget import NODE, SCAN
from headgate.kustomize.errors import ResourceError
from headgate.kustomize.model.transformer_config import Specs
from headgate.kustomize.paths.fieldspec import for_each_field, plan_of
from headgate.kustomize.paths.scalars import rewritten
from headgate.kustomize.resources.ids import Gvk
from headgate.kustomize.resources.objects import written_text
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.transform.generators import content_hash

# The cluster requires the exact names of these kinds, so prefixes and suffixes never apply to them.
_FIXED_NAMES = (
    Gvk(kind="CustomResourceDefinition"),
    Gvk("apiregistration.k8s.io", "", "APIService"),
    Gvk(kind="Namespace"),
)


def add_prefix(resources: ResMap, prefix: str, specs: Specs) -> None:
    """Add ``prefix`` to every name that the specifications cover."""
    _affix(resources, prefix, "", specs)


def add_suffix(resources: ResMap, suffix: str, specs: Specs) -> None:
    """Add ``suffix`` to every name that the specifications cover."""
    _affix(resources, "", suffix, specs)


def _affix(resources: ResMap, prefix: str, suffix: str, specs: Specs) -> None:
    plans = [(spec, plan_of(spec)) for spec in specs]
    current: Resource
    path: tuple[str, ...]

    def setter(container: Any, key: Any) -> None:
        old = container[key]
        if isinstance(old, (dict, list)):
            raise ResourceError("must be a scalar to take a prefix or suffix")
        text = f"{prefix}{written_text(old, current.words, path)}{suffix}"
        resources.budget.charge(len(text))
        container[key] = rewritten(old, text)

    for resource in resources:
        resources.budget.charge(NODE + 2 * SCAN * len(plans))
        original = resource.original_gvk
        if any(original.selected_by(fixed) for fixed in _FIXED_NAMES):
            continue
        current = resource
        for spec, plan in plans:
            if not original.selected_by(spec.gvk):
                continue
            if spec.path == "metadata/name" and (prefix or suffix):
                # Each addition copies the whole tuple.
                resources.budget.charge(NODE + SCAN * (len(resource.prefixes) + len(resource.suffixes)))
                if prefix:
                    resource.prefixes = (*resource.prefixes, prefix)
                if suffix:
                    resource.suffixes = (*resource.suffixes, suffix)
                resource.remember_id()
            if resource.gvk.selected_by(spec.gvk):
                path = tuple(step.name for step in plan.steps)
                for_each_field(resource, plan, setter, str)
    resources.changed()


def add_hashes(resources: ResMap) -> None:
    """Append the hash of the content to the names of generated objects."""
    resources.budget.charge(SCAN * len(resources))
    for resource in resources:
        if resource.needs_hash:
            _add_hash(resource)
    resources.changed()


def _add_hash(resource: Resource) -> None:
    resource.budget.charge_value(resource.obj)
    digest = content_hash(resource.obj)
    resource.remember_id()
    metadata = resource.metadata
    metadata["name"] = rewritten(metadata.get("name"), f"{resource.name}-{digest}")
