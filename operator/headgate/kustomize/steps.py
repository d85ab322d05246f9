"""The work a kustomization file orders, as a list of steps in kustomize's order.

``transformer_steps`` and ``generator_steps`` read all files that the steps need, so that running them only computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from headgate.kustomize import patchfiles
from headgate.kustomize.config import TransformerConfig
from headgate.kustomize.context import Context
from headgate.kustomize.errors import KustomizationError, Refused
from headgate.kustomize.generators import make_config_map, make_secret
from headgate.kustomize.loader import Loader
from headgate.kustomize.model import GeneratorArgs, GeneratorOptions, Kustomization, Replacement, replacement
from headgate.kustomize.provenance import Origin
from headgate.kustomize.resmap import ResMap
from headgate.kustomize.resource import Resource
from headgate.kustomize.transform.labels import add_pairs, label_plans
from headgate.kustomize.transform.names import add_prefix, add_suffix
from headgate.kustomize.transform.namespace import set_namespace
from headgate.kustomize.transform.patches import apply_json, apply_merges, apply_patch
from headgate.kustomize.transform.replicas import set_replicas
from headgate.kustomize.yaml import Dialect, load_documents

Transform = Callable[[ResMap], None]
Generate = Callable[[], list[Resource]]


class Step(NamedTuple):
    """A transformer ready to run; ``kind`` is its name, ``origin`` is where a plugin's configuration came from.

    ``times`` is how many transformers of kustomize it stands for.
    """

    kind: str
    run: Transform
    origin: Origin | None = None
    times: int = 1


class GeneratorStep(NamedTuple):
    """A generator ready to run."""

    kind: str
    run: Generate
    origin: Origin | None = None


def transformer_steps(
    kustomization: Kustomization, config: TransformerConfig, loader: Loader, context: Context
) -> list[Step]:
    """Return the steps for the fields of a kustomization file; raises BuildError when one is malformed."""
    return list(_transformer_steps(kustomization, config, loader, context))


def _transformer_steps(
    kustomization: Kustomization, config: TransformerConfig, loader: Loader, context: Context
) -> Iterator[Step]:
    if kustomization.patches_strategic_merge:
        merges = patchfiles.load_merges(kustomization.patches_strategic_merge, loader, context)
        yield Step(
            "PatchStrategicMergeTransformer",
            lambda resources: apply_merges(resources, merges, context.schema),
        )
    for index, entry in enumerate(kustomization.patches):
        patch = patchfiles.load_patch(entry, f"patches[{index}]", loader, context)
        yield Step(
            "PatchTransformer",
            lambda resources, patch=patch: apply_patch(resources, patch, context.schema),  # type: ignore[misc]
        )
    if kustomization.namespace:
        yield Step(
            "NamespaceTransformer",
            lambda resources: set_namespace(resources, kustomization.namespace, config.namespace_plans),
        )
    if kustomization.name_prefix:
        yield Step(
            "PrefixTransformer",
            lambda resources: add_prefix(resources, kustomization.name_prefix, config.name_prefix),
        )
    if kustomization.name_suffix:
        yield Step(
            "SuffixTransformer",
            lambda resources: add_suffix(resources, kustomization.name_suffix, config.name_suffix),
        )
    yield from _label_steps(kustomization, config)
    if kustomization.common_annotations:
        yield Step(
            "AnnotationsTransformer",
            lambda resources: add_pairs(
                resources, kustomization.common_annotations, config.common_annotation_plans
            ),
        )
    for index, entry in enumerate(kustomization.patches_json6902):
        json_patch, target, source = patchfiles.load_json(
            entry.path, entry.patch, entry.target, f"patchesJson6902[{index}]", loader
        )
        yield Step(
            "PatchJson6902Transformer",
            lambda resources, p=json_patch, t=target, s=source: apply_json(resources, p, t, s),  # type: ignore[misc]
        )
    for replica in kustomization.replicas:
        yield Step(
            "ReplicaCountTransformer",
            lambda resources, replica=replica: set_replicas(resources, replica, config.replicas),  # type: ignore[misc]
        )
    if kustomization.images:
        from headgate.kustomize.transform.images import set_images

        yield Step(
            "ImageTagTransformer",
            lambda resources: set_images(resources, kustomization.images, config.image_plans),
            times=len(kustomization.images),
        )
    if kustomization.replacements:
        from headgate.kustomize.transform.replacements import replace_fields

        replacements = load_replacements(kustomization.replacements, loader)
        yield Step("ReplacementTransformer", lambda resources: replace_fields(resources, replacements))


def _label_steps(kustomization: Kustomization, config: TransformerConfig) -> Iterator[Step]:
    for label in kustomization.labels:
        plans = label_plans(label, config)
        yield Step(
            "LabelTransformer",
            lambda resources, label=label, plans=plans: add_pairs(resources, label.pairs, plans),  # type: ignore[misc]
        )
    if kustomization.labels or kustomization.common_labels:
        yield Step(
            "LabelTransformer",
            lambda resources: add_pairs(resources, kustomization.common_labels, config.common_label_plans),
        )


def load_replacements(entries: tuple[Replacement, ...], loader: Loader) -> list[Replacement]:
    """Return replacements with those that are kept in files read; raises BuildError."""
    result: list[Replacement] = []
    for entry in entries:
        if not entry.path:
            result.append(entry)
            continue
        if entry.source is not None or entry.targets:
            raise KustomizationError(
                "a replacement takes either a path or source and targets", field="replacements"
            )
        documents = load_documents(loader.load(entry.path), file=entry.path, dialect=Dialect.CONFIG)
        value = documents[0].value if documents else None
        if not isinstance(value, (dict, list)):
            raise KustomizationError("must hold a replacement or a list of them", file=entry.path)
        try:
            result.extend(
                replacement(item, "", False) for item in (value if isinstance(value, list) else [value])
            )
        except KustomizationError as error:
            raise error.at(file=entry.path) from None
    return result


def generator_steps(kustomization: Kustomization, loader: Loader, context: Context) -> list[GeneratorStep]:
    """Return the generators a kustomization file configures itself; raises Refused for Helm charts."""
    common = kustomization.generator_options
    steps = [
        GeneratorStep("ConfigMapGenerator", _generate(_with_common(args, common), False, loader, context))
        for args in kustomization.config_map_generator
    ]
    steps += [
        GeneratorStep("SecretGenerator", _generate(_with_common(args, common), True, loader, context))
        for args in kustomization.secret_generator
    ]
    if kustomization.helm_charts or kustomization.helm_chart_inflation_generator:
        raise Refused(
            "Helm charts in kustomizations are not supported; use a HelmRelease", field="helmCharts"
        )
    return steps


def _with_common(args: GeneratorArgs, common: GeneratorOptions | None) -> GeneratorArgs:
    return (
        args if common is None else args._replace(options=(args.options or GeneratorOptions()).over(common))
    )


def _generate(args: GeneratorArgs, secret: bool, loader: Loader, context: Context) -> Generate:
    make = make_secret if secret else make_config_map
    return lambda: [make(args, loader, context.cluster_scoped)]
