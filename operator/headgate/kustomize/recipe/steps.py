"""The steps of a kustomization file, as a list in kustomize's order.

``transformer_steps`` and ``generator_steps`` read all files that the steps need, so that the steps only compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from headgate.documents.budget import NODE
from headgate.documents.errors import BuildError, within
from headgate.documents.yaml import Dialect, first_value
from headgate.kustomize.context import Context
from headgate.kustomize.errors import KustomizationError, Refused
from headgate.kustomize.merge.jsonpatch import JsonPatch
from headgate.kustomize.model.decode import camel_case, record
from headgate.kustomize.model.kustomization_file import (
    Args,
    GeneratorOptions,
    ImageEntry,
    KustomizationFile,
    ObjectSelector,
    Replacement,
)
from headgate.kustomize.model.transformer_config import TransformerConfig
from headgate.kustomize.paths.fieldspec import Plans
from headgate.kustomize.reading.loader import Loader
from headgate.kustomize.recipe import patchfiles
from headgate.kustomize.resources.provenance import Origin
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource, ScopeOf
from headgate.kustomize.transform.generators import make_config_map, make_secret
from headgate.kustomize.transform.labels import add_pairs, label_plans
from headgate.kustomize.transform.names import add_prefix, add_suffix
from headgate.kustomize.transform.namespace import set_namespace
from headgate.kustomize.transform.patches import LoadedPatch, apply_json, apply_merges, apply_patch
from headgate.kustomize.transform.replicas import set_replicas

Transform = Callable[[ResMap], None]
Generate = Callable[[], list[Resource]]


class TransformerStep(NamedTuple):
    """A transformer, ready to run; ``kind`` is its name, ``origin`` the origin of a plugin's configuration.

    ``times`` is the number of kustomize's transformers that it replaces.
    """

    kind: str
    run: Transform
    origin: Origin | None = None
    times: int = 1


class GeneratorStep(NamedTuple):
    """A generator, ready to run."""

    kind: str
    run: Generate
    origin: Origin | None = None


def transformer_steps(
    kustomization: KustomizationFile, config: TransformerConfig, loader: Loader, context: Context, file: str
) -> list[TransformerStep]:
    """Return the steps for the fields of the kustomization ``file``; raises BuildError for a malformed one."""
    entries = (
        kustomization.patches_strategic_merge,
        kustomization.patches,
        kustomization.patches_json6902,
        kustomization.labels,
        kustomization.images,
        kustomization.replicas,
        kustomization.replacements,
    )
    # The build may include one kustomization file many times.
    context.budget.charge(4 * NODE * sum(map(len, entries)))
    return list(_transformer_steps(kustomization, config, loader, context, file))


def _placed(run: Transform, entry: str, file: str) -> Transform:
    """Return the transformer, with the entry of the file added to its errors."""

    def run_placed(resources: ResMap) -> None:
        with within(entry, file=file):
            run(resources)

    return run_placed


def _transformer_steps(
    kustomization: KustomizationFile, config: TransformerConfig, loader: Loader, context: Context, file: str
) -> Iterator[TransformerStep]:
    def step(kind: str, entry: str, run: Transform, times: int = 1) -> TransformerStep:
        return TransformerStep(kind, _placed(run, entry, file), times=times)

    if kustomization.patches_strategic_merge:
        merge = merging(kustomization.patches_strategic_merge, "patchesStrategicMerge", loader, context, file)
        yield TransformerStep("PatchStrategicMergeTransformer", merge)
    for index, entry in enumerate(kustomization.patches):
        where = f"patches[{index}]"
        with within(where):
            patch = patchfiles.load_patch(entry, loader, context, file)
        yield step("PatchTransformer", where, patching(patch, context, file, where))
    if kustomization.namespace:
        yield step(
            "NamespaceTransformer",
            "namespace",
            lambda resources: set_namespace(resources, kustomization.namespace, config.namespace_plans),
        )
    if kustomization.name_prefix:
        yield step(
            "PrefixTransformer",
            "namePrefix",
            lambda resources: add_prefix(resources, kustomization.name_prefix, config.name_prefix),
        )
    if kustomization.name_suffix:
        yield step(
            "SuffixTransformer",
            "nameSuffix",
            lambda resources: add_suffix(resources, kustomization.name_suffix, config.name_suffix),
        )
    for index, label in enumerate(kustomization.labels):
        yield step(
            "LabelTransformer",
            f"labels[{index}]",
            partial(add_pairs, pairs=label.pairs, plans=label_plans(label, config)),
        )
    if kustomization.labels or kustomization.common_labels:
        yield step(
            "LabelTransformer",
            "commonLabels",
            lambda resources: add_pairs(resources, kustomization.common_labels, config.common_label_plans),
        )
    if kustomization.common_annotations:
        yield step(
            "AnnotationsTransformer",
            "commonAnnotations",
            lambda resources: add_pairs(
                resources, kustomization.common_annotations, config.common_annotation_plans
            ),
        )
    for index, entry in enumerate(kustomization.patches_json6902):
        where = f"patchesJson6902[{index}]"
        with within(where):
            loaded = patchfiles.load_json(entry.path, entry.patch, entry.target, loader, file)
        yield step("PatchJson6902Transformer", where, patching_json(loaded, context, file, where))
    for index, replica in enumerate(kustomization.replicas):
        set_them = partial(set_replicas, replica=replica, specs=config.replicas)
        yield step("ReplicaCountTransformer", f"replicas[{index}]", set_them)
    if kustomization.images:
        yield step(
            "ImageTagTransformer",
            "images",
            imaging(kustomization.images, config.image_plans, context, file),
            len(kustomization.images),
        )
    if kustomization.replacements:
        yield TransformerStep(
            "ReplacementTransformer", replacing(kustomization.replacements, loader, context, file)
        )


def patching(patch: LoadedPatch, context: Context, file: str, where: str) -> Transform:
    """Return the transformer for an entry of ``patches``, at ``where`` in ``file``."""

    def run(resources: ResMap) -> None:
        if not apply_patch(resources, patch, context.schema):
            context.warn(_idle("the patch", patch.target), file=file, field=where)

    return run


def patching_json(
    loaded: tuple[JsonPatch, ObjectSelector, str], context: Context, file: str, where: str
) -> Transform:
    """Return the transformer for an entry of ``patchesJson6902``."""

    def run(resources: ResMap) -> None:
        if not apply_json(resources, *loaded):
            context.warn(_idle("the patch", loaded[1]), file=file, field=where)

    return run


def imaging(
    images: Sequence[ImageEntry], plans: Plans, context: Context, file: str, where: str = "images"
) -> Transform:
    """Return the transformer for ``images``, or for the one image at a plugin's ``where``."""
    from headgate.kustomize.transform.images import set_images

    def run(resources: ResMap) -> None:
        for index in set_images(resources, images, plans):
            field = f"{where}[{index}]" if where == "images" else where
            message = f"no object has an image with the name {images[index].name!r}; nothing is changed"
            context.warn(message, file=file, field=field)

    return run


def _idle(what: str, target: ObjectSelector | None) -> str:
    given = target._asdict() if target is not None else {}
    parts = ", ".join(f"{camel_case(name)}={text}" for name, text in given.items() if text)
    return f"{what} changes nothing: no object matches its target ({parts})"


def merging(
    entries: tuple[str, ...], field: str, loader: Loader, context: Context, file: str, inline: str = ""
) -> Transform:
    """Return the transformer for the strategic merge patches in a ``field`` of a file."""
    merges = patchfiles.load_merges(entries, field, loader, context, file, inline)

    def run(resources: ResMap) -> None:
        for patch, source, where in merges:
            with within(where, file=file):
                apply_merges(resources, [(patch, source)], context.schema)

    return run


def replacing(entries: tuple[Replacement, ...], loader: Loader, context: Context, file: str) -> Transform:
    """Return the transformer for the ``replacements`` of a file, including those in separate files.

    Raises BuildError.
    """
    from headgate.kustomize.transform.replacements import replace_fields

    loaded: list[tuple[Replacement, str, str]] = []
    for index, entry in enumerate(entries):
        where = f"replacements[{index}]"
        if not entry.path:
            loaded.append((entry, where, file))
            continue
        if entry.source is not None or entry.targets:
            raise KustomizationError("a replacement takes either a path or source and targets", field=where)
        with within(f"{where}.path"):
            loaded.extend(_read_replacements(loader, entry.path))

    def run(resources: ResMap) -> None:
        for item, where, home in loaded:
            try:
                for target, select in replace_fields(resources, (item,), home):
                    field = f"{where}.targets[{target}]" if where else f"targets[{target}]"
                    context.warn(_idle("the replacement", select), file=home, field=field)
            except BuildError as error:
                raise (error.inside(where, file=home) if where else error.at(file=home)) from None

    return run


def _read_replacements(loader: Loader, path: str) -> Iterator[tuple[Replacement, str, str]]:
    """Yield the replacements in a file: each with its field in the file ("" for the whole file), and the file."""
    data, file = loader.load(path), loader.name_of(path)
    value = first_value(data, file=file, dialect=Dialect.CONFIG, budget=loader.budget)
    if not isinstance(value, (dict, list)):
        raise KustomizationError("must hold a replacement or a list of them", file=file)
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        where = f"[{index}]" if isinstance(value, list) else ""
        try:
            yield record(Replacement)(item, where, False), where, file
        except KustomizationError as error:
            raise error.at(file=file) from None


def generator_steps(
    kustomization: KustomizationFile, loader: Loader, context: Context
) -> list[GeneratorStep]:
    """Return the generators in a kustomization file itself; raises Refused for Helm charts."""
    common = kustomization.generator_options
    steps = [
        GeneratorStep(
            "ConfigMapGenerator",
            _generate(make_config_map, args, common, f"configMapGenerator[{index}]", loader, context),
        )
        for index, args in enumerate(kustomization.config_map_generator)
    ]
    steps += [
        GeneratorStep(
            "SecretGenerator",
            _generate(make_secret, secret, common, f"secretGenerator[{index}]", loader, context),
        )
        for index, secret in enumerate(kustomization.secret_generator)
    ]
    if kustomization.helm_charts or kustomization.helm_chart_inflation_generator:
        raise Refused(
            "Helm charts in kustomizations are not supported; use a HelmRelease", field="helmCharts"
        )
    return steps


def _generate(
    make: Callable[[Args, Loader, ScopeOf], Resource],
    args: Args,
    common: GeneratorOptions | None,
    where: str,
    loader: Loader,
    context: Context,
) -> Generate:
    if common is not None:
        args = replace(args, options=(args.options or GeneratorOptions()).over(common))

    def run() -> list[Resource]:
        with within(where):
            return [make(args, loader, context.cluster_scoped)]

    return run
