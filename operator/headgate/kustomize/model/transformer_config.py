"""The transformer configuration of a build: field specifications for each transformer, and how they merge.

The configuration of a kustomization file extends the default by its ``configurations`` and ``crds`` and by those of its
bases. Almost every build uses only the default, and merging it with itself costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Annotated, NamedTuple

from headgate.caching import LONGEST, keep
from headgate.documents.budget import Budget
from headgate.documents.errors import within
from headgate.documents.yaml import Dialect, first_value
from headgate.kustomize.errors import KustomizationError
from headgate.kustomize.giturl import is_http
from headgate.kustomize.model import defaults
from headgate.kustomize.model.decode import Mark, record
from headgate.kustomize.paths.fieldspec import FieldSpec, Plans, merge_specs, sort_specs
from headgate.kustomize.reading.loader import Loader
from headgate.kustomize.resources.ids import Gvk

Specs = tuple[FieldSpec, ...]


class NameReference(NamedTuple):
    """The fields that refer to objects of a kind by name."""

    gvk: Gvk = Gvk()
    field_specs: Specs = ()


References = tuple[NameReference, ...]


@dataclass(frozen=True, eq=False)
class TransformerConfig:
    """Field specifications by transformer; each field is also one of the files of ``configurations``."""

    name_prefix: Specs = ()
    name_suffix: Specs = ()
    namespace: Specs = ()
    common_labels: Specs = ()
    labels: Specs = ()
    template_labels: Specs = ()
    volume_claim_template_labels: Specs = ()
    common_annotations: Specs = ()
    name_reference: Annotated[References, Mark.NO_NULLS] = ()
    var_reference: Specs = ()
    images: Specs = ()
    replicas: Specs = ()

    def merged(self, other: TransformerConfig) -> TransformerConfig:
        """Return this configuration extended by another; raises KustomizationError when they contradict."""
        if other is self or other is EMPTY:
            return self
        if self is EMPTY and other is default_config():
            return other
        # The same two merge again and again when many bases have the same configuration.
        key = (id(self), id(other))
        known = _merged.get(key)
        if known is not None and known[0] is self and known[1] is other:
            return known[2]
        result = self._merge(other)
        if result.size <= _MAX_KEPT_SIZE:
            keep(_merged, key, (self, other, result), _MAX_MERGED)
        return result

    def _merge(self, other: TransformerConfig) -> TransformerConfig:
        # Merging into nothing has an effect, too: a later one of the sorted specifications may be dropped as covered.
        specs = {
            name: sort_specs(merge_specs(getattr(self, name), getattr(other, name))) for name in _SPEC_FIELDS
        }
        references = _merge_references(self.name_reference, other.name_reference)
        if references == self.name_reference and all(specs[name] == getattr(self, name) for name in specs):
            return self
        return TransformerConfig(**specs, name_reference=references)

    @property
    def size(self) -> int:
        """Return the number of field specifications; a long one counts as several."""
        own = sum(_weight(getattr(self, name)) for name in _SPEC_FIELDS)
        return own + sum(_weight(specs) + sum(map(len, gvk)) // LONGEST for gvk, specs in self.name_reference)

    @cached_property
    def namespace_plans(self) -> Plans:
        """Plans of the ``namespace`` specifications."""
        return Plans(self.namespace)

    @cached_property
    def common_label_plans(self) -> Plans:
        """Plans of the ``commonLabels`` specifications."""
        return Plans(self.common_labels)

    @cached_property
    def common_annotation_plans(self) -> Plans:
        """Plans of the ``commonAnnotations`` specifications."""
        return Plans(self.common_annotations)

    @cached_property
    def image_plans(self) -> Plans:
        """Plans of the ``images`` specifications."""
        return Plans(self.images)

    @cached_property
    def var_plans(self) -> Plans:
        """Plans of the ``varReference`` specifications."""
        return Plans(self.var_reference)


_SPEC_FIELDS = tuple(item.name for item in fields(TransformerConfig) if item.name != "name_reference")

EMPTY = TransformerConfig()

_MAX_MERGED = 64
_MAX_KEPT_SIZE = 2_000
_merged: dict[tuple[int, int], tuple[TransformerConfig, TransformerConfig, TransformerConfig]] = {}


def _weight(specs: Specs) -> int:
    return sum(1 + (len(spec.path) + sum(map(len, spec.gvk))) // LONGEST for spec in specs)


def _merge_references(first: References, second: Iterable[tuple[Gvk, Specs]]) -> References:
    merged: dict[Gvk, Specs] = dict(first)
    for gvk, specs in second:
        merged[gvk] = merge_specs(merged[gvk], specs) if gvk in merged else specs
    return tuple(NameReference(*item) for item in sorted(merged.items(), key=lambda item: item[0].sort_key()))


@lru_cache(maxsize=1)
def default_config() -> TransformerConfig:
    """Return the configuration of a build without its own."""

    def ready(specs: Iterable[FieldSpec]) -> Specs:
        return sort_specs(merge_specs((), specs))

    return TransformerConfig(
        name_prefix=defaults.NAME_PREFIX,
        name_suffix=defaults.NAME_SUFFIX,
        namespace=ready(defaults.NAMESPACE),
        common_labels=ready(defaults.COMMON_LABELS),
        template_labels=ready(defaults.TEMPLATE_LABELS),
        volume_claim_template_labels=ready(defaults.VOLUME_CLAIM_TEMPLATE_LABELS),
        common_annotations=ready(defaults.COMMON_ANNOTATIONS),
        name_reference=_merge_references((), defaults.NAME_REFERENCE),
        var_reference=ready(defaults.VAR_REFERENCE),
        images=ready(defaults.IMAGES),
        replicas=ready(defaults.REPLICAS),
    )


def config_from_files(loader: Loader, paths: tuple[str, ...]) -> TransformerConfig:
    """Return the configuration from the files of ``configurations``; raises TreeError or KustomizationError."""
    config = EMPTY
    for index, path in enumerate(paths):
        with within(f"configurations[{index}]"):
            read = kept_by_content(loader, path, "configuration", _read)
            try:
                config = config.merged(read)
            except KustomizationError as error:
                raise error.at(file=loader.name_of(path)) from None
    return config


def _read(data: bytes, path: str, budget: Budget) -> TransformerConfig:
    value = first_value(data, file=path, dialect=Dialect.STRICT_CONFIG, budget=budget, empty={})
    try:
        return record(TransformerConfig)(value, "", True)
    except KustomizationError as error:
        raise error.at(file=path) from None


def kept_by_content(
    loader: Loader, path: str, use: str, read: Callable[[bytes, str, Budget], TransformerConfig]
) -> TransformerConfig:
    """Return the configuration that ``read`` makes of a file; cached by the content of the file."""
    name = loader.name_of(path)
    if is_http(path):
        return read(loader.load(path), name, loader.budget)
    place = loader.locate(path)
    content_id = loader.tree.content_id(place)
    known: TransformerConfig | None = loader.cache.get(use, content_id) if content_id else None
    if known is None:
        data = loader.read(place)
        known = read(data, name, loader.budget)
        if content_id:
            loader.cache.put(use, content_id, known, len(data))
    return known
