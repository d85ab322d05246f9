"""Builds one kustomization file: reads it, collects what it includes, generates, transforms.

    accumulate(target)
        resources      files and bases, each base by its own target
        generators     ConfigMaps, Secrets, built-in generator objects
        components     targets that change the resources collected so far
        transformers   fields of the file, then transformer objects
        validators     transformer objects that must not change anything
        vars           recorded for the end of the build

:mod:`headgate.kustomize.engine` runs the steps of the whole build (hashes, name references, variables, order).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from headgate.documents.budget import NODE, SCAN, count_of, size_of
from headgate.documents.copying import copied
from headgate.documents.errors import BuildError, FileMissing, LimitExceeded, TreeError, within
from headgate.documents.tree import EntryKind, blob_id
from headgate.documents.yaml import Dialect, first_value
from headgate.kustomize.context import Context
from headgate.kustomize.errors import IdConflict, KustomizationError, NoKustomization
from headgate.kustomize.giturl import is_http, parse_git_url
from headgate.kustomize.model.kustomization_file import COMPONENT, KustomizationFile, parse
from headgate.kustomize.model.transformer_config import (
    EMPTY,
    TransformerConfig,
    config_from_files,
    default_config,
)
from headgate.kustomize.reading.loader import Loader
from headgate.kustomize.recipe.steps import GeneratorStep, TransformerStep, generator_steps, transformer_steps
from headgate.kustomize.resources.provenance import ConfiguredBy, Origin
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.transform.variables import Vars, mark_sources, merge_vars, placed_vars
from headgate.names import KUSTOMIZATION_FILES

_VALIDATED_BY = "validated-by"
_KUSTOMIZATION = 32 * NODE
"""The cost of entering a kustomization file, whatever it contains."""


@dataclass(slots=True)
class Accumulator:
    """The collected resources, with their configuration and variables."""

    resources: ResMap
    config: TransformerConfig = EMPTY
    vars: Vars = field(default_factory=dict)

    def absorb(self, other: Accumulator) -> None:
        """Add what a base has collected; raises IdConflict when an identity is taken."""
        self.resources.append_all(other.resources)
        self.config = self.config.merged(other.config)
        merge_vars(self.vars, other.vars.values())


class KustomizationTarget:
    """The build of one kustomization file."""

    def __init__(self, loader: Loader, context: Context, depth: int = 0) -> None:
        loader.enter_kustomization(depth)
        context.budget.charge(_KUSTOMIZATION)
        self._loader = loader
        self._context = context
        self._depth = depth
        self._name, self.file = _find_file(loader)
        strict = context.options.unknown_fields == "error" or loader.parent is not None
        self.kustomization = _read(loader, self.file, strict=strict)
        self._origin: Origin | None = None

    def with_metadata(self, options: tuple[str, ...], origin: Origin) -> None:
        """Track origins, as ``buildMetadata`` of the whole build requires."""
        self.kustomization = self.kustomization._replace(build_metadata=options)
        self._origin = origin if options else None

    def accumulate(self, into: Accumulator | None = None) -> Accumulator:
        """Build the kustomization file, on top of ``into`` if it is a component. Raises BuildError."""
        gathered = Accumulator(ResMap(self._context.budget)) if into is None else into
        try:
            self._accumulate(gathered)
        except BuildError as error:
            raise error.at(file=self.file) from None
        return gathered

    def _accumulate(self, gathered: Accumulator) -> None:
        kustomization, loader, context = self.kustomization, self._loader, self._context
        # The bases come last in the resources.
        own = len(kustomization.resources) - len(kustomization.bases)
        self._add_resources(gathered, enumerate(kustomization.resources[:own]), "resources")
        self._add_resources(gathered, enumerate(kustomization.bases), "bases")
        config = default_config()
        if kustomization.configurations:
            configured = config_from_files(loader, kustomization.configurations)
            with within("configurations"):
                config = config.merged(configured)
        gathered.config = gathered.config.merged(config)
        if kustomization.crds:
            from headgate.kustomize.model.crds import config_from_crds

            gathered.config = gathered.config.merged(config_from_crds(loader, kustomization.crds))
        self._generate(gathered)
        for index, path in enumerate(kustomization.components):
            with within(f"components[{index}]"):
                self._add_directory(gathered, loader.enter(path), path, component=True)
        self._transform(gathered)
        self._validate(gathered)
        if kustomization.vars:
            variables = placed_vars(kustomization.vars, self.file)
            mark_sources(gathered.resources, variables, context.cluster_scoped)
            merge_vars(gathered.vars, variables)

    # Resources

    def _add_resources(self, gathered: Accumulator, paths: Iterable[tuple[int, str]], field: str) -> None:
        """Add the resources at the paths, which come with their indexes in the field."""
        for index, path in paths:
            with within(f"{field}[{index}]"):
                self._add_path(gathered, path)

    def _add_path(self, gathered: Accumulator, path: str) -> None:
        if is_http(path):
            self._add_url(gathered, path)
        elif self._loader.kind(path) is EntryKind.FILE:
            objects = self._context.read_objects(self._loader, path)
            self._add_objects(gathered, self._context.resources(objects, self._loader.at(path)), path)
        else:
            self._add_directory(gathered, self._loader.enter(path), path, component=False)

    def _add_url(self, gathered: Accumulator, url: str) -> None:
        try:
            data = self._loader.load(url)
        except FileMissing:
            if parse_git_url(url) is None:
                raise
            self._add_directory(gathered, self._loader.enter(url), url, component=False)
            return
        name = self._loader.name_of(url)
        objects = self._context.parse_objects(data, file=name)
        self._add_objects(gathered, self._context.resources(objects, name), url)

    def _add_objects(self, gathered: Accumulator, resources: list[Resource], path: str) -> None:
        if self._origin is not None:
            origin = self._origin.append(path)
            for resource in resources:
                resource.origin = origin
        for resource in resources:
            try:
                gathered.resources.append(resource)
            except IdConflict as error:
                raise error.at(**resource.placed()) from None

    def _add_directory(self, gathered: Accumulator, loader: Loader, path: str, *, component: bool) -> None:
        target = KustomizationTarget(loader, self._context, self._depth + 1)
        if self._origin is not None:
            target.with_metadata(self.kustomization.build_metadata, self._origin.append(path))
        else:
            target.with_metadata(self.kustomization.build_metadata, Origin())
        try:
            self._context.use_openapi(target.kustomization.openapi, loader, top=False)
        except BuildError as error:
            raise error.at(file=target.file) from None
        kind = target.kustomization.kind
        if component and kind != COMPONENT:
            raise KustomizationError(
                f"is a {kind}, but is used as a component", file=target.file, field="kind"
            )
        if not component and kind == COMPONENT:
            raise KustomizationError(
                "is a Component, which only the field 'components' may refer to",
                file=target.file,
                field="kind",
            )
        if component:
            target.accumulate(gathered)
            gathered.resources.check_unique()
        else:
            gathered.absorb(target.accumulate())

    # Generators

    def _generate(self, gathered: Accumulator) -> None:
        steps = generator_steps(self.kustomization, self._loader, self._context)
        if self.kustomization.generators:
            from headgate.kustomize.recipe.plugins import make_generator

            steps += [
                make_generator(config, self._loader, self._context)
                for config in self._plugin_configs(self.kustomization.generators, "generators")
            ]
        for step in steps:
            made = step.run()
            # A generator with `behavior: merge` runs as often as the build includes it.
            self._context.budget.charge(sum(2 * NODE + size_of(resource.obj) for resource in made))
            origin = step.origin or self._builtin_origin(step)
            for resource in made:
                if resource.origin is None:
                    resource.origin = origin
                if resource.place is None:
                    resource.place = self.file
                gathered.resources.absorb(resource)

    def _builtin_origin(self, step: TransformerStep | GeneratorStep) -> Origin | None:
        if self._origin is None:
            return None
        return self._origin.by(ConfiguredBy("builtin", step.kind), self._name)

    def _plugin_configs(self, entries: tuple[str, ...], field: str) -> list[Resource]:
        """Return the objects that configure plugins: inline ones first, then those in files and directories."""
        gathered = Accumulator(ResMap(self._context.budget))
        paths = []
        for index, entry in enumerate(entries):
            with within(f"{field}[{index}]"):
                inline = self._inline_configs(entry)
                if inline is None:
                    paths.append((index, entry))
                    continue
                for resource in inline:
                    resource.origin = self._origin.append(self._name) if self._origin is not None else None
                    resource.place = self.file
                    gathered.resources.append(resource)
        self._add_resources(gathered, paths, field)
        return list(gathered.resources)

    def _inline_configs(self, entry: str) -> list[Resource] | None:
        if "\n" not in entry and "{" not in entry:
            return None
        try:
            objects = self._context.parse_objects(entry.encode(), file=self.file)
        except LimitExceeded:
            raise
        except BuildError as error:
            # A path may contain braces; but if nothing exists there, the author meant an object.
            if "\n" in entry.strip() or not self._may_name_something(entry):
                raise error.of_text("text") from None
            return None
        return self._context.resources(objects, self.file)

    def _may_name_something(self, path: str) -> bool:
        return (
            is_http(path)
            or parse_git_url(path) is not None
            or self._loader.kind(path) is not EntryKind.MISSING
        )

    # Transformers and validators

    def _transform(self, gathered: Accumulator) -> None:
        resources = gathered.resources
        steps = transformer_steps(self.kustomization, gathered.config, self._loader, self._context, self.file)
        custom = [
            step for _, step in self._plugin_transformers(self.kustomization.transformers, "transformers")
        ]
        for step in steps:
            step.run(resources)
            _sign(resources, self._builtin_origin(step), step.times)
        for step in custom:
            step.run(resources)
            _sign(resources, step.origin, step.times)

    def _plugin_transformers(
        self, entries: tuple[str, ...], field: str
    ) -> Iterator[tuple[Resource, TransformerStep]]:
        if entries:
            from headgate.kustomize.recipe.plugins import make_transformer

            for config in self._plugin_configs(entries, field):
                yield config, make_transformer(config, self._loader, self._context)

    def _validate(self, gathered: Accumulator) -> None:
        for config, step in self._plugin_transformers(self.kustomization.validators, "validators"):
            self._context.budget.charge(
                SCAN * 4 * sum(count_of(resource.obj) for resource in gathered.resources)
            )
            before = [(resource.id(), copied(resource.obj)) for resource in gathered.resources]
            step.run(gathered.resources)
            after = [(item.id(), _without_validated_by(item)) for item in gathered.resources]
            if before != after:
                raise KustomizationError(
                    f"the validator {step.kind} changes resources, which only transformers may do",
                    **config.placed(),
                )


def _sign(resources: ResMap, origin: Origin | None, times: int) -> None:
    """Record on every resource that a transformer has processed it."""
    if origin is None:
        return
    # Each becomes a separate text in the output.
    resources.budget.charge(NODE * times * len(resources))
    for resource in resources:
        resource.mend_annotations()
        # kustomize rewrites all annotations as text when it records this.
        resource.write_texts("annotations", resource.annotations)
        more = times
        if resource.origin is None:
            resource.origin = origin
            more -= 1
        resource.transformations = (*resource.transformations, *((origin,) * more))


def _without_validated_by(resource: Resource) -> object:
    labels = resource.labels
    if _VALIDATED_BY not in labels:
        return resource.obj
    del labels[_VALIDATED_BY]
    stripped = Resource(copied(resource.obj), resource.cluster_scoped, resource.budget)
    stripped.set_map("labels", labels)
    return stripped.obj


def _find_file(loader: Loader) -> tuple[str, str]:
    """Return the name and the tree path of the kustomization file in a loader's directory."""
    found = [name for name in KUSTOMIZATION_FILES if loader.exists(name)]
    where = loader.root or "."
    if not found:
        raise NoKustomization(
            f"has no {', '.join(KUSTOMIZATION_FILES[:2])} or {KUSTOMIZATION_FILES[2]}", file=where
        )
    if len(found) > 1:
        raise NoKustomization(f"has several kustomization files: {', '.join(found)}", file=where)
    return found[0], loader.at(found[0])


def _read(loader: Loader, file: str, *, strict: bool) -> KustomizationFile:
    use = "kustomization" if strict else "lenient kustomization"
    place = loader.locate("/" + file)
    try:
        content_id = loader.tree.content_id(place)
        known: KustomizationFile | None = loader.cache.get(use, content_id)
        if known is not None:
            return known
        data = loader.read(place)
    except TreeError as error:
        raise error.at(file=file) from None
    try:
        value = first_value(data, file=file, dialect=Dialect.CONFIG, budget=loader.budget)
        kustomization = parse(value, strict=strict)
    except BuildError as error:
        raise error.at(file=file) from None
    loader.cache.put(use, content_id or blob_id(data), kustomization, len(data))
    return kustomization
