"""``labels``, ``commonLabels`` and ``commonAnnotations``: key-value pairs added to maps of strings."""

from __future__ import annotations

from typing import Any

from headgate.caching import keep
from headgate.documents.budget import NODE, SCAN
from headgate.documents.yaml.scalars import Quoted, created_texts
from headgate.kustomize.errors import ResourceError
from headgate.kustomize.model.kustomization_file import Label
from headgate.kustomize.model.transformer_config import TransformerConfig
from headgate.kustomize.paths.fieldspec import FieldSpec, Plans, for_each_field, merge_specs
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.resources.sharing import share, spread

_METADATA_LABELS = FieldSpec("metadata/labels", create=True)
_ANNOTATIONS = "metadata/annotations"
_MAX_PLANS = 256
_plans_by_config: dict[tuple[int, bool, bool, bool], tuple[TransformerConfig, Plans]] = {}


def add_pairs(resources: ResMap, pairs: dict[str, str], plans: Plans) -> None:
    """Add the pairs to every map at the plans' paths; raises ResourceError for a value that is not a map."""
    if not pairs:
        return

    # Quotes in the kustomization file do not become those of the object.
    pairs = {key: str(value) for key, value in pairs.items()}
    new = created_texts(pairs)
    size = sum(4 * SCAN + len(key) + len(value) for key, value in pairs.items())
    created: dict[str, list[Any]] = {}
    current: Resource

    def setter(container: Any, field: Any) -> None:
        target = container[field]
        if isinstance(target, dict):
            resources.budget.charge(size)
            for key, value in pairs.items():
                if key in target:
                    old = target[key]
                    target[key] = type(old)(value) if isinstance(old, Quoted) else value
                    spread(current, target, key)
                else:
                    target[key] = new[key]
                    created.setdefault(key, []).append(target)
        elif target is not None:
            raise ResourceError("must be a map to take labels or annotations")

    for resource in resources:
        current = resource
        here = plans.of(resource.gvk)
        resources.budget.charge(NODE // 2 * (1 + len(here)))
        for plan in here:
            if plan.path == _ANNOTATIONS and not plan.create and resource.has_notes():
                # kustomize keeps its bookkeeping in annotations, so that map exists already.
                plan = plan._replace(create=True)
            for_each_field(resource, plan, setter, dict)
        if created:
            share(resource, created)
            created = {}


def label_plans(label: Label, config: TransformerConfig) -> Plans:
    """Return the fields that one entry of ``labels`` changes; raises KustomizationError on a contradiction."""
    if label.fields:
        return _make(label, config)
    key = (
        id(config),
        label.include_selectors,
        label.include_templates,
        label.include_volume_claim_templates,
    )
    known = _plans_by_config.get(key)
    if known is None or known[0] is not config:
        known = (config, _make(label, config))
        keep(_plans_by_config, key, known, _MAX_PLANS)
    return known[1]


def _make(label: Label, config: TransformerConfig) -> Plans:
    specs = merge_specs(label.fields, config.labels)
    if label.include_selectors:
        return Plans(merge_specs(specs, config.common_labels))
    if label.include_templates:
        specs = merge_specs(specs, config.template_labels)
    if label.include_volume_claim_templates:
        specs = merge_specs(specs, config.volume_claim_template_labels)
    return Plans(merge_specs(specs, (_METADATA_LABELS,)))
